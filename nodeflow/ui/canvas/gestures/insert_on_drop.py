"""Inserting a card into a wire by dropping it there. The wire is highlighted if the card fits."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.document.edit.make_room import make_room
from nodeflow.document.edit.rewiring import Insertion, insert_on_wire, insertion
from nodeflow.document.model.records import NodeRecord
from nodeflow.drawing.cards.card_data import CardData
from nodeflow.drawing.wires import wire_shape
from nodeflow.drawing.wires.wire_places import port_place
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.core.painting import array_painting
from nodeflow.ui.core.theming.theme import Theme

POINTER_REACH = 14.0
"""Distance from the pointer within which a wire is found, in view pixels. The distance from the
card's middle may be three times as large.
"""


class InsertOnDrop:
    """The search for the wire under a dragged card. ``found`` is the result."""

    def __init__(self, scene: SceneModel, viewport: Viewport, record: NodeRecord) -> None:
        self._scene, self._viewport = scene, viewport
        self.record = record
        self.found: Insertion | None = None
        self._known: dict[tuple[str, str], Insertion | None] = {}

    def update(self, pointer: QPointF, middle: QPointF) -> None:
        """Find the wire near the pointer or the card's middle, both scene points."""
        key = self._wire_near(pointer, middle)
        self.found = self._fit(key) if key is not None else None

    def insert(self, node_id: str) -> bool:
        """If the dragged node was dropped on a wire, connect it into this wire and make room for
        it. Return whether it was.

        A transaction of the document must be open.
        """
        if self.found is None:
            return False
        insert_on_wire(self._scene.document, node_id, self.found)
        make_room(self._scene.document, node_id, self._scene.analysis, self._scene.card_sizes())
        return True

    def _fit(self, key: tuple[str, str]) -> Insertion | None:
        if key not in self._known:
            document, analysis = self._scene.document, self._scene.analysis
            wire = document.wires[key]
            self._known[key] = insertion(document, analysis, self.record, wire)
        return self._known[key]

    def _wire_near(self, pointer: QPointF, middle: QPointF) -> tuple[str, str] | None:
        scene, reach = self._scene, POINTER_REACH / self._viewport.camera.scale
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
            wire_shape.distance(ends, pointer.x(), pointer.y(), lane),
            wire_shape.distance(ends, middle.x(), middle.y(), lane) / 3,
        )
        nearest = int(gaps.argmin())
        return scene.wires.slots.key(int(slots[nearest])) if gaps[nearest] <= reach else None

    def paint(self, painter: QPainter, theme: Theme, card: CardData, corner: QPointF) -> None:
        """Paint a glow along the wire that a card would be inserted into, and the two wires that
        would replace this wire as dashed lines.

        Args:
            card: the dragged card.
            corner: its current top left corner, in scene units.
        """
        if self.found is None:
            return
        viewport, wire = self._viewport, self.found.wire
        glow = theme.color("accent", 0.25)
        painter.setPen(QPen(glow, 10.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        array_painting.draw_lines(painter, viewport.wire_lines([wire.key]))
        into, _ = port_place(card, "in", self.found.into)
        out, _ = port_place(card, "out", self.found.out)
        a = viewport.camera.to_view(corner + QPointF(0, into))
        b = viewport.camera.to_view(corner + QPointF(card.width, out))
        start = viewport.port_position(wire.source, wire.source_port, "out")
        end = viewport.port_position(wire.target, wire.target_port, "in")
        ends = np.array([[start.x(), start.y(), a.x(), a.y()], [b.x(), b.y(), end.x(), end.y()]])
        painter.setPen(QPen(theme.color("accent"), 2.5))
        array_painting.draw_lines(
            painter, wire_shape.smooth(ends, (7.0, 5.0), viewport.camera.scale)
        )
