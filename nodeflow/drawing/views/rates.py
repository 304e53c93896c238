"""Shared parts of the ROC and precision–recall views: curves between 0 and 1, choice of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.picture_answers import scores_taken
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.predictions.class_scores import PROBABILITIES, SCORED
from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.geometry import Point, Rect
from nodeflow.drawing.sheet import LINE, Sheet, legend
from nodeflow.drawing.theme_colors import Ink
from nodeflow.drawing.views.axes import Chart, draw_axes, make_chart
from nodeflow.drawing.views.palette import COLORS, class_color
from nodeflow.drawing.views.view import Choice
from nodeflow.host.views.kinds.thresholds import ClassCurve, ThresholdData
from nodeflow.number_text import count, number

TITLED = 230.0
"""Minimum chart height in pixels for axis titles."""
BESIDE = 90.0
"""Minimum width in pixels beside the chart for the names of the curves."""
NEAR = 14.0
"""Maximum distance in pixels between the pointer and its curve."""
SPLITS = {"test": "Test rows", "validation": "Validation rows", "train": "Training rows"}
EXTENT = (-0.01, 1.01, -0.01, 1.02)
Ends = tuple[tuple[float, float], tuple[float, float]]


def fits(document: Document, analysis: Analysis, node_id: str) -> str:
    """Return the reason why a node's values cannot be drawn as ROC or precision-recall curves, or
    "". They can if the node outputs class probabilities or scores.
    """
    record = document.nodes[node_id]
    first = next(iter((analysis.out_types(node_id) or {}).values()), None)
    reason = "This view needs a node that outputs class probabilities or scores."
    if first is not None and (not first.is_float or first.ndims not in (1, 2)):
        return reason
    if record.op in PROBABILITIES or record.attrs.get("activation") in PROBABILITIES:
        return ""
    for wire in document.wires_out_of(node_id):
        user = document.nodes[wire.target]
        if user.op in SCORED or scores_taken(user.op, wire.target_port, user.attrs):
            return ""
    return reason


def draw_rates(
    sheet: Sheet, rect: Rect, data: ThresholdData, titles: tuple[str, str], chance: Ends | None
) -> None:
    """Draw the curve of each class, such as its ROC curve, and a legend with the areas under them.

    Args:
        chance: the ends of the line for random predictions, if there is one.
    """
    titled = rect.height >= TITLED
    chart = make_chart(rect, EXTENT, small=sheet.is_small, square=True, titled=titled)
    draw_axes(sheet, chart, titles, titled)
    if chance is not None:
        ends = np.array(chance)
        line = chart.to_sheet(ends[:, 0], ends[:, 1])
        sheet.line(line, Ink("ink", 0.4), 1.2, dashed=True)
    for index, curve in enumerate(data.curves):
        width = 4.0 if sheet.is_small else 1.8
        again = index >= COLORS  # colours repeat
        points = chart.to_sheet(curve.x, curve.y)
        sheet.line(points, class_color(index), width, dashed=again)
    _draw_names(sheet, rect, chart, data)


def _draw_names(sheet: Sheet, rect: Rect, chart: Chart, data: ThresholdData) -> None:
    """Draw the legend of a chart of rates: the classes with the areas under their curves, beside
    the chart or, if there is little space, above it.
    """
    left = chart.area.right + 14
    if rect.right - left < BESIDE or sheet.is_small:
        entries = [(curve.name, class_color(i), "line") for i, curve in enumerate(data.curves)]
        legend(sheet, rect.adjusted(6, 0, -4, 0), entries)
        return
    room = int((chart.area.bottom - chart.area.top) // LINE)
    sheet.text(left, chart.area.top + 10, f"area {_area(data.mean)}", "ink")
    for index, curve in enumerate(data.curves[: max(room - 1, 0)]):
        y = chart.area.top + 10 + (index + 1) * LINE
        color = class_color(index)
        mark = np.array([[left, y - 4], [left + 12, y - 4]])
        sheet.line(mark, color, 2, dashed=index >= COLORS)
        area = _area(curve.area)
        wide = rect.right - left - 22 - texts.width(area, texts.CAPTION)
        name = texts.elide(curve.name, texts.CAPTION, wide)
        sheet.text(left + 17, y, f"{name}  {area}")


def _area(area: float) -> str:
    return "–" if math.isnan(area) else number(area, 3)


def rate_words(data: ThresholdData, what: str) -> str:
    """Return a summary: ``area under the curve 0.99 on average; 0: 0.998, 1: 0.999``."""
    parts = ", ".join(f"{curve.name}: {_area(curve.area)}" for curve in data.curves)
    mean = f"{what} {_area(data.mean)}"
    text = mean if len(data.curves) == 1 else f"{mean} on average; {parts}"
    return f"{text}; {count(data.seen)} {SPLITS[data.split].lower()}"


def rate_at(data: ThresholdData, rect: Rect, point: Point, axes: tuple[str, str]) -> str:
    """Describe the point under the mouse in words: the name of the nearest curve and the curve's
    coordinates there. Return "" if no curve is near.
    """
    chart = make_chart(rect, EXTENT, square=True, titled=rect.height >= TITLED)
    found = chart.to_data(point)
    if found is None:
        return ""
    best = min(data.curves, key=lambda curve: _away(chart, curve, point), default=None)
    if best is None or _away(chart, best, point) > NEAR:
        return ""
    index = int(_distances(chart, best, point).argmin())
    x, y = best.x[index], best.y[index]
    return f"{best.name}: {axes[0]} {x:.1%}, {axes[1]} {y:.1%}"


def _distances(chart: Chart, curve: ClassCurve, point: Point) -> np.ndarray:
    away = chart.to_sheet(curve.x, curve.y) - [point.x, point.y]
    return np.hypot(away[:, 0], away[:, 1])


def _away(chart: Chart, curve: ClassCurve, point: Point) -> float:
    return float(_distances(chart, curve, point).min(initial=math.inf))


def split_choice(split: str, splits: Sequence[str]) -> tuple[Choice, ...]:
    """Return the menu of a chart: which split of the data set (such as training or test) it
    shows.
    """
    return (Choice("split", "Rows", tuple((s, SPLITS[s]) for s in splits), split),)
