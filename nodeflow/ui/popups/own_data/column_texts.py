"""A column of surveyed data as text, and as a small picture of its distribution."""

from __future__ import annotations

import datetime

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter

from nodeflow.data.survey import ColumnSurvey
from nodeflow.number_text import number
from nodeflow.ui.core.theming.theme import Theme

KINDS = {
    "number": "number",
    "integer": "whole number",
    "boolean": "yes or no",
    "category": "category",
    "date": "date",
    "text": "text",
    "picture": "picture",
    "array": "array",
}
MOST_BARS = 20


def kind_text(column: ColumnSurvey) -> str:
    """Return the kind of a column: ``category``, ``array 28 × 28``."""
    shape = column.shape[:2] if column.kind == "picture" else column.shape
    sizes = " × ".join(map(str, shape))
    return f"{KINDS.get(column.kind, column.kind)} {sizes}".rstrip()


def missing_text(column: ColumnSurvey) -> str:
    return f"{number(column.missing)} missing" if column.missing else ""


def values_text(column: ColumnSurvey) -> str:
    """Describe the values of a column: ``4.3 to 7.9``, ``setosa, versicolor, virginica``."""
    if column.categories and column.kind in ("category", "boolean"):
        names = [name for name, _ in column.categories]
        more = f" and {column.distinct - 6} more" if column.distinct > 6 else ""
        return ", ".join(names[: 6 if more else 7]) + more
    if column.minimum is not None and column.maximum is not None:
        low, high = column.minimum, column.maximum
        if column.kind == "date":
            return f"{_date(low)} to {_date(high)}"
        return f"{number(low)} to {number(high)}"
    if column.kind == "picture":
        return "in colours" if column.shape[2:] in ((3,), (4,)) else "grey"
    return f"{number(column.distinct)} different values" if column.distinct else ""


def spoken(column: ColumnSurvey) -> str:
    """Return the full description of a column, for a tooltip and for screen readers."""
    parts = [column.name, kind_text(column), values_text(column), missing_text(column)]
    if column.mean is not None and column.kind in ("number", "integer"):
        deviation = number(column.deviation or 0.0)
        parts.insert(3, f"mean {number(column.mean)}, standard deviation {deviation}")
    return "\n".join(part for part in parts if part)


def bars(column: ColumnSurvey) -> tuple[int, ...]:
    """Return the heights of the bars of a column's distribution; empty if there is none."""
    if column.counts and column.kind not in ("category",):
        return column.counts
    return tuple(rows for _, rows in column.categories[:MOST_BARS])


def draw_distribution(painter: QPainter, area: QRectF, column: ColumnSurvey, theme: Theme) -> None:
    """Draw bars from the bottom of an area: a histogram, or one bar per category."""
    heights = bars(column)
    top = max(heights, default=0)
    if not top:
        return
    gap = 2.0 if len(heights) < 12 else 1.0
    width = min((area.width() + gap) / len(heights), 18.0)
    color = theme.color("accent", 0.75)
    for index, height in enumerate(heights):
        tall = max(1.0, area.height() * height / top) if height else 0.0
        bar = QRectF(area.x() + index * width, area.bottom() - tall, width - gap, tall)
        painter.fillRect(bar, color)


def _date(days: float) -> str:
    try:
        return str(datetime.date(1970, 1, 1) + datetime.timedelta(days=days))
    except OverflowError:
        return number(days)
