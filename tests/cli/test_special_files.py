"""What the command line writes never takes the place of a pipe or a device."""

from __future__ import annotations

import os
import stat

import pytest

from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.resources import example

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders")


@pytest.fixture
def pipe(tmp_path):
    path = tmp_path / "pipe.flow"
    os.mkfifo(path)
    yield path
    assert stat.S_ISFIFO(path.stat().st_mode)


def test_merge_does_not_replace_a_pipe(nodeflow, tmp_path, pipe):
    flow.save(Document(), tmp_path / "a.flow")
    result = nodeflow("merge", "a.flow", "a.flow", "a.flow", "-o", pipe)
    assert result.code == 1 and "it is a pipe, not a file" in result.err


def test_new_does_not_replace_a_pipe(nodeflow, tmp_path, pipe):
    rows = "".join(f"{n},{n * 2}\n" for n in range(30))
    (tmp_path / "data.csv").write_text(f"a,b\n{rows}")
    result = nodeflow("new", "data.csv", "-o", pipe)
    assert result.code == 1 and "pipe" in result.err and "Traceback" not in result.err


def test_a_training_refuses_a_pipe_for_its_weights_before_it_begins(nodeflow, pipe):
    result = nodeflow("train", example("linear_regression"), "--save-weights", pipe)
    assert result.code == 1 and "it is a pipe, not a file" in result.err
    assert "epoch" not in result.out
