"""The question about journals that crashes left: one line for each journal, also for damaged
ones.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from nodeflow.document.io.journal import Recoverable
from nodeflow.number_text import counted
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.anchored_tips import CutTextDelegate
from nodeflow.ui.core.widgets.common_widgets import column, label, switch
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.core.widgets.time_and_size_text import moment
from nodeflow.ui.popups.dialogs.confirmation_dialogs import CANCEL, DISCARD, SAVE

TEXT = "nodeflow quit unexpectedly. Restore your unsaved work?"
MORE = "This window opens one of them; the others stay here until the next start."

MOST_ROWS = 10
"""Maximum number of visible rows. A longer list scrolls."""


def ask_recover(parent: QWidget, found: Sequence[Recoverable]) -> tuple[str, list[Recoverable]]:
    """Ask what to do with journals of crashes.

    Return ``save`` (restore), ``discard`` or ``cancel``, and the journals that the answer
    applies to.
    """
    dialog = RecoveryDialog(parent, found)
    dialog.exec()
    answer = dialog.answer, dialog.chosen
    dialog.deleteLater()
    return answer


class RecoveryDialog(QDialog):
    """A dialog with a list of journals.

    Restore applies to one journal, Discard to all selected ones.
    """

    def __init__(self, parent: QWidget, found: Sequence[Recoverable]) -> None:
        super().__init__(parent)
        self.setObjectName("recover")
        self.setWindowTitle("Restore unsaved work")
        self.setMinimumWidth(640)
        self.answer = CANCEL
        self._found = found
        self.table = QTreeWidget()
        self.table.setItemDelegate(CutTextDelegate(self.table))
        self.table.setRootIsDecorated(False)
        self.table.setAccessibleName("Unsaved work")
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setHeaderLabels(["Graph", "Last edit", "Folder"])
        self.table.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        self.table.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        rows = [_row(item) for item in found]
        self.table.addTopLevelItems(rows)
        height = self.table.header().sizeHint().height()
        height += self.table.sizeHintForRow(0) * min(len(found), MOST_ROWS) + 2 * SPACE[1]
        self.table.setFixedHeight(height)
        self.table.itemSelectionChanged.connect(self._on_selection)
        self.table.itemDoubleClicked.connect(self._on_double_click)
        self.reason = label("", "muted", wrap=True)
        buttons = QDialogButtonBox()
        self.restore = QPushButton("Restore")
        self.restore.setProperty("kind", "primary")
        self.discard = QPushButton("Discard")
        self.later = QPushButton("Later")
        roles = QDialogButtonBox.ButtonRole
        buttons.addButton(self.restore, roles.AcceptRole)
        buttons.addButton(self.discard, roles.DestructiveRole)
        buttons.addButton(self.later, roles.RejectRole)
        self.restore.setDefault(True)
        self.restore.clicked.connect(self._on_restore)
        self.discard.clicked.connect(self._on_discard)
        buttons.rejected.connect(self.reject)
        more = label(MORE, "muted", wrap=True)
        more.setVisible(len(found) > 1)
        layout = column(label(TEXT, "strong"), more, self.table, self.reason, buttons, gap=3)
        layout.setContentsMargins(SPACE[5], SPACE[5], SPACE[5], SPACE[4])
        self.setLayout(layout)
        self.table.setCurrentItem(rows[0])

    @property
    def chosen(self) -> list[Recoverable]:
        """The journals that are selected in the list."""
        rows = (self.table.indexOfTopLevelItem(item) for item in self.table.selectedItems())
        return [self._found[row] for row in sorted(rows)]

    def _on_selection(self) -> None:
        chosen = self.chosen
        good = len(chosen) == 1 and not chosen[0].problem
        switch(self.restore, "" if good else "Select one that can be read.")
        switch(self.discard, "" if chosen else "Select the graphs to discard.")
        text = ""
        if len(chosen) == 1 and chosen[0].problem:
            text = f"It cannot be read: {chosen[0].problem}. The file is {chosen[0].journal}"
        elif len(chosen) > 1:
            text = f"{counted(len(chosen), 'graph')} selected. Restore one at a time."
        self.reason.setText(text)

    def _on_restore(self) -> None:
        self.answer = SAVE
        self.accept()

    def _on_discard(self) -> None:
        self.answer = DISCARD
        self.accept()

    def _on_double_click(self) -> None:
        if self.restore.isEnabled():
            self._on_restore()


def name_of(item: Recoverable) -> str:
    """Return the name of a journal's document."""
    if item.problem:
        return "Damaged"
    name = item.document.name if item.document else "Untitled graph"
    return f"{name} with trained weights" if item.weights else name


def _row(item: Recoverable) -> QTreeWidgetItem:
    folder = str(item.document.parent) if item.document else ""
    row = QTreeWidgetItem([name_of(item), moment(item.modified), folder])
    row.setToolTip(0, plain_tip(str(item.document or item.journal)))
    row.setData(1, Qt.ItemDataRole.ToolTipRole, time.ctime(item.modified))
    return row
