"""A document's whole canvas as a picture."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPixmap

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.model.document import Document
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.theming.theme import Theme

OVERSAMPLING = 3
"""The picture is drawn larger by this factor and then shrunk, which keeps thin wires and small
texts fine.
"""
MARGIN = 40.0


def graph_picture(document: Document, theme: Theme, room: QSize, ratio: float) -> QPixmap:
    """Return a picture of the graph, as large as fits into ``room`` with its proportions.

    Args:
        ratio: device pixels per pixel.
    """
    canvas = CanvasView(document, Analysis(document), theme)
    area = canvas.scene.bounds(canvas.scene.nodes.used())
    for frame in document.frames.values():
        area = area.united(QRectF(*frame.rect))
    area = area.adjusted(-MARGIN, -MARGIN, MARGIN, MARGIN)
    size = area.size().scaled(room.toSizeF(), Qt.AspectRatioMode.KeepAspectRatio)
    large = QImage((size * OVERSAMPLING).toSize(), QImage.Format.Format_ARGB32_Premultiplied)
    painter = QPainter(large)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    canvas.renderer.export(painter, large.rect().toRectF(), area)
    painter.end()
    canvas.scene.close()
    canvas.deleteLater()
    smooth = Qt.TransformationMode.SmoothTransformation
    image = large.scaled((size * ratio).toSize(), mode=smooth)
    image.setDevicePixelRatio(ratio)
    return QPixmap.fromImage(image)
