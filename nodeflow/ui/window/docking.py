"""The placement of panels: at the two sides, and as tabs at the bottom.

The bottom panels are shown and hidden together. They stay hidden until one is needed, to leave
the height to the canvas. A panel has a tab while its declaration says that it is needed, or
while the user wants it. A tab that is no longer needed stays as long as it is in front. The
welcome page shows no panels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial

from PySide6.QtCore import QObject, QSize, Qt, Slot
from PySide6.QtGui import QAction, QScreen
from PySide6.QtWidgets import QMainWindow, QMenu, QTabWidget, QWidget

from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.core import reduced_motion
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.pages.page_stack import PageStack
from nodeflow.ui.panels.panel import PanelSpec, Place, always
from nodeflow.ui.window.dock import Dock
from nodeflow.ui.window.dock_sizes import DockSizes
from nodeflow.ui.window.panel_pages import PanelPage
from nodeflow.ui.window.panel_tabs import PanelTabs

LEFT_WIDTH, RIGHT_WIDTH, BOTTOM_HEIGHT = 224, 296, 220
FIRST_SIZE = QSize(1440, 900)
FRAME = QSize(8, 40)
"""Maximum size of the frame that a window manager adds around the window, in pixels."""
NARROW = 1400
"""Window width in pixels below which the left panel is hidden if the graph needs its space."""
STATE_VERSION = 3
"""Version of the saved layout. A panel that is missing in a saved layout gets its initial place."""
AREAS = {
    Place.LEFT: Qt.DockWidgetArea.LeftDockWidgetArea,
    Place.RIGHT: Qt.DockWidgetArea.RightDockWidgetArea,
    Place.BOTTOM: Qt.DockWidgetArea.BottomDockWidgetArea,
}


def room_on(screen: QScreen) -> QSize:
    """Return the size of the largest window that fits the screen."""
    return screen.availableSize() - FRAME


class Docking(QObject):
    """The docks of a window, and the actions that show and hide them.

    Attributes:
        menu: the menu of all bottom panels, which opens and closes them.
        sizes: the chosen sizes of the docks.
    """

    def __init__(
        self,
        window: QMainWindow,
        pages: PageStack,
        themes: ThemeManager,
        actions: ActionSet,
        settings: Settings,
    ) -> None:
        super().__init__(window)
        self._settings = settings
        self._chosen = settings.panel_choices()
        """Bottom panels that the user opened or closed, contrary to whether they are needed."""
        self._needs: dict[str, Callable[[], bool]] = {}
        self._fixed: set[str] = set()
        self._pages_of: dict[str, tuple[Dock, PanelPage]] = {}
        self.menu = QMenu(window)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.tabs = PanelTabs(
            window, themes, self.menu, self._close_titled, self._can_close, self._bottom_width
        )
        self._window, self._pages = window, pages
        self._themes, self._actions = themes, actions
        self.docks: dict[str, Dock] = {}
        self._places: dict[Place, list[Dock]] = {place: [] for place in Place}
        initial = dict(zip(Place, (LEFT_WIDTH, RIGHT_WIDTH, BOTTOM_HEIGHT), strict=True))
        self.sizes = DockSizes(window, self._places, initial)
        self.sizes.settled.connect(self._on_settled)
        self._set_aside: list[Dock] | None = None
        self._front: Dock | None = None
        self._gave_way: list[Dock] = []
        self._for_stage: list[Dock] = []
        """Docks that are hidden while the stage uses their place."""
        self._stays = False
        """Whether the user opened the left panel, so that it is not hidden for a graph."""
        area = Qt.DockWidgetArea
        window.setTabPosition(area.BottomDockWidgetArea, QTabWidget.TabPosition.North)
        window.setDocumentMode(True)
        window.setCorner(Qt.Corner.BottomLeftCorner, area.LeftDockWidgetArea)
        window.setCorner(Qt.Corner.BottomRightCorner, area.RightDockWidgetArea)
        options = QMainWindow.DockOption
        still = reduced_motion.is_reduced()
        animated = options(0) if still else options.AnimatedDocks
        window.setDockOptions(options.AllowTabbedDocks | animated)
        pages.page_changed.connect(self._follow_page)
        actions.refreshing.connect(self._check)
        actions.refreshing.connect(self._follow_needs)
        actions.bind(
            {
                f"panel_{place.value}": Binding(partial(self._toggle, place), self._aside_blocked)
                for place in Place
            }
        )

    def add(self, spec: PanelSpec) -> Dock | PanelPage:
        """Add the dock of a panel, or its page in the dock of another panel.

        Bottom docks stay hidden until they are needed.
        """
        if spec.inside:
            host = self.docks[spec.inside]
            page = host.add_page(spec.title)
            self._pages_of[spec.id] = host, page
            return page
        bottom = spec.place is Place.BOTTOM
        dock = Dock(self._window, spec.id, spec.title, self._themes, tabbed=bottom)
        self._window.addDockWidget(AREAS[spec.place], dock)
        others = self._places[spec.place]
        if bottom and others:
            self._window.tabifyDockWidget(others[0], dock)
        if bottom:
            dock.hide()
        dock.visibilityChanged.connect(self._on_visibility)
        others.append(dock)
        self.docks[spec.id] = dock
        if spec.needed is always:
            self._fixed.add(spec.id)
        return dock

    def follow_need(self, name: str, need: Callable[[], bool]) -> None:
        """Call ``need`` whenever the actions are refreshed, to learn whether a bottom panel is
        needed.
        """
        if name in self.docks and self.docks[name] in self._places[Place.BOTTOM]:
            self._needs[name] = need

    def fill(self, name: str, panel: QWidget) -> None:
        """Put a panel into its dock or page."""
        if name in self._pages_of:
            host, page = self._pages_of[name]
            host.fill_page(page, panel)
        else:
            self.docks[name].fill(panel)

    # ---- showing ----------------------------------------------------------------------------

    def show(self, name: str) -> None:
        """Bring a panel to the front. For a bottom panel, show all needed bottom panels."""
        host, page = self._pages_of.get(name, (None, None))
        dock = host or self.docks[name]
        dock.open_page(page)
        if dock in self._places[Place.BOTTOM]:
            self._remember(dock.objectName(), True)
            self._show_bottom(True)
        dock.show()
        dock.raise_()
        self._actions.refresh_soon()

    def begin_anew(self) -> None:
        """Bring the first bottom tab to the front, because a document was opened."""
        self._front = None
        first = self._places[Place.BOTTOM][0]
        if not first.isHidden():
            first.raise_()

    def visible_panels(self) -> list[QWidget]:
        """Return the visible panels in the order of their docks."""
        return [dock.widget() for dock in self.docks.values() if dock.is_front]

    def _show_bottom(self, visible: bool) -> None:
        docks = self._places[Place.BOTTOM]
        if visible and all(dock.isHidden() for dock in docks):
            _set_visible([dock for dock in docks if self._is_wanted(dock.objectName())], True)
            docks[0].raise_()
        elif not visible:
            _set_visible(docks, False)

    # ---- needs ------------------------------------------------------------------------------

    def choose(self, name: str, visible: bool) -> None:
        """Open or close a bottom panel as the user chose, in this window and later ones."""
        if visible:
            self.show(name)
        elif name not in self._fixed:
            self._remember(name, False)
            self.docks[name].hide()

    def _remember(self, name: str, visible: bool) -> None:
        self._chosen.pop(name, None)
        if visible != self._is_wanted(name):
            self._chosen[name] = visible
        self._settings.set_panel_choices(self._chosen)

    def _is_wanted(self, name: str) -> bool:
        need = self._needs.get(name)
        return self._chosen.get(name, need is not None and need())

    @Slot()
    def _follow_needs(self) -> None:
        """Show the tabs of needed panels, without bringing them to the front."""
        if not self._shows(Place.BOTTOM):
            return
        front = next((dock for dock in self._places[Place.BOTTOM] if dock.is_front), None)
        for name in self._needs:
            dock, wanted = self.docks[name], self._is_wanted(name)
            if wanted != dock.isHidden() or (not wanted and dock is front):
                continue
            dock.setVisible(wanted)
            if wanted and front is not None:
                front.raise_()
        self.tabs.look()

    @Slot()
    def _fill_menu(self) -> None:
        self.menu.clear()
        for name, dock in self.docks.items():
            if dock not in self._places[Place.BOTTOM]:
                continue
            action = self.menu.addAction(dock.windowTitle())
            action.setCheckable(True)
            action.setChecked(not dock.isHidden())
            action.setData(name)
            action.triggered.connect(self._on_chosen)

    @Slot()
    def _on_chosen(self) -> None:
        action = self.sender()
        assert isinstance(action, QAction)
        name = action.data()
        self.choose(name, action.isChecked() or name in self._fixed)

    def _titled(self, title: str) -> str:
        """Return the id of the bottom panel with a title; empty if there is none."""
        docks = self.docks.items()
        return next((name for name, dock in docks if dock.windowTitle() == title), "")

    def _can_close(self, title: str) -> bool:
        return self._titled(title) not in ("", *self._fixed)

    def _bottom_width(self) -> int:
        return max(
            (dock.width() for dock in self._places[Place.BOTTOM] if dock.is_front), default=0
        )

    def _close_titled(self, title: str) -> None:
        self.choose(self._titled(title), False)

    @Slot()
    def _follow_page(self) -> None:
        self._put_aside(self._pages.shows_welcome)

    def _put_aside(self, aside: bool) -> None:
        """Hide all panels for the welcome page, or restore them afterwards."""
        if aside == (self._set_aside is not None):
            return
        if aside:
            self._front = next((dock for dock in self._places[Place.BOTTOM] if dock.is_front), None)
            self._set_aside = [dock for dock in self.docks.values() if not dock.isHidden()]
            _set_visible(self._set_aside, False)
            return
        _set_visible(self._set_aside or (), True)
        self._set_aside = None
        bottom = self._places[Place.BOTTOM]
        front = self._front or (bottom[0] if bottom else None)
        if front is not None and not front.isHidden():
            front.raise_()

    def make_room(self, is_cramped: bool) -> None:
        """Hide the left panel if a graph needs its space in a narrow window.

        Show it again for another graph.
        """
        left = self._places[Place.LEFT]
        if is_cramped and self._window.width() < NARROW and not self._stays:
            shown = [dock for dock in left if not dock.isHidden()]
            self._gave_way += shown
            _set_visible(shown, False)
        elif not is_cramped:
            self._give_back()

    @Slot()
    def _on_settled(self) -> None:
        """Show the left panel again in a window that has become wide."""
        if self._window.width() >= NARROW:
            self._give_back()

    def _give_back(self) -> None:
        gave_way, self._gave_way = self._gave_way, []
        _set_visible(gave_way, True)

    def leave_to_stage(self, places: Collection[Place]) -> None:
        """Hide the panels at these places to make room for the stage.

        Show hidden panels at other places again.
        """
        taken = [dock for place in places for dock in self._places[place]]
        back = [dock for dock in self._for_stage if dock not in taken]
        shown = [dock for dock in taken if not dock.isHidden()]
        self._for_stage = [d for d in self._for_stage if d in taken] + shown
        _set_visible(shown, False)
        _set_visible(back, True)
        front = next((dock for dock in back if dock in self._places[Place.BOTTOM]), None)
        if front is not None:
            front.raise_()

    @Slot(bool)
    def _on_visibility(self, _: bool) -> None:
        self._actions.refresh_soon()
        self.tabs.look()

    # ---- actions ----------------------------------------------------------------------------

    def _toggle(self, place: Place) -> None:
        visible = not self._shows(place)
        if place is Place.BOTTOM:
            self._show_bottom(visible)
        else:
            _set_visible(self._places[place], visible)
        if place is Place.LEFT:
            self._gave_way, self._stays = [], visible
        self._actions.refresh_soon()

    def _aside_blocked(self) -> Blocked | None:
        if self._pages.shows_welcome:
            return Blocked("Panels need a graph. Open one or create a new one.", "new")
        return None

    def _check(self) -> None:
        """Set the check marks of the actions to the panels that are shown."""
        for place in Place:
            self._actions[f"panel_{place.value}"].setChecked(self._shows(place))

    def _shows(self, place: Place) -> bool:
        return any(not dock.isHidden() for dock in self._places[place])

    # ---- remembering ------------------------------------------------------------------------

    def restore(self, settings: Settings) -> None:
        """Restore the saved layout, or set the initial one."""
        geometry, state = settings.layout()
        window, places = self._window, self._places
        window.resize(FIRST_SIZE.boundedTo(room_on(window.screen())))
        left, right, bottom = (places[place] for place in Place)
        widths = [LEFT_WIDTH] * len(left) + [RIGHT_WIDTH] * len(right)
        window.resizeDocks([*left, *right], widths, Qt.Orientation.Horizontal)
        window.resizeDocks(bottom, [BOTTOM_HEIGHT] * len(bottom), Qt.Orientation.Vertical)
        if geometry is not None:
            window.restoreGeometry(geometry)
        if state is not None:
            window.restoreState(state, STATE_VERSION)
            self._put_in_order()

    def _put_in_order(self) -> None:
        """Make all bottom panels tabs in their declared order.

        Qt restores only those that were shown.
        """
        first, *others = self._places[Place.BOTTOM]
        is_open = self._shows(Place.BOTTOM)
        for dock in others:
            self._window.tabifyDockWidget(first, dock)
            dock.setVisible(is_open and self._is_wanted(dock.objectName()))
        first.setVisible(is_open)
        first.raise_()

    def save(self, settings: Settings) -> None:
        """Store the layout in the settings."""
        self._put_aside(False)
        self.leave_to_stage(())
        self._give_back()
        state = self._window.saveState(STATE_VERSION)
        settings.save_layout(self._window.saveGeometry(), state)


def _set_visible(docks: Sequence[Dock], visible: bool) -> None:
    for dock in docks:
        dock.setVisible(visible)
