"""The list of problems: what is wrong, where, and what to do; a click leads there."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QStackedLayout, QVBoxLayout, QWidget

from nodeflow.document.analysis.analysis import TRAINING
from nodeflow.document.model.problems import Problem
from nodeflow.ui.core.messages import plain
from nodeflow.ui.core.theme import SPACE, Theme, icon
from nodeflow.ui.core.theme_manager import ThemeManager
from nodeflow.ui.core.widgets import label
from nodeflow.ui.core.workspace import Workspace

MOST = 500
"""More problems than anybody reads; the rest is counted."""
ID_ROLE = Qt.ItemDataRole.UserRole + 1
PORT_ROLE = Qt.ItemDataRole.UserRole + 2
FILE_ROLE = Qt.ItemDataRole.UserRole + 3


class ProblemsPanel(QWidget):
    """All problems of the document, and those of the last run.

    Signals:
        chosen(node id, port): show this node.
        counted(errors, warnings): after each change.
        file_chosen(place): show this file, ``leaky.py, line 3``.
    """

    chosen = Signal(str, str)
    counted = Signal(int, int)
    file_chosen = Signal(str)

    def __init__(
        self, workspace: Workspace, themes: ThemeManager, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._workspace, self._theme = workspace, themes.theme
        self._run: list[Problem] = []
        self.list = QListWidget()
        self.list.setWordWrap(True)
        self.list.setUniformItemSizes(False)
        self.list.setAccessibleName("Problems")
        self.list.itemClicked.connect(self._on_item)
        self.list.itemActivated.connect(self._on_item)
        nothing = label("No problems.", "muted")
        nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedLayout()
        self._pages.addWidget(self.list)
        self._pages.addWidget(nothing)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[2], SPACE[1], SPACE[2], SPACE[1])
        layout.addLayout(self._pages)
        workspace.analysed.connect(self._on_analysed)
        workspace.replaced.connect(self._on_replaced)
        themes.follow(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.refresh()

    def set_run_problems(self, problems: list[Problem]) -> None:
        """Show what the last run complained about, above what the analysis knows."""
        if problems != self._run:
            self._run = list(problems)
            self.refresh()

    def refresh(self) -> None:
        """Fill the list anew."""
        known = self._workspace.problems()
        run = {(p.node, p.port) for p in self._run}
        problems = self._run + [p for p in known if p.file or (p.node, p.port) not in run]
        self.list.clear()
        for problem in problems[:MOST]:
            self.list.addItem(self._item(problem))
        if len(problems) > MOST:
            self.list.addItem(f"and {len(problems) - MOST} more")
        self._pages.setCurrentIndex(0 if problems else 1)
        errors = sum(p.severity == "error" for p in problems)
        self.counted.emit(errors, sum(p.severity == "warning" for p in problems))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.list.currentItem():
            self._on_item(self.list.currentItem())
            return
        super().keyPressEvent(event)

    def _item(self, problem: Problem) -> QListWidgetItem:
        where = problem.node or problem.file or "training"
        if problem.port and problem.node:
            where += f":{problem.port}"
        text = f"{where}    {plain(problem.message)}"
        if problem.hint:
            text += f"\n{problem.hint}"
        item = QListWidgetItem(text)
        names = {
            "error": ("circle-alert", "error"),
            "warning": ("triangle-alert", "warning"),
            "info": ("info", "accent"),
        }
        item.setIcon(icon(names[problem.severity][0], self._theme, names[problem.severity][1]))
        place = self._workspace.find(problem.node) if problem.node else None
        item.setData(ID_ROLE, place or TRAINING)
        item.setData(PORT_ROLE, problem.port or "")
        item.setData(FILE_ROLE, problem.file)
        return item

    def _on_item(self, item: QListWidgetItem) -> None:
        if item.data(FILE_ROLE):
            self.file_chosen.emit(item.data(FILE_ROLE))
            return
        self.chosen.emit(item.data(ID_ROLE) or "", item.data(PORT_ROLE) or "")

    def _on_analysed(self, _: object) -> None:
        self.refresh()

    def _on_replaced(self) -> None:
        self._run = []
        self.refresh()
