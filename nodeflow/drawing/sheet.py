"""The interface of sheets: views of tensors draw text, lines, boxes, dots and pictures on them.

The window implements it with a painter, `nodeflow.drawing.shapes` with shapes that become SVG.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np

from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.geometry import Rect
from nodeflow.drawing.theme_colors import Ink, Palette

LINE = 16.0
"""Height of a line of small text."""
SHORTEST = 30.0
"""Minimum width of a name in a legend, unless the name is shorter."""

Pixels = Callable[[Palette], np.ndarray]
"""A picture as a function of the theme: (h, w, 3) uint8 red, green, blue; the first row on top."""


class Sheet(ABC):
    """A surface to draw on.

    Attributes:
        is_small: whether to draw no text, because it would be too small to read.
        note: text at the top right, beside the legend.
        scale: pixels of the screen per unit, by which text is enlarged if it would be illegible.
    """

    is_small: bool = False
    note: str = ""
    scale: float = 1.0

    def legible(self, style: texts.Style) -> texts.Style:
        """Return a text style, with a larger font if the text would be too small on this sheet."""
        return texts.legible(style, self.scale)

    @abstractmethod
    def line_of_text(
        self, x: float, y: float, text: str, style: texts.Style, ink: Ink, align: str = "left"
    ) -> None:
        """Draw one line of text with its baseline at y."""

    @abstractmethod
    def box(self, rect: Rect, fill: Ink | None, edge: Ink | None) -> None:
        """Draw a rectangle."""

    @abstractmethod
    def bars(self, rects: np.ndarray, fill: Ink) -> None:
        """Fill rectangles (n, 4): left, top, width, height."""

    @abstractmethod
    def line(self, points: np.ndarray, ink: Ink, width: float, dashed: bool = False) -> None:
        """Draw a line through points (n, 2)."""

    @abstractmethod
    def dots(
        self, points: np.ndarray, ink: Ink, radius: float, edge: Ink, hollow: bool = False
    ) -> None:
        """Draw dots at points (n, 2), either filled with a thin edge, or hollow."""

    @abstractmethod
    def image(self, rect: Rect, pixels: Pixels, smooth: bool = True) -> None:
        """Draw a picture stretched over a rectangle."""

    @abstractmethod
    def clip(self, rect: Rect) -> AbstractContextManager[None]:
        """Return a context in which nothing is drawn outside a rectangle."""

    @abstractmethod
    def noted(self, note: str, is_small: bool = False) -> Sheet:
        """Return a drawing sheet on the same surface as this one. A view that is drawn on it shows
        ``note`` in a corner; a small sheet shows no text.
        """

    def text(
        self, x: float, y: float, text: str, role: str = "ink_muted", align: str = "left"
    ) -> None:
        """Draw one line of small text with its baseline at y."""
        if not self.is_small:
            self.line_of_text(x, y, text, texts.CAPTION, Ink(role), align)

    def paragraph(self, rect: Rect, text: str, role: str) -> None:
        """Draw wrapped lines of text in the middle of a rectangle."""
        most = max(1, int(rect.height // LINE))
        lines = texts.wrap(text, texts.CAPTION, rect.width - 16, most)
        y = rect.center.y - LINE * (len(lines) - 1) / 2 + 4
        for line in lines:
            self.text(rect.center.x, y, line, role, "center")
            y += LINE


def legend(sheet: Sheet, rect: Rect, entries: Sequence[tuple[str, Ink, str]]) -> float:
    """Draw names with their colours in one line at the top left of a rectangle.

    Args:
        entries: (name, colour, mark) with mark ``dot``, ``ring``, ``line`` or ``box``; entries that
            do not fit are left out.

    Returns:
        The x coordinate at the end of the line.
    """
    if sheet.is_small:
        return rect.left
    if sheet.note:
        rect = rect.adjusted(0, 0, -texts.width(sheet.note, texts.CAPTION) - 10, 0)
    x, y = rect.left, rect.top + LINE / 2
    widths = [texts.width(name, texts.CAPTION) for name, _, _ in entries]
    longest = math.inf
    while widths:
        longest = fair_share(widths, rect.width - 24 * len(widths) + 10)
        if longest >= SHORTEST:
            break
        widths.pop()  # drop the last entries before the others become illegible
    entries = entries[: len(widths)]
    for full, ink, mark in entries:
        name = texts.elide(full, texts.CAPTION, longest)
        width = texts.width(name, texts.CAPTION)
        if not name or x + 14 + width > rect.right:
            break
        if mark == "line":
            sheet.line(np.array([[x, y], [x + 10, y]]), ink, 2)
        elif mark == "box":
            sheet.box(Rect(x + 1, y - 4, 8, 8), ink, None)
        else:
            sheet.dots(np.array([[x + 5, y]]), ink, 3.2, Ink("sunken"), mark == "ring")
        sheet.text(x + 14, y + 4, name)
        x += 14 + width + 10
    return x


def fair_share(widths: Sequence[float], room: float) -> float:
    """Return the maximum width of a name when several names share a line.

    A name that is shorter leaves the rest of its share to the others.
    """
    for index, width in enumerate(sorted(widths)):
        share = room / (len(widths) - index)
        if width > share:
            return share
        room -= width
    return math.inf
