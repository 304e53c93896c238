"""Draws text in scene units and measures its exact width. Exports draw glyphs as paths.

Styles, elision and wrapping are in `nodeflow.drawing.text_layout`.
"""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath

from nodeflow.drawing.text_layout import (
    BADGE,
    CAPTION,
    FAR_FRAME_TITLE,
    FAR_TITLE,
    FAR_VALUE,
    FRAME_TITLE,
    HERO,
    HINT,
    HINT_STRONG,
    NOTE,
    PORT,
    SMALL_VALUE,
    SUBTITLE,
    TABLE,
    TITLE,
    TYPE,
    VALUE,
    Style,
    elide,
    wrap,
)
from nodeflow.ui.core.theming import theme


@lru_cache(maxsize=256)
def _metrics(style: Style) -> QFontMetricsF:
    return QFontMetricsF(theme.font(style[0] * _FINE, style[1], style[2]))


_FINE = 4
"""Factor of the font size at which widths are measured. QFont rounds sizes to whole pixels;
scaling the result back is exact.
"""


@lru_cache(maxsize=65536)
def width(text: str, style: Style) -> float:
    """Return the advance width of a text in scene units."""
    return _metrics(style).horizontalAdvance(text) / _FINE


def draw(
    painter: QPainter,
    x: float,
    baseline: float,
    text: str,
    style: Style,
    color: QColor,
    *,
    align: str = "left",
    as_path: bool = False,
) -> None:
    """Draw one line of text; ``as_path`` draws outlines, so that a picture needs no fonts."""
    if not text:
        return
    if align != "left":
        extent = width(text, style)
        x -= extent if align == "right" else extent / 2
    painter.save()
    painter.translate(x, baseline)
    painter.scale(1 / _FINE, 1 / _FINE)
    font = theme.font(style[0] * _FINE, style[1], style[2])
    if as_path:
        path = QPainterPath()
        path.addText(0, 0, font, text)
        painter.fillPath(path, color)
    else:
        painter.setFont(font)
        painter.setPen(color)
        painter.drawText(QPointF(0, 0), text)
    painter.restore()


__all__ = [
    "BADGE",
    "CAPTION",
    "FAR_FRAME_TITLE",
    "FAR_TITLE",
    "FAR_VALUE",
    "FRAME_TITLE",
    "HERO",
    "HINT",
    "HINT_STRONG",
    "NOTE",
    "PORT",
    "SMALL_VALUE",
    "SUBTITLE",
    "TABLE",
    "TITLE",
    "TYPE",
    "VALUE",
    "Style",
    "draw",
    "elide",
    "width",
    "wrap",
]
