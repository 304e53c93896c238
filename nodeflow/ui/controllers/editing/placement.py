"""Adding a node where the user looks, so that it hides no other."""

from __future__ import annotations

from PySide6.QtCore import QPointF

from nodeflow.ui.canvas import CanvasView

GRID, STEP = 8, 32


def add_in_middle(canvas: CanvasView, op_id: str) -> None:
    """Add a node, or an instance of a subgraph or template, in the middle of what is visible."""
    middle = canvas.viewport.camera.to_scene(canvas.rect().center().toPointF())
    canvas.edits.add_node(op_id, _free_place(canvas, middle))


def _free_place(canvas: CanvasView, at: QPointF) -> QPointF:
    """A place near a scene point where no node has its corner."""
    taken = {(round(n.pos[0]), round(n.pos[1])) for n in canvas.document.nodes.values()}
    x, y = round(at.x() / GRID) * GRID, round(at.y() / GRID) * GRID
    while (x, y) in taken:
        x, y = x + STEP, y + STEP
    return QPointF(x, y)
