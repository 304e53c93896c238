"""Edits of what is selected beyond moving and deleting: heal, detach, swap, mute, align, dots.

Part of the canvas (``CanvasView`` inherits it). Each is one command on the document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPoint, QPointF

from nodeflow.document.analysis import node_flags
from nodeflow.document.analysis.passthrough import REROUTE
from nodeflow.document.edit import commands, rewiring
from nodeflow.document.edit.conversions import Conversion
from nodeflow.document.layout import align
from nodeflow.document.model.records import Wire
from nodeflow.ui.canvas.gestures.base import SNAP
from nodeflow.ui.canvas.scene import card_data, wire_table
from nodeflow.ui.canvas.view.conversion_chip import ConversionChip

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView


FEW_LINES = 20
"""With more lines at once they are coarser."""


@dataclass(frozen=True)
class ReplaceContext:
    """Asks the search for an op to put in a node's place."""

    node: str


@dataclass(frozen=True)
class InsertContext:
    """Asks the search for an op to put into a wire."""

    wire: Wire


class GraphEdits:
    """Commands on the selection; ``self`` is a CanvasView."""

    menu_at = QPoint()
    """Where the context menu was asked for, in view coordinates."""
    menu_open_at: QPoint | None = None
    """The same while a menu is open and what was chosen in it is being done."""

    def targets(self: CanvasView) -> list[str]:
        """The selected nodes, or those that the selected frame holds."""
        frame = self.document.frames.get(self.selected_frame)
        if frame is None:
            return self.selected_nodes()
        x, y, width, height = frame.rect
        return [
            node.id
            for node in self.document.nodes.values()
            if x <= node.pos[0] < x + width and y <= node.pos[1] < y + height
        ]

    def heal_selection(self: CanvasView) -> None:
        """Delete the selected nodes and join what they joined."""
        chosen = self.selected_nodes()
        if not chosen:
            self.delete_selection()
            return
        with self.reporting():
            healed = rewiring.remove_and_heal(self.document, self.analysis, chosen)
            words = {0: "Nothing to heal.", 1: "Healed one wire."}
            self.say(words.get(healed, f"Healed {healed} wires."))

    def detach_selection(self: CanvasView) -> None:
        """Take the selected nodes out of their wires, which heal."""
        with self.reporting():
            if not rewiring.detach(self.document, self.analysis, self.selected_nodes()):
                self.say("There is no wire to detach from.")

    def swap_selection(self: CanvasView) -> None:
        """Swap the first two inputs of every selected node."""
        with self.reporting():
            chosen = self.selected_nodes()
            names = [self.document.nodes[node].name for node in chosen]
            label = f"Swap {names[0]}'s inputs" if len(names) == 1 else "Swap inputs"
            with self.document.transaction(label):
                swapped = [rewiring.swap_inputs(self.document, node) for node in chosen]
            if not any(swapped):
                self.say("Only nodes with two inputs can swap them.")

    def replace_selected(self: CanvasView) -> None:
        """Search an op for the place of the one selected node."""
        chosen = self.selected_nodes()
        if len(chosen) == 1:
            at = self.node_rect(chosen[0]).bottomLeft()
            self.request_search.emit(self.view_to_scene(at), at, ReplaceContext(chosen[0]))

    def insert_into_wire(self: CanvasView, at: QPointF) -> None:
        """Search an op to put into the selected wire, at a view point."""
        wire = self.document.wires.get(self.selected_wire) if self.selected_wire else None
        if wire is not None:
            self.request_search.emit(self.view_to_scene(at), at, InsertContext(wire))

    def toggle_mode(self: CanvasView, mode: str) -> None:
        """Mute or bypass the selected nodes (those of a frame), or let them run again."""
        with self.reporting():
            node_flags.toggle_mode(self.document, self.targets(), mode)

    def toggle_collapsed(self: CanvasView) -> None:
        with self.reporting():
            node_flags.toggle_collapsed(self.document, self.targets())

    # ---- wires ------------------------------------------------------------------------------

    def select_wire(self: CanvasView, key: tuple[str, str]) -> None:
        """Select a wire, and nothing else."""
        self.select([])
        self.selected_wire = key
        self.wire_selected.emit()
        self.update()

    def wire_lines(self: CanvasView, key: tuple[str, str]) -> np.ndarray:
        """(m, 4) line segments of a wire in view coordinates."""
        return self.lines_of([key])

    def lines_of(self: CanvasView, keys: Iterable[tuple[str, str]]) -> np.ndarray:
        """(m, 4) line segments of several wires in view coordinates."""
        slots = [s for s in map(self.scene.wires.slots.get, keys) if s is not None]
        if not slots:
            return np.zeros((0, 4))
        scale = self.camera.scale
        ends = self.scene.wires.ends(np.array(slots), self.scene.positions)
        view = ends * scale + np.tile([self.camera.x, self.camera.y], 2)
        lane = self.scene.wires.lane[slots] * scale + self.camera.y
        if len(slots) > FEW_LINES:
            return wire_table.segments(view, 16, None, scale, lane)
        return wire_table.smooth(view, None, scale, lane)

    def add_dot(self: CanvasView, key: tuple[str, str], at: QPointF) -> str | None:
        """Put a dot on a wire at a scene point, and select it."""
        with self.reporting():
            dot = rewiring.add_dot(self.document, key, (at.x(), at.y()), card_data.DOT)
            self.selected_wire = None
            self.select([dot])
            return dot
        return None

    def is_dot(self: CanvasView, node_id: str) -> bool:
        record = self.document.nodes.get(node_id)
        return record is not None and record.op == REROUTE

    def is_wire_hidden(self: CanvasView, key: tuple[str, str] | None) -> bool:
        slot = self.scene.wires.slots.get(key) if key is not None else None
        return slot is not None and bool(self.scene.wires.hidden[slot])

    def toggle_wire_hidden(self: CanvasView) -> None:
        """Draw the selected wire as stubs, or whole again; without one, the nodes' wires."""
        keys = [self.selected_wire] if self.selected_wire in self.document.wires else []
        for node in self.selected_nodes() if not keys else ():
            keys += [w.key for w in self.document.wires_into(node)]
            keys += [w.key for w in self.document.wires_out_of(node)]
        with self.reporting():
            if keys:
                hidden = all(self.is_wire_hidden(key) for key in keys)
                node_flags.set_hidden(self.document, dict.fromkeys(keys), not hidden)

    def offer_conversions(
        self: CanvasView,
        wire: Wire,
        offers: Sequence[Conversion],
        at: QPointF,
        picked: tuple[str, str] | None,
    ) -> None:
        """Show a chip that would put one of these into the refused wire."""
        self.close_chip()
        self.chip = ConversionChip(self, wire, offers, at, picked)

    def close_chip(self: CanvasView) -> None:
        if self.chip is not None:
            self.chip.close_chip()

    # ---- places -----------------------------------------------------------------------------

    def align(self: CanvasView, edge: str) -> None:
        """Let the selected nodes share an edge or a middle line."""
        self._arrange(
            f"Align {edge.replace('center_x', 'centres').replace('center_y', 'middles')}",
            lambda corners, sizes: align.aligned(corners, sizes, edge),
        )

    def distribute(self: CanvasView, axis: int) -> None:
        """Let the selected nodes have equal gaps along an axis."""
        way = ("horizontally", "vertically")[axis]
        self._arrange(
            f"Distribute {way}",
            lambda corners, sizes: align.distributed(corners, sizes, axis),
        )

    def snap_selection(self: CanvasView) -> None:
        """Put the corners of the selected nodes on the grid."""
        self._arrange("Snap to grid", lambda corners, _: align.snapped(corners, SNAP))

    def _arrange(self: CanvasView, label: str, rule: align.Rule) -> None:
        slots = np.flatnonzero(self.scene.selected)
        if not len(slots):
            return
        after = rule(self.scene.positions[slots], self.scene.sizes[slots])
        keys = [self.scene.nodes.key(slot) for slot in slots.tolist()]
        places = {key: (x, y) for key, (x, y) in zip(keys, after.tolist(), strict=True)}
        with self.reporting(), self.document.transaction(label):
            commands.move(self.document, places)
