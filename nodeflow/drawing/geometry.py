"""Points and rectangles in scene units."""

from __future__ import annotations

from typing import NamedTuple


class Point(NamedTuple):
    x: float
    y: float


class Rect(NamedTuple):
    """A rectangle: its left top corner and its size."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def center(self) -> Point:
        return Point(self.left + self.width / 2, self.top + self.height / 2)

    def adjusted(self, left: float, top: float, right: float, bottom: float) -> Rect:
        """Return the rectangle with each edge moved by a distance; positive is right or down."""
        width, height = self.width - left + right, self.height - top + bottom
        return Rect(self.left + left, self.top + top, width, height)

    def at(self, left: float, top: float) -> Rect:
        """Return a rectangle of the same size at another position."""
        return Rect(left, top, self.width, self.height)

    def contains(self, point: Point) -> bool:
        inside = self.left <= point.x <= self.right
        return inside and self.top <= point.y <= self.bottom

    def united(self, other: Rect) -> Rect:
        """Return the smallest rectangle that contains both."""
        left, top = min(self.left, other.left), min(self.top, other.top)
        right, bottom = max(self.right, other.right), max(self.bottom, other.bottom)
        return Rect(left, top, right - left, bottom - top)
