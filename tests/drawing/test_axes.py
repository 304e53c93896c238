"""The axes of charts: every tick is written whole, its minus sign included."""

from __future__ import annotations

import pytest

from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.geometry import Rect
from nodeflow.drawing.shapes import Shapes, Text
from nodeflow.drawing.views.axes import draw_axes, make_chart

HEIGHTS = (90, 120, 150, 190, 240, 330, 500)
EXTENTS = [(-3, 3, -1.4, 1.5), (0, 1, -0.06, 0.04), (-2, 2, -1, 12), (0, 9, -1e5, 1e5)]


@pytest.mark.parametrize("square", (False, True))
@pytest.mark.parametrize("extent", EXTENTS)
def test_no_tick_is_cut_at_the_left(extent, square):
    for height in HEIGHTS:
        rect, sheet = Rect(0, 0, 400, height), Shapes()
        draw_axes(sheet, make_chart(rect, extent, square=square), ("x", "y"))
        at_left = [t for t in sheet.found if isinstance(t, Text) and t.align == "right"]
        assert len(at_left) >= 2
        for text in at_left:
            assert text.x - texts.width(text.text, text.style) >= 0, (height, text.text)
