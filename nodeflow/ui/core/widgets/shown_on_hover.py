"""A button that is shown only while the user is at its place."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Slot
from PySide6.QtWidgets import QApplication, QWidget


class ShownOnHover(QObject):
    """Shows a button while the pointer is over an area or the keyboard focus is within it.

    The button keeps its space while it is hidden, so that nothing moves.
    """

    def __init__(self, button: QWidget, area: QWidget) -> None:
        super().__init__(area)
        self._button, self._area = button, area
        policy = button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        button.setSizePolicy(policy)
        button.hide()
        area.installEventFilter(self)
        QApplication.instance().focusChanged.connect(self._on_focus)  # pyright: ignore

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Enter, QEvent.Type.Leave):
            self._show(QApplication.focusWidget())
        return super().eventFilter(watched, event)

    @Slot(QWidget, QWidget)
    def _on_focus(self, _: QWidget | None, now: QWidget | None) -> None:
        self._show(now)

    def _show(self, focus: QWidget | None) -> None:
        is_within = focus is not None and self._area.isAncestorOf(focus)
        self._button.setVisible(is_within or self._area.underMouse())
