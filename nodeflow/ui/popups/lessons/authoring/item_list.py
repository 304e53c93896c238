"""A list of the steps or checks of a lesson, with buttons that add, move and remove them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from nodeflow.lessons.authoring import edits
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.widgets.common_widgets import button, column, row, switch

WIDTH = 220
ID = Qt.ItemDataRole.UserRole


class ItemList(QWidget):
    """The items of one kind, by title.

    Args:
        kind: ``steps`` or ``checks``.
        noun: one item in words.
        add: the widget that adds one.

    Signals:
        chosen: another item is current.
    """

    chosen = Signal()

    def __init__(self, workspace: Workspace, kind: str, noun: str, add: QWidget) -> None:
        super().__init__()
        self._workspace, self._kind = workspace, kind
        self.list = QListWidget()
        self.list.setAccessibleName(f"{noun.capitalize()}s")
        self.list.currentRowChanged.connect(self._on_row)
        self.up = button("Up", "", partial(self._move, -1))
        self.down = button("Down", "", partial(self._move, 1))
        self.remove = button("Remove", "", self._remove)
        self._noun = noun
        self.setFixedWidth(WIDTH)
        self.setLayout(column(self.list, add, row(self.up, self.down, self.remove)))

    @property
    def current(self) -> str:
        """The id of the chosen item; empty for none."""
        found = self.list.currentItem()
        return found.data(ID) if found is not None else ""

    def show_items(self, items: Sequence[tuple[str, str]]) -> None:
        """Show items by id and title; the chosen one stays chosen."""
        before = self.current
        ids = [id for id, _ in items]
        with QSignalBlocker(self.list):
            if [self.list.item(n).data(ID) for n in range(self.list.count())] != ids:
                self.list.clear()
                for id in ids:
                    item = QListWidgetItem()
                    item.setData(ID, id)
                    self.list.addItem(item)
                row_now = ids.index(before) if before in ids else min(0, len(ids) - 1)
                self.list.setCurrentRow(row_now)
            for number, (_, title) in enumerate(items):
                self.list.item(number).setText(title)
        none = "" if items else f"There is no {self._noun}."
        for widget in (self.up, self.down, self.remove):
            switch(widget, none)
        if self.current != before:
            self.chosen.emit()

    def choose(self, id: str) -> None:
        """Make an item the current one."""
        for number in range(self.list.count()):
            if self.list.item(number).data(ID) == id:
                self.list.setCurrentRow(number)

    def _on_row(self, _: int) -> None:
        self.chosen.emit()

    def _move(self, by: int) -> None:
        edits.move_item(self._workspace.root, self._kind, self.current, by)

    def _remove(self) -> None:
        edits.drop_item(self._workspace.root, self._kind, self.current)
