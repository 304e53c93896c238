"""Marks on the canvas for the ops of a step that have run.

Other nodes are dim and show no values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from PySide6.QtCore import QObject, Slot

from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.workspace import Workspace

RUNNING = "running"


class OpMarks(QObject):
    """The marks of the ops that have run, which follow `StepOps`.

    Args:
        show_values: shows the values of all nodes again.
    """

    def __init__(
        self,
        workspace: Workspace,
        link: EngineLink,
        canvas: CanvasView,
        show_values: Callable[[], None],
    ) -> None:
        super().__init__(canvas)
        self._workspace, self._ops, self._canvas = workspace, link.ops, canvas
        self._show_values = show_values
        self._marked: set[str] = set()
        self._is_on = False
        self._known: tuple[object, dict[str, tuple[int, int]]] = (None, {})
        link.ops.changed.connect(self._show)
        link.previews.connect(self._show)
        workspace.entered.connect(self._show)

    @Slot()
    def _show(self) -> None:
        if not self._ops.is_on:
            if self._is_on:
                self._is_on = False
                self._mark(())
                self._canvas.node_state.set_dimmed(None)
                self._show_values()
            return
        self._is_on = True
        ends = self._ends()
        at = self._ops.at
        nodes = self._workspace.document.nodes
        computed = {i for i, (_, last) in ends.items() if last <= at}
        begun = {i for i, (first, _) in ends.items() if first <= at}
        running = {i for i, (first, last) in ends.items() if first <= at <= last} if at else ()
        names = self._ops.running
        self._mark(i for i in running if self._runs(i, names))
        data = {i for i, node in nodes.items() if node.op == "dataset"}
        self._canvas.node_state.set_dimmed(set(nodes) - begun - data)
        self._show_values()
        self._canvas.node_state.clear_values(set(nodes) - computed)

    def _ends(self) -> dict[str, tuple[int, int]]:
        """Return, by node id, the first and the last kernel that computes a part of each
        displayed node.
        """
        workspace = self._workspace
        of = (self._ops.kernels, workspace.document, workspace.document.revision, workspace.path)
        if self._known[0] == of:
            return self._known[1]
        found: dict[str, tuple[int, int]] = {}
        self._known = of, found
        for index, names in enumerate(self._ops.kernels):
            for name in names:
                node = self._node_of(name)
                # Entry 0 contains the nodes computed before the step, so it is never a node's first
                # kernel.
                if node is not None:
                    first, _ = found.get(node, (0, 0))
                    found[node] = first or index, index
        return found

    def _runs(self, node: str, names: Iterable[str]) -> bool:
        return any(self._node_of(name) == node for name in names)

    def _node_of(self, name: str) -> str | None:
        """Return the id of the displayed node that a node of the built graph belongs to.

        This is the node itself, or the layer, subgraph or optimizer that generates it.
        """
        workspace = self._workspace
        if name.startswith("gradients/"):
            chosen = workspace.optimizers
            return chosen[0] if len(chosen) == 1 and not workspace.path else None
        if not name.startswith(workspace.scope):
            return None
        rest = name.removeprefix(workspace.scope)
        while rest:
            record = workspace.document.node_named(rest)
            if record is not None:
                return record.id
            rest = rest.rpartition("/")[0]
        return None

    def _mark(self, running: Iterable[str]) -> None:
        now = set(running)
        states = dict.fromkeys(self._marked - now, "") | dict.fromkeys(now, RUNNING)
        self._canvas.node_state.set_status(states)
        self._marked = now
