"""Keeps the sizes of docks while the window is small, and gives them back when it is large again.

Qt squeezes docks in a small window, and leaves them so when the window grows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QDockWidget, QMainWindow

from nodeflow.ui.panels.panel import Place

ACROSS, DOWN = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
DIRECTIONS = {Place.LEFT: ACROSS, Place.RIGHT: ACROSS, Place.BOTTOM: DOWN}


class Chosen(NamedTuple):
    """A chosen width or height of docks, and the window's extent at that time."""

    size: int
    extent: int


class DockSizes(QObject):
    """The chosen sizes of the docks of a window, by place.

    The user chooses them by dragging a separator. In a smaller window they shrink with the window,
    but not below the initial sizes.

    Signals:
        settled(): the docks follow a new size of the window.
    """

    settled = Signal()

    def __init__(
        self,
        window: QMainWindow,
        places: Mapping[Place, Sequence[QDockWidget]],
        initial: Mapping[Place, int],
    ) -> None:
        super().__init__(window)
        self._window, self._places, self._initial = window, places, initial
        self._chosen: dict[Place, Chosen] = {}
        self._before: dict[Place, int] = {}
        self._resized = QTimer(self, singleShot=True, interval=0)
        self._resized.timeout.connect(self._apply)
        self._released = QTimer(self, singleShot=True, interval=0)
        self._released.timeout.connect(self._choose)
        window.installEventFilter(self)

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        """Watch the window's size, and the mouse on its separators, which are parts of it."""
        kind = event.type()
        if kind == QEvent.Type.Resize:
            self._resized.start()  # Qt does not expect docks to be resized during the event
        elif kind == QEvent.Type.MouseButtonPress:
            self._before = self._sizes()
        elif kind == QEvent.Type.MouseButtonRelease:
            self._released.start()
        return False

    def _extent(self, place: Place) -> int:
        return self._window.width() if DIRECTIONS[place] == ACROSS else self._window.height()

    def _shown(self, place: Place) -> QDockWidget | None:
        docks = self._places[place]
        return next(
            (d for d in docks if not d.isHidden() and not d.visibleRegion().isEmpty()), None
        )

    def _sizes(self) -> dict[Place, int]:
        """Return the widths at the sides, and the height at the bottom with its tabs."""
        middle = self._window.centralWidget()
        above = 0 if middle is None else middle.geometry().bottom() + 1
        return {
            place: dock.width() if DIRECTIONS[place] == ACROSS else dock.geometry().bottom() - above
            for place in Place
            if (dock := self._shown(place)) is not None
        }

    @Slot()
    def _choose(self) -> None:
        """Remember the sizes of the docks that the user has resized by dragging a separator."""
        for place, size in self._sizes().items():
            if size != self._before.get(place, size):
                self._chosen[place] = Chosen(size, self._extent(place))

    @Slot()
    def _apply(self) -> None:
        """Give docks their chosen sizes, as far as the window has room."""
        now = self._sizes()
        wanted = {place: self._wanted(place, size) for place, size in now.items()}
        for direction in (ACROSS, DOWN):
            places = [place for place in wanted if DIRECTIONS[place] == direction]
            if any(wanted[place] != now[place] for place in places):
                docks = [dock for place in places if (dock := self._shown(place)) is not None]
                self._window.resizeDocks(docks, [wanted[place] for place in places], direction)
        self.settled.emit()

    def _wanted(self, place: Place, size: int) -> int:
        extent = self._extent(place)
        chosen = self._chosen.setdefault(place, Chosen(size, extent))
        share = min(1.0, extent / chosen.extent)
        return max(round(chosen.size * share), min(chosen.size, self._initial[place]))
