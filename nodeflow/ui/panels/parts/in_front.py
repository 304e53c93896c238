"""Whether a panel can be seen: Qt counts a tab behind another one as visible."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QDockWidget, QWidget


class InFront(QObject):
    """True while a panel can be seen. The docking lets it follow the dock of a panel that has one
    as its attribute ``in_front``.

    Signals:
        changed(bool): the panel has come to the front, or gone behind another one.
    """

    changed = Signal(bool)

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._panel = panel
        self._is_front = True

    def __bool__(self) -> bool:
        return self._is_front and self._panel.isVisible()

    def follow(self, dock: QDockWidget, is_front: bool) -> None:
        """Follow the dock that the panel is in, which is in front or not."""
        dock.visibilityChanged.connect(self._on_front)
        if dock.isVisible():
            self._on_front(is_front)

    @Slot(bool)
    def _on_front(self, is_front: bool) -> None:
        self._is_front = is_front
        self.changed.emit(is_front)
