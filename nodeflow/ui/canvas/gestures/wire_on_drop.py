"""Connecting a new card by dropping it on a node. The node glows if one of its outputs fits."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen

from nodeflow.document.edit.offers.wiring_guess import main_port, takes_from
from nodeflow.document.layout.layered import COLUMN_GAP
from nodeflow.document.model.records import NodeRecord
from nodeflow.drawing.cards.card_data import CardData
from nodeflow.drawing.wires import wire_shape
from nodeflow.drawing.wires.wire_places import port_place
from nodeflow.ui.canvas.scene.hit_test import hit_test
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.core.painting import array_painting
from nodeflow.ui.core.theming.theme import Theme

GROUND = 6.0
"""Width of the glow around a node, in view pixels."""


class WireOnDrop:
    """The search for the node under the pointer while a new card is dragged.

    Attributes:
        node: id of the node that the card would be connected to; empty for none.
        source: the output to connect. On a dataset node it belongs to another node, the first
            placeholder of the data set.
    """

    def __init__(self, scene: SceneModel, viewport: Viewport, record: NodeRecord) -> None:
        self._scene, self._viewport, self._record = scene, viewport, record
        self.node = ""
        self.source: tuple[str, str] | None = None
        self._known: dict[str, tuple[str, str] | None] = {}

    def update(self, pointer: QPointF) -> None:
        """Check whether the dragged card is over a node with an output that it can read. Set `node`
        to this node's id and `source` to the output, or clear them.

        Args:
            pointer: the scene point of the pointer.
        """
        self.node, self.source = "", None
        hit = hit_test(self._scene, pointer, self._viewport.camera.scale)
        if hit.kind not in ("title", "body", "port"):
            return
        if hit.node not in self._known:
            document, analysis = self._scene.document, self._scene.analysis
            self._known[hit.node] = takes_from(document, analysis, self._record, hit.node)
        self.source = self._known[hit.node]
        self.node = hit.node if self.source is not None else ""

    def corner(self) -> QPointF:
        """Return the position of the new card: right of the node whose output will be connected to
        it.
        """
        assert self.source is not None
        rect = self._scene.rect(self._scene.nodes.take(self.source[0]))
        return rect.topRight() + QPointF(COLUMN_GAP, 0)

    def paint(self, painter: QPainter, theme: Theme, card: CardData) -> None:
        """Paint the glowing node and a dashed wire to the new card's position."""
        if self.source is None:
            return
        viewport = self._viewport
        rect = viewport.node_rect(self.node).adjusted(-GROUND, -GROUND, GROUND, GROUND)
        painter.setPen(QPen(theme.color("accent"), 2.5))
        painter.setBrush(theme.color("accent", 0.12))
        painter.drawRoundedRect(QRectF(rect), 12, 12)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        document, analysis = self._scene.document, self._scene.analysis
        port = main_port(document, analysis, self._record, self.source) or card.inputs[0].name
        if port not in [p.name for p in card.inputs]:
            return
        start = viewport.port_position(*self.source, "out")
        end = viewport.camera.to_view(self.corner() + QPointF(0, port_place(card, "in", port)[0]))
        ends = np.array([[start.x(), start.y(), end.x(), end.y()]])
        painter.setPen(QPen(theme.color("accent"), 2.5))
        array_painting.draw_lines(
            painter, wire_shape.smooth(ends, (7.0, 5.0), viewport.camera.scale)
        )
