"""The shapes of a drawing: text, rectangles, paths, icons and pictures, with colours by role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from nodeflow.drawing import text_layout as texts
from nodeflow.drawing.geometry import Rect
from nodeflow.drawing.sheet import Pixels, Sheet
from nodeflow.drawing.theme_colors import Ink


@dataclass(frozen=True)
class Pen:
    """A line: its colour and width, and lengths of dashes and gaps."""

    ink: Ink
    width: float = 1.0
    dash: tuple[float, ...] = ()
    is_round: bool = False
    """Whether ends and corners are round."""


@dataclass(frozen=True)
class Box:
    """A rectangle, possibly with rounded corners."""

    rect: Rect
    fill: Ink | None = None
    pen: Pen | None = None
    radius: float = 0.0


@dataclass(frozen=True)
class Path:
    """A path in the syntax of SVG."""

    data: str
    fill: Ink | None = None
    pen: Pen | None = None


@dataclass(frozen=True)
class Text:
    """One line of text with its baseline at y; ``align`` is left, center or right."""

    x: float
    y: float
    text: str
    style: texts.Style
    ink: Ink
    align: str = "left"


@dataclass(frozen=True)
class Icon:
    """A bundled icon."""

    name: str
    rect: Rect
    ink: Ink


@dataclass(frozen=True)
class Picture:
    """Pixels stretched over a rectangle."""

    rect: Rect
    pixels: Pixels
    smooth: bool = True


@dataclass(frozen=True)
class Clipped:
    """Shapes, drawn only inside a rectangle."""

    rect: Rect
    shapes: tuple[Shape, ...]


@dataclass(frozen=True)
class Faded:
    """Translucent shapes."""

    opacity: float
    shapes: tuple[Shape, ...]


Shape = Box | Path | Text | Icon | Picture | Clipped | Faded


@dataclass
class Shapes(Sheet):
    """A sheet that records its drawing as shapes."""

    found: list[Shape] = field(default_factory=list)
    note: str = ""
    is_small: bool = False

    def add(self, shape: Shape) -> None:
        self.found.append(shape)

    def line_of_text(
        self, x: float, y: float, text: str, style: texts.Style, ink: Ink, align: str = "left"
    ) -> None:
        if text:
            self.add(Text(x, y, text, style, ink, align))

    def box(self, rect: Rect, fill: Ink | None, edge: Ink | None) -> None:
        self.add(Box(rect, fill, None if edge is None else Pen(edge)))

    def bars(self, rects: np.ndarray, fill: Ink) -> None:
        bars = (f"M{x:.1f} {y:.1f}h{w:.1f}v{h:.1f}h{-w:.1f}z" for x, y, w, h in rects.tolist())
        self.add(Path("".join(bars), fill))

    def line(self, points: np.ndarray, ink: Ink, width: float, dashed: bool = False) -> None:
        dash = (4 * width, 2 * width) if dashed else ()
        self.add(Path(polyline(points), pen=Pen(ink, width, dash, is_round=not dashed)))

    def dots(
        self, points: np.ndarray, ink: Ink, radius: float, edge: Ink, hollow: bool = False
    ) -> None:
        if not len(points):
            return
        data = "".join(
            circle(x, y, 0.75 * radius if hollow else radius) for x, y in points.tolist()
        )
        if hollow:
            self.add(Path(data, edge, Pen(ink, radius * 0.55)))
        else:
            self.add(Path(data, ink, Pen(edge, max(radius * 0.22, 0.4))))

    def image(self, rect: Rect, pixels: Pixels, smooth: bool = True) -> None:
        self.add(Picture(rect, pixels, smooth))

    def noted(self, note: str, is_small: bool = False) -> Shapes:
        return Shapes(self.found, note, is_small)

    @contextmanager
    def clip(self, rect: Rect) -> Iterator[None]:
        with self._inside() as inner:
            yield
        self.add(Clipped(rect, tuple(inner)))

    @contextmanager
    def faded(self, opacity: float) -> Iterator[None]:
        """Draw translucent shapes in this block."""
        with self._inside() as inner:
            yield
        if opacity == 1.0:
            self.found += inner
        else:
            self.add(Faded(opacity, tuple(inner)))

    @contextmanager
    def _inside(self) -> Iterator[list[Shape]]:
        start = len(self.found)
        inner: list[Shape] = []
        yield inner
        inner += self.found[start:]
        del self.found[start:]


def polyline(points: np.ndarray) -> str:
    """Return SVG path data for a line through points (n, 2)."""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points.tolist())


def circle(x: float, y: float, radius: float) -> str:
    """Return the path of a circle."""
    r, wide = f"{radius:.2f}", f"{2 * radius:.2f}"
    return f"M{x - radius:.2f} {y:.2f}a{r} {r} 0 1 0 {wide} 0a{r} {r} 0 1 0 -{wide} 0z"
