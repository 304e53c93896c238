"""Exports the canvas as a picture file: PNG, PDF with text as paths, and SVG.

PNG and SVG files embed the graph that they show, so that they can be opened again.
`nodeflow.drawing` makes SVG files. Only for a comparison Qt makes the SVG, because only the
canvas draws the marks.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nodeflow.atomic_write import write_atomically, writing
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.diff.comparison_view import Marks
from nodeflow.document.io import embedded_graph, flow
from nodeflow.document.model.document import Document
from nodeflow.drawing.formats.graph_file import svg_file
from nodeflow.errors import FileProblem
from nodeflow.host.protocol import ViewValue

LARGEST_SIDE = 16_384
"""Maximum width and height in pixels. A larger picture is scaled down, because Qt would need
gigabytes of memory.
"""


def render_file(
    document: Document,
    output: Path,
    *,
    scale: float = 2.0,
    theme: str = "light",
    values: Mapping[str, Any] | None = None,
    views: Mapping[str, ViewValue] | None = None,
    analysis: Analysis | None = None,
    marks: Marks | None = None,
) -> None:
    """Draw a document into a file. Create an offscreen application if Qt needs one.

    Args:
        output: a ``.png``, ``.svg`` or ``.pdf`` path.
        scale: pixels per unit of the canvas.
        theme: ``light`` or ``dark``.
        values: previews by node name, to be shown in the nodes.
        views: contents of views on nodes, by node name.
        analysis: an analysis of the document with additional knowledge, such as the types of a
            subgraph's inputs.
        marks: differences to mark in the document. A picture with marks shows two graphs, so it
            does not embed one.

    Raises:
        FileProblem: the picture cannot be written.
    """
    analysis = analysis or Analysis(document)
    if output.suffix.lower() == ".svg" and marks is None:
        options = {"theme": theme, "values": values, "views": views, "analysis": analysis}
        _write(output, svg_file(document, **options).encode())
        return
    application = _application()
    view = _view(document, theme, values or {}, analysis)
    named = ((document.node_named(name), value) for name, value in (views or {}).items())
    view.node_state.set_views({node.id: value for node, value in named if node is not None})
    if marks is not None:
        view.scene.set_marks(marks)
        view.node_state.set_dimmed(set(document.nodes) - marks.nodes.keys())
    try:
        kind, text = output.suffix.lower(), flow.dumps(document.root)
        if kind == ".pdf":
            content = _pdf(view)
        elif kind == ".svg":
            content = _svg(view).encode()
        else:
            content = _png(view, scale)
            content = embedded_graph.with_text_in_png(content, text) if marks is None else content
        _write(output, content)
    finally:
        view.scene.close()
        view.deleteLater()
        application.processEvents()


def _application() -> Any:
    from PySide6.QtWidgets import QApplication

    existing = QApplication.instance()
    if existing is not None:
        return existing
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return QApplication(["nodeflow"])


def _view(document: Document, theme: str, values: Mapping[str, Any], analysis: Analysis) -> Any:
    from nodeflow.ui.canvas import CanvasView
    from nodeflow.ui.core.theming.theme import THEMES

    view = CanvasView(document, analysis, THEMES[theme])
    view.node_state.set_values(dict(values))
    return view


def _write(output: Path, content: bytes) -> None:
    with writing(output):
        write_atomically(output, content)


def _png(view: Any, scale: float) -> bytes:
    from PySide6.QtCore import QRectF, Qt
    from PySide6.QtGui import QImage, QPainter

    source = view.renderer.export_rect()
    scale = min(scale, LARGEST_SIDE / max(source.width(), source.height(), 1.0))
    width, height = round(source.width() * scale), round(source.height() * scale)
    image = QImage(max(width, 1), max(height, 1), QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    try:
        view.renderer.export(painter, QRectF(0, 0, width, height), source)
    finally:
        painter.end()
    buffer = _buffer()
    # the stub declares bytes, but the method refuses them
    image.save(buffer, "PNG")  # pyright: ignore[reportCallIssue, reportArgumentType]
    return bytes(buffer.data())


def _svg(view: Any) -> str:
    from PySide6.QtCore import QRectF, QSize
    from PySide6.QtSvg import QSvgGenerator

    source, buffer = view.renderer.export_rect(), _buffer()
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(QSize(round(source.width()), round(source.height())))
    generator.setViewBox(QRectF(0, 0, source.width(), source.height()))
    generator.setTitle("nodeflow graph")
    _draw(view, generator, QRectF(0, 0, source.width(), source.height()))
    return bytes(buffer.data()).decode()


def _pdf(view: Any) -> bytes:
    """Return the drawn graph as a PDF of one page, which has the size of the graph. A unit of the
    canvas becomes 1/96 inch.
    """
    from PySide6.QtCore import QMarginsF, QRectF, QSizeF
    from PySide6.QtGui import QPageSize, QPdfWriter

    source, buffer = view.renderer.export_rect(), _buffer()
    writer = QPdfWriter(buffer)
    writer.setTitle("nodeflow graph")
    writer.setResolution(PDF_DOTS)
    points = QSizeF(source.width(), source.height()) * 0.75
    writer.setPageSize(QPageSize(points, QPageSize.Unit.Point))
    writer.setPageMargins(QMarginsF(0, 0, 0, 0))
    _draw(view, writer, QRectF(0, 0, writer.width(), writer.height()))
    return bytes(buffer.data())


PDF_DOTS = 1200
"""Resolution in dots per inch. Coordinates in the file are whole numbers of dots."""


def _draw(view: Any, device: Any, rect: Any) -> None:
    from PySide6.QtGui import QPainter

    painter = QPainter()
    if not painter.begin(device):
        raise FileProblem("the picture cannot be drawn")
    try:
        view.renderer.export(painter, rect, view.renderer.export_rect())
    finally:
        painter.end()


def _buffer() -> Any:
    from PySide6.QtCore import QBuffer, QIODevice

    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    return buffer
