"""The declaration of a panel, and the discovery of all panels.

A panel is one module of this package with a `PANEL`. Its ``wire`` binds the actions and connects
signals that must work before the panel exists. Its ``make`` builds the widget at first use and
connects all other signals. So no other file names the panel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from PySide6.QtCore import QObject, SignalInstance
from PySide6.QtWidgets import QWidget

from nodeflow.discovery import declared
from nodeflow.ui import panels
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.panels.panel_context import PanelContext


class Place(Enum):
    """The initial position of a panel. Bottom panels are tabs, shown and hidden together."""

    LEFT = "left"
    RIGHT = "right"
    BOTTOM = "bottom"


def always(context: PanelContext, panel: LatePanel) -> bool:
    """Return True: the panel is never closed."""
    return True


def on_request(context: PanelContext, panel: LatePanel) -> bool:
    """Return False: the panel appears only when the user opens it."""
    return False


@dataclass(frozen=True)
class PanelSpec:
    """The declaration of a panel.

    Attributes:
        id: stable name, also used in the saved layout.
        title: the title of its dock, its tab and its entry in the menu of panels.
        order: sort key among the panels of one place, ascending.
        make: returns the widget, connected to its signals and showing the current state. Called
            when the panel is first needed.
        wire: binds the actions, and connects the signals that must work before the widget
            exists. Called when the window is made.
        actions: the actions that the panel adds to the window; ``wire`` binds them.
        needed: returns whether the tab of a bottom panel is needed now. Called whenever the
            window refreshes its actions. If the answer depends on another signal, the panel
            connects that signal to ``context.window.actions.refresh_soon``.
        inside: the id of an earlier panel whose dock has this panel as a page; empty for a dock
            of its own.
        ends: returns a sentence about work that ends with the window; empty for none.
    """

    id: str
    title: str
    place: Place
    order: int
    make: Callable[[PanelContext], QWidget]
    wire: Callable[[PanelContext, LatePanel], None] = lambda context, panel: None
    actions: tuple[ActionSpec, ...] = ()
    needed: Callable[[PanelContext, LatePanel], bool] = on_request
    inside: str = ""
    ends: Callable[[Any], str] = lambda _: ""


class LatePanel(QObject):
    """A panel whose widget is made at first use: when it is shown or requested, or receives a
    signal.

    Args:
        fill: puts the widget into its dock.
    """

    def __init__(
        self,
        spec: PanelSpec,
        context: PanelContext,
        fill: Callable[[QWidget], None],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._spec, self._context, self._fill = spec, context, fill
        self._widget: QWidget | None = None

    @property
    def widget(self) -> Any:
        """The panel's widget. The first access makes it."""
        if self._widget is None:
            self._widget = self._spec.make(self._context)
            self._fill(self._widget)
        return self._widget

    @property
    def made(self) -> Any:
        """The panel's widget; None if it has not been made yet."""
        return self._widget

    def make(self) -> None:
        """Make the panel's widget if it does not exist yet."""
        _ = self.widget

    def show(self) -> None:
        """Bring the panel to the front."""
        self._context.window.show_panel(self._spec.id)

    def hear(self, signal: SignalInstance, method: Callable[..., object]) -> None:
        """Call a method of the panel, on the window's thread, when a signal is emitted.

        Example: ``panel.hear(errors.recorded, LogPanel.append)``.
        """
        signal.connect(_Ear(self, method).hear)

    @property
    def ends(self) -> str:
        """A sentence about work of the panel that would end with the window; empty for none."""
        return "" if self._widget is None else self._spec.ends(self._widget)


class _Ear(QObject):
    """A receiver of a signal for a panel that may not exist yet.

    It is a QObject of the window's thread, because Qt calls a slot on the thread of its object.
    """

    def __init__(self, panel: LatePanel, method: Callable[..., object]) -> None:
        super().__init__(panel)
        self._panel, self._method = panel, method

    def hear(self, *values: object) -> None:
        self._method(self._panel.widget, *values)


class Panels(Mapping[str, QWidget]):
    """The panels of a window by id. Looking up a panel makes its widget."""

    def __init__(self, panels: Iterable[tuple[str, LatePanel]]) -> None:
        self._panels = dict(panels)

    def __getitem__(self, id: str) -> QWidget:
        return self._panels[id].widget

    def __iter__(self) -> Iterator[str]:
        return iter(self._panels)

    def __len__(self) -> int:
        return len(self._panels)

    @property
    def ends(self) -> tuple[str, ...]:
        """Sentences about the work of panels that would end with the window."""
        return tuple(filter(None, (panel.ends for panel in self._panels.values())))


def discover_panels() -> tuple[PanelSpec, ...]:
    """Return the `PANEL` of each module in this package, by place and order.

    Raises:
        ValueError: two panels have the same id.
    """
    places = list(Place)
    found = declared(panels, "PANEL")
    return tuple(sorted(found, key=lambda spec: (places.index(spec.place), spec.order)))
