"""`nf.flags`, `nf.app`, `nf.logging`, `nf.gfile`: what TensorFlow 1's programs are made around."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

import nodeflow as nf
from nodeflow.errors import FileProblem, GraphError
from nodeflow.ops.program import flags as module
from nodeflow.ops.program.flags import Flags


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
        nf.flags.DEFINE_string("a b", "", "")


def test_app_run_calls_main_with_what_is_no_option(flags: Flags) -> None:
    seen: list[list[str]] = []
    with pytest.raises(SystemExit) as ended:
        nf.app.run(lambda rest: seen.append(rest), ["program", "--steps=2", "file"])
    assert seen == [["program", "file"]] and flags.steps == 2 and not ended.value.code
    assert nf.app.flags is nf.flags


def test_messages_go_to_python_logging(caplog: pytest.LogCaptureFixture) -> None:
    before = nf.logging.get_verbosity()
    nf.logging.set_verbosity(nf.logging.INFO)
    try:
        nf.logging.info("step %d", 3)
        nf.logging.debug("unseen")
        nf.logging.warn("careful")
    finally:
        nf.logging.set_verbosity(before)
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [
        (logging.INFO, "step 3"), (logging.WARNING, "careful"),
    ]  # fmt: skip


def test_files_and_folders(tmp_path: Path) -> None:
    folder, file = tmp_path / "a" / "b", tmp_path / "a" / "b" / "x.txt"
    assert not nf.gfile.Exists(folder)
    nf.gfile.MakeDirs(folder)
    nf.gfile.MakeDirs(folder)
    with nf.gfile.GFile(file, "w") as opened:
        opened.write("hello")
    assert nf.gfile.ListDirectory(folder) == ["x.txt"] and nf.gfile.IsDirectory(folder)
    nf.gfile.Copy(file, folder / "y.txt")
    with pytest.raises(FileProblem, match="exists"):
        nf.gfile.Copy(file, folder / "y.txt")
    nf.gfile.Rename(folder / "y.txt", folder / "z.txt")
    assert nf.gfile.Glob(f"{folder}/*.txt") == [str(file), str(folder / "z.txt")]
    with nf.gfile.Open(folder / "z.txt") as opened:
        assert opened.read() == "hello"
    nf.gfile.Remove(file)
    nf.gfile.DeleteRecursively(tmp_path / "a")
    assert not nf.gfile.Exists(folder)
    with pytest.raises(FileProblem, match="cannot delete"):
        nf.gfile.DeleteRecursively(tmp_path / "a")
