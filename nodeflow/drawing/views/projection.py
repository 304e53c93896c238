"""The view of a tensor's rows as points, coloured by class."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.model.document import Document
from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.geometry import Point, Rect
from nodeflow.drawing.sheet import LINE, Sheet, legend
from nodeflow.drawing.theme_colors import Ink
from nodeflow.drawing.views.axes import Chart, Extent, make_chart
from nodeflow.drawing.views.palette import class_color, point_color
from nodeflow.drawing.views.rates import SPLITS
from nodeflow.drawing.views.view import Choice, ViewDrawing
from nodeflow.host.views.kinds.projection import COSINE, EUCLIDEAN, ProjectionData, methods
from nodeflow.number_text import count, number

METRICS = ((EUCLIDEAN, "Euclidean"), (COSINE, "Cosine"))
MARGIN = 0.05
BESIDE = 6.0
"""Distance in pixels between a point and its word."""
NEAR = 12.0
"""Maximum distance in pixels between the pointer and its point."""


def fits(document: Document, analysis: Analysis, node_id: str) -> str:
    """Return the reason why a node's rows cannot be points (fewer than two numbers each), or ""."""
    first = next(iter((analysis.out_types(node_id) or {}).values()), None)
    if first is None:
        return ""
    if not first.is_float or first.ndims is None or first.ndims < 2:
        return "Points show the rows of a tensor with at least two axes."
    return "" if first.shape[1] != 1 else "Points need rows of at least two numbers."


def extent_of(data: ProjectionData) -> Extent:
    """Return the extent of all points with a margin."""
    points = data.points[:, :2].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.where(high > low, high - low, 1.0)
    low, high = low - MARGIN * size, high + MARGIN * size
    return (float(low[0]), float(high[0]), float(low[1]), float(high[1]))


def chart_of(rect: Rect, data: ProjectionData, small: bool = False) -> Chart:
    """Return the chart of all points, without ticks."""
    area = rect if small else rect.adjusted(4, 20, -4, -18)
    return make_chart(area, extent_of(data), small=True, square=False)


def draw(sheet: Sheet, rect: Rect, data: ProjectionData) -> None:
    """Draw a projection of rows to two dimensions: the points, a legend, and how much of the
    variance the two axes explain.
    """
    chart = chart_of(rect, data, sheet.is_small)
    draw_points(sheet, chart, data)
    if not sheet.is_small:
        if not data.split:
            draw_words(sheet, chart, data)
        sheet.box(chart.area, None, Ink("border_strong", 0.8))
        sheet.text(chart.area.center.x, rect.bottom - 4, axes_words(data), align="center")
        legend(sheet, rect.adjusted(6, 0, -4, 0), entries(data))


def draw_points(
    sheet: Sheet, chart: Chart, data: ProjectionData, faded: np.ndarray | None = None
) -> None:
    """Draw the points on a chart.

    Args:
        faded: bool (n,), the points to draw pale because they do not match the search.
    """
    points = chart.to_sheet(data.points[:, 0], data.points[:, 1])
    radius = 3.4 if len(points) < 300 or sheet.is_small else 2.6
    edge = Ink("raised")
    is_faded = np.zeros(len(points), bool) if faded is None else faded
    for group in np.unique(data.groups).tolist():
        mine = data.groups == group
        color = group_color(group)
        pale = replace(color, alpha=0.15)
        sheet.dots(np.ascontiguousarray(points[mine & is_faded]), pale, radius, pale)
        sheet.dots(np.ascontiguousarray(points[mine & ~is_faded]), color, radius, edge)


