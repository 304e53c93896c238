"""Files that do not end are refused instead of filling the memory."""

from __future__ import annotations

import os
import threading

import pytest

from nodeflow.document.io import embedded_graph, flow
from nodeflow.document.io.regular_file import read_up_to
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowRead

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no devices in folders")


@pytest.mark.parametrize("module", [flow, embedded_graph])
def test_a_device_without_an_end_is_refused(module, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 1 << 20)
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    read = flow.load if module is flow else embedded_graph.load_picture
    with pytest.raises(FlowRead, match="larger than 1 MB"):
        read(tmp_path / "zero.png")


def test_a_pipe_is_read_to_its_end_as_shells_make_them(tmp_path):
    path = tmp_path / "pipe.flow"
    os.mkfifo(path)
    text = flow.dumps(Document())
    writer = threading.Thread(target=path.write_text, args=(text,))
    writer.start()
    assert flow.dumps(flow.load(path)) == text
    writer.join(20)


def test_a_file_of_just_the_limit_is_read(tmp_path):
    (tmp_path / "a").write_bytes(b"1234")
    assert read_up_to(tmp_path / "a", 4) == b"1234" and read_up_to(tmp_path / "a", 3) is None
