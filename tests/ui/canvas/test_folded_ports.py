"""Ports that only override settings are folded away until a wire comes near or the user asks."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands, set_flags
from nodeflow.document.io import flow
from nodeflow.document.to_graph.build import build
from nodeflow.engine.session import Session


@pytest.fixture
def cut(document) -> dict[str, str]:
    """A matrix, two numbers, and a slice of the matrix."""
    add = commands.add_node
    ids = {
        "x": add(
            document, "constant", (60, 60), "x", {"value": [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]}
        ),
        "n": add(document, "constant", (60, 320), "n", {"value": [1, 2], "dtype": "int32"}),
        "cut": add(document, "slice", (420, 120), "cut", {"begin": [0, 1], "size": [2, 2]}),
    }
    commands.connect(document, ids["x"], "out", ids["cut"], "x")
    return ids


def shown(canvas, node: str) -> list[str]:
    return [port.name for port in canvas.scene.card(canvas.scene.nodes.get(node)).inputs]


def test_a_port_that_overrides_a_setting_is_not_on_the_card(document, canvas, cut):
    assert shown(canvas, cut["cut"]) == ["x"]
    commands.connect(document, cut["n"], "out", cut["cut"], "size")
    assert shown(canvas, cut["cut"]) == ["x", "size"]


def test_a_wire_that_is_dragged_near_unfolds_them_and_can_be_dropped(document, canvas, hands, cut):
    node, revision = cut["cut"], document.revision
    card = canvas.viewport.node_rect(node)
    hands.press(hands.port(cut["n"], "out"))
    hands.move(QPoint(300, 340))
    assert shown(canvas, node) == ["x"]
    hands.move(QPoint(int(card.left()) - 15, int(card.center().y())))
    assert shown(canvas, node) == ["x", "begin", "size"]
    assert canvas.viewport.node_rect(node).height() > card.height()
    target = hands.port(node, "size")
    hands.move(target)
    assert document.revision == revision
    hands.release(target)
    assert document.wires[(node, "size")].source == cut["n"]
    assert shown(canvas, node) == ["x", "size"]


@pytest.mark.parametrize("end", ["away", "escape"])
def test_they_fold_again_where_the_wire_leaves(canvas, hands, cut, end):
    node = cut["cut"]
    hands.press(hands.port(cut["n"], "out"))
    hands.move(canvas.viewport.node_rect(node).center().toPoint())
    assert len(shown(canvas, node)) == 3
    if end == "away":
        hands.move(QPoint(300, 600))
    else:
        hands.key(Qt.Key.Key_Escape)
    assert shown(canvas, node) == ["x"]
    assert canvas.viewport.hit_test(canvas.viewport.node_rect(node).center()).node == node


def test_a_click_on_the_arrow_unfolds_them_in_the_file_too(document, canvas, hands, cut):
    node, before = cut["cut"], flow.dumps(document)
    hands.click(canvas.viewport.fold_rect(node).center().toPoint())
    assert shown(canvas, node) == ["x", "begin", "size"]
    again = flow.loads(flow.dumps(document))
    assert again.nodes[node].extra["unfolded"] is True
    hands.click(canvas.viewport.fold_rect(node).center().toPoint())
    assert shown(canvas, node) == ["x"]
    assert flow.dumps(document) == before


def test_a_card_without_such_ports_has_no_arrow(document, canvas, hands):
    node = commands.add_node(document, "add", (60, 60), "sum")
    assert canvas.viewport.fold_rect(node).isEmpty()
    assert shown(canvas, node) == ["x", "y"]
    assert canvas.scene.card(canvas.scene.nodes.get(node)).fold == ""


def test_the_command_unfolds_what_is_selected(document, canvas, cut):
    canvas.selection.select([cut["cut"], cut["x"]])
    canvas.edits.toggle_unfolded()
    assert shown(canvas, cut["cut"]) == ["x", "begin", "size"]
    assert not document.nodes[cut["x"]].extra
    document.undo()
    assert shown(canvas, cut["cut"]) == ["x"]


def test_the_arrow_is_drawn_and_turns(canvas, hands, cut, picture):
    folded = picture()
    hands.click(canvas.viewport.fold_rect(cut["cut"]).center().toPoint())
    assert (picture() != folded).any()


def test_the_setting_stands_in_for_a_folded_port_before_a_wired_one(document, cut):
    node = cut["cut"]
    commands.connect(document, cut["n"], "out", node, "size")
    commands.set_attr(document, cut["n"], "value", [2, 1])
    analysis = Analysis(document)
    assert not analysis.problems.get(node)
    assert analysis.type_of(node, "out").shape == (2, 1)
    with Session(build(document).graph, tier="reference") as session:
        np.testing.assert_array_equal(session.run("cut"), [[2.0], [5.0]])


def test_a_read_only_graph_stays_as_it_is(document, canvas, hands, cut):
    set_flags.toggle_unfolded(document, [cut["cut"]])
    document.locked = "read-only"
    hands.click(canvas.viewport.fold_rect(cut["cut"]).center().toPoint())
    assert len(shown(canvas, cut["cut"])) == 3
