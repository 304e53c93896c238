"""A save replaces a file, whatever its name, and nothing that is no file."""

from __future__ import annotations

import os
import stat

import pytest

from nodeflow.atomic_write import writing
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowWrite
from nodeflow.errors import FileProblem

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders")


@pytest.mark.parametrize(
    "name", ["x" * 250 + ".flow", "é" * 125 + ".flow", "half\udcff.flow", "a\nb"]
)
def test_a_file_of_any_name_is_saved(tmp_path, name):
    path = tmp_path / name
    for _ in range(2):
        flow.save(Document(), path)
    assert flow.load(path).path == path
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@needs_pipes
def test_a_pipe_is_not_replaced(tmp_path):
    path = tmp_path / "pipe.flow"
    os.mkfifo(path)
    with pytest.raises(FlowWrite, match="it is a pipe, not a file") as caught:
        flow.save(Document(), path)
    assert "another name" in caught.value.hint
    assert stat.S_ISFIFO(path.stat().st_mode) and len(list(tmp_path.iterdir())) == 1


@needs_pipes
def test_nor_is_what_a_link_leads_to(tmp_path):
    (tmp_path / "null.flow").symlink_to("/dev/null")
    with pytest.raises(FlowWrite, match="it is a device, not a file"):
        flow.save(Document(), tmp_path / "null.flow")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(FlowWrite, match="it is a folder, not a file"):
        flow.save(Document(), tmp_path)


def test_a_missing_folder_is_said_to_be_missing(tmp_path):
    target = tmp_path / "none" / "picture.png"
    with pytest.raises(FileProblem, match="its folder does not exist") as caught, writing(target):
        target.write_bytes(b"")
    assert str(target) in str(caught.value) and caught.value.hint.startswith("Make the folder")
