"""The list of problems to show: first those of the last run, then those of the analysis."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, Signal

from nodeflow.document.diff.problems import ConflictProblem
from nodeflow.document.model.problems import Problem
from nodeflow.ui.core.state.workspace import Workspace


class ProblemList(QObject):
    """A model of the problems of the open document. It emits ``changed`` when ``shown`` changes."""

    changed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._run: list[Problem] = []
        self.shown = workspace.problems()
        workspace.analysed.connect(self._refresh)
        workspace.replaced.connect(self._on_replaced)

    def set_run_problems(self, problems: Iterable[Problem]) -> None:
        """Show the problems of the last run above the analysis' problems."""
        problems = list(problems)
        if problems != self._run:
            self._run = problems
            self._refresh()

    def count(self, level: str) -> int:
        """Return the number of problems of a level, as ``error``, ``warning``."""
        return sum(problem.level == level for problem in self.shown)

    def _refresh(self, _: object = None) -> None:
        """Combine the problems of the last run with those that the analysis found.

        At a port, a problem of the run replaces that of the analysis.
        """
        run = {(p.node, p.port) for p in self._run}
        known = self._workspace.problems()
        self.shown = self._run + [
            p for p in known
            if p.file or isinstance(p, ConflictProblem) or (p.node, p.port) not in run
        ]  # fmt: skip
        self.changed.emit()

    def _on_replaced(self) -> None:
        self._run = []
        self._refresh()
