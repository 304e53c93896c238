"""Constants and variables that are folded into their readers: no card, but a text at the port."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from nodeflow.document.analysis.folded_values import is_folded
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import arrange, commands, set_flags
from nodeflow.document.io import flow
from nodeflow.document.to_graph.build import build
from nodeflow.drawing.graph_drawing import draw_graph
from nodeflow.engine.session import Session


@pytest.fixture
def layer(document) -> dict[str, str]:
    """`y = x * w + b`, with a weight and a number that can be folded."""
    add, ids = commands.add_node, {}
    ids["x"] = add(document, "placeholder", (40, 40), "x", {"shape": [3], "sample": [1, 2, 3]})
    ids["w"] = add(document, "variable", (40, 220), "w", {"shape": [3], "value": [1.0, 2.0, 3.0]})
    ids["b"] = add(document, "constant", (40, 420), "b", {"value": 0.5})
    ids["xw"] = add(document, "multiply", (320, 40), "xw")
    ids["y"] = add(document, "add", (620, 40), "y")
    for source, target, port in (("x", "xw", "x"), ("w", "xw", "y"), ("xw", "y", "x")):
        commands.connect(document, ids[source], "out", ids[target], port)
    commands.connect(document, ids["b"], "out", ids["y"], "y")
    return ids


def texts(canvas, node: str) -> dict[str, str]:
    card = canvas.scene.card(canvas.scene.nodes[node])
    return {port.name: port.type_text for port in card.inputs}


def test_a_folded_value_has_no_card_and_its_reader_shows_it(document, canvas, layer):
    canvas.selection.select([layer["xw"], layer["y"]])
    canvas.edits.toggle_values()
    assert set(canvas.scene.nodes) == {layer["x"], layer["xw"], layer["y"]}
    assert texts(canvas, layer["y"])["y"] == "0.5"
    assert texts(canvas, layer["xw"])["y"] == "f32 3"
    assert len(canvas.scene.wires.slots.used()) == 2  # x -> xw -> y
    drawn = draw_graph(document, canvas.scene.analysis)
    assert {node.id for node in drawn.nodes} == set(canvas.scene.nodes)
    assert len(drawn.wires) == 2


def test_folding_is_one_undo_step_and_changes_no_value(document, canvas, layer):
    before = flow.dumps(document)
    set_flags.toggle_values(document, document.nodes)
    session = Session(build(document).graph)
    session.initialize()
    assert session.run("y", feed_dict={"x": [1, 2, 3]}).tolist() == [1.5, 4.5, 9.5]
    document.undo()
    assert set(canvas.scene.nodes) == set(document.nodes)
    assert len(canvas.scene.wires.slots.used()) == 4
    assert flow.dumps(document) == before
    document.redo()
    assert layer["w"] not in canvas.scene.nodes and layer["b"] not in canvas.scene.nodes


def test_a_value_that_gets_its_card_back_stands_beside_its_reader(document, canvas, layer):
    canvas.edits.toggle_values()
    commands.move(document, {layer["xw"]: (900.0, 600.0)})
    canvas.selection.select([layer["xw"]])
    canvas.edits.toggle_values()
    x, y = document.nodes[layer["w"]].pos
    assert 600 < x < 900 and y == 600
    assert layer["w"] in canvas.scene.nodes and layer["b"] not in canvas.scene.nodes
    assert len(canvas.scene.wires.slots.used()) == 3


def test_a_click_on_the_port_selects_the_folded_value(document, canvas, hands, layer):
    canvas.edits.toggle_values()
    seen: list[list[str]] = []
    canvas.selection.changed.connect(seen.append)
    hands.click(hands.port(layer["xw"], "y"))
    assert canvas.selection.nodes() == [layer["w"]] and seen[-1] == [layer["w"]]
    assert (layer["xw"], "y") in document.wires  # the wire was not picked up
    hands.key(Qt.Key.Key_Right)  # to its consumer
    assert canvas.selection.nodes() == [layer["xw"]]
    hands.key(Qt.Key.Key_Left)
    hands.key(Qt.Key.Key_Up)
    assert len(canvas.selection.nodes()) == 1


def test_a_folded_value_that_nothing_reads_any_more_has_a_card_again(document, canvas, layer):
    canvas.edits.toggle_values()
    commands.remove(document, [layer["y"]])
    assert not is_folded(document, document.nodes[layer["b"]])
    assert layer["b"] in canvas.scene.nodes
    document.undo()
    assert layer["b"] not in canvas.scene.nodes


def test_deleting_a_node_deletes_the_values_that_only_it_reads(document, canvas, layer):
    canvas.edits.toggle_values()
    commands.connect(document, layer["b"], "out", layer["xw"], "x")  # both read b
    canvas.selection.select([layer["y"]])
    canvas.edits.delete()
    assert layer["b"] in document.nodes and layer["b"] not in canvas.scene.nodes
    canvas.selection.select([layer["xw"]])
    canvas.edits.delete()
    assert set(document.nodes) == {layer["x"]}
    document.undo()
    assert layer["w"] in document.nodes and layer["w"] not in canvas.scene.nodes


def test_folded_values_can_be_selected_together(document, canvas, layer):
    canvas.edits.toggle_values()
    canvas.selection.select([layer["w"], layer["b"]])
    assert canvas.selection.nodes() == [layer["w"], layer["b"]]
    canvas.selection.select_all()
    assert set(canvas.selection.nodes()) == set(document.nodes)


def test_arranging_leaves_folded_values_out(document, canvas, layer):
    canvas.edits.toggle_values()
    where = document.nodes[layer["w"]].pos
    arrange.arrange(document, (), Analysis(document))
    assert document.nodes[layer["w"]].pos == where
    left = [document.nodes[layer[name]].pos[0] for name in ("x", "xw", "y")]
    assert left == sorted(left)


def test_nodes_with_inputs_are_never_folded(document, canvas, layer):
    start = commands.add_node(document, "constant", (40, 600), "s", {"value": [1.0, 1.0, 1.0]})
    commands.connect(document, start, "out", layer["w"], "initial")
    canvas.edits.toggle_values()
    assert layer["w"] in canvas.scene.nodes and start not in canvas.scene.nodes
