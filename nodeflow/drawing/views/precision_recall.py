"""The view of precision over recall."""

from __future__ import annotations

from nodeflow.drawing.geometry import Point, Rect
from nodeflow.drawing.sheet import Sheet
from nodeflow.drawing.views.rates import draw_rates, fits, rate_at, rate_words, split_choice
from nodeflow.drawing.views.view import Choice, ViewDrawing
from nodeflow.host.views.kinds.thresholds import ThresholdData

TITLES = ("recall", "precision")


def draw(sheet: Sheet, rect: Rect, data: ThresholdData) -> None:
    """Draw the precision-recall curves of all classes.

    With one class, also draw the precision of random predictions: the class's fraction of the rows.
    """
    chance = None
    if len(data.curves) == 1 and data.seen:
        share = data.curves[0].rows / data.seen
        chance = ((0.0, share), (1.0, share))
    draw_rates(sheet, rect, data, TITLES, chance)


def words(data: ThresholdData) -> str:
    """Return a summary: ``average precision 0.99 on average; …``."""
    return rate_words(data, "average precision")


def choices(data: ThresholdData) -> tuple[Choice, ...]:
    return split_choice(data.split, data.splits)


def at(data: ThresholdData, rect: Rect, point: Point) -> str:
    return rate_at(data, rect, point, ("recall", "precision"))


VIEW = ViewDrawing(
    "precision_recall",
    "Precision–recall",
    "chart-line",
    41,
    fits,
    draw,
    words,
    choices,
    at,
    is_rare=True,
)
