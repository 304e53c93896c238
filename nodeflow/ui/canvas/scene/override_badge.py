"""The sign of an overridden node: a click on it takes the override back."""

from __future__ import annotations

from PySide6.QtCore import QRectF

from nodeflow.ui.core import text_metrics

WORDS = "overridden ×"
STYLE = text_metrics.BADGE
RADIUS, INDENT = 9.5, 18.0
LARGEST = 2.4
"""So many times as large as the card the badge may be, where the card is small."""
READABLE = 0.8
"""From this scale on, it is as large as the card."""


def growth(scale: float) -> float:
    """How much larger than its card a badge is drawn at a zoom."""
    return min(max(READABLE / scale, 1.0), LARGEST)


def badge_rect(card: QRectF, scale: float) -> QRectF:
    """Where the badge of a card is, in scene coordinates."""
    grown = growth(scale)
    width = min(text_metrics.width(WORDS, STYLE) + 2 * RADIUS, card.width()) * grown
    left = card.left() + min(INDENT, max(0.0, card.width() - width / grown))
    return QRectF(left, card.bottom() - RADIUS * grown, width, 2 * RADIUS * grown)
