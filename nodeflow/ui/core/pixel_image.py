"""Pixels as Qt's images."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QImage


def pixel_image(pixels: np.ndarray) -> QImage:
    """Return uint8 pixels as an image: grey of (height, width), or red, green and blue of a third
    axis."""
    form = QImage.Format.Format_Grayscale8 if pixels.ndim == 2 else QImage.Format.Format_RGB888
    data = np.ascontiguousarray(pixels)
    height, width = data.shape[:2]
    return QImage(data.data, width, height, data.strides[0], form).copy()


def fitted(size: QSize, place: QRectF) -> QRectF:
    """Return the largest rectangle of a picture's proportions in the middle of a place."""
    fits = QRectF(QPointF(), QSizeF(size).scaled(place.size(), Qt.AspectRatioMode.KeepAspectRatio))
    fits.moveCenter(place.center())
    return fits
