"""The view of decision regions: classes as a coloured background, or values as heat maps."""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.model.document import Document
from nodeflow.drawing.geometry import Point, Rect
from nodeflow.drawing.sheet import Sheet, legend
from nodeflow.drawing.theme_colors import Ink, Palette
from nodeflow.drawing.views.axes import Chart, draw_axes, make_chart, tick_text
from nodeflow.drawing.views.palette import (
    SHADES,
    class_color,
    point_color,
    region_table,
    signed_table,
)
from nodeflow.drawing.views.view import ViewDrawing
from nodeflow.host.views.kinds.regions import RegionData
from nodeflow.number_text import counted, number

GAP = 6.0
UNSURE = 0.75
"""Shade of answers without a probability."""
TITLED = 230.0
"""Minimum chart height in pixels for axis titles."""


def fits(document: Document, analysis: Analysis, node_id: str) -> str:
    """Return the reason why a node's decision regions cannot be drawn, or "". They can if the node
    depends on a placeholder with two columns and is not a single number.
    """
    types = analysis.out_types(node_id) or {}
    first = next(iter(types.values()), None)
    if first is not None and first.shape == ():
        return "A single number has no regions."
    if document.scope:
        return ""  # a subgraph does not know what its inputs depend on
    for before in (*analysis.ancestors(node_id), node_id):
        record = document.nodes.get(before)
        if record is None or record.op != "placeholder":
            continue
        type_ = analysis.type_of(before, "out")
        if type_ is not None and type_.has_rank and type_.shape[1:] == (2,):
            return ""
    return "Regions need a node that depends on a placeholder of shape ?×2."


def draw(sheet: Sheet, rect: Rect, data: RegionData) -> None:
    """Draw the regions in which a network decides for each class, with the data points. Several
    outputs that are not classes get one heat map each.
    """
    if data.classes is None and data.values is not None and len(data.values) > 1:
        _draw_maps(sheet, rect, data)
        return
    titled = rect.height >= TITLED
    chart = make_chart(rect, data.extent, small=sheet.is_small, square=True, titled=titled)
    sheet.image(chart.area, partial(_ground, data))
    _draw_points(sheet, chart, data)
    if not sheet.is_small:
        draw_axes(sheet, chart, data.axes, titled)
        legend(sheet, rect.adjusted(6, 0, -4, 0), _entries(data))


def _draw_maps(sheet: Sheet, rect: Rect, data: RegionData) -> None:
    assert data.values is not None
    count = len(data.values)
    top = 0.0
    if not sheet.is_small:
        limit = _limit(data.values)
        entries = [
            (f"−{tick_text(limit, limit / 10)}", class_color(0), "box"),
            (f"+{tick_text(limit, limit / 10)}", class_color(1), "box"),
        ]
        legend(sheet, rect.adjusted(6, 0, -4, 0), entries)
        top = 19.0
    area = rect.adjusted(4, top, -4, -4)
    columns = max(
        range(1, count + 1),
        key=lambda n: min(area.width / n, area.height / math.ceil(count / n)),
    )
    side = min(area.width / columns, area.height / math.ceil(count / columns))
    for index in range(count):
        x = area.left + (index % columns) * side
        y = area.top + (index // columns) * side
        box = Rect(x, y, side - GAP / 2, side - GAP / 2)
        sheet.image(box, partial(_ground, data, unit=index))
        sheet.box(box, None, Ink("border_strong", 0.8))


def _ground(data: RegionData, palette: Palette, unit: int = 0) -> np.ndarray:
    """Return the color of each grid cell, (rows, columns, 3) uint8, for a picture of classes or
    values. The topmost row comes first.
    """
    if data.classes is None:
        assert data.values is not None
        scaled = np.nan_to_num(data.values[unit] / (_limit(data.values) or 1.0))
        index = ((np.clip(scaled, -1, 1) + 1) * 127.5).astype(np.uint8)
        return signed_table(palette)[index][::-1]
    table = region_table(palette, max(len(data.names), 2))
    if data.strength is None:
        shade = np.full(data.classes.shape, round(UNSURE * (SHADES - 1)), np.intp)
    else:
        shade = data.strength.astype(np.intp) * SHADES // 256
    return table[np.minimum(data.classes, len(table) - 1), shade][::-1]


def _limit(values: np.ndarray) -> float:
    """Return the largest absolute value, ignoring values that are not finite."""
    finite = values[np.isfinite(values)]
    return float(np.abs(finite).max(initial=0.0))


def _draw_points(sheet: Sheet, chart: Chart, data: RegionData) -> None:
    points = chart.to_sheet(data.points[:, 0], data.points[:, 1])
    inside = np.isfinite(points).all(axis=1)
    count = max(len(points), 1)
    size = math.sqrt(chart.area.width * chart.area.height / count)
    radius = min(max(size * 0.2, 1.9), 4.2)
    radius = max(radius, 3.0) if sheet.is_small else radius
    for hollow in (False, True):
        for group in np.unique(data.groups).tolist():
            chosen = inside & (data.groups == group) & (data.is_test == hollow)
            color = point_color(group) if group >= 0 else Ink("ink_muted")
            edge = Ink("raised")
            sheet.dots(np.ascontiguousarray(points[chosen]), color, radius, edge, hollow)


def _entries(data: RegionData) -> list:
    entries = []
    if data.classes is not None or (data.groups >= 0).any():
        entries = [(name, class_color(i), "dot") for i, name in enumerate(data.names)]
    ink = Ink("ink_muted")
    if data.is_test.any() and not data.is_test.all():
        entries += [("train", ink, "dot"), ("test", ink, "ring")]
    return entries


def words(data: RegionData) -> str:
    """Return a summary: ``classes over x[0] and x[1]: 0 54 %, 1 46 % of the area``."""
    over = f"over {data.axes[0]} and {data.axes[1]}"
    if data.classes is None:
        count = 0 if data.values is None else len(data.values)
        return f"values of {counted(count, 'unit')} {over}"
    shares = np.bincount(data.classes.ravel(), minlength=len(data.names)) / data.classes.size
    parts = [f"{name} {share:.0%}" for name, share in zip(data.names, shares, strict=False)]
    return f"classes {over}: {', '.join(parts)} of the area"


def at(data: RegionData, rect: Rect, point: Point) -> str:
    """Return the graph's prediction at a point, in words."""
    if data.classes is None and data.values is not None and len(data.values) > 1:
        return ""
    titled = rect.height >= TITLED
    chart = make_chart(rect, data.extent, square=True, titled=titled)
    found = chart.to_data(point)
    if found is None:
        return ""
    left, right, bottom, top = data.extent
    place = f"{data.axes[0]} {number(found[0], 3)}, {data.axes[1]} {number(found[1], 3)}"
    grid = data.classes if data.classes is not None else data.values[0]  # type: ignore[index]
    rows, columns = grid.shape
    column = min(int((found[0] - left) / (right - left) * columns), columns - 1)
    row = min(int((found[1] - bottom) / (top - bottom) * rows), rows - 1)
    if data.classes is None:
        return f"{place}: {number(grid[row, column])}"
    name = data.names[int(grid[row, column])]
    if data.strength is None:
        return f"{place}: class {name}"
    chance = 1 / max(len(data.names), 2)
    share = chance + (1 - chance) * float(data.strength[row, column]) / 255
    return f"{place}: class {name}, {share:.0%}"


VIEW = ViewDrawing("regions", "Regions", "grid-3x3", 20, fits, draw, words, at=at)
