"""Reports whether a panel is visible. Qt itself also counts a tab behind another one as visible."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal, SignalInstance, Slot
from PySide6.QtWidgets import QWidget


class InFront(QObject):
    """A boolean that is true while a panel is visible.

    If a panel has an ``in_front`` attribute, the docking connects it to the panel's dock.

    Signals:
        changed(bool): the panel has become visible or hidden.
    """

    changed = Signal(bool)

    def __init__(self, panel: QWidget) -> None:
        super().__init__(panel)
        self._panel = panel
        self._is_front = True

    def __bool__(self) -> bool:
        return self._is_front and self._panel.isVisible()

    def follow(self, place: QWidget, visibility: SignalInstance, is_front: bool) -> None:
        """Follow the visibility of the panel's dock or page, starting with its current state."""
        visibility.connect(self._on_front)
        if place.isVisible():
            self._on_front(is_front)

    @Slot(bool)
    def _on_front(self, is_front: bool) -> None:
        self._is_front = is_front
        self.changed.emit(is_front)
