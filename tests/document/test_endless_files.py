"""Files that do not end, or that nobody may ever write, are refused at once."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from nodeflow.document.io import embedded_graph, flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowRead
from nodeflow.errors import ReadRefused
from nodeflow.file_reading import ReadLimit, limited, read_up_to

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no devices in folders")
ANY_FILE = ReadLimit(1 << 30, any_file=True)


def reader(module):
    return flow.load if module is flow else embedded_graph.load_picture


@pytest.mark.parametrize("module", [flow, embedded_graph])
def test_a_device_is_refused(module, tmp_path):
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    with pytest.raises(ReadRefused, match=r"zero\.png is a device, not a regular file"):
        reader(module)(tmp_path / "zero.png")


@pytest.mark.parametrize("module", [flow, embedded_graph])
def test_a_device_without_an_end_is_read_up_to_the_limit(module, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 1 << 20)
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    with limited(ANY_FILE), pytest.raises(FlowRead, match="larger than 1 MB"):
        reader(module)(tmp_path / "zero.png")


@pytest.mark.parametrize("module", [flow, embedded_graph])
def test_a_pipe_that_nobody_writes_is_refused(module, unwritten_pipe):
    with pytest.raises(ReadRefused, match="is a pipe, not a regular file"):
        reader(module)(unwritten_pipe("graph.flow"))


def test_a_pipe_is_read_to_its_end_where_the_user_allows_any_file(tmp_path):
    path = tmp_path / "pipe.flow"
    os.mkfifo(path)
    text = flow.dumps(Document())
    writer = threading.Thread(target=path.write_text, args=(text,))
    writer.start()
    with limited(ANY_FILE):
        assert flow.dumps(flow.load(path)) == text
    writer.join(20)


def test_a_file_of_just_the_limit_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"1234")
    assert read_up_to(tmp_path / "a", 4) == b"1234" and read_up_to(tmp_path / "a", 3) is None


@pytest.mark.parametrize("name", ["/proc/self/status", "/proc/version"])
def test_files_that_the_system_makes_up_are_refused(name):
    with pytest.raises(ReadRefused, match="made up by the system"):
        flow.load(Path(name))
