"""Pictures carry their graph: written and read again; PDF is vectors; hostile ones are refused."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PySide6.QtGui import QImage

from nodeflow import resources
from nodeflow.document.io import embedded_graph, flow
from nodeflow.document.io.size_limits import EMBEDDED_BYTES
from nodeflow.document.model.errors import FlowError, FlowRead
from nodeflow.errors import FileProblem
from nodeflow.ui.canvas.export_image import render_file
from nodeflow.ui.core.theming.theme import LIGHT
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.panels.value_views.picture_view import PictureView


@pytest.fixture
def doc():
    return flow.load(resources.example("expression"))


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_picture_gives_back_the_graph_it_shows(qapp, tmp_path, doc, kind):
    path = tmp_path / f"graph.{kind}"
    render_file(doc, path, scale=1)
    found = embedded_graph.load_picture(path)
    assert flow.dumps(found) == flow.dumps(doc) and found.path is None
    assert QImage(str(path)).width() > 300  # it is still a picture


def test_a_pdf_is_one_page_of_paths_without_fonts(qapp, tmp_path, doc):
    path = tmp_path / "graph.pdf"
    render_file(doc, path)
    content = path.read_bytes()
    assert content.startswith(b"%PDF-") and b"/Count 1" in content
    assert b"/FontFile" not in content and b"/Subtype /Image" not in content


@pytest.mark.thorough
def test_a_picture_that_cannot_be_written_says_so(qapp, tmp_path, doc):
    with pytest.raises(FileProblem, match="cannot write"):
        render_file(doc, tmp_path / "missing" / "x.png")


def chunk(body, png):
    data = b"iTXt" + body
    whole = struct.pack(">I", len(body)) + data + struct.pack(">I", zlib.crc32(data))
    return png[:33] + whole + png[33:]


@pytest.mark.parametrize(
    "body",
    [
        b"nodeflow\0",
        b"nodeflow\0\1\0\0\0not deflate",
        b"nodeflow\0\1\0\0\0" + zlib.compress(b"{"),
        b"nodeflow\0\0\0\0\0\xff",
        b"nodeflow\0\1\0\0\0" + zlib.compress(b" " * (EMBEDDED_BYTES + 1)),
        b"nodeflow\0\1\0\0\0" + zlib.compress(b'{"format": "other"}'),
    ],
)
def test_a_hostile_chunk_is_refused(tmp_path, qapp, body):
    path = tmp_path / "x.png"
    image = QImage(2, 2, QImage.Format.Format_RGB32)
    image.save(str(path))
    path.write_bytes(chunk(body, path.read_bytes()))
    with pytest.raises(FlowError):
        embedded_graph.load_picture(path)


@pytest.mark.parametrize("name", ["x.png", "x.svg"])
def test_a_picture_without_a_graph_and_no_file(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(FlowRead):
        embedded_graph.load_picture(path)
    path.write_bytes(b"<svg></svg>")
    with pytest.raises(FlowError, match="without a graph"):
        embedded_graph.load_picture(path)


@pytest.mark.thorough
def test_the_window_opens_a_picture_as_a_copy(window, tmp_path, doc):
    path = tmp_path / "graph.png"
    render_file(doc, path, scale=0.5)
    assert window.files.load(path)
    assert flow.dumps(window.workspace.document) == flow.dumps(doc)
    assert window.workspace.document.path is None


def test_small_filters_are_drawn_large_and_all_of_them(qapp):
    view = PictureView(ThemeManager(LIGHT))
    view.resize(800, 300)
    view.show_pictures([np.eye(5)] * 8)
    places = view._places()
    assert len(places) == 8
    assert places[0].width() >= 50
    assert all(view.rect().toRectF().contains(place) for place in places)
