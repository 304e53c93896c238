"""A field that chooses one of the document's nodes."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtGui import QKeyEvent

from nodeflow.ui.inspector.editors.editors_by_kind import QuietCombo


class NodeCombo(QuietCombo):
    """A combo box of nodes. The choices are determined when the list opens."""

    def __init__(self, choices: Callable[[], list[tuple[str, str]]]) -> None:
        super().__init__()
        self._choices = choices

    def fill(self) -> None:
        """Fill the list with all choices and the current one."""
        current, text = self.currentData(), self.currentText()
        self.clear()
        for node_id, name in self._choices():
            self.addItem(name, node_id)
        if self.findData(current) < 0:
            self.addItem(text, current)
        self.setCurrentIndex(self.findData(current))

    def showPopup(self) -> None:
        self.fill()
        super().showPopup()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self.fill()
        super().keyPressEvent(event)
