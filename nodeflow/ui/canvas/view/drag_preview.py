"""Dragging an op from the palette: a card follows the pointer and is dropped on the canvas."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QPoint, QPointF
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QWidget

from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting import insertables
from nodeflow.ui.canvas.gestures.insert_on_drop import InsertOnDrop
from nodeflow.ui.canvas.gestures.wire_on_drop import WireOnDrop
from nodeflow.ui.canvas.paint.card_painter import CardPainter
from nodeflow.ui.canvas.scene.detail import Detail
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.canvas.view.free_position import free_position
from nodeflow.ui.canvas.view.graph_edits import GraphEdits
from nodeflow.ui.core.theming.theme import Theme


class DragPreview:
    """The card of a node that does not exist yet.

    ``grip`` is the point of the card under the pointer, in scene units.
    """

    def __init__(self, scene: SceneModel, viewport: Viewport, op_id: str) -> None:
        self._viewport = viewport
        self.op_id = op_id
        self.at = QPointF(-1000, -1000)
        record = insertables.preview(scene.document, op_id)
        self.card = scene.builder.build(record)
        if op_id.startswith(f"{insertables.LIBRARY}/"):
            kind = op_id.split("/")[1].rstrip("s").capitalize()
            self.card = replace(self.card, subtitle=kind, inputs=(), outputs=(), shows_value=False)
        self.grip = QPointF(self.card.width / 2, 20)
        self.drop = InsertOnDrop(scene, viewport, record)
        self.onto = WireOnDrop(scene, viewport, record)

    @property
    def corner(self) -> QPointF:
        """The corner of the dragged card, in scene coordinates."""
        return self._viewport.camera.to_scene(self.at) - self.grip

    def move(self, at: QPointF) -> None:
        """Move the card that is dragged from the palette to a view point. Find the wire or card
        under it that the drop would use.
        """
        self.at = at
        middle = self.corner + QPointF(self.card.width, self.card.height) / 2
        pointer = self._viewport.camera.to_scene(at)
        self.onto.update(pointer)
        self.drop.update(pointer, middle)
        if self.onto.source is not None:  # a hit card takes precedence over wires near it
            self.drop.found = None

    def paint(self, painter: QPainter, theme: Theme) -> None:
        scale = self._viewport.camera.scale
        at = self.at - self.grip * scale
        if self.onto.source is not None:  # draw the card at its final place
            at = self._viewport.camera.to_view(self.onto.corner())
            self.onto.paint(painter, theme, self.card)
        self.drop.paint(painter, theme, self.card, self.corner)
        painter.save()
        painter.setOpacity(0.75)
        painter.translate(at)
        painter.scale(scale, scale)
        CardPainter(theme).draw(painter, self.card, Detail.at(scale))
        painter.restore()


class PaletteDrag:
    """A drag from the palette over a canvas. Positions are global."""

    def __init__(
        self,
        canvas: QWidget,
        scene: SceneModel,
        viewport: Viewport,
        selection: Selection,
        edits: GraphEdits,
    ) -> None:
        self._canvas, self._scene, self._viewport = canvas, scene, viewport
        self._selection, self._edits = selection, edits
        self.preview: DragPreview | None = None

    def begin(self, op_id: str, at: QPoint) -> None:
        """Begin to drag an op from the palette: show a preview of its node.

        The caller then calls `move` for each movement, and finally `drop` or `cancel`.
        """
        self.preview = DragPreview(self._scene, self._viewport, op_id)
        self.move(at)

    def move(self, at: QPoint) -> None:
        if self.preview is not None:
            self.preview.move(QPointF(self._canvas.mapFromGlobal(at)))
            self._canvas.update()

    def drop(self, at: QPoint) -> str | None:
        """Finish a drag from the palette: add the node where its preview is. Return its id, or None
        if the pointer is outside the canvas.
        """
        self.move(at)
        preview, self.preview = self.preview, None
        self._canvas.update()
        if preview is None or not self._canvas.rect().contains(preview.at.toPoint()):
            return None
        with self._scene.document.transaction(f"Add {insertables.display_name(preview.op_id)}"):
            onto = preview.onto
            corner = preview.corner if onto.source is None else onto.corner()
            node = self._edits.add_node(preview.op_id, corner, source=onto.source)
            if node is not None and (onto.source is not None or not preview.drop.insert(node)):
                place = free_position(self._scene, node)
                commands.move(self._scene.document, {node: place})
        self._selection.select([node] if node is not None else [])
        if node is not None and preview.onto.source is not None:  # it is not at the drop point
            self._viewport.ensure_visible(node)
        return node

    def cancel(self) -> bool:
        """Remove the preview. Return whether there was one."""
        was_dragging, self.preview = self.preview is not None, None
        self._canvas.update()
        return was_dragging
