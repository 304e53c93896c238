"""The canvas as a picture file, and as the small pictures of the welcome page."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgGenerator

from nodeflow.errors import FileProblem
from nodeflow.ui.canvas import CanvasView

SCALE = 2.0
LARGEST = 16_000
"""Pixels along one side; beyond it an image would not fit into memory."""


def export(canvas: CanvasView, path: Path) -> None:
    """Write everything on the canvas as PNG, or as SVG where the name ends so.

    Raises:
        FileProblem: the file cannot be written.
    """
    area = canvas.export_rect()
    if path.suffix.lower() == ".svg":
        good = _write_svg(canvas, area, path)
    else:
        scale = min(SCALE, LARGEST / max(area.width(), area.height()))
        good = picture(canvas, (area.size() * scale).toSize()).save(str(path))
    if not good:
        raise FileProblem(f"cannot write {path}", hint="Choose another folder or .png or .svg.")


def picture(canvas: CanvasView, size: QSize) -> QImage:
    """Everything on the canvas, fitted into an image of this size."""
    image = QImage(size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(canvas.theme.color("canvas"))
    painter = QPainter(image)
    painter.setRenderHints(
        QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
    )
    canvas.render(painter, QRectF(0, 0, size.width(), size.height()))
    painter.end()
    return image


def _write_svg(canvas: CanvasView, area: QRectF, path: Path) -> bool:
    generator = QSvgGenerator()
    generator.setFileName(str(path))
    generator.setSize(area.size().toSize())
    generator.setViewBox(QRectF(0, 0, area.width(), area.height()))
    generator.setTitle("nodeflow graph")
    painter = QPainter()
    if not painter.begin(generator):
        return False
    painter.fillRect(QRectF(0, 0, area.width(), area.height()), canvas.theme.color("canvas"))
    canvas.render(painter, QRectF(0, 0, area.width(), area.height()))
    painter.end()
    return True
