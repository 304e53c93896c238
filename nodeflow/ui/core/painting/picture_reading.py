"""Reading of picture files, on threads that may block."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QImageReader

from nodeflow.data.pictures.files import ENDINGS
from nodeflow.errors import FileProblem
from nodeflow.file_reading import allow, check_regular

PIXEL_BYTES = 4


def may_be_picture(path: Path) -> bool:
    """Return whether a file has the name of a picture. The file itself is not read."""
    return path.suffix.lower().removeprefix(".") in ENDINGS


def read_picture(path: Path, most: QSize) -> QImage:
    """Read a picture, scaled down to at most ``most`` pixels.

    Raises:
        ReadRefused: it is no regular file, or needs more memory than the limit.
        FileProblem: it is no picture, or damaged.
    """
    try:
        path = check_regular(path)
    except OSError as error:
        raise FileProblem(f"{path.name} cannot be read: {error.strerror}") from error
    reader = QImageReader(str(path))
    reader.setAutoTransform(True)
    size = reader.size()
    allow(size.width() * size.height() * PIXEL_BYTES, path)
    if size.width() > most.width() or size.height() > most.height():
        reader.setScaledSize(size.scaled(most, Qt.AspectRatioMode.KeepAspectRatio))
    image = reader.read()
    if image.isNull():
        raise FileProblem(f"{path.name} is damaged or not a picture")
    return image
