"""A dialog that shows the graph as code for a library, and writes the code to a folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)

from nodeflow.errors import NodeflowError
from nodeflow.exchange.code_targets import Written, titles
from nodeflow.ui.core.concurrency.background_jobs import Background
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import column, label, row

WRITING = "Writing the code…"


class CodeDialog(QDialog):
    """A dialog with the code for a library that the user chooses.

    Attributes:
        target: id of the library, a key of `titles`.

    Args:
        code: returns the code for a target. It is called on another thread and may raise
            NodeflowError.
    """

    def __init__(self, parent: QWidget, code: Callable[[str], Written]) -> None:
        super().__init__(parent)
        self.setObjectName("exportCode")
        self.setWindowTitle("Export code")
        self._code = code
        self.choice = QComboBox()
        self.choice.setAccessibleName("Library")
        for id, title in titles().items():
            self.choice.addItem(title, id)
        self.text = QPlainTextEdit(readOnly=True)
        self.text.setAccessibleName("Code")
        self.text.setProperty("role", "mono")
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.state = label("", "muted", wrap=True)
        self.write = QPushButton("Write to a folder…")
        self.write.setProperty("kind", "primary")
        self.write.setDefault(True)
        buttons = QDialogButtonBox()
        buttons.addButton(self.write, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton("Close", QDialogButtonBox.ButtonRole.RejectRole)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        layout = column(gap=3)
        layout.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[3])
        top = row(label("Library"), self.choice, gap=2)
        top.addStretch(1)
        layout.addLayout(top)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.state)
        layout.addWidget(buttons)
        self.setLayout(layout)
        self.resize(820, 640)
        self._background = Background(self)
        self._background.done.connect(self._on_done)
        self._background.failed.connect(self._on_failed)
        self.choice.currentIndexChanged.connect(self._begin)
        self._begin()

    @property
    def target(self) -> str:
        return self.choice.currentData()

    @Slot()
    def _begin(self, _: int = 0) -> None:
        self.write.setEnabled(False)
        self.text.clear()
        self.state.setText(WRITING)
        self._background.run(partial(self._code, self.target))

    @Slot(object)
    def _on_done(self, code: Written) -> None:
        self.text.setPlainText(code.text)
        self.state.setText(code.about)
        self.write.setEnabled(True)

    @Slot(object)
    def _on_failed(self, error: NodeflowError) -> None:
        self.state.setText(error.text("window"))
        self.text.setPlaceholderText("There is no code for this library.")

    def keyPressEvent(self, event) -> None:  # type: ignore[no-untyped-def]
        if event.key() == Qt.Key.Key_Escape:
            self.reject()
            return
        super().keyPressEvent(event)
