"""Placement of a new node in the visible area, without covering another."""

from __future__ import annotations

from PySide6.QtCore import QPointF

from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting import insertables
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.view.free_position import free_position

GRID, STEP = 8, 32


def add_in_middle(canvas: CanvasView, op_id: str) -> None:
    """Add a node, or an instance of a subgraph or template, in the middle of the visible area."""
    at, document = (
        canvas.viewport.camera.to_scene(canvas.rect().center().toPointF()),
        canvas.document,
    )
    if insertables.is_insertable(op_id):
        canvas.edits.add_node(op_id, _free_corner(canvas, at))
        return
    with document.transaction(f"Add {insertables.display_name(op_id)}"):
        node = canvas.edits.add_node(op_id, at)
        if node is not None:
            commands.move(document, {node: free_position(canvas.scene, node)})
    if node is not None:
        canvas.selection.select([node])
        canvas.viewport.ensure_visible(node)


def _free_corner(canvas: CanvasView, at: QPointF) -> QPointF:
    """Return a position near a scene point that is not the corner of another node."""
    taken = {(round(n.pos[0]), round(n.pos[1])) for n in canvas.document.nodes.values()}
    x, y = round(at.x() / GRID) * GRID, round(at.y() / GRID) * GRID
    while (x, y) in taken:
        x, y = x + STEP, y + STEP
    return QPointF(x, y)
