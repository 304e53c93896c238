"""The plot of values: points, lines and bars, with the data below a prediction."""

from __future__ import annotations

import math

import numpy as np

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.model.document import Document
from nodeflow.drawing.geometry import Point, Rect
from nodeflow.drawing.sheet import Sheet, legend
from nodeflow.drawing.theme_colors import Ink
from nodeflow.drawing.views.axes import Chart, Extent, draw_axes, make_chart
from nodeflow.drawing.views.palette import class_color
from nodeflow.drawing.views.view import Choice, ViewDrawing
from nodeflow.host.views.kinds.plot import PlotData, Series
from nodeflow.number_text import number

TITLED = 230.0
"""Minimum chart height in pixels for axis titles."""
REACH = 1.5
"""How far a prediction may extend the chart, in data heights. The rest is clipped."""
STYLES = (("line", "Line"), ("scatter", "Points"), ("bars", "Bars"))


def fits(document: Document, analysis: Analysis, node_id: str) -> str:
    """Return "", because every node has a plot: a single number is plotted over training steps."""
    return ""


def draw(sheet: Sheet, rect: Rect, data: PlotData) -> None:
    """Draw all series in one chart."""
    titled = rect.height >= TITLED
    extent = extent_of(data)
    chart = make_chart(rect, extent, small=sheet.is_small, titled=titled)
    draw_axes(sheet, chart, data.axes, titled)
    with sheet.clip(chart.area.adjusted(-3, -3, 3, 3)):
        _draw_series(sheet, chart, data)
    legend(sheet, rect.adjusted(6, 0, -4, 0), _entries(data))


def _draw_series(sheet: Sheet, chart: Chart, data: PlotData) -> None:
    extent = chart.extent
    if data.diagonal:
        ends = np.array([min(extent[0], extent[2]), max(extent[1], extent[3])])
        line = chart.to_sheet(ends, ends)
        sheet.line(line, Ink("ink", 0.45), 1.5, dashed=True)
    values = _values(data)
    for series in data.series:
        color = _color(data, series, values)
        if series.style == "bars":
            _draw_bars(sheet, chart, series, color, values)
        elif series.style == "line":
            _draw_line(sheet, chart, series, color)
        else:
            _draw_points(sheet, chart, series, color)


def _values(data: PlotData) -> list[Series]:
    return [series for series in data.series if series.role == "value"]


def _draw_line(sheet: Sheet, chart: Chart, series: Series, color: Ink) -> None:
    width = 5.0 if sheet.is_small else 2.2
    finite = np.isfinite(series.x) & np.isfinite(series.y)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], finite.astype(np.int8), [0]])))
    for first, last in edges.reshape(-1, 2).tolist():
        points = chart.to_sheet(series.x[first:last], series.y[first:last])
        if len(points) == 1:
            points = np.repeat(points, 2, axis=0)
        sheet.line(points, color, width)


def _draw_points(sheet: Sheet, chart: Chart, series: Series, color: Ink) -> None:
    finite = np.isfinite(series.x) & np.isfinite(series.y)
    radius = 4.5 if sheet.is_small else 2.6 if len(series.x) < 150 else 2.0
    edge = Ink("sunken")
    hollow = series.role == "test"
    groups = series.groups if series.groups is not None else np.zeros(len(series.x), np.int16)
    for group in np.unique(groups).tolist():
        chosen = finite & (groups == group)
        points = chart.to_sheet(series.x[chosen], series.y[chosen])
        shown = color if series.groups is None else class_color(group)
        sheet.dots(points, shown, radius, edge, hollow)


def _draw_bars(
    sheet: Sheet, chart: Chart, series: Series, color: Ink, values: list[Series]
) -> None:
    step = _bar_step(series.x)
    share = step * 0.8 / max(len(values), 1)
    index = values.index(series)
    left = series.x - step * 0.4 + share * index
    finite = np.isfinite(series.y)
    low = chart.to_sheet(left, np.zeros(len(left)))
    high = chart.to_sheet(left + share, np.where(finite, series.y, 0.0))
    rects = np.empty((len(left), 4))
    rects[:, 0], rects[:, 2] = low[:, 0], np.maximum(high[:, 0] - low[:, 0], 1.0)
    rects[:, 1] = np.minimum(low[:, 1], high[:, 1])
    rects[:, 3] = np.abs(high[:, 1] - low[:, 1])
    sheet.bars(rects, color)


