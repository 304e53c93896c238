"""The canvas as a picture on disk: PNG, or SVG with text as paths; by the canvas's own layers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nodeflow.document.analysis import Analysis
from nodeflow.document.model import Document
from nodeflow.errors import FileProblem

LARGEST_SIDE = 16_384
"""Pixels; a larger picture is scaled down, since Qt would need gigabytes for it."""


def render_file(
    document: Document,
    output: Path,
    *,
    scale: float = 2.0,
    theme: str = "light",
    values: Mapping[str, Any] | None = None,
) -> None:
    """Draw a document; makes an offscreen application where there is none.

    Args:
        output: a ``.png`` or ``.svg`` path.
        scale: pixels a unit of the canvas.
        theme: ``light`` or ``dark``.
        values: previews by node name, to be shown in the nodes.

    Raises:
        FileProblem: the picture cannot be written.
    """
    application = _application()
    view = _view(document, theme, values or {})
    try:
        if output.suffix.lower() == ".svg":
            _write_svg(view, output)
        else:
            _write_png(view, output, scale)
    finally:
        view.deleteLater()
        application.processEvents()


def _application() -> Any:
    from PySide6.QtWidgets import QApplication

    existing = QApplication.instance()
    if existing is not None:
        return existing
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    return QApplication(["nodeflow"])


def _view(document: Document, theme: str, values: Mapping[str, Any]) -> Any:
    from nodeflow.ui.canvas import CanvasView
    from nodeflow.ui.theme import THEMES

    view = CanvasView(document, Analysis(document), THEMES[theme])
    view.set_values(dict(values))
    return view


def _write_png(view: Any, output: Path, scale: float) -> None:
    from PySide6.QtCore import QRectF, Qt
    from PySide6.QtGui import QImage, QPainter

    source = view.export_rect()
    scale = min(scale, LARGEST_SIDE / max(source.width(), source.height(), 1.0))
    width, height = round(source.width() * scale), round(source.height() * scale)
    image = QImage(max(width, 1), max(height, 1), QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    try:
        view.render(painter, QRectF(0, 0, width, height), source)
    finally:
        painter.end()
    if not image.save(str(output)):
        raise FileProblem(f"cannot write {output}", hint="Is its folder there and writable?")


def _write_svg(view: Any, output: Path) -> None:
    from PySide6.QtCore import QRectF, QSize
    from PySide6.QtGui import QPainter
    from PySide6.QtSvg import QSvgGenerator

    source = view.export_rect()
    generator = QSvgGenerator()
    generator.setFileName(str(output))
    generator.setSize(QSize(round(source.width()), round(source.height())))
    generator.setViewBox(QRectF(0, 0, source.width(), source.height()))
    generator.setTitle("nodeflow graph")
    painter = QPainter()
    if not painter.begin(generator):
        raise FileProblem(f"cannot write {output}", hint="Is its folder there and writable?")
    try:
        view.render(painter, QRectF(0, 0, source.width(), source.height()), source)
    finally:
        painter.end()
