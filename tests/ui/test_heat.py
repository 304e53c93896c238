"""The colours of numbers: neutral at zero, and the same on a node as in the Viewer."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtGui import QColor

from nodeflow.drawing.cards import value_preview
from nodeflow.drawing.color_scale import NOT_FINITE, HeatScale
from nodeflow.host.evaluation.previews import make_preview
from nodeflow.ui.core.painting.heat_map_image import heat_image
from nodeflow.ui.core.painting.pixel_image import pixel_image
from nodeflow.ui.core.theming.theme import DARK, LIGHT
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.panels.value_views import picture_options
from nodeflow.ui.panels.value_views.picture_view import PictureView

RANDOM = np.random.default_rng(7)


@pytest.mark.parametrize(("theme", "neutral"), [(LIGHT, "#ffffff"), (DARK, DARK.diverging[2])])
def test_zero_is_neutral_and_the_signs_have_colours_of_their_own(qapp, theme, neutral):
    values = np.array([[-2.0, -0.001, 0.0, 0.001, 1.0, np.nan]])
    scale = HeatScale.of(-2.0, 1.0)
    assert (scale.low, scale.high, scale.is_signed) == (-2.0, 2.0, True)
    image = heat_image(values, scale, theme)
    colours = [image.pixelColor(i, 0) for i in range(6)]
    distance = [abs(c.red() - QColor(neutral).red()) for c in colours[1:4]]
    assert max(distance) <= 3
    assert colours[0] == QColor(theme.diverging[0])
    assert colours[0].blue() > colours[0].red() and colours[4].red() > colours[4].blue()
    assert colours[5] == NOT_FINITE


def test_values_of_one_sign_go_from_the_least_to_the_largest(qapp):
    assert HeatScale.of(1.0, 3.0) == HeatScale(1.0, 3.0)
    assert HeatScale.of(-3.0, -1.0) == HeatScale(-3.0, 3.0, True), "below zero is a sign, too"
    assert HeatScale.of(None, None) == HeatScale(0.0, 1.0)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
@pytest.mark.parametrize("shift", [-0.5, 0.0, -400.0])
def test_a_node_and_the_viewer_have_the_same_colours(qapp, theme, shift):
    activations = (RANDOM.random((3, 9, 8, 5)) + shift).astype(np.float32)
    activations[0, 0, 0, 0] = 70.0  # far out
    preview = make_preview(activations)
    way, *_ = picture_options.ways(activations)
    drawn = picture_options.drawn(activations, way)
    view = PictureView(ThemeManager(theme))
    view.show_drawn(drawn, way.each, HeatScale.of_array(activations))
    for channel in range(5):
        on_node = pixel_image(value_preview._pixels(preview.array[channel], preview, theme))
        assert on_node == view._images[channel]
