"""Text in scene units: cached widths, elision, wrapping, and glyphs as paths for exports."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPainterPath

from nodeflow.ui.core import theme

# (pixels, weight, mono) of every text on the canvas, from the type scale
TITLE = (13, 600, False)
SUBTITLE = (11, 400, False)
PORT = (12, 400, False)
TYPE = (10.5, 400, True)
VALUE = (22, 500, False)
SMALL_VALUE = (15, 500, False)
TABLE = (11, 400, True)
CAPTION = (11, 400, False)
BADGE = (11, 600, False)
FRAME_TITLE = (16, 600, False)
NOTE = (13, 400, False)
FAR_TITLE = (26, 600, False)
FAR_BADGE = (22, 600, False)
FAR_VALUE = (32, 500, False)
FAR_FRAME_TITLE = (26, 600, False)
HERO = (22, 600, False)
HINT = (14, 400, False)
HINT_STRONG = (14, 600, False)

Style = tuple[float, int, bool]


@lru_cache(maxsize=32)
def _metrics(style: Style) -> QFontMetricsF:
    return QFontMetricsF(theme.font(style[0] * _FINE, style[1], style[2]))


_FINE = 4
"""Widths are measured at four times the size, because QFont rounds to pixels; scaling is exact."""


@lru_cache(maxsize=65536)
def width(text: str, style: Style) -> float:
    """Return the advance width of a text in scene units."""
    return _metrics(style).horizontalAdvance(text) / _FINE


@lru_cache(maxsize=16384)
def elide(text: str, style: Style, room: float) -> str:
    """Return the text, shortened with an ellipsis if it is wider than ``room``."""
    if width(text, style) <= room:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width(text[:middle].rstrip() + "…", style) <= room:
            low = middle
        else:
            high = middle - 1
    return text[:low].rstrip() + "…" if low else ""


@lru_cache(maxsize=2048)
def wrap(text: str, style: Style, room: float, most: int = 100) -> tuple[str, ...]:
    """Break text into lines no wider than ``room``, at most ``most``. Keep paragraphs."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            joined = f"{line} {word}" if line else word
            if line and width(joined, style) > room:
                lines.append(line)
                line = word
            else:
                line = joined
        lines.append(line)
    if len(lines) > most:
        rest = " ".join(lines[most - 1 :])
        lines = [*lines[: most - 1], elide(rest, style, room)]
    return tuple(elide(line, style, room) for line in lines)


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
