"""The states of nodes during a run: running, done, out of date, stopped at a breakpoint.

Short states are not shown: a run that answers at once does not show `running`, and a value that
follows an edit at once is never `stale`.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, QTimer, Slot

from nodeflow.document.model.records import Change
from nodeflow.host import protocol as p
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.workspace import Workspace

SHOWN_AFTER_MS = 150
STALE_AFTER_MS = 400


class NodeStatus(QObject):
    """The states of the nodes on the canvas."""

    def __init__(self, workspace: Workspace, link: EngineLink, canvas: CanvasView) -> None:
        super().__init__(canvas)
        self._workspace, self._link, self._canvas = workspace, link, canvas
        self._wanted: list[str] = []
        self._edited: set[str] = set()
        self._hit: list[str] = []
        self._soon = QTimer(self, singleShot=True, interval=SHOWN_AFTER_MS)
        self._soon.timeout.connect(self._show_running)
        self._late = QTimer(self, singleShot=True, interval=STALE_AFTER_MS)
        self._late.timeout.connect(self._show_stale)
        workspace.changed.connect(self._on_changed)
        workspace.entered.connect(self._forget)
        workspace.replaced.connect(self._forget)
        link.previews.connect(self._on_previews)
        link.state_changed.connect(self._on_state)
        link.died.connect(self._forget)

    # ---- reports of requested runs ----------------------------------------------------------

    def begin(self, node_ids: list[str]) -> None:
        """Mark these nodes of the displayed graph as running, after `SHOWN_AFTER_MS`."""
        self._clear("done", "running")
        self._wanted = node_ids
        self._soon.start()

    def end(self, names: set[str]) -> None:
        """Mark nodes as done.

        Args:
            names: the nodes that got a value, by their names in the displayed graph.
        """
        nodes = self._workspace.document.nodes
        wanted, self._wanted = self._wanted, []
        self._soon.stop()
        here = [i for i in wanted if i in nodes]
        self._canvas.node_state.set_status(
            {i: "done" if nodes[i].name in names else "" for i in here}
        )

    # ---- a training -------------------------------------------------------------------------

    def hit(self, nodes: tuple[str, ...]) -> None:
        """Mark the nodes (full names) whose breakpoints stopped a training."""
        paths = [path for path in map(self._workspace.find, nodes) if path is not None]
        self._hit = [i for i in map(self._here, paths) if i]
        self._canvas.node_state.set_status(dict.fromkeys(self._hit, "hit"))

    @Slot(str)
    def _on_state(self, state: str) -> None:
        if state != "paused" and self._hit:
            self._canvas.node_state.set_status(dict.fromkeys(self._hit, ""))
            self._hit = []
        if state in ("training", "paused"):
            self._clear("done")
            self._canvas.node_state.set_status(dict.fromkeys(self._trained(), "running"))
        elif state == "idle":
            self._clear("running")

    def _trained(self) -> list[str]:
        """Return the ids of the optimizers that train and are in the displayed graph."""
        workspace = self._workspace
        chosen, schedule = (workspace.root.training.get(n) for n in ("optimizer", "schedule"))
        paths = [str(chosen)] if chosen else workspace.optimizers[:1]
        if isinstance(schedule, list) and schedule:
            paths = list(dict.fromkeys(phase["optimizer"] for phase in schedule))
        return [i for i in map(self._here, paths) if i in workspace.document.nodes]

    def _here(self, path: str) -> str:
        """Return the id of a node at a path if it is in the displayed graph, else ""."""
        *steps, node = path.split("/")
        return node if tuple(steps) == self._workspace.path else ""

    # ---- edits ------------------------------------------------------------------------------

    @Slot(object)
    def _on_changed(self, change: Change) -> None:
        if change.only_moves:
            return
        self._edited.update(record.id for record in change.nodes_added)
        self._edited.update(after.id for _, after in change.nodes_changed)
        self._edited.update(wire.target for wire in change.wires_added)
        self._edited.update(wire.target for wire in change.wires_removed)
        self._late.start()
        self._clear("done")

    @Slot(object)
    def _on_previews(self, message: p.Previews) -> None:
        if message.watch or message.step is not None:
            self._edited.clear()
            self._late.stop()

    def _show_stale(self) -> None:
        """Mark values from before an edit as stale, because the new values take long."""
        document, waiting = self._workspace.document, list(self._edited)
        self._edited.clear()
        seen: set[str] = set()
        while waiting:
            node = waiting.pop()
            if node not in seen and node in document.nodes:
                seen.add(node)
                waiting += [wire.target for wire in document.wires_out_of(node)]
        shown = [i for i in seen if self._canvas.node_state.value_of(i) is not None]
        self._canvas.node_state.set_status(dict.fromkeys(shown, "stale"))

    # ---- all states -------------------------------------------------------------------------

    def _show_running(self) -> None:
        self._canvas.node_state.set_status(dict.fromkeys(self._wanted, "running"))

    def _clear(self, *states: str) -> None:
        """Remove the states that this object has set."""
        known = self._canvas.node_state.statuses()
        self._canvas.node_state.set_status({i: "" for i, state in known.items() if state in states})

    def _forget(self, *_: Any) -> None:
        """Remove all states, because another graph is shown or nothing runs any more."""
        self._soon.stop()
        self._late.stop()
        self._wanted, self._hit = [], []
        self._edited.clear()
        self._clear("running", "hit", "done", "stale")
        if self._link.is_training:
            self._on_state(self._link.state)
