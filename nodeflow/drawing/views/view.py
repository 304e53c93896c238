"""The declaration of a view to the window, and the discovery of all views."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from nodeflow.discovery import declared
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.model.document import Document
from nodeflow.drawing import views
from nodeflow.drawing.geometry import Point, Rect
from nodeflow.drawing.sheet import LINE, Sheet
from nodeflow.host.protocol import ViewValue


@dataclass(frozen=True)
class Choice:
    """An option of a view that the user can choose.

    Attributes:
        option: its name in `ViewSpec.options`.
        title: its label.
        values: (value, title) of each choice; the value None means automatic.
        current: the value in force, chosen or automatic.
    """

    option: str
    title: str
    values: tuple[tuple[Any, str], ...]
    current: Any


def no_choices(_: Any) -> tuple[Choice, ...]:
    """Return no choices; the default for views without options."""
    return ()


def nothing_there(_: Any, __: Rect, ___: Point) -> str:
    """Return "", the description under the mouse for views that describe no points."""
    return ""


@dataclass(frozen=True)
class ViewDrawing:
    """The declaration of a view.

    Attributes:
        id: the same as in `nodeflow.host.views`.
        title: the label of its tab in the Viewer and in menus.
        icon: name of a bundled icon.
        order: sort key of its tab, ascending.
        fits: returns a sentence why a node (by id) has no such view, or "".
        draw: draws the data into a rectangle of a sheet.
        words: describes the data for tooltips and screen readers.
        choices: returns the options for the data.
        at: describes the data at a point of the rectangle passed to `draw`.
        is_rare: whether to hide the tab, rather than disable it, on nodes without this view.
    """

    id: str
    title: str
    icon: str
    order: int
    fits: Callable[[Document, Analysis, str], str]
    draw: Callable[[Sheet, Rect, Any], None]
    words: Callable[[Any], str]
    choices: Callable[[Any], tuple[Choice, ...]] = no_choices
    at: Callable[[Any, Rect, Point], str] = nothing_there
    is_rare: bool = False


NO_VALUES = "No values yet"


@dataclass(frozen=True)
class ShownView:
    """A view as the value of a node, displayed in place of the tensor's preview."""

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
    """Return the drawing code of all views by id, in the order of their tabs. Each module in this
    package declares one as `VIEW`.

    Raises:
        ValueError: two views have the same id.
    """
    ordered = sorted(declared(views, "VIEW"), key=lambda view: view.order)
    return MappingProxyType({view.id: view for view in ordered})


def draw_shown(sheet: Sheet, rect: Rect, shown: ShownView, waiting: str = NO_VALUES) -> None:
    """Draw a node's view, such as a plot. If it has no data, write the reason instead.

    Args:
        waiting: the text while the view has no value.
    """
    drawing, value = discover_views().get(shown.view), shown.value
    if sheet.note:
        sheet.text(rect.right - 4, rect.top + LINE / 2 + 4, sheet.note, align="right")
    if drawing is not None and value is not None and value.data is not None:
        drawing.draw(sheet, rect, value.data)
        return
    if sheet.is_small:
        return
    text = waiting
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
