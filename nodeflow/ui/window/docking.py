"""Where the panels are: two at the sides, the others as tabs at the bottom.

Those at the bottom come and go together, and stay away until one of them is needed: the canvas has
the height. The welcome page has the window for itself.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QSize, Qt, Signal, Slot
from PySide6.QtGui import QScreen
from PySide6.QtWidgets import QMainWindow, QTabWidget, QWidget

from nodeflow.ui.actions.action_set import ActionSet, Blocked
from nodeflow.ui.core.settings import Settings
from nodeflow.ui.core.theme_manager import ThemeManager
from nodeflow.ui.window.dock import Dock

LEFT, RIGHT = "palette", "inspector"
LEFT_WIDTH, RIGHT_WIDTH, BOTTOM_HEIGHT = 224, 296, 220
FIRST_SIZE = QSize(1440, 900)
FRAME = QSize(8, 40)
"""What a window manager may put around the window."""
STATE_VERSION = 2
"""Of the saved layout; another set of panels needs another number."""


def room_on(screen: QScreen) -> QSize:
    """The largest window that a screen shows whole."""
    return screen.availableSize() - FRAME


class Docking(QObject):
    """The docks of a window. ``changed`` when one was shown or hidden.

    Args:
        panels: name, title and widget of each; the two of the sides first.
        is_aside: whether the welcome page is shown, so that there is nothing to dock to.
    """

    changed = Signal()

    def __init__(
        self,
        window: QMainWindow,
        panels: list[tuple[str, str, QWidget]],
        is_aside: Callable[[], bool],
        themes: ThemeManager,
    ) -> None:
        super().__init__(window)
        self._window, self._is_aside = window, is_aside
        self.docks: dict[str, Dock] = {}
        self.bottom = tuple(name for name, _, _ in panels if name not in (LEFT, RIGHT))
        self._set_aside: list[Dock] | None = None
        self._front = self.bottom[0]
        for name, title, panel in panels:
            self._add(name, Dock(name, title, panel, themes, tabbed=name in self.bottom))
        area = Qt.DockWidgetArea
        window.setTabPosition(area.BottomDockWidgetArea, QTabWidget.TabPosition.North)
        window.setDocumentMode(True)
        window.setCorner(Qt.Corner.BottomLeftCorner, area.LeftDockWidgetArea)
        window.setCorner(Qt.Corner.BottomRightCorner, area.RightDockWidgetArea)
        options = QMainWindow.DockOption
        window.setDockOptions(options.AllowTabbedDocks | options.AnimatedDocks)
        self.show_bottom(False)

    def _add(self, name: str, dock: Dock) -> None:
        area = Qt.DockWidgetArea
        places = {LEFT: area.LeftDockWidgetArea, RIGHT: area.RightDockWidgetArea}
        self._window.addDockWidget(places.get(name, area.BottomDockWidgetArea), dock)
        if name in self.bottom[1:]:
            self._window.tabifyDockWidget(self.docks[self.bottom[0]], dock)
        dock.visibilityChanged.connect(self._on_visibility)
        self.docks[name] = dock

    # ---- showing ----------------------------------------------------------------------------

    def show(self, name: str) -> None:
        """Bring a panel to the front."""
        if name in self.bottom:
            self.show_bottom(True)
        self.docks[name].show()
        self.docks[name].raise_()
        self.changed.emit()

    def show_bottom(self, visible: bool) -> None:
        """Show or hide the panels at the bottom."""
        docks = [self.docks[name] for name in self.bottom]
        if visible and all(dock.isHidden() for dock in docks):
            for dock in docks:
                dock.show()
            docks[0].raise_()
        elif not visible:
            for dock in docks:
                dock.hide()

    def put_aside(self, aside: bool) -> None:
        """Hide all panels for the welcome page; afterwards they are as they were."""
        if aside == (self._set_aside is not None):
            return
        if aside:
            front = (name for name in self.bottom if _is_front(self.docks[name]))
            self._front = next(front, self.bottom[0])
            self._set_aside = [dock for dock in self.docks.values() if not dock.isHidden()]
            for dock in self._set_aside:
                dock.hide()
            return
        for dock in self._set_aside or ():
            dock.show()
        self._set_aside = None
        if not self.docks[self._front].isHidden():
            self.docks[self._front].raise_()

    @Slot(bool)
    def _on_visibility(self, _: bool) -> None:
        self.changed.emit()

    # ---- actions ----------------------------------------------------------------------------

    def do_panel_left(self) -> None:
        self._toggle(LEFT)

    def do_panel_right(self) -> None:
        self._toggle(RIGHT)

    def do_panel_bottom(self) -> None:
        self.show_bottom(not self._shown(self.bottom))
        self.changed.emit()

    def _when_panels(self) -> Blocked | None:
        if self._is_aside():
            return Blocked("Panels belong to a graph: open or begin one.", "new")
        return None

    when_panel_left = when_panel_right = when_panel_bottom = _when_panels

    def check(self, actions: ActionSet) -> None:
        """Let the actions show which panels there are."""
        actions["panel_left"].setChecked(self._shown((LEFT,)))
        actions["panel_right"].setChecked(self._shown((RIGHT,)))
        actions["panel_bottom"].setChecked(self._shown(self.bottom))

    def _shown(self, names: tuple[str, ...]) -> bool:
        return any(not self.docks[name].isHidden() for name in names)

    def _toggle(self, name: str) -> None:
        self.docks[name].setVisible(self.docks[name].isHidden())
        self.changed.emit()

    # ---- remembering ------------------------------------------------------------------------

    def restore(self, settings: Settings) -> None:
        """The layout of the last time, or the first one."""
        geometry, state = settings.layout()
        window, docks = self._window, self.docks
        window.resize(FIRST_SIZE.boundedTo(room_on(window.screen())))
        sides, bottom = [docks[LEFT], docks[RIGHT]], [docks[name] for name in self.bottom]
        window.resizeDocks(sides, [LEFT_WIDTH, RIGHT_WIDTH], Qt.Orientation.Horizontal)
        window.resizeDocks(bottom, [BOTTOM_HEIGHT] * len(bottom), Qt.Orientation.Vertical)
        if geometry is not None:
            window.restoreGeometry(geometry)
        if state is not None:
            window.restoreState(state, STATE_VERSION)

    def save(self, settings: Settings) -> None:
        """Remember the layout."""
        self.put_aside(False)
        state = self._window.saveState(STATE_VERSION)
        settings.save_layout(self._window.saveGeometry(), state)


def _is_front(dock: Dock) -> bool:
    return dock.isVisible() and not dock.visibleRegion().isEmpty()
