"""The view of ROC curves: true positive rate over false positive rate for each class."""

from __future__ import annotations

from nodeflow.drawing.geometry import Point, Rect
from nodeflow.drawing.sheet import Sheet
from nodeflow.drawing.views.rates import draw_rates, fits, rate_at, rate_words, split_choice
from nodeflow.drawing.views.view import Choice, ViewDrawing
from nodeflow.host.views.kinds.thresholds import ThresholdData

TITLES = ("false positive rate", "true positive rate")
CHANCE = ((0.0, 0.0), (1.0, 1.0))


def draw(sheet: Sheet, rect: Rect, data: ThresholdData) -> None:
    """Draw all curves, and the diagonal of random predictions."""
    draw_rates(sheet, rect, data, TITLES, CHANCE)


def words(data: ThresholdData) -> str:
    """Summarize the ROC curves in words: ``area under the curve 0.99 on average; …``."""
    return rate_words(data, "area under the curve")


def choices(data: ThresholdData) -> tuple[Choice, ...]:
    return split_choice(data.split, data.splits)


def at(data: ThresholdData, rect: Rect, point: Point) -> str:
    return rate_at(data, rect, point, ("false positive rate", "true positive rate"))


VIEW = ViewDrawing("roc", "ROC", "chart-spline", 40, fits, draw, words, choices, at, is_rare=True)
