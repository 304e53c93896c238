"""The scene's arrays follow the document through any edits, undo and redo."""

from __future__ import annotations

import random

import numpy as np
import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.drawing.cards import card_data
from nodeflow.ui.canvas.scene.scene_model import SceneModel


def state(scene: SceneModel) -> tuple[dict, dict]:
    """Everything the scene holds, by id instead of by slot."""
    nodes = {
        node_id: (scene.positions[s].tolist(), scene.sizes[s].tolist(), scene.card(s).key)
        for node_id in scene.nodes
        for s in [scene.nodes.get(node_id)]
    }
    wires = {}
    for key in scene.wires.slots:
        slot = scene.wires.slots.get(key)
        ends = scene.wires.ends(np.array([slot]), scene.positions)[0]
        wires[key] = (ends.tolist(), int(scene.wires.style[slot]))
    return nodes, wires


def edit(document, rng: random.Random) -> None:
    """One random edit, undo or redo."""
    ids = list(document.nodes)
    choice = rng.randrange(8)
    if choice <= 1 or len(ids) < 3:
        op = rng.choice(["constant", "add", "relu", "concat", "split", "placeholder", "no_such_op"])
        commands.add_node(document, op, (rng.randrange(900), rng.randrange(900)))
    elif choice == 2:
        commands.remove(document, rng.sample(ids, 2))
    elif choice == 3:
        commands.move(document, {i: (rng.randrange(900), 5) for i in rng.sample(ids, 2)})
    elif choice == 4:
        port = rng.choice(["x", "y", "values.0", "feed"])
        commands.connect(document, rng.choice(ids), "out", rng.choice(ids), port)
    elif choice == 5:
        node_id = rng.choice(ids)
        commands.rename(document, node_id, document.fresh_name("renamed_to_something_long"))
    elif choice == 6:
        document.undo()
    else:
        document.redo()


@pytest.mark.parametrize("seed", range(6))
def test_the_arrays_are_those_of_a_scene_made_afresh(document, canvas, seed):
    rng = random.Random(seed)
    for _ in range(60):
        edit(document, rng)
    fresh = SceneModel(document, canvas.scene.analysis, lambda *_: None)
    assert state(canvas.scene) == state(fresh)
    assert canvas.scene.bounds() == fresh.bounds()
    fresh.close()


def test_undoing_everything_empties_the_scene(document, canvas):
    rng = random.Random(99)
    for _ in range(40):
        edit(document, rng)
    while document.undo():
        pass
    assert state(canvas.scene) == ({}, {})


def test_wires_end_at_their_ports(canvas, expression):
    scene = canvas.scene
    slot = scene.wires.slots.get((expression["d"], "y"))
    x0, y0, x1, y1 = scene.wires.ends(np.array([slot]), scene.positions)[0]
    out = canvas.viewport.camera.to_scene(
        canvas.viewport.port_position(expression["c"], "out", "out")
    )
    into = canvas.viewport.camera.to_scene(
        canvas.viewport.port_position(expression["d"], "y", "in")
    )
    assert (x0, y0) == (out.x(), out.y())
    assert (x1, y1) == (into.x(), into.y())


def test_types_show_at_both_ends_and_follow_edits(document, canvas, expression):
    def types(name: str) -> list[str]:
        card = canvas.scene.card(canvas.scene.nodes.get(expression[name]))
        return [p.type_text for p in (*card.inputs, *card.outputs)]

    assert types("d") == ["f32", "f32", "f32"]
    commands.set_attr(document, expression["b"], "value", [[1.0, 2.0, 3.0]])
    assert types("b") == ["f32 1×3"]
    assert types("d") == ["f32 1×3", "f32", "f32 1×3"]


def test_a_problem_is_on_the_card_and_goes_when_it_is_solved(document, canvas, expression):
    commands.connect(document, expression["b"], "out", expression["p"], "x")
    commands.connect(document, expression["c"], "out", expression["p"], "y")
    card = canvas.scene.card(canvas.scene.nodes.get(expression["p"]))
    assert card.severity == "error"
    assert "matrix" in card.problem
    assert card.height > card.value_top + card.value_height
    for name in ("b", "c"):
        commands.set_attr(document, expression[name], "value", [[1.0, 2.0], [3.0, 4.0]])
    assert canvas.scene.card(canvas.scene.nodes.get(expression["p"])).problem == ""


def test_a_port_without_a_wire_makes_a_node_incomplete(canvas, expression):
    card = canvas.scene.card(canvas.scene.nodes.get(expression["e"]))
    assert card.severity == "incomplete"
    assert {p.name: p.fault for p in card.inputs}["x"] == "incomplete"


def test_unknown_ops_are_shown_with_their_wires(document, canvas, expression):
    strange = commands.add_node(document, "from_the_future", (0, 0))
    commands.connect(document, expression["b"], "out", strange, "whatever")
    card = canvas.scene.card(canvas.scene.nodes.get(strange))
    assert [p.name for p in card.inputs] == ["whatever"]
    assert card.severity == "error"


def test_another_document_can_be_shown(document, canvas, expression, qtbot):
    from nodeflow.document.model.document import Document

    other = Document()
    node = commands.add_node(other, "constant", (5, 5))
    with qtbot.waitSignal(canvas.selection.changed):
        canvas.set_document(other, Analysis(other))
    assert list(canvas.scene.nodes) == [node]
    commands.add_node(document, "add", (0, 0))
    assert list(canvas.scene.nodes) == [node]


def test_cards_are_wide_enough_for_their_texts(canvas, expression):
    for name in expression:
        card = canvas.scene.card(canvas.scene.nodes.get(expression[name]))
        for row in range(card.rows):
            left = card_data.label_width(card.inputs[row]) if row < len(card.inputs) else 0
            right = card_data.label_width(card.outputs[row]) if row < len(card.outputs) else 0
            assert left + right + 2 * card_data.PORT_INSET <= card.width
