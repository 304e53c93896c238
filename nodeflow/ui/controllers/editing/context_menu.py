"""The context menus of the canvas, and the actions on the selection.

The content of a menu is declared as data, like the menu bar. Keys and the reasons that block an
entry come from the actions.
"""

from __future__ import annotations

from functools import partial
from itertools import islice

from PySide6.QtCore import QObject, QPoint, QPointF, QTimer
from PySide6.QtWidgets import QMenu

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.folded_values import is_folded, values_at
from nodeflow.document.analysis.frozen_weights import learning_nodes
from nodeflow.document.analysis.node_flags import (
    has_breakpoint,
    is_bounded,
    is_collapsed,
    is_plotted,
    is_unfolded,
)
from nodeflow.document.analysis.passthrough_nodes import BYPASSED, MUTED, mode_of
from nodeflow.document.analysis.picture_answers import picture_input
from nodeflow.document.analysis.wiring.shown_ports import in_ports
from nodeflow.document.edit.set_flags import toggle_breakpoint, toggle_plotted
from nodeflow.document.layout.card_size import folds
from nodeflow.document.model.records import SUBGRAPH, NodeRecord
from nodeflow.lessons.authoring.edits import has_solution
from nodeflow.train.watched_tensors.bounds import can_bound
from nodeflow.train.watched_tensors.breakpoints import can_hit
from nodeflow.train.watched_tensors.plotted_values import can_plot
from nodeflow.ui.actions.action_set import ActionSet, action_ids, fill_menu
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.actions.menus import CONTEXT_MENUS, LESSON_MENUS, SEPARATOR
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.controllers.viewing.view_watcher import view_actions
from nodeflow.ui.core.state.workspace import Workspace

VIEWS: tuple[str, ...] = tuple(spec.id for spec in view_actions())

KEYS_COUNT_AT_ONCE = (
    *("heal", "detach", "swap_inputs", "mute", "bypass", "breakpoint", "collapse", "hide_wires"),
    *("subgraph", "expand", "unpack", "expose", "delete", "start_wire", "end_wire", "pick_wire"),
)
"""Actions with keys on the canvas that are updated at every change of the selection.

Other actions are updated after a delay.
"""
MOST_EXAMINED = 50
"""Maximum number of selected nodes whose inputs are examined for swapping or unfolding."""
NO_NODES = Blocked("Select nodes, or a frame with nodes on it.")
NO_SELECTION = Blocked("Select a node.")
NOTHING_FOLDS = Blocked("The selection has no ports for settings.")
NO_VALUES = Blocked("Select a constant or a variable, or a node that reads one.")
NEVER_PLOTTED = Blocked("This is not a single number. Reduce it, and plot the result.")
NEVER_BOUNDED = Blocked("Its values have no order, so they have no range.")
NEVER_HIT = Blocked(
    "These values are always finite. Compare them, and set a breakpoint on the result."
)


