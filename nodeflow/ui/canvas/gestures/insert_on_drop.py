"""A card over a wire it fits into: the wire lights up, and dropping the card inserts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.document.edit.rewiring import Insertion, insert_on_wire, insertion
from nodeflow.document.model.records import NodeRecord
from nodeflow.ui.canvas.scene import array_painting, wire_table
from nodeflow.ui.canvas.scene.card_data import CardFace
from nodeflow.ui.canvas.scene.scene_model import port_place

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView

POINTER_REACH = 14.0
"""How near the pointer a wire counts, in view pixels; near the card's middle three times that."""


class DropOnWire:
    """Looks for the wire under one card while it is dragged. ``found`` is where it would go."""

    def __init__(self, view: CanvasView, record: NodeRecord) -> None:
        self.view = view
        self.record = record
        self.found: Insertion | None = None
        self._known: dict[tuple[str, str], Insertion | None] = {}

    def look(self, pointer: QPointF, middle: QPointF) -> None:
        """The card's middle and the pointer are now at these scene points."""
        key = self._wire_near(pointer, middle)
        self.found = self._fit(key) if key is not None else None

    def insert(self, node_id: str) -> bool:
        """Put the node into the wire it was over, within an open transaction."""
        if self.found is None:
            return False
        insert_on_wire(self.view.document, node_id, self.found)
        return True

    def _fit(self, key: tuple[str, str]) -> Insertion | None:
        if key not in self._known:
            view = self.view
            wire = view.document.wires[key]
            self._known[key] = insertion(view.document, view.analysis, self.record, wire)
        return self._known[key]

    def _wire_near(self, pointer: QPointF, middle: QPointF) -> tuple[str, str] | None:
        scene, reach = self.view.scene, POINTER_REACH / self.view.camera.scale
        area = QRectF(pointer, middle).normalized()
        area.adjust(-3 * reach, -3 * reach, 3 * reach, 3 * reach)
        slots, ends = scene.wires_in(area)
        own = scene.nodes.get(self.record.id)
        shown = ~scene.wires.hidden[slots]
        shown &= (scene.wires.source[slots] != own) & (scene.wires.target[slots] != own)
        slots, ends = slots[shown], ends[shown]
        if not len(slots):
            return None
        lane = scene.wires.lane[slots]
        gaps = np.minimum(
            wire_table.distance(ends, pointer.x(), pointer.y(), lane),
            wire_table.distance(ends, middle.x(), middle.y(), lane) / 3,
        )
        nearest = int(gaps.argmin())
        return scene.wires.slots.key(int(slots[nearest])) if gaps[nearest] <= reach else None

    def paint(self, painter: QPainter, face: CardFace, corner: QPointF) -> None:
        """The wire that would be opened glows, and those that would take its place are dashed.

        ``corner`` is where the card is held now, in scene units.
        """
        if self.found is None:
            return
        view, wire = self.view, self.found.wire
        glow = view.theme.color("accent", 0.25)
        painter.setPen(QPen(glow, 10.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        array_painting.draw_lines(painter, view.wire_lines(wire.key))
        into, _ = port_place(face, "in", self.found.into)
        out, _ = port_place(face, "out", self.found.out)
        a = view.scene_to_view(corner + QPointF(0, into))
        b = view.scene_to_view(corner + QPointF(face.width, out))
        start = view.port_place(wire.source, wire.source_port, "out")
        end = view.port_place(wire.target, wire.target_port, "in")
        ends = np.array([[start.x(), start.y(), a.x(), a.y()], [b.x(), b.y(), end.x(), end.y()]])
        painter.setPen(QPen(view.theme.color("accent"), 2.5))
        array_painting.draw_lines(painter, wire_table.smooth(ends, (7.0, 5.0), view.camera.scale))
