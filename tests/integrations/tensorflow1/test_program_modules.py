"""`tf.flags`, `tf.app`, `tf.logging`, `tf.gfile`: what TensorFlow 1's programs are made around."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

import nodeflow.tensorflow1 as tf
from nodeflow.errors import FileProblem, GraphError
from nodeflow.integrations.tensorflow1.program import flags as module
from nodeflow.integrations.tensorflow1.program.flags import Flags


@pytest.fixture
def flags(monkeypatch: pytest.MonkeyPatch) -> Flags:
    found = Flags()
    monkeypatch.setattr(module, "FLAGS", found)
    module.DEFINE_integer("steps", 10, "how many")
    module.DEFINE_float("rate", 0.5, "how fast")
    module.DEFINE_string("log_dir", "/logs", "where")
    module.DEFINE_boolean("fast", False, "whether")
    module.DEFINE_enum("kind", "a", ["a", "b"], "which")
    module.DEFINE_list("sizes", "1,2", "which sizes")
    return found


def test_defaults_count_where_the_command_line_says_nothing(flags: Flags) -> None:
    assert flags(["program", "left"]) == ["program", "left"]
    assert flags.flag_values_dict() == {
        "steps": 10, "rate": 0.5, "log_dir": "/logs", "fast": False, "kind": "a",
        "sizes": ["1", "2"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("word", "name", "value"),
    [
        ("--steps=3", "steps", 3), ("--rate=2", "rate", 2.0), ("--log_dir=x", "log_dir", "x"),
        ("--fast", "fast", True), ("--fast=false", "fast", False), ("--nofast", "fast", False),
        ("--kind=b", "kind", "b"), ("--sizes=3", "sizes", ["3"]),
    ],
)  # fmt: skip
def test_the_command_line_is_read(flags: Flags, word: str, name: str, value: object) -> None:
    assert flags(["program", word, "--other=1"]) == ["program", "--other=1"]
    assert getattr(flags, name) == value


def test_the_first_question_reads_the_command_line(
    flags: Flags, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["program", "--steps", "7"])
    assert flags.steps == 7
    flags.steps = 8
    assert flags.steps == 8
    module.DEFINE_integer("late", 1)
    assert flags.late == 1
    with pytest.raises(AttributeError, match=r"no option 'step' is defined\. Did you mean steps"):
        flags.step  # noqa: B018


def test_an_option_needs_a_name() -> None:
    with pytest.raises(GraphError, match="is not a valid option name"):
        tf.flags.DEFINE_string("a b", "", "")


def test_app_run_calls_main_with_what_is_no_option(flags: Flags) -> None:
    seen: list[list[str]] = []
    with pytest.raises(SystemExit) as ended:
        tf.app.run(lambda rest: seen.append(rest), ["program", "--steps=2", "file"])
    assert seen == [["program", "file"]] and flags.steps == 2 and not ended.value.code
    assert tf.app.flags is tf.flags


def test_messages_go_to_python_logging(caplog: pytest.LogCaptureFixture) -> None:
    before = tf.logging.get_verbosity()
    tf.logging.set_verbosity(tf.logging.INFO)
    try:
        tf.logging.info("step %d", 3)
        tf.logging.debug("unseen")
        tf.logging.warn("careful")
    finally:
        tf.logging.set_verbosity(before)
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
        (logging.INFO, "step 3"), (logging.WARNING, "careful"),
    ]  # fmt: skip


def test_files_and_folders(tmp_path: Path) -> None:
    folder, file = tmp_path / "a" / "b", tmp_path / "a" / "b" / "x.txt"
    assert not tf.gfile.Exists(folder)
    tf.gfile.MakeDirs(folder)
    tf.gfile.MakeDirs(folder)
    with tf.gfile.GFile(file, "w") as opened:
        opened.write("hello")
    assert tf.gfile.ListDirectory(folder) == ["x.txt"] and tf.gfile.IsDirectory(folder)
    tf.gfile.Copy(file, folder / "y.txt")
    with pytest.raises(FileProblem, match="exists"):
        tf.gfile.Copy(file, folder / "y.txt")
    tf.gfile.Rename(folder / "y.txt", folder / "z.txt")
    assert tf.gfile.Glob(f"{folder}/*.txt") == [str(file), str(folder / "z.txt")]
    with tf.gfile.Open(folder / "z.txt") as opened:
        assert opened.read() == "hello"
    tf.gfile.Remove(file)
    tf.gfile.DeleteRecursively(tmp_path / "a")
    assert not tf.gfile.Exists(folder)
    with pytest.raises(FileProblem, match="cannot delete"):
        tf.gfile.DeleteRecursively(tmp_path / "a")