def draw_words(sheet: Sheet, chart: Chart, data: ProjectionData) -> None:
    """Draw the words that rows of an embedding stand for beside their points, as many as find
    space.
    """
    points = chart.to_sheet(data.points[:, 0], data.points[:, 1])
    taken: list[Rect] = []
    for index, word in enumerate(data.labels):
        x, y = points[index].tolist()
        wide = texts.width(word, texts.CAPTION)
        for left in (x + BESIDE, x - BESIDE - wide):
            box = Rect(left, y - LINE / 2, wide, LINE)
            inside = chart.area.left <= box.left and box.right <= chart.area.right
            if inside and not _covers(box, points, taken):
                sheet.text(left, y + 4, word)
                taken.append(box)
                break


def _covers(box: Rect, points: np.ndarray, taken: list[Rect]) -> bool:
    """Return whether a label's box covers one of the points or overlaps a box that is taken
    already.
    """
    x, y = points[:, 0], points[:, 1]
    if ((x > box.left - 3) & (x < box.right + 3) & (y > box.top) & (y < box.bottom)).any():
        return True
    return any(
        box.left < other.right
        and other.left < box.right
        and box.top < other.bottom
        and other.top < box.bottom
        for other in taken
    )


def group_color(group: int) -> Ink:
    """Return the color of a point for its class. A point without a class gets the color of a
    chart's first series.
    """
    return point_color(group) if group >= 0 else class_color(0)


def entries(data: ProjectionData) -> list[tuple[str, Ink, str]]:
    """Return legend entries for the classes."""
    return [(name, group_color(index), "dot") for index, name in enumerate(data.names)]


def axes_words(data: ProjectionData) -> str:
    """Return a caption for the axes of a projection: ``Components 1 and 2: 34 % and 12 % of the
    variance of 300 dimensions``.
    """
    if not data.explained:
        return f"{methods().get(data.method, data.method)} of {count(data.dims)} dimensions"
    shares = " and ".join(f"{100 * share:.0f} %" for share in data.explained[:2])
    return f"Components 1 and 2: {shares} of the variance of {count(data.dims)} dimensions"


def title(data: ProjectionData, index: int) -> str:
    """Return a point's name: ``row 12: 7``, or the word that the row represents."""
    label = data.labels[index] if data.labels else ""
    if not data.split:
        return label or f"row {count(index)}"
    return f"row {count(index)}: {label}" if label else f"row {count(index)}"


def index_at(chart: Chart, data: ProjectionData, at: Point) -> int | None:
    """Return the index of the point near a position on the sheet, or None."""
    points = chart.to_sheet(data.points[:, 0], data.points[:, 1])
    away = np.hypot(points[:, 0] - at.x, points[:, 1] - at.y)
    index = int(away.argmin())
    return index if away[index] <= NEAR else None


def words(data: ProjectionData) -> str:
    """Return a summary: ``1000 of 10 000 test rows as points, components 1 and 2: …``."""
    of = f" {SPLITS[data.split].lower()}" if data.split else " rows"
    return f"{count(len(data.points))} of {count(data.total)}{of} as points, {axes_words(data)}"


def choices(data: ProjectionData) -> tuple[Choice, ...]:
    """Return the choices of split, method and distance measure."""
    found = [Choice("metric", "Distance", METRICS, data.metric)]
    if len(methods()) > 1:
        found.insert(0, Choice("method", "By", tuple(methods().items()), data.method))
    if len(data.splits) > 1:
        of = tuple((s, SPLITS[s]) for s in data.splits)
        found.insert(0, Choice("split", "Rows", of, data.split))
    return tuple(found)


def at(data: ProjectionData, rect: Rect, point: Point) -> str:
    """Describe the projected point under the mouse in words, with its two nearest rows and their
    distances.

    Return "" if there is no point at that position.
    """
    index = index_at(chart_of(rect, data), data, point)
    if index is None:
        return ""
    near = ", ".join(
        f"{title(data, int(n))} ({number(d, 3)})"
        for n, d in zip(data.near[index][:2], data.distances[index][:2], strict=True)
    )
    return f"{title(data, index)}; nearest {near}"


VIEW = ViewDrawing(
    "projection", "Scatter plot", "chart-scatter", 35, fits, draw, words, choices, at
)
