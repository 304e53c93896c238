"""The problems panel: each problem with its place and its remedy. A click shows the place."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from nodeflow.data.document_folder import shown_path
from nodeflow.document.analysis.datasets.outside_data import WEIGHTS, allow_title, place_of_problem
from nodeflow.document.analysis.inference.incremental_inference import TRAINING
from nodeflow.document.diff.conflicts import OURS, THEIRS, Conflict
from nodeflow.document.diff.problems import ConflictProblem
from nodeflow.document.diff.resolve_conflicts import KEPT
from nodeflow.document.model.problems import Problem
from nodeflow.drawing.message_text import plain
from nodeflow.number_text import counted
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.core.state.problem_list import ProblemList
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.user_messages import in_window
from nodeflow.ui.core.widgets.common_widgets import button, label
from nodeflow.ui.core.widgets.escaped_text import on_button
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext

MOST = 500
"""Maximum number of listed problems. Further ones are only counted."""
ID_ROLE = Qt.ItemDataRole.UserRole + 1
PORT_ROLE = Qt.ItemDataRole.UserRole + 2
FILE_ROLE = Qt.ItemDataRole.UserRole + 3
ALL = "*"
"""Stands for the node's id in the row about all conflicts."""
LINKS_ROOM = "\n\u00a0"
"""An empty line that reserves space for links."""
LINKS_INDENT = 4
"""Number of spaces that align links with the text, right of the icon."""


