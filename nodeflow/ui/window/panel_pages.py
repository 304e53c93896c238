"""Panels as pages of one dock: a row of tabs above a stack of pages."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QDockWidget, QStackedWidget, QTabBar, QVBoxLayout, QWidget

from nodeflow.ui.core.theming.theme import SPACE

BAR_HEIGHT = 32


class PanelPage(QWidget):
    """The place of one panel in a dock, empty until the panel is made.

    Signals:
        needed(): the page became visible without a panel.
        visibilityChanged(bool): the page became visible or hidden.
    """

    needed = Signal()
    visibilityChanged = Signal(bool)

    def __init__(self, dock: QDockWidget, empty: QSize) -> None:
        super().__init__(dock)
        self.setMinimumSize(empty)
        self._panel: QWidget | None = None
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        dock.visibilityChanged.connect(self._on_visibility)

    @property
    def is_front(self) -> bool:
        return self.isVisible() and not self.visibleRegion().isEmpty()

    def put(self, panel: QWidget) -> None:
        """Insert the panel's widget."""
        self._panel = panel
        self.setMinimumSize(0, 0)
        self._layout.addWidget(panel)
        panel.show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._on_visibility(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._on_visibility(False)

    @Slot(bool)
    def _on_visibility(self, is_front: bool) -> None:
        is_front = is_front and self.isVisible()
        if is_front and self._panel is None:
            self.needed.emit()
        self.visibilityChanged.emit(is_front)


class PanelPages(QWidget):
    """The pages of a dock, with a tab for each.

    Args:
        empty: minimum size of a page whose panel is not made yet.
    """

    def __init__(self, dock: QDockWidget, title: str, empty: QSize) -> None:
        super().__init__(dock)
        self._dock = dock
        self.bar = QTabBar()
        self.bar.setAccessibleName(f"Pages of {title}")
        self.bar.setProperty("role", "inner")
        self.bar.setDrawBase(False)
        self.bar.setExpanding(False)
        self._stack = QStackedWidget()
        self._empty = empty - QSize(SPACE[1], BAR_HEIGHT)
        self.bar.currentChanged.connect(self._stack.setCurrentIndex)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[1], 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.bar)
        layout.addWidget(self._stack, 1)
        self.first = self.add(title)

    def add(self, title: str) -> PanelPage:
        """Return a new page at the end."""
        page = PanelPage(self._dock, self._empty)
        self._stack.addWidget(page)
        self.bar.addTab(title)
        return page

    def open(self, page: PanelPage) -> None:
        """Bring a page to the front."""
        self.bar.setCurrentIndex(self._stack.indexOf(page))