class ContextMenu(QObject):
    """The menus that the canvas requests, and the actions on the selection."""

    def __init__(self, workspace: Workspace, canvas: CanvasView, actions: ActionSet) -> None:
        super().__init__(canvas)
        self._workspace, self._canvas, self._actions = workspace, canvas, actions
        self.menu: QMenu | None = None
        actions.bind(self._bindings())
        for items in (*CONTEXT_MENUS.values(), *LESSON_MENUS.values()):
            actions.require(tuple(action_ids(items)))
        canvas.signals.menu_requested.connect(self.open)
        workspace.selected.connect(self.name_toggles)
        canvas.selection.wire_selected.connect(self.name_toggles)
        workspace.changed.connect(self.name_toggles)

    def _bindings(self) -> dict[str, Binding]:
        canvas = self._canvas
        align = {
            side: Binding(partial(canvas.edits.align, side), self._not_several)
            for side in ("left", "right", "top", "bottom", "center_x", "center_y")
        }
        return {
            **{f"align_{side}": binding for side, binding in align.items()},
            "distribute_x": Binding(partial(canvas.edits.distribute, 0), self._fewer_than_three),
            "distribute_y": Binding(partial(canvas.edits.distribute, 1), self._fewer_than_three),
            "snap_grid": Binding(canvas.edits.snap_to_grid, self._no_nodes),
            "heal": Binding(canvas.edits.heal, self._no_nodes),
            "detach": Binding(canvas.edits.detach, self._no_nodes),
            "replace": Binding(canvas.edits.replace, self._replace_blocked),
            "swap_inputs": Binding(canvas.edits.swap_inputs, self._swap_blocked),
            "mute": Binding(partial(canvas.edits.toggle_mode, MUTED), self._no_targets),
            "bypass": Binding(partial(canvas.edits.toggle_mode, BYPASSED), self._no_targets),
            "collapse": Binding(canvas.edits.toggle_collapsed, self._no_targets),
            "unfold": Binding(canvas.edits.toggle_unfolded, self._unfold_blocked),
            "breakpoint": Binding(self._toggle_breakpoint, self.breakpoint_blocked),
            "bounds": Binding(self._edit_bounds, self._bounds_blocked),
            "plot_node": Binding(self._toggle_plotted, self._plot_blocked),
            "fold_values": Binding(canvas.edits.toggle_values, self._values_blocked),
            "hide_wires": Binding(canvas.edits.toggle_wire_hidden, self._hiding_blocked),
            "add_dot": Binding(self._add_dot, self._no_wire),
            "insert_node": Binding(self._insert_node, self._no_wire),
        }

    def open(self, kind: str, at: QPoint) -> None:
        """Show the menu for a node, a wire, a frame or the empty canvas."""
        self._actions.refresh()
        self.name_toggles()
        if self.menu is not None:
            self.menu.deleteLater()
        self.menu = QMenu(self._canvas)
        self.menu.setObjectName("canvasMenu")
        self.menu.setToolTipsVisible(True)
        views = QMenu(self.menu)
        fill_menu(
            views,
            ("stage_node", SEPARATOR, "plot_node", "slider", SEPARATOR, *VIEWS),
            self._actions,
            {},
        )
        kind_of_menu = self._kind(kind)
        in_lesson = LESSON_MENUS if has_solution(self._workspace.root) else {}
        items = in_lesson.get(kind_of_menu, CONTEXT_MENUS[kind_of_menu])
        fill_menu(self.menu, items, self._actions, {"views_menu": views})
        if kind == "node" and self._takes_a_picture():
            self.menu.insertAction(self.menu.actions()[0], self._actions["sketch"])
        if kind == "node" and self._are_weights():
            after = self.menu.actions()[self.menu.actions().index(self._actions["replace"]) + 1]
            usable = (self._actions[name] for name in ("freeze", "thaw"))
            self.menu.insertActions(after, [action for action in usable if action.isEnabled()])
        self._canvas.mouse.menu_open_at = self._canvas.mouse.menu_at
        self.menu.aboutToHide.connect(self._closed_soon)
        self.menu.popup(at)

    def _takes_a_picture(self) -> bool:
        """Return whether exactly one placeholder is selected, and the sketch pad can feed it."""
        workspace, chosen = self._workspace, self._workspace.selection
        if len(chosen) != 1 or workspace.path:
            return False
        return picture_input(workspace.document.nodes[chosen[0]], workspace.analysis) is not None

    def _are_weights(self) -> bool:
        """Return whether variables, layers or instances with weights are selected."""
        document, chosen = self._workspace.document, self._workspace.selection
        few = list(chosen)[:MOST_EXAMINED]
        return any(next(learning_nodes(document, document.nodes[i]), None) for i in few)

    def _kind(self, kind: str) -> str:
        """Return the kind of menu to show. A single selected dataset node has its own kind."""
        nodes = self._workspace.document.nodes
        chosen = [nodes[i].op for i in self._workspace.selection]
        return DATASET if kind == "node" and chosen == [DATASET] else kind

    def _closed_soon(self) -> None:
        """Forget the menu's position a little later, because a chosen entry runs after the menu
        has closed.
        """
        QTimer.singleShot(0, self._canvas, self._forget_place)

    def _forget_place(self) -> None:
        if self.menu is None or not self.menu.isVisible():
            self._canvas.mouse.menu_open_at = None

    def name_toggles(self, *_: object) -> None:
        """Give each toggle action the text of its effect on the selection, such as Mute or
        Unmute.
        """
        nodes = [self._workspace.document.nodes[i] for i in self._canvas.selection.targets()]
        for mode, on, off in ((MUTED, "Mute", "Unmute"), (BYPASSED, "Bypass", "Stop bypassing")):
            every = bool(nodes) and all(mode_of(node) == mode for node in nodes)
            self._actions.set_text("mute" if mode == MUTED else "bypass", off if every else on)
        every = bool(nodes) and all(has_breakpoint(node) for node in nodes)
        words = "Remove the breakpoint" if every else "Set a breakpoint"
        self._actions.set_text("breakpoint", words)
        every = bool(nodes) and all(is_bounded(node) for node in nodes)
        self._actions.set_text(
            "bounds", "Change the allowed range…" if every else "Set the allowed range…"
        )
        every = bool(nodes) and all(is_plotted(node) for node in nodes)
        self._actions.set_text("plot_node", "Do not plot" if every else "Plot over steps")
        every = bool(nodes) and all(is_collapsed(node) for node in nodes)
        self._actions.set_text("collapse", "Open" if every else "Collapse to the title")
        every = bool(nodes) and all(is_unfolded(node) for node in nodes)
        words = "Fold the ports of settings" if every else "Unfold the ports of settings"
        self._actions.set_text("unfold", words)
        one = nodes[0].op if len(nodes) == 1 else ""
        words = {SUBGRAPH: "Enter the subgraph", DATASET: "Show the rows"}.get(one, "Expand")
        self._actions.set_text("expand", words)
        hidden = self._canvas.edits.is_wire_hidden(self._canvas.selection.wire)
        words = "Show the wire" if hidden else "Hide the wire"
        if self._canvas.selection.wire is None:
            words = "Hide or show wires"
        self._actions.set_text("hide_wires", words)
        every = all(is_folded(self._workspace.document, value) for value in self._values())
        words = "Show values as nodes" if every else "Fold values into readers"
        self._actions.set_text("fold_values", words)
        self._actions.refresh(KEYS_COUNT_AT_ONCE)

    # ---- conditions -------------------------------------------------------------------------

    def _locked(self) -> Blocked | None:
        return Blocked("This view is read-only.") if self._workspace.document.locked else None

    def _no_nodes(self) -> Blocked | None:
        return self._locked() or (None if self._workspace.selection else NO_SELECTION)

    def _no_targets(self) -> Blocked | None:
        some = bool(self._workspace.selection) or bool(self._canvas.selection.targets())
        return self._locked() or (None if some else NO_NODES)

    def _unfold_blocked(self) -> Blocked | None:
        document, targets = self._workspace.document, self._canvas.selection.targets()
        some = len(targets) > MOST_EXAMINED
        some = some or any(folds(document, document.nodes[i]) for i in targets)
        return self._no_targets() or (None if some else NOTHING_FOLDS)

    def _values(self) -> list[NodeRecord]:
        """Return the values among, or read by, some of the selected nodes; or by any node."""
        document, chosen = self._workspace.document, self._canvas.selection.targets()
        return list(islice(values_at(document, chosen or document.nodes), MOST_EXAMINED))

    def _values_blocked(self) -> Blocked | None:
        return self._locked() or (None if self._values() else NO_VALUES)

    def breakpoint_blocked(self) -> Blocked | None:
        if not self._workspace.selection:
            return self._locked() or NO_SELECTION
        some = self._breakable() or [
            i
            for i in self._workspace.selection
            if has_breakpoint(self._workspace.document.nodes[i])
        ]
        return self._locked() or (None if some else NEVER_HIT)

    def _breakable(self) -> list[str]:
        """Return the selected nodes that can have a breakpoint.

        Their known types must allow values that are not finite, or the value true.
        """
        analysis = self._workspace.analysis
        return [
            node
            for node in self._workspace.selection
            if any(map(can_hit, (analysis.out_types(node) or {}).values()))
        ]

    def _bounds_blocked(self) -> Blocked | None:
        if not self._workspace.selection:
            return self._locked() or NO_SELECTION
        return self._locked() or (None if self._boundable() else NEVER_BOUNDED)

    def _boundable(self) -> list[str]:
        """Return the selected nodes that have bounds or whose known types allow them."""
        nodes, analysis = self._workspace.document.nodes, self._workspace.analysis
        return [
            node
            for node in self._workspace.selection
            if is_bounded(nodes[node])
            or any(map(can_bound, (analysis.out_types(node) or {}).values()))
        ]

    def _plot_blocked(self) -> Blocked | None:
        if not self._workspace.selection:
            return self._locked() or NO_SELECTION
        return self._locked() or (None if self._plottable() else NEVER_PLOTTED)

    def _plottable(self) -> list[str]:
        """Return the selected nodes that are plotted or known to be a single number."""
        nodes, analysis = self._workspace.document.nodes, self._workspace.analysis
        found = []
        for node in self._workspace.selection:
            first = next(iter((analysis.out_types(node) or {}).values()), None)
            if is_plotted(nodes[node]) or (first is not None and can_plot(first)):
                found.append(node)
        return found

    def _not_several(self) -> Blocked | None:
        several = len(self._workspace.selection) > 1
        return self._locked() or (None if several else Blocked("Select two nodes or more."))

    def _fewer_than_three(self) -> Blocked | None:
        enough = len(self._workspace.selection) > 2
        return self._locked() or (None if enough else Blocked("Select three nodes or more."))

    def _replace_blocked(self) -> Blocked | None:
        one = len(self._workspace.selection) == 1
        return self._locked() or (None if one else Blocked("Select one node to replace it."))

    def _swap_blocked(self) -> Blocked | None:
        document = self._workspace.document
        for node in self._workspace.selection[:MOST_EXAMINED]:
            ports = in_ports(document, document.nodes[node])
            if sum(port.kind == "tensor" for port in ports) > 1:
                return self._locked()
        return Blocked("Select a node with two inputs.")

    def _no_wire(self) -> Blocked | None:
        wire = self._canvas.selection.wire in self._workspace.document.wires
        return self._locked() or (None if wire else Blocked("Click a wire to select it."))

    def _hiding_blocked(self) -> Blocked | None:
        wire = self._canvas.selection.wire in self._workspace.document.wires
        some = wire or bool(self._workspace.selection)
        return self._locked() or (None if some else Blocked("Select a wire or nodes."))

    # ---- execution --------------------------------------------------------------------------

    def _toggle_breakpoint(self) -> None:
        document, chosen = self._workspace.document, self._workspace.selection
        with self._canvas.signals.reporting():
            if all(has_breakpoint(document.nodes[i]) for i in chosen):
                toggle_breakpoint(document, chosen)
            else:
                toggle_breakpoint(document, self._breakable())

    def _edit_bounds(self) -> None:
        self._canvas.rename.bounds(self._boundable())

    def _toggle_plotted(self) -> None:
        with self._canvas.signals.reporting():
            toggle_plotted(self._workspace.document, self._plottable())

    def _add_dot(self) -> None:
        key = self._canvas.selection.wire
        if key is not None:
            self._canvas.edits.add_dot(
                key, self._canvas.viewport.camera.to_scene(self._on_wire(key))
            )

    def _insert_node(self) -> None:
        key = self._canvas.selection.wire
        if key is not None:
            self._canvas.edits.insert_into_wire(self._on_wire(key))

    def _on_wire(self, key: tuple[str, str]) -> QPointF:
        """Return the menu's position if it is on the wire, or else the wire's middle, in view
        coordinates.
        """
        at = QPointF(self._canvas.mouse.menu_at)
        if self._canvas.viewport.hit_test(at).wire == key:
            return at
        lines = self._canvas.viewport.wire_lines([key])
        return QPointF(*lines[len(lines) // 2, :2].tolist())