class ProblemsPanel(QWidget):
    """The list of all problems of the document, and those of the last run.

    Signals:
        chosen(node id, port): show this node.
        file_chosen(place): show this place in a file, such as ``leaky.py, line 3``.
        allow_requested(path): let the document read this file or folder.
        decided(conflict, side): keep this side of a conflict; None stands for all conflicts.
    """

    chosen = Signal(str, str)
    file_chosen = Signal(str)
    allow_requested = Signal(str)
    decided = Signal(object, str)

    def __init__(
        self,
        workspace: Workspace,
        problems: ProblemList,
        themes: ThemeManager,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._workspace, self._problems = workspace, problems
        self._theme = themes.theme
        self._run: list[Problem] = []
        self.list = QListWidget()
        self.list.setWordWrap(True)
        self.list.setUniformItemSizes(False)
        self.list.setAccessibleName("Problems")
        self.list.itemClicked.connect(self._on_item)
        self.list.itemActivated.connect(self._on_item)
        nothing = label("No problems.", "muted")
        nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedWidget()
        self._pages.addWidget(self.list)
        self._pages.addWidget(nothing)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[2], SPACE[1], SPACE[2], SPACE[1])
        layout.addWidget(self._pages)
        problems.changed.connect(self.refresh)
        themes.follow(self.set_theme)

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self.refresh()

    def refresh(self) -> None:
        """Rebuild the list of problems."""
        problems = self._problems.shown
        self.list.clear()
        if len(self._workspace.conflicts) > 1:
            self._add_all()
        for problem in problems[:MOST]:
            self.list.addItem(self._item(problem))
            place = place_of_problem(self._workspace.root, problem)
            item = self.list.item(self.list.count() - 1)
            if place is not None:
                self._offer(item, place)
            elif isinstance(problem, ConflictProblem):
                self._offer_sides(item, problem.conflict, problem.sides)
        if len(problems) > MOST:
            self.list.addItem(f"and {len(problems) - MOST} more")
        self._pages.setCurrentIndex(0 if problems else 1)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.list.currentItem():
            self._on_item(self.list.currentItem())
            return
        super().keyPressEvent(event)

    def _offer(self, item: QListWidgetItem, place: str) -> None:
        """Replace the hint of a row by a button that allows reading the file or folder."""
        item.setText(f"{item.text().partition(chr(10))[0]}\n\n")
        allow = button(
            on_button(allow_title(place)), slot=partial(self.allow_requested.emit, place)
        )
        allow.setObjectName("fix")
        allow.setToolTip(plain_tip(shown_path(place)))
        holder = QWidget()
        layout = QHBoxLayout(holder)
        layout.setContentsMargins(0, 0, SPACE[2], 0)
        layout.addWidget(allow, 0, Qt.AlignmentFlag.AlignBottom)
        layout.addStretch(1)
        self.list.setItemWidget(item, holder)

    def _add_all(self) -> None:
        """Add a row that decides all conflicts of a merge together."""
        count = counted(len(self._workspace.conflicts), "conflict")
        item = QListWidgetItem(f"A merge left {count}.{LINKS_ROOM}")
        item.setIcon(icon("git-merge", self._theme, "ink"))
        item.setData(ID_ROLE, ALL)
        self.list.addItem(item)
        self._offer_sides(item, None, (OURS, THEIRS))

    def _offer_sides(
        self, item: QListWidgetItem, conflict: Conflict | None, sides: Sequence[str]
    ) -> None:
        """Add links to a row that decide one conflict, or all."""
        holder = QWidget()
        layout = QHBoxLayout(holder)
        layout.setContentsMargins(SPACE[1] + LINKS_INDENT, 0, SPACE[2], 0)
        layout.setSpacing(SPACE[3])
        for side in sides:
            what = KEPT[side] if conflict is not None else f"{KEPT[side]} in all"
            keep = button(what, "link", partial(self.decided.emit, conflict, side))
            keep.setObjectName("fix")
            keep.setAccessibleName(f"{what}: {item.text().splitlines()[0]}")
            layout.addWidget(keep, 0, Qt.AlignmentFlag.AlignBottom)
        layout.addStretch(1)
        self.list.setItemWidget(item, holder)

    def _item(self, problem: Problem) -> QListWidgetItem:
        of_document = WEIGHTS if problem.port == WEIGHTS else "training"
        if isinstance(problem, ConflictProblem):
            of_document = "merge"
        where = problem.node or problem.file or of_document
        if problem.port and problem.node:
            where += f":{problem.port}"
        text = plain(f"{where}    {problem.message}")
        if isinstance(problem, ConflictProblem):
            text += LINKS_ROOM
        elif problem.hint:
            text += f"\n{in_window(problem.hint)}"
        item = QListWidgetItem(text)
        names = {
            "error": ("circle-alert", "error"),
            "warning": ("triangle-alert", "warning"),
            "incomplete": ("plug", "ink_muted"),
            "info": ("info", "accent"),
        }
        sign, role = names[problem.level]
        item.setIcon(icon(sign, self._theme, role))
        place = self._workspace.find(problem.node) if problem.node else None
        item.setData(ID_ROLE, place or TRAINING)
        item.setData(PORT_ROLE, problem.port or "")
        item.setData(FILE_ROLE, problem.file)
        return item

    def _on_item(self, item: QListWidgetItem) -> None:
        if item.data(ID_ROLE) == ALL:
            return
        if item.data(FILE_ROLE):
            self.file_chosen.emit(item.data(FILE_ROLE))
            return
        self.chosen.emit(item.data(ID_ROLE) or "", item.data(PORT_ROLE) or "")


def _make(context: PanelContext) -> ProblemsPanel:
    panel = ProblemsPanel(
        context.document.workspace, context.document.problems, context.look.themes
    )

    def show_node(path: str, port: str) -> None:
        if path:
            context.middle.navigator.show_path(path)
            context.middle.navigator.attribute_requested.emit(port)
        else:
            context.middle.canvas.selection.select(context.document.workspace.optimizers)

    panel.chosen.connect(show_node)
    panel.file_chosen.connect(context.engine.plugins.open_file)
    panel.allow_requested.connect(context.document.workspace.allow)
    panel.decided.connect(context.document.conflicts.decide)
    return panel


def _wire(context: PanelContext, panel: LatePanel) -> None:
    context.window.actions.bind({SHOW.id: Binding(panel.show)})
    context.document.problems.changed.connect(context.window.actions.refresh_soon)


def _needed(context: PanelContext, panel: LatePanel) -> bool:
    return any(problem.level in ("error", "warning") for problem in context.document.problems.shown)


SHOW = ActionSpec("show_problems", "Show the problems", icon="circle-alert")
PANEL = PanelSpec("problems", "Problems", Place.BOTTOM, 40, _make, _wire, (SHOW,), _needed)
