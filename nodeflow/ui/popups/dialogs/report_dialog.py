"""The contents of a problem report, shown to the user before the report is written."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from nodeflow.host.problem_report.collect_report import Part
from nodeflow.number_text import bytes_text
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.anchored_tips import CutTextDelegate
from nodeflow.ui.core.widgets.common_widgets import column, label

TEXT = (
    "A report helps to find the cause of a problem. Below is all that it holds: no data, no names, "
    "and no graph unless you add it. Nothing is sent: save it, and attach it yourself."
)


class ReportDialog(QDialog):
    """A dialog with a list of a report's parts. Selecting a part shows its content.

    Signals:
        save_wanted(): write the report.
    """

    save_wanted = Signal()

    def __init__(self, parent: QWidget, title: str) -> None:
        super().__init__(parent)
        self.setObjectName("report")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Report a problem")
        self.resize(780, 520)
        self._parts: Sequence[Part] = ()
        self.table = QTreeWidget()
        self.table.setItemDelegate(CutTextDelegate(self.table))
        self.table.setRootIsDecorated(False)
        self.table.setAccessibleName("Files of the report")
        self.table.setHeaderLabels(["File", "Size"])
        self.table.header().setStretchLastSection(False)
        self.table.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.table.currentItemChanged.connect(self._on_current)
        self.what = label("", "muted")
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setAccessibleName("Content of the file")
        self.text.setProperty("role", "mono")
        self.text.setPlainText("Collecting…")
        self.graph = QCheckBox(f"Add the graph {title}")
        self.save = QPushButton("Save…")
        self.save.setProperty("kind", "primary")
        self.save.setEnabled(False)
        self.save.setToolTip("What is in the report is still being collected")
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        box.addButton(self.save, QDialogButtonBox.ButtonRole.ActionRole)
        self.save.clicked.connect(self.save_wanted)
        box.rejected.connect(self.reject)
        right = QWidget()
        right.setLayout(column(self.what, self.text, gap=1))
        split = QSplitter()
        split.addWidget(self.table)
        split.addWidget(right)
        split.setSizes([240, 500])
        split.setStretchFactor(1, 1)
        split.setChildrenCollapsible(False)
        layout = column(label(TEXT, wrap=True), split, self.graph, box, gap=3)
        layout.setStretch(1, 1)
        layout.setContentsMargins(SPACE[5], SPACE[5], SPACE[5], SPACE[4])
        self.setLayout(layout)

    def show_parts(self, parts: Sequence[Part]) -> None:
        """List the parts of the report."""
        current = max(0, self.table.currentIndex().row())
        self._parts = parts
        self.table.clear()
        for part in parts:
            item = QTreeWidgetItem([part.name, bytes_text(len(part.content))])
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.table.addTopLevelItem(item)
        self.save.setEnabled(True)
        self.save.setToolTip("")
        model = self.table.model()
        self.table.setCurrentIndex(model.index(min(current, len(parts) - 1), 0))

    def show_problem(self, text: str) -> None:
        """Show the reason why there is no report."""
        self.text.setPlainText(text)

    def _on_current(self, *_: object) -> None:
        index = self.table.currentIndex().row()
        if 0 <= index < len(self._parts):
            part = self._parts[index]
            self.what.setText(part.what[:1].upper() + part.what[1:])
            self.text.setPlainText(part.content.decode(errors="replace"))
