"""Dock widgets with a plain title line. Docks at the bottom are tabs and have no title line."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QDockWidget, QFrame, QHBoxLayout, QMainWindow, QToolButton, QWidget

from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import label
from nodeflow.ui.core.widgets.panel_visibility import InFront
from nodeflow.ui.core.widgets.shown_on_hover import ShownOnHover
from nodeflow.ui.window.panel_pages import PanelPage, PanelPages

NO_FOCUS = Qt.FocusPolicy.NoFocus
BOTTOM_ROOM = QSize(752, 208)
"""Size hint of every bottom panel in pixels, so that panels made later do not resize the dock
area.
"""


class DockTitle(QFrame):
    """The title line of a panel, with a button that hides the panel.

    The button is shown while the user is at the panel.
    """

    def __init__(self, title: str, dock: QDockWidget, themes: ThemeManager) -> None:
        super().__init__(dock)
        self.setObjectName("panelHeader")
        self._cross = QToolButton()
        self._cross.setAccessibleName(f"Hide {title}")
        self._cross.setToolTip("Hide (the toolbar brings it back)")
        self._cross.clicked.connect(dock.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE[3], SPACE[2], SPACE[2], SPACE[1])
        layout.addWidget(label(title, "strong"))
        layout.addStretch(1)
        layout.addWidget(self._cross)
        ShownOnHover(self._cross, dock)
        themes.follow(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._cross.setIcon(icon("x", theme, "ink_faint", 14))


class Dock(QDockWidget):
    """A dock for a panel, empty until the panel is made.

    Args:
        tabbed: whether the dock is one of several tabs, which show its name.

    Signals:
        needed(): the dock came to the front without a panel.
    """

    needed = Signal()

    def __init__(
        self,
        window: QMainWindow,
        name: str,
        title: str,
        themes: ThemeManager,
        tabbed: bool = False,
    ) -> None:
        super().__init__(title, window)  # setting a parent later would style the dock again
        self.setObjectName(name)
        self._empty = QWidget()
        self._pages: PanelPages | None = None
        self.setWidget(self._empty)
        self.setFeatures(
            QDockWidget.DockWidgetFeature.DockWidgetClosable
            | QDockWidget.DockWidgetFeature.DockWidgetMovable
        )
        if tabbed:
            empty = QWidget()
            empty.setFixedHeight(0)
            self.setTitleBarWidget(empty)
            self._empty.setMinimumSize(BOTTOM_ROOM)
            self.setAllowedAreas(Qt.DockWidgetArea.BottomDockWidgetArea)
        else:
            self.setTitleBarWidget(DockTitle(title, self, themes))
        self.visibilityChanged.connect(self._on_visibility)

    @property
    def is_front(self) -> bool:
        """Whether the panel is visible. Qt also counts a tab behind another one as visible."""
        return self.isVisible() and not self.visibleRegion().isEmpty()

    def fill(self, panel: QWidget) -> None:
        """Insert the panel into the dock, and into the Tab key order at the dock's place."""
        if self._pages is not None:
            self.fill_page(self._pages.first, panel)
            return
        self.setWidget(panel)
        self._empty.deleteLater()
        self._put_in_order(self, panel)
        _follow(panel, self)

    def add_page(self, title: str) -> PanelPage:
        """Return a page for another panel in this dock.

        The dock's own panel becomes the first page.
        """
        if self._pages is None:
            self._pages = PanelPages(self, self.windowTitle(), BOTTOM_ROOM)
            self._pages.first.needed.connect(self.needed)
            self.setWidget(self._pages)
            self._empty.deleteLater()
        return self._pages.add(title)

    def fill_page(self, page: PanelPage, panel: QWidget) -> None:
        """Insert a panel into a page."""
        page.put(panel)
        self._put_in_order(page, panel)
        _follow(panel, page)

    def open_page(self, page: PanelPage | None) -> None:
        """Bring a page, or the dock's own panel, to the front."""
        if self._pages is not None:
            self._pages.open(page or self._pages.first)

    @Slot(bool)
    def _on_visibility(self, is_front: bool) -> None:
        if is_front and self._pages is None and self.widget() is self._empty:
            self.needed.emit()

    def _put_in_order(self, place: QWidget, panel: QWidget) -> None:
        """Insert a panel into the Tab key order at its place. Qt would append it at the end."""
        # nextInFocusChain cannot be used here: PySide would destroy one widget together with the
        # other.
        parts = [each for each in panel.findChildren(QWidget) if each.window() is self.window()]
        # setTabOrder ignores widgets that cannot take the focus
        place.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        takers = (each for each in (place, panel, *parts) if each.focusPolicy() is not NO_FOCUS)
        for before, after in pairwise(takers):
            self.setTabOrder(before, after)
        place.setFocusPolicy(NO_FOCUS)


def _follow(panel: QWidget, place: Dock | PanelPage) -> None:
    """If a panel has an ``in_front`` attribute, connect it to the visibility of its place."""
    in_front = getattr(panel, "in_front", None)
    if isinstance(in_front, InFront):
        in_front.follow(place, place.visibilityChanged, place.is_front)
