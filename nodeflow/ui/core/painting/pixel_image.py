"""Conversion of pixels to images of Qt."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, QSizeF, Qt
from PySide6.QtGui import QImage


def pixel_image(pixels: np.ndarray) -> QImage:
    """Return uint8 pixels of shape (height, width) or (height, width, 3) as grey or RGB image."""
    form = QImage.Format.Format_Grayscale8 if pixels.ndim == 2 else QImage.Format.Format_RGB888
    data = np.ascontiguousarray(pixels)
    height, width = data.shape[:2]
    return QImage(data.data, width, height, data.strides[0], form).copy()


def fitted(size: QSize, place: QRectF) -> QRectF:
    """Return the largest rectangle with a picture's proportions, centred in a place."""
    fits = QRectF(QPointF(), QSizeF(size).scaled(place.size(), Qt.AspectRatioMode.KeepAspectRatio))
    fits.moveCenter(place.center())
    return fits
