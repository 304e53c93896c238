"""The ghost of a node that is being dragged from the palette."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF
from PySide6.QtGui import QPainter

from nodeflow.document.edit import insertables
from nodeflow.ui.canvas.gestures.insert_on_drop import DropOnWire
from nodeflow.ui.canvas.paint.card_painter import CardPainter

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView


class Ghost:
    """A card that follows the pointer. ``grip`` is where on the card (scene units) it is held."""

    def __init__(self, view: CanvasView, op_id: str) -> None:
        self.view = view
        self.op_id = op_id
        self.at = QPointF(-1000, -1000)
        record = insertables.preview(view.document, op_id)
        self.face = view.scene.builder.build(record)
        if op_id.startswith(f"{insertables.LIBRARY}/"):
            kind = op_id.split("/")[1].rstrip("s").capitalize()
            self.face = replace(self.face, subtitle=kind, inputs=(), outputs=(), shows_value=False)
        self.grip = QPointF(self.face.width / 2, 20)
        self.drop = DropOnWire(view, record)

    def move(self, at: QPointF) -> None:
        """Follow the pointer, and look for a wire to go into."""
        self.at = at
        point = self.view.view_to_scene(at)
        middle = point - self.grip + QPointF(self.face.width, self.face.height) / 2
        self.drop.look(point, middle)

    def paint(self, painter: QPainter) -> None:
        scale = self.view.camera.scale
        self.drop.paint(painter, self.face, self.view.view_to_scene(self.at) - self.grip)
        painter.save()
        painter.setOpacity(0.75)
        painter.translate(self.at - self.grip * scale)
        painter.scale(scale, scale)
        CardPainter(self.view.theme).draw(painter, self.face)
        painter.restore()
