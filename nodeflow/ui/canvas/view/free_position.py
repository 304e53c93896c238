"""A free position for a new node, near its given position, where it covers no other card."""

from __future__ import annotations

from nodeflow.document.formula.insert import card_boxes, free_place
from nodeflow.document.layout.card_size import node_size
from nodeflow.ui.canvas.scene.scene_model import SceneModel


def free_position(scene: SceneModel, node_id: str) -> tuple[float, float]:
    """Return the position of a new node, moved up or down if it would cover another."""
    document = scene.document
    record = document.nodes[node_id]
    sizes = {i: tuple(scene.sizes[scene.nodes.take(i)].tolist()) for i in scene.nodes}
    boxes = card_boxes(document, scene.analysis, sizes, without=(node_id,))
    return free_place(record.pos, node_size(document, record), boxes.values(), gap=0)
