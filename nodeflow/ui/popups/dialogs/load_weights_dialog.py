"""Loading weights that fit a graph only partly: for each variable the user chooses a tensor."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from nodeflow.graph.types import shape_text
from nodeflow.host.protocol import WeightsChecked
from nodeflow.number_text import counted
from nodeflow.train.saving.assignment import Kind, Taken, converted, ways
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.anchored_tips import CutTextDelegate
from nodeflow.ui.core.widgets.common_widgets import column, label, switch
from nodeflow.ui.core.widgets.plain_tips import plain_tip

VARIABLE, SHAPE, TENSOR = range(3)
TITLES = ("Variable", "Shape", "Tensor in the file")
KEEP = "Keep the current value"
ROW = 32
MOST_ROWS = 12
"""Maximum number of visible rows. A longer list scrolls."""


def ask_assign_weights(
    parent: QWidget, name: str, checked: WeightsChecked
) -> Mapping[str, Taken] | None:
    """Ask which tensor each variable takes. Return None if nothing is to be loaded."""
    dialog = WeightsDialog(parent, name, checked)
    accepted = dialog.exec() == QDialog.DialogCode.Accepted
    taken = dialog.taken() if accepted else None
    dialog.deleteLater()
    return taken


class WeightsDialog(QDialog):
    """A row for each variable, with a choice of the file's tensors that fit it."""

    def __init__(self, parent: QWidget, name: str, checked: WeightsChecked) -> None:
        super().__init__(parent)
        self.setObjectName("loadWeights")
        self.setWindowTitle("Load weights")
        self._checked = checked
        self._choices: dict[str, QComboBox] = {}
        self._unused = label("", "caption", wrap=True)
        self.table = self._make_table()
        self.load = QPushButton("")
        self.load.setDefault(True)
        self.load.setProperty("kind", "primary")
        buttons = QDialogButtonBox()
        buttons.addButton(self.load, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = column(gap=3)
        layout.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[3])
        layout.addWidget(label(f"{name} and this graph fit together only in part.", "title"))
        layout.addWidget(label("Choose what each variable takes from the file.", "muted"))
        layout.addWidget(self.table, 1)
        layout.addWidget(self._unused)
        layout.addWidget(buttons)
        self.setLayout(layout)
        self.resize(680, layout.sizeHint().height())
        self._refresh()

    def _make_table(self) -> QTableWidget:
        variables = self._checked.variables
        table = QTableWidget(len(variables), len(TITLES))
        table.setHorizontalHeaderLabels(TITLES)
        table.setAccessibleName("Variables")
        table.setProperty("role", "list")
        table.setItemDelegate(CutTextDelegate(table))
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for row, (name, kind) in enumerate(variables.items()):
            table.setItem(row, VARIABLE, QTableWidgetItem(name))
            table.setItem(row, SHAPE, QTableWidgetItem(_text(kind)))
            choice = self._choices[name] = self._make_choice(name, kind)
            table.setCellWidget(row, TENSOR, choice)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        for index, mode in (
            (VARIABLE, QHeaderView.ResizeMode.ResizeToContents),
            (SHAPE, QHeaderView.ResizeMode.ResizeToContents),
            (TENSOR, QHeaderView.ResizeMode.Stretch),
        ):
            header.setSectionResizeMode(index, mode)
        table.verticalHeader().setDefaultSectionSize(ROW)
        rows = min(len(variables), MOST_ROWS)
        table.setMinimumHeight(ROW * rows + header.sizeHint().height() + 4)
        return table

    def _make_choice(self, name: str, kind: Kind) -> QComboBox:
        """Return a combo box of the tensors that fit a variable, including those with permuted
        axes.

        The suggested tensor is selected.
        """
        choice = QComboBox()
        choice.setAccessibleName(f"Tensor for {name}")
        choice.addItem(KEEP, None)
        for tensor, there in self._checked.tensors.items():
            for axes in ways(there, kind):
                taken = Taken(tensor, axes)
                said = converted(there, kind, taken)
                choice.addItem(f"{tensor}  ({said})" if said else tensor, taken)
                if taken == self._checked.suggested.get(name):
                    choice.setCurrentIndex(choice.count() - 1)
        choice.setEnabled(choice.count() > 1)
        nothing = f"Nothing in the file is {_text(kind)}."
        choice.setToolTip("" if choice.count() > 1 else plain_tip(nothing))
        choice.currentIndexChanged.connect(self._refresh)
        return choice

    def taken(self) -> dict[str, Taken]:
        """Return the chosen tensor for each variable."""
        found = {name: choice.currentData() for name, choice in self._choices.items()}
        return {name: taken for name, taken in found.items() if taken is not None}

    def _refresh(self, _: int = 0) -> None:
        taken = self.taken()
        used = {one.tensor for one in taken.values()}
        left = [tensor for tensor in self._checked.tensors if tensor not in used]
        listed = ", ".join(left[:6]) + (f" and {len(left) - 6} more" if len(left) > 6 else "")
        self._unused.setText(f"Not used from the file: {listed}." if left else "")
        self._unused.setVisible(bool(left))
        self.load.setText(f"Load {counted(len(taken), 'variable')}" if taken else "Load")
        switch(self.load, "" if taken else "Choose a tensor for a variable.")


def _text(kind: Kind) -> str:
    return f"{kind.dtype} {shape_text(kind.shape)}"
