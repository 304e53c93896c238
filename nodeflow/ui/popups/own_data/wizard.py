"""The wizard from a data file to a graph, in three steps. Each step has a default, so that the
user need not change anything.

Other threads survey the file and make the graph.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QProgressBar,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from nodeflow.data.survey import Survey, survey
from nodeflow.document.model.document import Document
from nodeflow.document.starters import look_at, make
from nodeflow.document.starters.choices import Choices
from nodeflow.document.starters.guessing import starters_for
from nodeflow.document.to_graph.build import build
from nodeflow.drawing.message_text import plain
from nodeflow.errors import NodeflowError
from nodeflow.ui.core.concurrency.background_jobs import Background
from nodeflow.ui.core.file_kinds import dropped_files
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import in_window, remark
from nodeflow.ui.core.widgets.common_widgets import button, column, label, line
from nodeflow.ui.popups.own_data.columns_step import ColumnsStep
from nodeflow.ui.popups.own_data.preview_step import PreviewStep
from nodeflow.ui.popups.own_data.starter_step import StarterStep

LIMIT = 20_000
"""Number of rows to survey for the preview. The graph is trained with all rows."""
TITLES = ("1  Preview", "2  Columns", "3  Starter")
SIZE = (960, 600)


def look(path: Path) -> tuple[Survey, tuple[str, ...] | None]:
    """Return the survey of a file, and the starters that can use its arrays."""
    found = survey(path, limit_rows=LIMIT)
    return found, starters_for(found)


def make_document(
    starter: str, source: str, options: dict[str, Any], scale: bool
) -> tuple[Document, int]:
    """Make the graph of a starter. Return the document and the number of weights that it trains."""
    document = make(starter, look_at(source, options, scale=scale))
    variables = [n for n in build(document).graph.nodes if n.op.id == "variable"]
    sizes = [n.outputs[0].type.size or 0 for n in variables if n.attrs["trainable"]]
    return document, sum(sizes)


Finish = Callable[[Document, str, bool], bool]


class DataWizard(QDialog):
    """A dialog that makes a graph from a data file.

    Args:
        finish: called with the document, the data's title, and whether to train at once. It
            returns whether the user agreed.

    Signals:
        file_requested, folder_requested: the user wants to choose a file or a folder.
    """

    file_requested = Signal()
    folder_requested = Signal()

    def __init__(self, parent: QWidget, themes: ThemeManager, finish: Finish) -> None:
        super().__init__(parent)
        self.setObjectName("dataWizard")
        self.setWindowTitle("Your data")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(*SIZE)
        self.setAcceptDrops(True)
        self._themes, self._finish_with = themes, finish
        self.choices: Choices | None = None
        self.document: Document | None = None
        self._looking = Background(self)
        self._looking.done.connect(self._on_survey)
        self._looking.failed.connect(self._on_unreadable)
        self._making = Background(self)
        self._making.done.connect(self._on_document)
        self._making.failed.connect(self._on_unmakeable)
        self._wanted = False
        self.title = label("", "title")
        self.steps = [self._step(index) for index in range(len(TITLES))]
        self.stack = QStackedWidget()
        self.problem = label("", "error", wrap=True)
        self.problem.hide()
        self.progress = QProgressBar()
        self.progress.setRange(0, 0)
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Reading the data")
        self.progress.hide()
        self._lay_out()
        themes.changed.connect(self._on_theme)

    # ---- requests ---------------------------------------------------------------------------

    def ask(self) -> None:
        """Let the user choose or drop a file or a folder."""
        self._forget()
        self.title.setText("Your data")
        self._reading.setText("Drop a file here: CSV, .txt, .npz or .npy, or a folder of pictures.")
        self._message.setText("Build a graph that learns from it, in three steps.")
        self._show_buttons(True)
        self._refresh()

    def start(self, path: Path) -> None:
        """Survey a file. The first step is shown when the survey is done."""
        self.path = path
        self.title.setText(path.name)
        self._show_waiting(f"Reading {path.name}…")
        self._looking.run(lambda: look(path))
        self._refresh()

    @property
    def step(self) -> int:
        """The shown step, from 0; -1 while the file is read."""
        return self.stack.currentIndex() - 1

    def show_step(self, index: int) -> None:
        """Go to a step, if its content is available."""
        if self.choices is None:
            return
        self.stack.setCurrentIndex(index + 1)
        if index == 2:
            self.starter.refresh()
            self._prepare()
        elif index == 1:
            self.columns.refresh()
            self.columns.table.setFocus()
        else:
            self.preview.table.setFocus()
        self._refresh()

    # ---- making the graph -------------------------------------------------------------------

    def _step(self, index: int) -> QToolButton:
        result = QToolButton()
        result.setText(TITLES[index])
        result.setCheckable(True)
        result.setProperty("step", index)
        result.setProperty("kind", "text")
        result.clicked.connect(self._on_step)
        return result

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addStretch(1)
        for step in self.steps:
            head.addWidget(step)
        self._reading = label("", "muted")
        self._reading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._message = label("", "", wrap=True)
        self._message.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.file_button = button("Choose a file…", "primary", self.file_requested.emit)
        self.folder_button = button("Choose a folder of pictures…", "", self.folder_requested.emit)
        middle = QHBoxLayout()
        middle.setSpacing(SPACE[2])
        middle.addStretch(1)
        for each in (self.file_button, self.folder_button):
            middle.addWidget(each)
        middle.addStretch(1)
        waiting = QWidget()
        waiting.setLayout(column(None, self._reading, self._message, middle, None, gap=3))
        self.stack.addWidget(waiting)
        self.back = button("Back", "", self._go_back)
        self.next = button("Next", "primary", self._go_on)
        self.next.setDefault(True)
        cancel = button("Cancel", "", self.reject)
        foot = QHBoxLayout()
        foot.setSpacing(SPACE[2])
        foot.addWidget(self.problem, 1)
        foot.addStretch(1)
        for each in (cancel, self.back, self.next):
            foot.addWidget(each)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[5], SPACE[4], SPACE[5], SPACE[4])
        layout.setSpacing(SPACE[3])
        layout.addLayout(head)
        layout.addWidget(line())
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.progress)
        layout.addLayout(foot)

    # ---- surveying the file -----------------------------------------------------------------

    @Slot(object)
    def _on_survey(self, looked: tuple[Survey, tuple[str, ...] | None]) -> None:
        found, fits = looked
        self.choices = choices = Choices.guessed(found, fits)
        self.title.setText(found.title)
        self.preview = PreviewStep(found, self._themes, LIMIT)
        self.columns = ColumnsStep(choices)
        self.starter = StarterStep(choices, self._themes)
        self.columns.changed.connect(self._on_changed)
        self.starter.changed.connect(self._on_changed)
        for page in (self.preview, self.columns, self.starter):
            self.stack.addWidget(page)
        self.progress.hide()
        self.show_step(0)
        self.next.setFocus()

    @Slot(object)
    def _on_unreadable(self, error: NodeflowError) -> None:
        self.progress.hide()
        self._reading.setText(f"{self.path.name} cannot be used as it is.")
        self._message.setText("\n".join(filter(None, map(in_window, (error.message, error.hint)))))
        self._show_buttons(True)
        self._refresh()

    def _show_waiting(self, text: str) -> None:
        self._forget()
        self._reading.setText(text)
        self._message.setText("")
        self._show_buttons(False)
        self.progress.show()

    def _forget(self) -> None:
        """Forget the previous file, because the user wants another one."""
        self._looking.cancel()
        self._making.cancel()
        self.choices = self.document = None
        self._wanted = False
        self._say("")
        self.progress.hide()
        self.stack.setCurrentIndex(0)
        while self.stack.count() > 1:
            page = self.stack.widget(1)
            assert page is not None
            self.stack.removeWidget(page)
            page.deleteLater()

    def _show_buttons(self, shown: bool) -> None:
        for each in (self.file_button, self.folder_button):
            each.setVisible(shown)
        if shown:
            self.file_button.setFocus()

    # ---- next steps -------------------------------------------------------------------------

    def _on_step(self) -> None:
        self.show_step(self.sender().property("step"))

    def _go_back(self) -> None:
        self.show_step(max(0, self.step - 1))

    def _go_on(self) -> None:
        if self.step < 2:
            self.show_step(self.step + 1)
            self.next.setFocus()
        elif self.document is not None:
            self._finish()
        else:
            self._wanted = True
            self._prepare()
            self._refresh()

    def _on_changed(self) -> None:
        """Discard the graph, because a choice changed."""
        self.document = None
        self._making.cancel()
        self._say("")
        if self.step == 2:
            self._prepare()
        self._refresh()

    def _prepare(self) -> None:
        """Make the graph for the choices on another thread, unless it exists or is being made."""
        assert self.choices is not None
        choices, reason = self.choices, self.choices.misfit(self.choices.task)
        if self.document is not None or self._making.is_busy:
            return
        if reason:
            self.starter.show_nothing("")
            self._say(reason)
            return
        task, source, options = choices.task, choices.survey.source, choices.options()
        scale = choices.scale
        self.starter.show_nothing("Reading all rows…")
        self.progress.show()
        self._making.run(partial(make_document, task, source, options, scale))

    @Slot(object)
    def _on_document(self, found: tuple[Document, int]) -> None:
        self.document, self._weights = found
        self.progress.hide()
        self.starter.show_document(*found)
        self._refresh()
        if self._wanted:
            self._finish()

    @Slot(object)
    def _on_unmakeable(self, error: NodeflowError) -> None:
        self._wanted = False
        self.progress.hide()
        self.starter.show_nothing("")
        self._say(remark(error))
        self._refresh()

    def _finish(self) -> None:
        assert self.document is not None
        self._wanted = False
        title = Path(self.title.text()).stem
        train = self.starter.train.isChecked() and bool(self.document.training)
        if self._finish_with(self.document, title, train):
            self.accept()

    def _say(self, text: str) -> None:
        self.problem.setText(plain(text))
        self.problem.setVisible(bool(text))

    def _refresh(self) -> None:
        ready, last = self.choices is not None, self.step == 2
        for index, step in enumerate(self.steps):
            step.setEnabled(ready)
            step.setChecked(index == self.step)
        self.back.setEnabled(self.step > 0)
        self.next.setText("Create the graph" if last else "Next")
        misfit = self.choices.misfit(self.choices.task) if self.choices else ""
        self.next.setEnabled(ready and not (last and misfit))

    def _on_theme(self) -> None:
        if self.choices is not None:
            self.preview.header.theme = self._themes.theme
            if self.document is not None:
                self.starter.show_document(self.document, self._weights)

    # ---- events -----------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_files(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Survey the dropped file. Show an error if it is not a data file."""
        event.acceptProposedAction()
        self.start(dropped_files(event.mimeData())[0])

    def done(self, result: int) -> None:
        self._looking.cancel()
        self._making.cancel()
        super().done(result)
