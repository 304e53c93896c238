"""A dialog that chooses the variables that an optimizer changes, in a tree of layers and scopes."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from nodeflow.document.to_graph.trained_variables import shortest_names, total
from nodeflow.graph.name_patterns import is_meant
from nodeflow.number_text import count
from nodeflow.ui.core.widgets.common_widgets import label

NAME = Qt.ItemDataRole.UserRole


class VariablesDialog(QDialog):
    """The choice of variables, with the number of parameters that each choice trains.

    Args:
        sizes: the number of elements of each variable that can be chosen, by name.
        names: the current names and patterns; None for all variables.
        frozen: the number of elements of each frozen variable, which the tree shows unchecked.
    """

    def __init__(
        self,
        sizes: Mapping[str, int],
        names: list[str] | None,
        parent: QWidget | None = None,
        frozen: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Variables to change")
        self.resize(460, 420)
        self._sizes = dict(sizes)
        self.tree = QTreeWidget()
        self.tree.setColumnCount(2)
        self.tree.setHeaderLabels(["Layers and variables", "Parameters"])
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.setAccessibleName("Variables to change")
        self.words = label("", "caption")
        self.buttons = buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        for widget in (self.tree, self.words, buttons):
            layout.addWidget(widget)
        self._items: dict[str, QTreeWidgetItem] = {}
        for name in self._sizes:
            is_chosen = names is None or is_meant(name, names)
            item = self._item(name)
            item.setData(0, NAME, name)
            item.setCheckState(0, Qt.CheckState.Checked if is_chosen else Qt.CheckState.Unchecked)
        self._frozen = dict(frozen or {})
        for name in self._frozen:
            self._item(name)
        every = {**self._sizes, **self._frozen}
        for path, item in self._items.items():
            inside = [n for n in every if n == path or n.startswith(f"{path}/")]
            if self._frozen and all(n in self._frozen for n in inside):
                item.setText(0, f"{item.text(0)} (frozen)")
                item.setCheckState(0, Qt.CheckState.Unchecked)
                item.setDisabled(True)
                item.setToolTip(0, "No optimizer changes it. Thaw it in the inspector.")
            item.setText(1, count(total(every, inside)))
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.tree.expandAll()
        self.tree.itemChanged.connect(self._on_changed)
        self._on_changed()

    def _item(self, path: str) -> QTreeWidgetItem:
        """Return the item of a variable or scope, created with the scopes around it."""
        if path not in self._items:
            scope, _, own = path.rpartition("/")
            item = QTreeWidgetItem([own])
            item.setFlags(
                item.flags() | Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsAutoTristate
            )
            if scope:
                self._item(scope).addChild(item)
            else:
                self.tree.addTopLevelItem(item)
            self._items[path] = item
        return self._items[path]

    def item(self, path: str) -> QTreeWidgetItem:
        """Return the item of a variable or of a scope around variables."""
        return self._items[path]

    @property
    def chosen(self) -> list[str]:
        """The names of the checked variables."""
        return [
            name for name in self._sizes if self._items[name].checkState(0) == Qt.CheckState.Checked
        ]

    @property
    def names(self) -> list[str] | None:
        """The shortest names and patterns for the choice; None for all variables."""
        chosen = self.chosen
        if len(chosen) == len(self._sizes):
            return None
        return shortest_names(chosen, list(self._sizes))

    @Slot()
    def _on_changed(self, *_: object) -> None:
        trained, whole = total(self._sizes, self.chosen), total(self._sizes, self._sizes)
        kept = total(self._frozen, self._frozen)
        others = f"; {count(kept)} are frozen" if kept else ""
        self.words.setText(f"Trains {count(trained)} of {count(whole)} parameters{others}")
        ok = self.buttons.button(QDialogButtonBox.StandardButton.Ok)
        ok.setEnabled(bool(self.chosen))  # an optimizer needs something to change
