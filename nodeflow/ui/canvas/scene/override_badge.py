"""The badge of an overridden node. A click on it removes the override."""

from __future__ import annotations

from PySide6.QtCore import QRectF

from nodeflow.ui.core.painting import text_metrics

WORDS = "overridden ×"
STYLE = text_metrics.BADGE
RADIUS, INDENT = 9.5, 18.0
LARGEST = 2.4
"""The largest ratio of badge size to card size, for small cards."""
READABLE = 0.8
"""The scale from which on the badge scales with the card."""


def growth(scale: float) -> float:
    """Return the size of a badge relative to its card at a scale."""
    return min(max(READABLE / scale, 1.0), LARGEST)


def badge_rect(card: QRectF, scale: float) -> QRectF:
    """Return the rectangle of a card's badge, in scene coordinates."""
    grown = growth(scale)
    width = min(text_metrics.width(WORDS, STYLE) + 2 * RADIUS, card.width()) * grown
    left = card.left() + min(INDENT, max(0.0, card.width() - width / grown))
    return QRectF(left, card.bottom() - RADIUS * grown, width, 2 * RADIUS * grown)
