"""Placing nodes and fields on the stage, and removing them."""

from __future__ import annotations

from PySide6.QtCore import QObject

from nodeflow.document.analysis.node_flags import view_of
from nodeflow.document.analysis.picture_answers import makes_pictures
from nodeflow.document.edit import stage
from nodeflow.document.edit.stage import VALUE, PinnedControl, PinnedView, is_pair
from nodeflow.drawing.views.view import discover_views
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.controllers.viewing.view_watcher import ViewWatcher
from nodeflow.ui.core.state.workspace import Workspace

PUT, TAKE = "Put on the stage", "Take off the stage"
NUMBERS = "value"
"""The attribute of a constant that a control changes."""
PREFERRED = ("regions", "class_accuracy")
"""Views that tell more about a node than its value, in order of preference."""


class StageActions(QObject):
    """The action that places the selected node on the stage, and the entry in the menus of
    fields.
    """

    def __init__(
        self, workspace: Workspace, canvas: CanvasView, views: ViewWatcher, actions: ActionSet
    ) -> None:
        super().__init__(canvas)
        self._workspace, self._canvas, self._views = workspace, canvas, views
        self._actions = actions
        actions.bind({"stage_node": Binding(self._toggle_node, self._node_blocked)})
        for signal in (workspace.selected, workspace.changed):
            signal.connect(self._name_action)

    # ---- nodes --------------------------------------------------------------------------------

    def _node_blocked(self) -> Blocked | None:
        workspace = self._workspace
        if workspace.document.locked:
            return Blocked("These nodes are read-only.")
        if len(workspace.selection) != 1:
            return Blocked("Select one node to put it on the stage.")
        if workspace.is_apart:
            return Blocked("This subgraph is not open inside an instance.")
        op = workspace.declaration(workspace.document.nodes[workspace.selection[0]])
        if op is None or not op.outputs or not op.computes:
            return Blocked("This node has no value to show.")
        return None

    def _toggle_node(self) -> None:
        root, pinned = self._workspace.root, self._pinned()
        if self._is_handle() and not pinned:
            self.toggle_control(self._place(), NUMBERS)
            self._name_action()
            return
        with self._canvas.signals.reporting():
            if pinned:
                with root.transaction(stage.unpin_label(root, pinned[0])):
                    for view in pinned:
                        stage.unpin_view(root, view)
            else:
                stage.pin_view(root, self._view())

    def _is_handle(self) -> bool:
        """Return whether the selected node is a constant that a control on the stage can change: a
        number as a slider, or two numbers as a point on a pad.
        """
        if len(self._workspace.selection) != 1:
            return False
        record = self._workspace.document.nodes[self._workspace.selection[0]]
        value = record.attrs.get(NUMBERS)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return record.op == "constant" and (is_number or is_pair(value))

    def _place(self) -> str:
        path = (*self._workspace.path, self._workspace.selection[0])
        return "/".join(path)

    def _pinned(self) -> list[PinnedView]:
        """Return the views of the selected node that are on the stage."""
        if len(self._workspace.selection) != 1:
            return []
        place = self._place()
        return [view for view in stage.views_of(self._workspace.root) if view.node == place]

    def _view(self) -> PinnedView:
        """Return the view that the node shows, or else the most informative one."""
        node_id = self._workspace.selection[0]
        shown = view_of(self._workspace.document.nodes[node_id])
        if shown is not None:
            return PinnedView(self._place(), str(shown["kind"]))
        if makes_pictures(self._workspace.document, self._workspace.analysis, node_id):
            return PinnedView(self._place(), VALUE)
        drawings = (discover_views()[kind] for kind in PREFERRED)
        fitting = (d.id for d in drawings if self._views.unfit(d, node_id) is None)
        found = next(fitting, None)
        if found is None:
            types = self._workspace.analysis.out_types(node_id) or {}
            first = next(iter(types.values()), None)
            is_number = first is not None and first.has_rank and first.shape == ()
            found = "plot" if is_number else VALUE
        return PinnedView(self._place(), found)

    def _name_action(self, *_: object) -> None:
        is_there = bool(self._pinned()) or (
            self._is_handle() and stage.is_control(self._workspace.root, self._place(), NUMBERS)
        )
        self._actions.set_text("stage_node", TAKE if is_there else PUT)

    # ---- fields -------------------------------------------------------------------------------

    def toggle_control(self, path: str, attr: str) -> None:
        """Place an attribute on the stage, or remove it."""
        root, control = self._workspace.root, PinnedControl(path, attr)
        with self._canvas.signals.reporting():
            if stage.is_control(root, path, attr):
                stage.unpin_control(root, control)
            else:
                stage.pin_control(root, control)
