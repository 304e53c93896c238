"""The picture of a step: reading a file for a lesson, and showing it in the panel."""

from __future__ import annotations

import base64
from pathlib import Path

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QSize, Qt
from PySide6.QtGui import QImage, QImageReader, QPixmap

from nodeflow.lessons.fields import LARGEST_PICTURE
from nodeflow.ui.core.painting.picture_reading import read_picture

LARGEST = QSize(640, 480)
"""The size to which pictures are scaled down in a lesson."""
MOST_PIXELS = 1 << 22
"""Pixels of the largest picture that is shown."""


def encoded(path: Path) -> str:
    """Return a picture of a file as a lesson holds it, scaled down.

    Raises:
        NodeflowError: it is no picture, or damaged.
    """
    image = read_picture(path, LARGEST)
    drawn = _saved(image, "PNG")
    return drawn if len(drawn) <= LARGEST_PICTURE else _saved(image, "JPEG")  # a photograph


def _saved(image: QImage, kind: str) -> str:
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, kind)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return base64.b64encode(content.data()).decode()


def pixmap_of(content: bytes, most: QSize, ratio: float) -> QPixmap:
    """Return a picture scaled down to a size on the screen; a null one if it cannot be shown.

    Args:
        ratio: physical pixels per pixel.
    """
    data = QByteArray(content)
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.ReadOnly)
    reader = QImageReader(buffer)
    size, room = reader.size(), most * ratio
    if not 0 < size.width() * size.height() <= MOST_PIXELS:
        return QPixmap()
    if size.width() > room.width() or size.height() > room.height():
        reader.setScaledSize(size.scaled(room, Qt.AspectRatioMode.KeepAspectRatio))
    pixmap = QPixmap.fromImage(reader.read())
    pixmap.setDevicePixelRatio(ratio)
    return pixmap
