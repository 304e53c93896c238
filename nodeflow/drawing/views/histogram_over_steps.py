"""The view of distributions over training steps: a heat map with the median of the elements."""

from __future__ import annotations

from functools import partial

import numpy as np

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.model.document import Document
from nodeflow.drawing.geometry import Point, Rect
from nodeflow.drawing.sheet import Sheet, legend
from nodeflow.drawing.theme_colors import Ink, Palette, channels, mix_hex
from nodeflow.drawing.views.axes import Chart, draw_axes, make_chart
from nodeflow.drawing.views.palette import class_color
from nodeflow.drawing.views.view import Choice, ViewDrawing
from nodeflow.host.views.kinds.histogram_over_steps import GRADIENT, UPDATE, VALUE, DistributionData
from nodeflow.number_text import count, counted, number

TITLED = 230.0
"""Minimum chart height in pixels for axis titles."""
MOST_COLUMNS = 300
SHADES = 256
CONTRAST = 0.4
"""Exponent of the shades. Below 1, a bin with few elements differs visibly from an empty one."""
TITLES = {VALUE: "Values", GRADIENT: "Gradient", UPDATE: "Update to weight"}
AXES = {VALUE: "value", GRADIENT: "gradient", UPDATE: "log10 of |update| / |weight|"}


def fits(document: Document, analysis: Analysis, node_id: str) -> str:
    """Return the reason why a histogram of a node's values makes no sense (it is a single number),
    or "".
    """
    first = next(iter((analysis.out_types(node_id) or {}).values()), None)
    if first is not None and first.shape == ():
        return "A single number has no distribution. Use a plot instead."
    return ""


def draw(sheet: Sheet, rect: Rect, data: DistributionData) -> None:
    """Draw how the distribution of a tensor changes over training steps: a heat map of the
    histograms, with lines for the median and the 10th and 90th percentiles.
    """
    titled = rect.height >= TITLED
    chart = _chart(sheet, rect, data, titled)
    sheet.image(chart.area, partial(_image, data, chart))
    ink = Ink("ink")
    lines = data.middle.T if len(data.steps) > 1 else ()
    for index, line in enumerate(lines):
        shown = np.isfinite(line)
        x = data.steps[shown]
        is_median = index == 1
        width = (3.0 if sheet.is_small else 1.6) if is_median else 1.0
        color = ink if is_median else Ink("ink", 0.5)
        if len(x) > 1:
            sheet.line(chart.to_sheet(x, line[shown]), color, width, dashed=not is_median)
    if data.is_log and len(data.steps) > 1:
        shown = np.isfinite(data.ratio) & (data.ratio > 0)
        if shown.sum() > 1:
            points = chart.to_sheet(data.steps[shown], np.log10(data.ratio[shown]))
            sheet.line(points, class_color(1), 3.0 if sheet.is_small else 2.0)
    if not sheet.is_small:
        draw_axes(sheet, chart, ("step", AXES[data.of]), titled)
        legend(sheet, rect.adjusted(6, 0, -4, 0), _entries(data))


def _chart(sheet: Sheet | None, rect: Rect, data: DistributionData, titled: bool) -> Chart:
    first, last = float(data.steps[0]), float(data.steps[-1])
    last = last if last > first else first + 1
    small = sheet is not None and sheet.is_small
    return make_chart(rect, (first, last, *data.extent), small=small, titled=titled)


def _image(data: DistributionData, chart: Chart, palette: Palette) -> np.ndarray:
    """Return the heat map of histograms over training steps as colors (bins, columns, 3). Each
    column shows the last recorded step at or before its position.
    """
    columns = int(min(MOST_COLUMNS, max(2, chart.area.width)))
    left, right = chart.extent[:2]
    at = left + (np.arange(columns) + 0.5) / columns * (right - left)
    which = np.clip(np.searchsorted(data.steps, at, side="right") - 1, 0, len(data.steps) - 1)
    shades = (data.density[which].T / 255.0) ** CONTRAST
    return _table(palette)[(shades * (SHADES - 1)).astype(np.intp)][::-1]


def _table(palette: Palette) -> np.ndarray:
    """Return a table of shades from the background to the first series' colour, uint8
    (SHADES, 3).
    """
    ground, color = palette.raised, palette.hex(class_color(0).role)
    mixed = (mix_hex(ground, color, shade / (SHADES - 1) * 0.92) for shade in range(SHADES))
    return np.array([channels(color) for color in mixed], np.uint8)


def _entries(data: DistributionData) -> list[tuple[str, Ink, str]]:
    entries = [(f"{TITLES[data.of].lower()}, share", class_color(0), "box")]
    if len(data.steps) > 1:
        entries.append(("median", Ink("ink"), "line"))
        entries.append(("10 % and 90 %", Ink("ink", 0.5), "line"))
        if data.is_log:
            entries.append(("ratio of norms", class_color(1), "line"))
    return entries


def words(data: DistributionData) -> str:
    """Return a summary like ``values of 300 elements at step 1200: median 0.02, …``."""
    low, median, high = (_number(data, value) for value in data.middle[-1])
    at = f" at step {count(int(data.steps[-1]))}" if data.steps[-1] else ""
    text = f"{TITLES[data.of].lower()} of {counted(data.elements, 'element')}{at}"
    text += f": median {median}, 80 % from {low} to {high}"
    if data.is_log and np.isfinite(data.ratio[-1]):
        text += f"; update norm / weight norm {number(data.ratio[-1], 2)}"
    if data.not_finite[-1] and not data.is_log:
        text += f"; {data.not_finite[-1]:.1%} not finite"
    return text


def _number(data: DistributionData, value: float) -> str:
    return number(10.0**value, 2) if data.is_log else number(value, 3)


def choices(data: DistributionData) -> tuple[Choice, ...]:
    """Return the menu of a histogram view: whether it shows values, gradients or updates."""
    return (Choice("of", "Of", tuple((of, TITLES[of]) for of in data.choices), data.of),)


def at(data: DistributionData, rect: Rect, point: Point) -> str:
    """Describe the training step under the mouse in words, with the median and the middle 80 % of
    the values at that step.
    """
    found = _chart(None, rect, data, rect.height >= TITLED).to_data(point)
    if found is None:
        return ""
    index = max(0, int(np.searchsorted(data.steps, found[0], side="right")) - 1)
    low, median, high = (_number(data, value) for value in data.middle[index])
    text = f"step {count(int(data.steps[index]))}: median {median}, 80 % {low} to {high}"
    if data.is_log and np.isfinite(data.ratio[index]):
        text += f", ratio of norms {number(data.ratio[index], 2)}"
    return text


VIEW = ViewDrawing(
    "distribution", "Distribution", "chart-column", 30, fits, draw, words, choices, at
)
