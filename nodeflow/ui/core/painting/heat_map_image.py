"""Heat maps as Qt images, in the same colours as in `nodeflow.drawing`."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QImage

from nodeflow.drawing.color_scale import HeatScale, heat_pixels
from nodeflow.ui.core.painting.pixel_image import pixel_image
from nodeflow.ui.core.theming.theme import Theme


def heat_image(array: np.ndarray, scale: HeatScale, theme: Theme) -> QImage:
    """Return a 2-D array as a heat map, with non-finite values in red."""
    return pixel_image(heat_pixels(array, scale, theme))