def _bar_step(x: np.ndarray) -> float:
    """Return the spacing of a bar chart's bars, the median gap between x values."""
    gaps = np.diff(np.unique(x[np.isfinite(x)]))
    return float(np.median(gaps)) if len(gaps) else 1.0


def extent_of(data: PlotData) -> Extent:
    """Return the extent of the chart, (left, right, bottom, top) in data units.

    It includes all data, and predictions up to `REACH` times the data's height away.
    """
    xs, ys, near = [], [], []
    for series in data.series:
        finite = np.isfinite(series.x) & np.isfinite(series.y)
        x, y = series.x[finite], series.y[finite]
        if not len(x):
            continue
        pad = _bar_step(series.x) * 0.5 if series.style == "bars" else 0.0
        xs += [x.min() - pad, x.max() + pad]
        ys += [y.min(), y.max()]
        if series.style == "bars":
            ys.append(0.0)
        if series.role != "value":
            near += [y.min(), y.max()]
    if not xs:
        return (0.0, 1.0, 0.0, 1.0)
    low, high = min(ys), max(ys)
    if near:
        reach = REACH * ((max(near) - min(near)) or 1.0)
        low, high = max(low, min(near) - reach), min(high, max(near) + reach)
    return (*_padded(min(xs), max(xs), 0.02), *_padded(low, high, 0.06))


def _padded(low: float, high: float, part: float) -> tuple[float, float]:
    size = high - low
    if not size > abs(high) * 1e-9:
        size = max(abs(high), 1.0)
        return float(low - size / 2), float(high + size / 2)
    return float(low - part * size), float(high + part * size)


def _color(data: PlotData, series: Series, values: list[Series]) -> Ink:
    if series.role != "value":
        return class_color(0)
    has_data = len(values) < len(data.series)
    return class_color(values.index(series) + (1 if has_data else 0))


def _entries(data: PlotData) -> list[tuple[str, Ink, str]]:
    """Return the entries of a plot's legend as (text, color, mark): the plotted values, then the
    classes, then the data.
    """
    entries: list[tuple[str, Ink, str]] = []
    ink, values = Ink("ink_muted"), _values(data)
    for series in values:
        mark = {"line": "line", "bars": "box"}.get(series.style, "dot")
        entries.append((series.title, _color(data, series, values), mark))
    if any(s.groups is not None for s in data.series):
        entries += [(name, class_color(i), "dot") for i, name in enumerate(data.names)]
    for role, mark, suffix in (("train", "dot", ""), ("test", "ring", ", test")):
        found = next((s for s in data.series if s.role == role), None)
        if found is not None and found.groups is None:
            entries.append((f"{found.title}{suffix}", class_color(0), mark))
        elif found is not None:
            entries.append((role, ink, mark))
    return entries


def _title(series: Series) -> str:
    return f"{series.title} ({series.split})" if series.split else series.title


def words(data: PlotData) -> str:
    """Return a summary: ``prediction over x, 200 points; y (train), 80 points``."""
    parts = [f"{_title(s)}, {len(s.x)} points" for s in data.series]
    return f"{data.axes[1]} over {data.axes[0]}: {'; '.join(parts)}"


def choices(data: PlotData) -> tuple[Choice, ...]:
    """Return the two menus of a plot: the tensor on the x axis, and the drawing style."""
    return (
        Choice("x", "Over", data.choices, data.x),
        Choice("style", "Drawn as", STYLES, data.style),
    )


def at(data: PlotData, rect: Rect, point: Point) -> str:
    """Return the series and coordinates of the data point nearest to a position, in words."""
    chart = make_chart(rect, extent_of(data), titled=rect.height >= TITLED)
    if chart.to_data(point) is None:
        return ""
    best, text = 14.0, ""
    for series in data.series:
        if not len(series.x):
            continue
        away = chart.to_sheet(series.x, series.y) - [point.x, point.y]
        if series.style == "bars":
            away[:, 1] = 0.0
        far = np.nan_to_num(np.hypot(away[:, 0], away[:, 1]), nan=math.inf)
        index = int(far.argmin())
        if far[index] < best:
            best = float(far[index])
            x, y = float(series.x[index]), float(series.y[index])
            text = f"{_title(series)}: {data.axes[0]} {number(x)}, {number(y)}"
    return text


VIEW = ViewDrawing("plot", "Plot", "chart-line", 10, fits, draw, words, choices, at)
