"""The form of a lesson. It edits the open document while the author types."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QScrollArea, QTabWidget, QWidget

from nodeflow.lessons.authoring.edits import has_solution
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.widgets.common_widgets import button, column, label, row
from nodeflow.ui.popups.lessons.authoring.about_page import AboutPage
from nodeflow.ui.popups.lessons.authoring.checks_page import ChecksPage
from nodeflow.ui.popups.lessons.authoring.hints_page import HintsPage
from nodeflow.ui.popups.lessons.authoring.start_page import StartPage
from nodeflow.ui.popups.lessons.authoring.steps_page import StepsPage

SIZE = QSize(720, 520)


class LessonForm(QDialog):
    """A window that may stay open while the author draws. Undo takes edits back, as elsewhere."""

    def __init__(self, parent: QWidget, workspace: Workspace) -> None:
        super().__init__(parent)
        self.setObjectName("lessonForm")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Lesson")
        self._workspace = workspace
        self.about = AboutPage(workspace)
        self.start = StartPage(workspace)
        self.steps = StepsPage(workspace)
        self.checks = ChecksPage(workspace)
        self.hints = HintsPage(workspace)
        self._pages = (self.about, self.start, self.steps, self.checks, self.hints)
        self.tabs = QTabWidget()
        for page, title in zip(
            self._pages, ("Lesson", "Given", "Steps", "Checks", "Hints"), strict=True
        ):
            self.tabs.addTab(_scrolled(page), title)
        close = button("Close", "primary", self.accept)
        close.setDefault(False)
        close.setAutoDefault(False)
        note = label("Edits are part of the document. Save it to keep them.", "caption")
        self.setLayout(column(self.tabs, row(note, None, close), margins=4, gap=3))
        self.resize(SIZE)
        for key, act in (
            (QKeySequence.StandardKey.Undo, self._undo),
            (QKeySequence.StandardKey.Redo, self._redo),
        ):
            QShortcut(QKeySequence(key), self, act)
        workspace.edited.connect(self._refresh)
        self._refresh()
        self.about.texts["title"].setFocus()
        self.about.texts["title"].selectAll()

    @Slot()
    def _refresh(self) -> None:
        if not has_solution(self._workspace.root):
            self.reject()
            return
        for page in self._pages:
            page.refresh()

    def _undo(self) -> None:
        self._workspace.root.undo()

    def _redo(self) -> None:
        self._workspace.root.redo()


def _scrolled(page: QWidget) -> QScrollArea:
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setFrameShape(QScrollArea.Shape.NoFrame)
    area.setWidget(page)
    return area
