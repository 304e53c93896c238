"""Edits of the selection, such as add, delete, mute and align.

Each is one command on the document.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtWidgets import QWidget

from nodeflow.document.analysis.folded_values import folded_into
from nodeflow.document.analysis.passthrough_nodes import REROUTE
from nodeflow.document.edit import commands, rewiring, set_flags
from nodeflow.document.edit.data import dataset_placeholders
from nodeflow.document.edit.inserting import insertables
from nodeflow.document.edit.offers.wiring_guess import wire_new
from nodeflow.document.edit.shared_weights import Heirs, heirs_of
from nodeflow.document.layout import align
from nodeflow.document.layout.card_size import folds
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Wire
from nodeflow.drawing.cards import card_data
from nodeflow.number_text import counted
from nodeflow.ui.canvas.gestures.base import SMALLEST_FRAME, SNAP
from nodeflow.ui.canvas.gestures.drag_wire import WireContext
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.canvas.signals import CanvasSignals


@dataclass(frozen=True)
class ReplaceContext:
    """A search for an op that replaces a node."""

    node: str


@dataclass(frozen=True)
class InsertContext:
    """A search for an op to insert into a wire."""

    wire: Wire


SearchContext = WireContext | ReplaceContext | InsertContext


class GraphEdits:
    """Commands on the selection of a canvas.

    If the document refuses one, a message tells the reason.

    Attributes:
        ask_heirs: asks who keeps the weights of nodes to be removed that other nodes share; returns
            None if nothing is to be removed. The window sets it.
    """

    ask_heirs: Callable[[Document, dict[str, list[str]]], Heirs | None] | None = None

    def __init__(
        self,
        canvas: QWidget,
        scene: SceneModel,
        viewport: Viewport,
        selection: Selection,
        signals: CanvasSignals,
    ) -> None:
        self._canvas, self._scene, self._viewport = canvas, scene, viewport
        self._selection, self._signals = selection, signals

    # ---- nodes ------------------------------------------------------------------------------

    def add_node(
        self,
        op_id: str,
        at: QPointF,
        attrs: dict[str, Any] | None = None,
        source: tuple[str, str] | None = None,
    ) -> str | None:
        """Add a node with its corner near a scene point, on the grid, and select it.

        Args:
            source: an output (node id, port) to connect to the new node. Other obvious inputs
                are connected automatically.
        """
        place = (round(at.x() / SNAP) * SNAP, round(at.y() / SNAP) * SNAP)
        with self._signals.reporting():
            document = self._scene.document
            with document.transaction(f"Add {insertables.display_name(op_id)}"):
                new = insertables.add(document, op_id, place, attrs)
                if len(new) == 1:
                    wire_new(document, self._scene.analysis, new[0], source)
                dataset_placeholders.complete(document, new)
            self._selection.select(new)
            self._canvas.setFocus()
            return new[0] if new else None
        return None

    def delete(self) -> None:
        """Delete the selected nodes, frame or wire. The contents of a frame stay.

        Values that are folded into the cards of deleted nodes, and of no other nodes, are deleted
        as well.
        """
        selection, document = self._selection, self._scene.document
        wire, chosen = selection.wire, selection.nodes()
        chosen += folded_into(document, chosen)
        selection.wire = None
        if not selection.is_frame and selection.frames:
            self.remove(selection.with_contents(), "Delete")
        else:
            heirs = None if selection.is_frame else self._heirs(chosen)
            if chosen and heirs is None and not selection.is_frame:
                return
            with self._signals.reporting():
                if selection.is_frame:
                    commands.remove_frame(document, selection.frame)
                elif chosen:
                    commands.remove(document, chosen, heirs=heirs)
                elif wire is not None:
                    commands.disconnect(document, wire)
        self._canvas.update()

    def remove(self, ids: list[str], verb: str) -> None:
        """Remove nodes and frames as one undo step.

        Args:
            ids: ids of nodes and frames.
            verb: the first word of the undo step's label, such as ``Cut``.
        """
        document = self._scene.document
        nodes = [i for i in ids if i in document.nodes]
        nodes += folded_into(document, nodes)
        heirs = self._heirs(nodes)
        if heirs is None:
            return
        frames = [i for i in ids if i in document.frames]
        what = counted(len(frames), "frame")
        with self._signals.reporting(), document.transaction(f"{verb} {what} with nodes"):
            commands.remove(document, nodes, heirs=heirs)
            for frame in frames:
                commands.remove_frame(document, frame)

    def _heirs(self, ids: list[str]) -> Heirs | None:
        """If nodes with shared weights are to be removed, ask the user which of the other nodes
        become the owners of these weights. Return None to cancel the removal.
        """
        owners = heirs_of(self._scene.document, ids)
        if not owners or self.ask_heirs is None or self._scene.document.locked:
            return {}
        return self.ask_heirs(self._scene.document, owners)

    def heal(self) -> None:
        """Delete the selected nodes and connect their sources to their consumers."""
        chosen = self._selection.nodes()
        if not chosen:
            self.delete()
            return
        heirs = self._heirs(chosen)
        if heirs is None:
            return
        with self._signals.reporting():
            document, analysis = self._scene.document, self._scene.analysis
            healed = rewiring.remove_and_heal(document, analysis, chosen, heirs)
            words = {0: "Nothing to heal.", 1: "Healed one wire."}
            self._signals.message.emit(words.get(healed, f"Healed {healed} wires."))

    def detach(self) -> None:
        """Detach the selected nodes from their wires, and connect their sources to their
        consumers.
        """
        document, analysis = self._scene.document, self._scene.analysis
        with self._signals.reporting():
            if not rewiring.detach(document, analysis, self._selection.nodes()):
                self._signals.message.emit("There is no wire to detach from.")

    def swap_inputs(self) -> None:
        """Swap the first two inputs of every selected node."""
        document = self._scene.document
        with self._signals.reporting():
            chosen = self._selection.nodes()
            names = [document.nodes[node].name for node in chosen]
            label = f"Swap {names[0]}'s inputs" if len(names) == 1 else "Swap inputs"
            with document.transaction(label):
                swapped = [rewiring.swap_inputs(document, node) for node in chosen]
            if not any(swapped):
                self._signals.message.emit("Only nodes with two inputs can swap them.")

    def toggle_mode(self, mode: str) -> None:
        """Mute or bypass the selected nodes (for a frame, the nodes in it), or let them run
        again.
        """
        with self._signals.reporting():
            set_flags.toggle_mode(self._scene.document, self._selection.targets(), mode)

    def toggle_collapsed(self) -> None:
        """Collapse the cards of the selected nodes, or expand them if they are collapsed. For a
        selected frame, do so for the nodes in it.
        """
        with self._signals.reporting():
            set_flags.toggle_collapsed(self._scene.document, self._selection.targets())

    def toggle_unfolded(self, nodes: Sequence[str] | None = None) -> None:
        """Expand or collapse the in-ports on cards that only override an attribute.

        Args:
            nodes: the ids of the nodes; None for the selected nodes.
        """
        document = self._scene.document
        chosen = self._selection.targets() if nodes is None else nodes
        chosen = [i for i in chosen if folds(document, document.nodes[i])]
        with self._signals.reporting():
            set_flags.toggle_unfolded(document, chosen)

    def toggle_values(self) -> None:
        """Fold constant values into the cards of the nodes that read them, or show them as separate
        nodes again.

        This applies to the selected values, and to values that selected nodes read. Without a
        selection, it applies to all.
        """
        document = self._scene.document
        chosen = self._selection.targets() or list(document.nodes)
        with self._signals.reporting():
            set_flags.toggle_values(document, chosen)

    # ---- searches ---------------------------------------------------------------------------

    def search(self, at: QPointF, context: SearchContext | None) -> None:
        """Request a search for an op at a view point, unless the document is read-only."""
        if self._scene.document.locked:
            self._signals.message.emit(self._scene.document.locked)
        else:
            self._request_search(at, context)

    def replace(self) -> None:
        """Request a search for an op that replaces the one selected node."""
        chosen = self._selection.nodes()
        if len(chosen) == 1:
            at = self._viewport.node_rect(chosen[0]).bottomLeft()
            self._request_search(at, ReplaceContext(chosen[0]))

    def insert_into_wire(self, at: QPointF) -> None:
        """Request a search for an op to insert into the selected wire, at a view point."""
        wire = self._selection.wire_record
        if wire is not None:
            self._request_search(at, InsertContext(wire))

    def _request_search(self, at: QPointF, context: SearchContext | None) -> None:
        self._signals.search_requested.emit(self._viewport.camera.to_scene(at), at, context)

    # ---- wires ------------------------------------------------------------------------------

    def add_dot(self, key: tuple[str, str], at: QPointF) -> str | None:
        """Put a reroute dot on a wire at a scene point, and select the dot."""
        with self._signals.reporting():
            place = (at.x(), at.y())
            dot = rewiring.add_dot(self._scene.document, key, place, card_data.DOT)
            self._selection.wire = None
            self._selection.select([dot])
            return dot
        return None

    def is_dot(self, node_id: str) -> bool:
        record = self._scene.document.nodes.get(node_id)
        return record is not None and record.op == REROUTE

    def is_wire_hidden(self, key: tuple[str, str] | None) -> bool:
        slot = self._scene.wires.slots.get(key) if key is not None else None
        return slot is not None and bool(self._scene.wires.hidden[slot])

    def toggle_wire_hidden(self) -> None:
        """Hide the selected wire, or else all wires of the selected nodes: only short stubs at
        their ends are drawn. If all are hidden already, show them completely.
        """
        document, wire = self._scene.document, self._selection.wire
        keys = [wire] if wire is not None and wire in document.wires else []
        for node in self._selection.nodes() if not keys else ():
            keys += [w.key for w in document.wires_into(node)]
            keys += [w.key for w in document.wires_out_of(node)]
        with self._signals.reporting():
            if keys:
                hidden = all(self.is_wire_hidden(key) for key in keys)
                set_flags.set_hidden(document, dict.fromkeys(keys), not hidden)

    # ---- positions --------------------------------------------------------------------------

    def align(self, edge: str) -> None:
        """Align an edge or the center line of the selected nodes."""
        self._arrange(
            f"Align {edge.replace('center_x', 'centres').replace('center_y', 'middles')}",
            lambda corners, sizes: align.aligned(corners, sizes, edge),
        )

    def distribute(self, axis: int) -> None:
        """Make the gaps between the selected nodes equal along an axis."""
        direction = ("horizontally", "vertically")[axis]
        self._arrange(
            f"Distribute {direction}",
            lambda corners, sizes: align.distributed(corners, sizes, axis),
        )

    def snap_to_grid(self) -> None:
        """Move the corners of the selected nodes to the grid."""
        self._arrange("Snap to grid", lambda corners, _: align.snapped(corners, SNAP))

    def _arrange(self, label: str, rule: align.Rule) -> None:
        scene = self._scene
        slots = np.flatnonzero(scene.selected)
        if not len(slots):
            return
        after = rule(scene.positions[slots], scene.sizes[slots])
        keys = [scene.nodes.key(slot) for slot in slots.tolist()]
        places = {key: (x, y) for key, (x, y) in zip(keys, after.tolist(), strict=True)}
        with self._signals.reporting(), scene.document.transaction(label):
            commands.move(scene.document, places)

    def nudge(self, dx: float, dy: float) -> None:
        """Move the selected nodes, or the frame. Repeated nudges are one undo step."""
        selection, document = self._selection, self._scene.document
        frame = document.frames.get(selection.frame)
        if frame is not None:
            corner = (frame.rect[0] + dx, frame.rect[1] + dy)
            with self._signals.reporting():
                commands.move_frame(document, frame.id, corner, merge=("nudge", frame.id))
            return
        places = {}
        for node_id in selection.nodes():
            x, y = document.nodes[node_id].pos
            places[node_id] = (x + dx, y + dy)
        if places:
            with self._signals.reporting():
                merge = ("nudge", tuple(places))
                commands.move_along(document, places, selection.frames, (dx, dy), merge)

    def move_step(self, dx: int, dy: int, *, far: bool = False) -> None:
        """Move the selection by one step of the grid, or by five if ``far``.

        Without a selection, a step to the left or right goes back or forward in the view history.
        """
        if self._selection.ids():
            step = SNAP * (5 if far else 1)
            self.nudge(dx * step, dy * step)
            self._viewport.ensure_visible(*self._selection.nodes()[:1])
        elif dx:
            self._signals.history_requested.emit(dx)

    def resize_step(self, dx: int, dy: int) -> None:
        """Move the lower right corner of the selected frame by one step of the grid.

        Repeated steps are one undo step.
        """
        frame = self._scene.document.frames.get(self._selection.frame)
        if frame is None:
            self._signals.message.emit("Select a frame to resize it.")
            return
        x, y, width, height = frame.rect
        width = max(width + dx * SNAP, min(width, SMALLEST_FRAME[0]))
        height = max(height + dy * SNAP, min(height, SMALLEST_FRAME[1]))
        if (width, height) == frame.rect[2:]:
            self._signals.message.emit("The frame cannot be smaller.")
            return
        with self._signals.reporting():
            rect = (x, y, width, height)
            commands.set_frame(self._scene.document, frame.id, ("resize", frame.id), rect=rect)
        corner = QRectF(x + width - SNAP, y + height - SNAP, SNAP, SNAP)
        self._viewport.ensure_area_visible(corner)
