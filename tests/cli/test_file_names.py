"""Names of files that are not UTF-8, as Linux allows them: no command fails, and JSON is JSON."""

from __future__ import annotations

import io
import json
import os
import shutil
import sys

import pytest

from nodeflow.cli.environment import Environment
from nodeflow.cli.main import main
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowWrite
from nodeflow.resources import example

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="names of files are Unicode")
ODD = "gr\udce4ph"
"""The name in Latin-1, as Python reads it."""


@pytest.fixture
def strict(tmp_path, monkeypatch):
    """Run a command with streams that take UTF-8 alone; its text and its exit code."""
    shutil.copy(example("linear_regression"), tmp_path / f"{ODD}.flow")
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))

    def run(*arguments: str) -> tuple[str, int]:
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", errors="strict") for _ in range(2))
        code = main(list(arguments), Environment(out, err, tmp_path))
        said = out if code == 0 else err
        said.flush()
        return said.buffer.getvalue().decode(), code

    return run


def test_a_training_of_such_a_file_is_kept_and_found(strict, tmp_path):
    text, code = strict("train", f"{ODD}.flow", "--epochs", "1", "--json")
    assert code == 0
    assert all(json.loads(line) for line in text.splitlines())
    text, code = strict("runs", "list", "--json")
    (run,) = json.loads(text)
    assert os.path.samefile(run["file"], tmp_path / f"{ODD}.flow") and ODD in run["name"]
    for command in ("show", "curves"):
        assert strict("runs", command, run["name"], "--json")[1] == 0
    assert strict("runs", "export", "latest", "-o", f"out{ODD}", "--json")[1] == 0
    assert strict("runs", "tensorboard", "latest", "-o", f"logs{ODD}")[1] == 0
    assert strict("runs", "import", f"logs{ODD}", "--json")[1] == 0
    assert len(json.loads(strict("runs", "list", "--json")[0])) == 2


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", f"{ODD}.flow", "--json"),
        ("check", f"{ODD}.flow"),
        ("render", f"{ODD}.flow", "-o", f"{ODD}.svg"),
        ("diff", f"{ODD}.flow", f"{ODD}.flow", "--json"),
        ("merge", *[f"{ODD}.flow"] * 3, "-o", f"{ODD}2.flow", "--json"),
        ("export", f"{ODD}.flow", "--to", "numpy", "-o", f"{ODD}.d", "--json"),
        ("doctor", "--bundle", f"{ODD}.zip", "--with", f"{ODD}.flow", "--json"),
        ("train", f"{ODD}.flow", "--epochs", "1", "--tensorboard", f"{ODD}.logs"),
    ],
)
def test_commands_take_such_names(strict, arguments):
    text, code = strict(*arguments)
    assert code == 0, text
    if "--json" in arguments:
        assert all(json.loads(line) is not None for line in text.splitlines())


def test_a_missing_file_is_named_in_what_the_terminal_can_write(strict, tmp_path):
    text, code = strict("run", f"{ODD}x.flow")
    assert code == 1 and "gr\\udce4phx.flow" in text
    stream = io.TextIOWrapper(io.BytesIO(), "ascii", errors="strict")
    assert main(["run", "größe.flow"], Environment(stream, stream, tmp_path)) == 1
    stream.flush()
    assert b"gr\\u00f6\\u00dfe.flow" in stream.buffer.getvalue()


def test_a_document_that_names_such_a_file_is_not_written(tmp_path):
    document = Document()
    document.fill("weights", "", f"{ODD}.safetensors")
    with pytest.raises(FlowWrite, match="a name that is not UTF-8"):
        flow.save(document, tmp_path / "a.flow")
    assert not (tmp_path / "a.flow").exists()
