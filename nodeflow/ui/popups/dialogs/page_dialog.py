"""Asks what a web page shows: the graph, or the recording of a run; and shows its making."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QProgressBar,
    QWidget,
)

from nodeflow.drawing.message_text import brief
from nodeflow.number_text import bytes_text, counted
from nodeflow.run_store.run_records import Run
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import column, label

GRAPH = "The graph with its current values"
RECORDING = (
    "A recording plays the training: the curves, the main view and the values at many steps."
)
NO_RUNS = "After a training, the page can also be its recording."
LONGEST_NAME = 60
STILL_TRAINS = "The running training can be recorded when it has ended."


class PageDialog(QDialog):
    """A dialog that stays open until the page is written, or the user gives up.

    It leaves the window usable, because a recording may take a minute.

    Signals:
        chosen(run): the page shall show this run; empty for the graph.
        wanted(): write the page.
    """

    chosen = Signal(str)
    wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("pageDialog")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Export web page")
        self.setMinimumWidth(480)
        self._is_known = self._is_drawing = False
        self.what = QComboBox()
        self.what.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.what.addItem(GRAPH, "")
        self.what.currentIndexChanged.connect(self._on_choice)
        self.size_text = label("", "muted")
        self.note = label("", "caption", wrap=True)
        self.note.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.note.setMinimumHeight(2 * self.note.fontMetrics().height())
        self.progress = QProgressBar(textVisible=False)
        self.progress.setAccessibleName("Recorded steps")
        self.state = label("", "caption")
        form = QFormLayout()
        form.setHorizontalSpacing(SPACE[4])
        form.setVerticalSpacing(SPACE[2])
        for text, field in (("Show", self.what), ("Size", self.size_text)):
            field.setAccessibleName(text)
            form.addRow(label(text), field)
        box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.cancel = box.button(QDialogButtonBox.StandardButton.Cancel)
        self.save = box.addButton("Save…", QDialogButtonBox.ButtonRole.AcceptRole)
        self.save.setProperty("kind", "primary")
        self.save.setDefault(True)
        box.accepted.connect(self.wanted)
        box.rejected.connect(self.reject)
        layout = column(form, self.note, self.progress, self.state, box, gap=3)
        layout.setContentsMargins(SPACE[5], SPACE[5], SPACE[5], SPACE[4])
        self.setLayout(layout)
        self._refresh()

    @property
    def run(self) -> str:
        """The id of the run that the page shall show; empty for the graph."""
        return self.what.currentData()

    def show_runs(self, runs: Sequence[Run], trains: bool) -> None:
        """Offer the recordings of runs.

        Args:
            trains: whether a training is running, which has no recording yet.
        """
        chosen = self.run
        with QSignalBlocker(self.what):
            while self.what.count() > 1:
                self.what.removeItem(1)
            for run in runs:
                text = f"Recording of {brief(run.name, LONGEST_NAME)}, {counted(run.steps, 'step')}"
                self.what.addItem(text, run.id)
            self.what.setCurrentIndex(max(0, self.what.findData(chosen)))
        if self.run != chosen:
            self._on_choice()
        if not self.run:
            self.note.setText(STILL_TRAINS if trains else RECORDING if runs else NO_RUNS)

    def show_size(self, size: int, steps: int = 0, notices: Sequence[str] = ()) -> None:
        """Show the size of the page, and how many steps of a run it shows."""
        self._is_known = True
        about = "about " if self.run else ""
        more = f", {counted(steps, 'step')}" if steps else ""
        self.size_text.setText(f"{about}{bytes_text(size)}{more}")
        self.note.setText(" ".join(notices) or RECORDING)
        self._refresh()

    def show_problem(self, text: str) -> None:
        """Show why there is no page."""
        self._is_drawing = False
        if not self._is_known:
            self.size_text.setText("unknown")
        self.note.setText(text)
        self._refresh()

    def show_progress(self, done: int, total: int) -> None:
        """Show how many steps are recorded; (0, 0) before the first."""
        self._is_drawing = True
        self.progress.setRange(0, total)
        self.progress.setValue(done)
        self.state.setText(f"Recorded {done} of {total} steps" if total else "Opening the run…")
        self._refresh()

    def _on_choice(self) -> None:
        self._is_known = False
        self.size_text.setText("Estimating…")
        self.note.setText(RECORDING)
        self._refresh()
        self.chosen.emit(self.run)

    def _refresh(self) -> None:
        self.what.setEnabled(not self._is_drawing)
        self.save.setEnabled(self._is_known and not self._is_drawing)
        for widget in (self.progress, self.state):
            widget.setVisible(self._is_drawing)
