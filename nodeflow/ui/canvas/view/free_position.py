"""Where a new node covers no other: near its place, with the sizes that cards really have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nodeflow.document.formula.insert import card_boxes, free_place
from nodeflow.document.layout.card_size import node_size

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView


def uncovered(view: CanvasView, node_id: str) -> tuple[float, float]:
    """The place of a new node, moved up or down where it would cover another."""
    document, scene = view.document, view.scene
    record = document.nodes[node_id]
    sizes = {i: tuple(scene.sizes[scene.nodes.take(i)].tolist()) for i in scene.nodes}
    boxes = card_boxes(document, view.analysis, sizes, without=(node_id,))
    return free_place(record.pos, node_size(document, record), boxes.values(), gap=0)
