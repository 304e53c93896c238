"""How a view declares itself to the window, and how the window finds all views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from PySide6.QtCore import QPointF, QRectF

from nodeflow.discovery import declared
from nodeflow.document.analysis.analysis import Analysis
from nodeflow.document.model.document import Document
from nodeflow.host.protocol import ViewValue
from nodeflow.ui import views
from nodeflow.ui.views.sheet import LINE, Sheet


@dataclass(frozen=True)
class Choice:
    """One choice that a view offers.

    Attributes:
        option: its name in `ViewSpec.options`.
        title: as the user reads it.
        values: (value, title) of what can be chosen; None is guessed.
        current: the value that counts now, a guessed one too.
    """

    option: str
    title: str
    values: tuple[tuple[Any, str], ...]
    current: Any


def no_choices(_: Any) -> tuple[Choice, ...]:
    """A view without choices."""
    return ()


def nothing_there(_: Any, __: QRectF, ___: QPointF) -> str:
    """A view that says nothing about what is under the pointer."""
    return ""


@dataclass(frozen=True)
class ViewDrawing:
    """The declaration of a view.

    Attributes:
        id: as in `nodeflow.host.views`.
        title: of its tab in the Viewer, and in menus.
        icon: name of a bundled icon.
        order: of its tab; views stand in ascending order.
        fits: why a node (by id) has no such view, in a sentence; nothing where it has one.
        draw: draws data into a rectangle of a sheet.
        words: the data in words, for tooltips and screen readers.
        choices: what can be chosen for data.
        at: what is at a point of the rectangle that the data were drawn into.
        is_rare: few nodes have it: its tab is left out for the others.
    """

    id: str
    title: str
    icon: str
    order: int
    fits: Callable[[Document, Analysis, str], str]
    draw: Callable[[Sheet, QRectF, Any], None]
    words: Callable[[Any], str]
    choices: Callable[[Any], tuple[Choice, ...]] = no_choices
    at: Callable[[Any, QRectF, QPointF], str] = nothing_there
    is_rare: bool = False


@dataclass(frozen=True)
class ShownView:
    """A view as a value of a node: it stands where the tensor's preview would."""

    view: str
    value: ViewValue | None = None
    kind = "view"

    @property
    def step(self) -> int | None:
        return None if self.value is None else self.value.step

    @property
    def text(self) -> str:
        """The view in words."""
        drawing, value = discover_views().get(self.view), self.value
        if value is None or drawing is None:
            return "" if drawing is None else f"{drawing.title}: no data yet"
        if value.data is None:
            return f"{drawing.title}: {value.error}"
        return f"{drawing.title}: {drawing.words(value.data)}"


@lru_cache(maxsize=1)
def discover_views() -> Mapping[str, ViewDrawing]:
    """The `VIEW` of each module in this package by id, in the order of their tabs.

    Raises:
        ValueError: two views have one id.
    """
    ordered = sorted(declared(views, "VIEW"), key=lambda view: view.order)
    return MappingProxyType({view.id: view for view in ordered})


def draw_shown(sheet: Sheet, rect: QRectF, shown: ShownView) -> None:
    """Draw a view, or why there is nothing to draw."""
    drawing, value = discover_views().get(shown.view), shown.value
    if sheet.note:
        sheet.text(rect.right() - 4, rect.top() + LINE / 2 + 4, sheet.note, align="right")
    if drawing is not None and value is not None and value.data is not None:
        drawing.draw(sheet, rect, value.data)
        return
    if sheet.is_small:
        return
    text = "No values yet"
    if drawing is None:
        text = f"This version of nodeflow has no view {shown.view!r}."
    elif value is not None:
        text = value.error
    sheet.paragraph(rect, text, "ink_muted")


__all__ = [
    "Choice",
    "ShownView",
    "ViewDrawing",
    "discover_views",
    "draw_shown",
]
