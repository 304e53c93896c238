"""The badge of an overridden node. A click on it removes the override."""

from __future__ import annotations

from PySide6.QtCore import QRectF

from nodeflow.drawing import text_layout as texts
from nodeflow.ui.core.painting import text_metrics

WORDS = "overridden ×"
STYLE = text_metrics.BADGE
RADIUS, INDENT = 9.5, 18.0
LARGEST = 3.0
"""The largest growth factor of badges, for small cards. If the words are not even then legible,
the badge has none.
"""


def growth(scale: float) -> float:
    """Return how much to enlarge the badge on a card at a scale of the view, as a factor, so that
    its text stays legible.
    """
    return min(texts.legible(STYLE, scale)[0] / STYLE[0], LARGEST)


def has_words(scale: float) -> bool:
    """Return whether the text of the badge for an overridden value is legible at a scale of the
    view.
    """
    return growth(scale) * STYLE[0] * scale >= texts.LEAST - 1e-6


def badge_rect(card: QRectF, scale: float) -> QRectF:
    """Return the rectangle of a card's badge, in scene coordinates."""
    grown = growth(scale)
    width = min(text_metrics.width(WORDS, STYLE) + 2 * RADIUS, card.width()) * grown
    left = card.left() + min(INDENT, max(0.0, card.width() - width / grown))
    return QRectF(left, card.bottom() - RADIUS * grown, width, 2 * RADIUS * grown)
