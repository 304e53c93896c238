"""Axes of a chart: its data area, ticks at round numbers, and the mapping from data to pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.geometry import Point, Rect
from nodeflow.drawing.sheet import LINE, Sheet
from nodeflow.drawing.theme_colors import Ink
from nodeflow.number_text import number, rounded

Extent = tuple[float, float, float, float]
"""Left, right, bottom and top of a chart in data coordinates."""

FEWEST_ROWS = 3


@dataclass(frozen=True)
class Chart:
    """A chart area with axes.

    Attributes:
        area: the rectangle of the data, in sheet coordinates.
        extent: the data coordinates of its edges.
    """

    area: Rect
    extent: Extent

    def to_sheet(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Convert data to positions on the drawing, (n, 2). Positions far outside the plot are
        clipped to twice its size beyond its edges.
        """
        left, right, bottom, top = self.extent
        across = (np.asarray(x, np.float64) - left) / (right - left)
        up = (np.asarray(y, np.float64) - bottom) / (top - bottom)
        points = np.empty((len(across), 2))
        points[:, 0] = self.area.left + np.clip(across, -2, 3) * self.area.width
        points[:, 1] = self.area.bottom - np.clip(up, -2, 3) * self.area.height
        return points

    def to_data(self, at: Point) -> tuple[float, float] | None:
        """Convert a position on the drawing to data coordinates. Return None outside the
        plot area.
        """
        if not self.area.contains(at):
            return None
        left, right, bottom, top = self.extent
        x = left + (at.x - self.area.left) / self.area.width * (right - left)
        y = bottom + (self.area.bottom - at.y) / self.area.height * (top - bottom)
        return x, y


def make_chart(
    rect: Rect, extent: Extent, *, small: bool = False, square: bool = False, titled: bool = True
) -> Chart:
    """Return a chart in a rectangle, with space for a legend above and ticks at the left and below.

    Args:
        small: use the whole rectangle as the area, without any text.
        square: use the same scale on both axes if the aspect ratio allows it.
        titled: reserve space for the titles of the axes.
    """
    if small:
        return Chart(rect, extent)
    below = LINE * (2 if titled else 1) + 1
    most = most_rows(rect.height - LINE - 3 - below)
    counts = range(FEWEST_ROWS, most + 1) if square else (most,)  # a square may be less high
    labels = {tick_text(*tick) for count in counts for tick in ticks(*extent[2:], count)}
    wide = max((texts.width(text, texts.CAPTION) for text in labels), default=8) + 8
    area = rect.adjusted(wide, LINE + 3, -6, -below)
    if square and area.width > 0 and area.height > 0:
        left, right, bottom, top = extent
        aspect = (right - left) / (top - bottom)
        if 0.25 < aspect < 4:
            width = min(area.width, area.height * aspect)
            height = width / aspect
            area = Rect(area.left, area.bottom - height, width, height)
            if rect.height > 260:
                area = area.at(area.left, rect.top + LINE + 3)
    return Chart(area, extent)


def draw_axes(sheet: Sheet, chart: Chart, titles: tuple[str, str], titled: bool = True) -> None:
    """Draw grid lines, ticks and axis titles."""
    if sheet.is_small:
        return
    area, (left, right, bottom, top) = chart.area, chart.extent
    grid = Ink("ink", 0.12)
    for value, step in ticks(left, right, max(3, int(area.width // 48))):
        x = area.left + (value - left) / (right - left) * area.width
        sheet.line(np.array([[x, area.top], [x, area.bottom]]), grid, 1)
        sheet.text(x, area.bottom + 13, tick_text(value, step), align="center")
    for value, step in ticks(bottom, top, most_rows(area.height)):
        y = area.bottom - (value - bottom) / (top - bottom) * area.height
        sheet.line(np.array([[area.left, y], [area.right, y]]), grid, 1)
        sheet.text(area.left - 5, y + 4, tick_text(value, step), align="right")
    sheet.box(area, None, Ink("border_strong", 0.8))
    if titled:
        room = area.width
        name = texts.elide(titles[0], texts.CAPTION, room)
        sheet.text(area.center.x, area.bottom + 13 + LINE - 1, name, "ink", "center")


def most_rows(height: float) -> int:
    """Return the maximum number of ticks on the axis at the left of an area."""
    return max(FEWEST_ROWS, min(6, int(height // 24)))


def ticks(low: float, high: float, most: int) -> list[tuple[float, float]]:
    """Return (tick, step) pairs for an axis from ``low`` to ``high``, at most ``most``.

    The step is 1, 2 or 5 times a power of ten.
    """
    span = high - low
    if not (math.isfinite(span) and span > 0):
        return []
    step = 10.0 ** math.floor(math.log10(span / max(most, 1)))
    while span / step > most:
        for factor in (2.0, 2.5, 2.0):
            step *= factor
            if span / step <= most:
                break
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [(index * step, step) for index in range(first, last + 1)]


def tick_text(value: float, step: float) -> str:
    """Return the label of a tick, with as many decimals as the step requires."""
    if value == 0 or abs(value) < step * 1e-9:
        return "0"
    if step >= 1e5 or step < 1e-4:
        return number(value, 3)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return rounded(value, decimals)
