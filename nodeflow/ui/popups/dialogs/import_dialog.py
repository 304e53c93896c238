"""Asks for the target file of an imported model, and shows that the model is being read."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QWidget,
)

from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import column, label
from nodeflow.ui.core.widgets.escaped_text import in_title

TEXT = (
    "The model becomes a graph of nodes, with its weights in a file beside it. Nothing of the "
    "model is executed."
)


class ImportDialog(QDialog):
    """A dialog that stays open until the model is read, or the user cancels.

    Signals:
        wanted(target, trainable): read the model into this file.
    """

    wanted = Signal(object, bool)

    def __init__(self, parent: QWidget, source: Path, target: Path) -> None:
        super().__init__(parent)
        self.setObjectName("importDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(in_title(f"Open {source.name}"))
        self.setMinimumWidth(520)
        self.replaces: Path | None = None
        self.target = QLineEdit(str(target))
        self.target.setAccessibleName("File of the graph")
        self.browse = QPushButton("Choose…")
        self.browse.setToolTip("Choose another file for the graph")
        self.browse.clicked.connect(self._browse)
        place = QHBoxLayout()
        place.setSpacing(SPACE[2])
        place.addWidget(self.target, 1)
        place.addWidget(self.browse)
        self.trainable = QCheckBox("Let trainings change the weights")
        self.trainable.setToolTip("Otherwise they are frozen; each can be thawed in the inspector")
        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Reading the model")
        self.state = label("", "caption", wrap=True)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.open_button = box.addButton("Open", QDialogButtonBox.ButtonRole.AcceptRole)
        self.open_button.setProperty("kind", "primary")
        box.accepted.connect(self._accept)
        box.rejected.connect(self.reject)
        layout = column(label(TEXT, wrap=True), label("Save the graph as"), gap=3)
        layout.addLayout(place)
        for widget in (self.trainable, self.progress, self.state, box):
            layout.addWidget(widget)
        layout.setContentsMargins(SPACE[5], SPACE[5], SPACE[5], SPACE[4])
        self.setLayout(layout)
        self.target.textChanged.connect(self._check)
        self.show_waiting(False)
        self._check()

    def show_waiting(self, waiting: bool, text: str = "") -> None:
        """Show that the model is being read, or the reason why reading failed."""
        self.progress.setVisible(waiting)
        self.state.setText("Reading the model and laying the graph out…" if waiting else text)
        for widget in (self.target, self.browse, self.trainable, self.open_button):
            widget.setEnabled(not waiting)

    @property
    def path(self) -> Path:
        path = Path(self.target.text().strip())
        return path if path.suffix == ".flow" else path.with_name(f"{path.name}.flow")

    def _check(self) -> None:
        text = self.target.text().strip()
        self.open_button.setEnabled(bool(text))
        exists = bool(text) and self.path.exists() and self.path != self.replaces
        self.state.setText(f"{self.path.name} exists and will be replaced." if exists else "")

    def _browse(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(
            self, "Save the graph as", self.target.text(), "Graphs (*.flow)"
        )
        if chosen:
            self.target.setText(chosen)
            self.replaces = self.path

    def _accept(self) -> None:
        self.wanted.emit(self.path, self.trainable.isChecked())
