"""The earlier versions of a file: time, reason and size, with actions on a version."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QPushButton,
    QSpinBox,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from nodeflow.document.io.backups import Backup, Kind
from nodeflow.number_text import bytes_text
from nodeflow.ui.core.state.user_settings import MOST_BACKUPS
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.anchored_tips import CutTextDelegate
from nodeflow.ui.core.widgets.common_widgets import column, label, padded, row, switch
from nodeflow.ui.core.widgets.time_and_size_text import moment

KINDS: dict[Kind, str] = {
    "saved": "Saved",
    "replaced": "From elsewhere, before you overwrote it",
    "left": "Yours, before you chose another version",
}
COPY, COMPARE, RESTORE, CLOSE = "copy", "compare", "restore", "close"
NONE = "No earlier version of this file is kept yet. Saving keeps what was there before."


class VersionsDialog(QDialog):
    """A dialog with a list of versions.

    ``answer`` is the action that the user wants for the ``chosen`` one.
    """

    def __init__(
        self,
        parent: QWidget,
        name: str,
        versions: list[Backup],
        present: str | None,
        most: int,
        on_most: Callable[[int], None],
    ) -> None:
        """Lay out the dialog.

        Args:
            present: the digest of the file's contents.
            most: number of saves that are kept.
            on_most: called when the user changes that number.
        """
        super().__init__(parent)
        self.setObjectName("versions")
        self.setWindowTitle("Earlier versions")
        self.setMinimumSize(600, 380)
        self.answer = CLOSE
        self._versions, self._present = versions, present
        self.table = QTreeWidget()
        self.table.setItemDelegate(CutTextDelegate(self.table))
        self.table.setRootIsDecorated(False)
        self.table.setAccessibleName("Earlier versions")
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setHeaderLabels(["Date", "Size", "Version"])
        for index in (0, 1):
            mode = QHeaderView.ResizeMode.ResizeToContents
            self.table.header().setSectionResizeMode(index, mode)
        rows = [self._row(version) for version in versions]
        self.table.addTopLevelItems(rows)
        self.table.itemSelectionChanged.connect(self._on_selection)
        self.count = padded(QSpinBox())
        self.count.setAccessibleName("Saves of each file to keep")
        self.count.setRange(0, MOST_BACKUPS)
        self.count.setValue(most)
        self.count.valueChanged.connect(on_most)
        self.buttons = {
            COPY: QPushButton("Open a copy"),
            COMPARE: QPushButton("Compare…"),
            RESTORE: QPushButton("Restore"),
            CLOSE: QPushButton("Close"),
        }
        self.buttons[COPY].setProperty("kind", "primary")
        self.buttons[COPY].setDefault(True)
        box = QDialogButtonBox()
        for answer, button in self.buttons.items():
            role = "RejectRole" if answer == CLOSE else "ActionRole"
            box.addButton(button, QDialogButtonBox.ButtonRole[role])
            if answer != CLOSE:
                button.clicked.connect(partial(self._finish, answer))
        box.rejected.connect(self.reject)
        none = label(NONE, "muted", wrap=True)
        none.setVisible(not versions)
        self.table.setVisible(bool(versions))
        keep = row(label("Keep the last"), self.count, label("saves of each file"), None, gap=2)
        title = label(f"Earlier versions of {name}", "strong")
        layout = column(title, none, self.table, keep, box, gap=3)
        if not versions:
            layout.insertStretch(2, 1)
        layout.setContentsMargins(SPACE[5], SPACE[5], SPACE[5], SPACE[4])
        self.setLayout(layout)
        self._on_selection()
        if rows:
            self.table.setCurrentItem(next((r for r in rows if not _is_present(r)), rows[0]))

    @property
    def chosen(self) -> Backup | None:
        """The version that is selected in the list."""
        selected = self.table.selectedItems()
        return self._versions[self.table.indexOfTopLevelItem(selected[0])] if selected else None

    def _row(self, version: Backup) -> QTreeWidgetItem:
        present = version.digest == self._present and version.kind == "saved"
        what = "In the file now" if present else KINDS[version.kind]
        found = QTreeWidgetItem([moment(version.time), bytes_text(version.size), what])
        found.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        found.setData(0, Qt.ItemDataRole.UserRole, present)
        return found

    def _on_selection(self) -> None:
        for answer, button in self.buttons.items():
            works = answer == CLOSE or self.chosen is not None
            switch(button, "" if works else "Select a version.")

    def _finish(self, answer: str) -> None:
        self.answer = answer
        self.accept()


def _is_present(item: QTreeWidgetItem) -> bool:
    return bool(item.data(0, Qt.ItemDataRole.UserRole))
