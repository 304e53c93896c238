"""Cards that are dropped on others come to lie beside them."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, QRectF, Qt

from nodeflow.document.edit import commands
from nodeflow.ui.canvas.scene.clear_place import clear_shift

ALT = Qt.KeyboardModifier.AltModifier


def rects(canvas) -> dict[str, QRectF]:
    scene = canvas.scene
    return {node: scene.rect(scene.nodes.take(node)) for node in scene.nodes}


def covers_none(canvas, *moved: str) -> bool:
    found = rects(canvas)
    others = [rect for node, rect in found.items() if node not in moved]
    return not any(found[node].intersects(other) for node in moved for other in others)


@pytest.mark.parametrize("off", [(0, 0), (40, 10), (-30, 30), (0, -40), (90, 0)])
def test_a_node_dropped_on_another_lies_beside_it(document, canvas, hands, expression, off) -> None:
    d, e = expression["d"], expression["e"]
    was = document.nodes[e].pos
    revision = document.revision
    hands.drag(hands.title(e), hands.title(d) + QPoint(*off))
    assert covers_none(canvas, e) and document.nodes[e].pos != was
    assert document.revision == revision + 1
    near, far = rects(canvas)[e].center(), rects(canvas)[d]
    reach = far.width() / 2 + rects(canvas)[e].width()
    assert QPointF.dotProduct(near - far.center(), near - far.center()) < reach**2
    document.undo()
    assert document.nodes[e].pos == was


def test_alt_puts_a_node_anywhere(document, canvas, hands, expression) -> None:
    d, e = expression["d"], expression["e"]
    hands.press(hands.title(e))
    for part in (0.5, 1.0):
        at = hands.title(e) + (hands.title(d) - hands.title(e)) * part
        hands.move(at)
    hands.release(hands.title(d), keys=ALT)
    assert not covers_none(canvas, e)


def test_several_nodes_keep_their_places_beside_each_other(document, canvas, hands, expression):
    d, e, p = (expression[name] for name in "dep")
    canvas.selection.select([e, p])
    apart = np.subtract(document.nodes[e].pos, document.nodes[p].pos)
    hands.drag(hands.title(e), hands.title(d))
    assert covers_none(canvas, e, p)
    assert (np.subtract(document.nodes[e].pos, document.nodes[p].pos) == apart).all()


def test_what_is_dropped_on_free_ground_stays_where_it_is(canvas, document, expression) -> None:
    scene = canvas.scene
    slots = np.array([scene.nodes.take(expression["e"])])
    assert clear_shift(scene, slots, QPointF(3, 400)) == QPointF(3, 400)


def test_a_new_node_dropped_on_a_card_without_outputs_for_it_lies_beside_it(
    document, canvas, hands, expression
) -> None:
    at = canvas.mapToGlobal(hands.title(expression["d"]))
    canvas.palette_drag.begin("constant", at)
    canvas.palette_drag.move(at)
    node = canvas.palette_drag.drop(at)
    assert node is not None and covers_none(canvas, node)


def test_no_card_is_covered_wherever_a_block_is_dropped(canvas, document) -> None:
    draws = np.random.default_rng(5)
    for at in draws.integers(-60, 60, (40, 2)) * 24.0:
        commands.add_node(document, "add", tuple(at.tolist()))
    scene = canvas.scene
    for _ in range(60):
        slots = np.sort(draws.choice(scene.nodes.used(), draws.integers(1, 6), replace=False))
        shift = QPointF(*(draws.integers(-40, 40, 2) * 24.0).tolist())
        found = clear_shift(scene, slots, shift)
        others = np.setdiff1d(scene.nodes.used(), slots)
        for slot in slots.tolist():
            rect = scene.rect(slot).translated(found)
            assert not any(rect.intersects(scene.rect(o)) for o in others.tolist())
        if found != shift:
            assert found.x() == shift.x() or found.y() == shift.y()
