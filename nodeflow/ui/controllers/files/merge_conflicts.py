"""Conflicts that a merge left in the open file. Cards show them, and the user resolves them."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from nodeflow.document.diff.conflicts import Conflict
from nodeflow.document.diff.resolve_conflicts import CannotResolve, resolve, resolve_all
from nodeflow.document.model.problems import Problem
from nodeflow.number_text import counted
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, sentence


class Conflicts(QObject):
    """The merge conflicts at the nodes of the canvas. Each decision is one undo step."""

    def __init__(self, workspace: Workspace, canvas: CanvasView, messages: Messages) -> None:
        super().__init__(canvas)
        self._workspace, self._canvas, self._messages = workspace, canvas, messages
        workspace.replaced.connect(self._show)
        workspace.entered.connect(self._show)
        workspace.analysed.connect(self._show)
        workspace.changed.connect(self._show)

    @Slot(object, str)
    def decide(self, conflict: Conflict | None, side: str) -> None:
        """Keep one side of a conflict, or of all conflicts.

        If this is impossible, show the reason.
        """
        root = self._workspace.root
        if conflict is None:
            failed = resolve_all(root, side)
            if failed:
                left = counted(len(failed), "conflict")
                text = f"{left} cannot be resolved this way. {sentence(failed[0])}"
                self._messages.show(text, "warning", "show_problems", "Show the problems")
            return
        try:
            resolve(root, conflict, side)
        except CannotResolve as error:
            self._messages.show(sentence(error), "warning")

    @Slot()
    def _show(self, _: object = None) -> None:
        """Show unresolved conflicts on the cards of the displayed graph."""
        builder, nodes = self._canvas.scene.builder, self._workspace.document.nodes
        found: dict[str, list[Problem]] = {}
        for problem in self._workspace.conflicts:
            node = problem.conflict.node if problem.conflict is not None else ""
            if node in nodes:
                found.setdefault(node, []).append(problem)
        if found != builder.noted:
            changed = {*found, *builder.noted}
            builder.noted = found
            self._canvas.scene.rebuild(changed)
