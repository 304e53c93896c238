"""The views that the engine computes: those on visible nodes, and those of the Viewer.

A view on a node is part of the document. The Viewer's views are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from nodeflow.document.analysis.node_flags import view_of
from nodeflow.document.edit.set_flags import set_view
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Change, Json, NodeRecord
from nodeflow.drawing.views.view import ViewDrawing, discover_views
from nodeflow.host.protocol import ViewSpec, ViewValue
from nodeflow.host.views.views_on_nodes import spec_of, stored
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.workspace import Workspace

LOOK_MS = 120
"""Milliseconds after a move of the canvas before its visible views are determined again."""


def action_id(kind: str) -> str:
    """Return the id of the action that shows a kind of view on a node."""
    return f"view_{kind}"


VALUE = action_id("value")


def view_actions() -> tuple[ActionSpec, ...]:
    """Return an action for each kind of view, and one for the plain value."""
    drawings = discover_views().values()
    tip = "Draw it on the node in place of the value"
    return (
        ActionSpec(VALUE, "Show the value on the node", tip="Show the value in place of a view"),
        *(
            ActionSpec(action_id(d.id), f"Show {_in_words(d.title)} on the node", (), d.icon, tip)
            for d in drawings
        ),
    )


def _in_words(title: str) -> str:
    """Return a title as it is written inside a sentence: ``regions``, but ``ROC``."""
    return title if title.isupper() else title[0].lower() + title[1:]


class ViewWatcher(QObject):
    """The link between views in the engine, nodes on the canvas, and panels.

    Signals:
        arrived(ViewValue): the current state of a view.
    """

    arrived = Signal(object)

    def __init__(
        self, workspace: Workspace, link: EngineLink, canvas: CanvasView, actions: ActionSet
    ) -> None:
        super().__init__(canvas)
        self._workspace, self._link, self._canvas = workspace, link, canvas
        self._ids: dict[str, None] = {}
        """The ids of the displayed graph's nodes that have a view."""
        self._pinned: dict[str, ViewSpec] = {}
        self._asked: dict[str, tuple[ViewSpec, ...]] = {}
        self._stopped: set[ViewSpec] = set()
        self._latest: dict[ViewSpec, ViewValue] = {}
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._update)
        self._later = QTimer(self, singleShot=True, interval=LOOK_MS)
        self._later.timeout.connect(self._update)
        link.view.connect(self._on_view)
        workspace.replaced.connect(self._on_graph)
        workspace.entered.connect(self._on_graph)
        workspace.changed.connect(self._on_changed)
        canvas.viewport.changed.connect(self._look)
        actions.bind(self._bindings())
        self._on_graph()

    # ---- requests -------------------------------------------------------------------------------

    def ask(self, specs: tuple[ViewSpec, ...], asker: str = "viewer") -> None:
        """Watch these views for the Viewer or another panel.

        They replace the views that ``asker`` watched.
        """
        if specs != self._asked.get(asker, ()):
            self._asked[asker] = specs
            self._soon.start()

    def stop(self, spec: ViewSpec, on: bool) -> None:
        """Stop computing a view wherever it is shown, and keep its last value, or go on with it."""
        if on != self.is_stopped(spec):
            self._stopped ^= {spec}
            self._soon.start()

    def is_stopped(self, spec: ViewSpec) -> bool:
        """Return whether a view is stopped."""
        return spec in self._stopped

    def latest(self, spec: ViewSpec) -> ViewValue | None:
        """Return the last value of a watched view."""
        return self._latest.get(spec)

    @property
    def document(self) -> Document:
        """The graph whose nodes show views."""
        return self._workspace.document

    def pinned(self) -> dict[str, dict[str, Json]]:
        """Return the views of the displayed graph's nodes, by id."""
        nodes = self._workspace.document.nodes
        found = {i: view_of(nodes[i]) for i in self._ids if i in nodes}
        return {node_id: view for node_id, view in found.items() if view is not None}

    def spec(self, record: NodeRecord) -> ViewSpec | None:
        """Return the request for the view that a node of the displayed graph shows."""
        return spec_of(self._workspace.document, record, self._workspace.scope)

    # ---- following ------------------------------------------------------------------------------

    @Slot()
    def _on_graph(self) -> None:
        nodes = self._workspace.document.nodes.values()
        self._latest.clear()
        self._ids = {r.id: None for r in nodes if r.extra and view_of(r) is not None}
        self._soon.start()

    @Slot(object)
    def _on_changed(self, change: Change) -> None:
        touched = bool(self._ids)
        for record in (*change.nodes_added, *(after for _, after in change.nodes_changed)):
            if record.extra and view_of(record) is not None:
                self._ids[record.id] = None
                touched = True
            elif record.id in self._ids:
                del self._ids[record.id]
        for record in change.nodes_removed:
            self._ids.pop(record.id, None)
        if touched:
            self._soon.start()

    @Slot()
    def _look(self) -> None:
        if self._ids and not self._later.isActive():
            self._later.start()

    @Slot()
    def _update(self) -> None:
        nodes = self._workspace.document.nodes
        self._pinned = {}
        if not self._workspace.is_apart:
            for node_id in self.pinned():
                spec = self.spec(nodes[node_id]) if self._is_in_sight(node_id) else None
                if spec is not None:
                    self._pinned[node_id] = spec
        asked = (spec for specs in self._asked.values() for spec in specs)
        specs = dict.fromkeys([*self._pinned.values(), *asked])
        self._latest = {spec: value for spec, value in self._latest.items() if spec in specs}
        self._stopped &= specs.keys()
        self._link.watch_views(tuple(spec for spec in specs if spec not in self._stopped))

    def _is_in_sight(self, node_id: str) -> bool:
        canvas = self._canvas
        slot = canvas.scene.nodes.get(node_id)
        if slot is None or not canvas.renderer.draws_values:
            return False
        return canvas.viewport.visible_area.intersects(canvas.scene.rect(slot))

    @Slot(object)
    def _on_view(self, message: ViewValue) -> None:
        shown = {i: message for i, spec in self._pinned.items() if spec == message.spec}
        if shown:
            self._canvas.node_state.set_views(shown)
        self._latest[message.spec] = message
        self.arrived.emit(message)

    # ---- pinning --------------------------------------------------------------------------------

    def _bindings(self) -> dict[str, Binding]:
        found = {VALUE: Binding(self._show_value, self._value_blocked)}
        for drawing in discover_views().values():
            found[action_id(drawing.id)] = _binding(self, drawing)
        return found

    def show_on_node(
        self, node_id: str, kind: str, options: Mapping[str, Any] | None = None
    ) -> None:
        """Show a view on a node of the displayed graph, as one undo step."""
        graph, scope = self._workspace.document, self._workspace.scope
        kept = {name: stored(graph, name, value, scope) for name, value in (options or {}).items()}
        view = {"kind": kind, **{k: v for k, v in kept.items() if v is not None}}
        with self._canvas.signals.reporting():
            set_view(self._workspace.document, node_id, view)

    def blocked(self, drawing: ViewDrawing) -> Blocked | None:
        """Return why a view cannot be shown on the selected nodes; None if it can."""
        workspace = self._workspace
        chosen = workspace.selection
        if workspace.document.locked:
            return Blocked("These nodes are read-only.")
        if len(chosen) == 2 and drawing.id == "plot":
            return None
        if len(chosen) != 1:
            return Blocked("Select one node, or two to plot one over the other.")
        return self.unfit(drawing, chosen[0])

    def unfit(self, drawing: ViewDrawing, node_id: str) -> Blocked | None:
        """Return why a node of the displayed graph cannot show a view; None if it can."""
        record = self._workspace.document.nodes[node_id]
        op = self._workspace.declaration(record)
        if op is None or not op.outputs or not op.computes:
            return Blocked("This node has no value to draw.")
        reason = drawing.fits(self._workspace.document, self._workspace.analysis, node_id)
        return Blocked(reason) if reason else None

    def show(self, drawing: ViewDrawing) -> None:
        """Show a view on the selected node.

        If two nodes are selected, plot the second over the first.
        """
        chosen = self._workspace.selection
        if len(chosen) == 2:
            first = self._workspace.document.nodes[chosen[0]]
            over = {"x": self._workspace.full_name(first.name)}
            self.show_on_node(chosen[1], drawing.id, over)
        else:
            self.show_on_node(chosen[0], drawing.id)

    def _value_blocked(self) -> Blocked | None:
        nodes = self._workspace.document.nodes
        if self._workspace.document.locked:
            return Blocked("These nodes are read-only.")
        if not any(view_of(nodes[i]) for i in self._workspace.selection):
            return Blocked("Select a node with a view.")
        return None

    def _show_value(self) -> None:
        document = self._workspace.document
        with self._canvas.signals.reporting(), document.transaction("Show the value"):
            for node_id in self._workspace.selection:
                if view_of(document.nodes[node_id]) is not None:
                    set_view(document, node_id, None)


def _binding(watcher: ViewWatcher, drawing: ViewDrawing) -> Binding:
    return Binding(lambda: watcher.show(drawing), lambda: watcher.blocked(drawing))
