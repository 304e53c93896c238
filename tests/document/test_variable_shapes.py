"""Shapes on offer for variables that are still a single number."""

from __future__ import annotations

import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.wiring.wire_check import check_wire
from nodeflow.document.edit import commands
from nodeflow.document.edit.offers.conversions import advised, insert_conversion, offers
from nodeflow.document.edit.offers.fixes import node_fixes
from nodeflow.document.edit.offers.give_shape import shapes_for_node
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Wire


def place(doc: Document, op: str, name: str, **attrs: object) -> str:
    return commands.add_node(doc, op, (0, 0), name, attrs)


def shapes(doc: Document, node: str) -> list[tuple]:
    return [offer.type.shape for offer in shapes_for_node(doc, Analysis(doc), node)]


@pytest.fixture
def layer() -> tuple[Document, dict[str, str]]:
    """x (?, 784), W and b without a shape; matmul of x, and add."""
    doc = Document()
    nodes = {
        "x": place(doc, "placeholder", "x", shape=[None, 784]),
        "W": place(doc, "variable", "W"),
        "b": place(doc, "variable", "b"),
        "product": place(doc, "matmul", "product"),
        "sum": place(doc, "add", "sum"),
    }
    commands.connect(doc, nodes["x"], "out", nodes["product"], "x")
    return doc, nodes


def wire_all(doc: Document, n: dict[str, str]) -> None:
    commands.connect(doc, n["W"], "out", n["product"], "y")
    commands.connect(doc, n["product"], "out", n["sum"], "x")
    commands.connect(doc, n["b"], "out", n["sum"], "y")


def test_units_follow_from_labels_downstream(layer) -> None:
    doc, n = layer
    wire_all(doc, n)
    soft, loss = place(doc, "softmax", "soft"), place(doc, "mean_squared_error", "loss")
    labels = place(doc, "placeholder", "labels", shape=[None, 10])
    commands.connect(doc, n["sum"], "out", soft, "x")
    commands.connect(doc, soft, "out", loss, "predictions")
    commands.connect(doc, labels, "out", loss, "labels")
    assert shapes(doc, n["W"]) == [(784, 10)]


def test_units_follow_from_the_next_layer(layer) -> None:
    doc, n = layer
    wire_all(doc, n)
    relu, after = place(doc, "relu", "relu"), place(doc, "matmul", "after")
    weights = place(doc, "variable", "V", shape=[300, 10])
    commands.connect(doc, n["sum"], "out", relu, "x")
    commands.connect(doc, relu, "out", after, "x")
    commands.connect(doc, weights, "out", after, "y")
    assert shapes(doc, n["W"]) == [(784, 300)]


def test_units_follow_from_a_bias(layer) -> None:
    doc, n = layer
    wire_all(doc, n)
    commands.set_attr(doc, n["b"], "shape", [25])
    assert shapes(doc, n["W"]) == [(784, 25)]


def test_without_a_clue_other_placeholders_and_a_usual_number_are_offered(layer) -> None:
    doc, n = layer
    wire_all(doc, n)
    assert shapes(doc, n["W"]) == [(784, 64)]
    place(doc, "placeholder", "labels", shape=[None, 10])
    assert shapes(doc, n["W"]) == [(784, 10), (784, 64)]


def test_transposed_products(layer) -> None:
    doc, n = layer
    wire_all(doc, n)
    commands.set_attr(doc, n["b"], "shape", [25])
    commands.set_attr(doc, n["product"], "transpose_y", True)
    assert shapes(doc, n["W"]) == [(25, 784)]


def test_a_bias_takes_the_units_of_what_it_is_added_to(layer) -> None:
    doc, n = layer
    wire_all(doc, n)
    shapes_for_node(doc, Analysis(doc), n["W"])[0].apply(doc)
    assert shapes(doc, n["b"]) == [(64,)]


@pytest.mark.parametrize("other", [[], [None], [None, None], [None, 1]])
def test_a_number_added_to_a_number_or_a_row_of_numbers_needs_no_shape(other) -> None:
    doc = Document()
    x, b = place(doc, "placeholder", "x", shape=other), place(doc, "variable", "b")
    total = place(doc, "add", "total")
    commands.connect(doc, x, "out", total, "x")
    commands.connect(doc, b, "out", total, "y")
    assert shapes(doc, b) == []


@pytest.mark.parametrize(
    ("op", "images", "expected"),
    [
        ("conv2d", [None, 28, 28, 1], [(3, 3, 1, 16), (3, 3, 1, 32)]),
        ("conv1d", [None, 100, 8], [(3, 8, 16), (3, 8, 32)]),
        ("conv3d", [None, 8, 28, 28, 2], [(3, 3, 3, 2, 16), (3, 3, 3, 2, 32)]),
    ],
)
def test_filters(op, images, expected) -> None:
    doc = Document()
    x, w = place(doc, "placeholder", "x", shape=images), place(doc, "variable", "w")
    conv = place(doc, op, "conv")
    commands.connect(doc, x, "out", conv, "x")
    commands.connect(doc, w, "out", conv, "filter")
    assert shapes(doc, w) == expected
    shapes_for_node(doc, Analysis(doc), conv)[0].apply(doc)
    assert not [p for p in Analysis(doc).all_problems() if p.severity == "error"]


@pytest.mark.parametrize(
    ("attrs", "expected"),
    [({"layout": "NCHW"}, (3, 3, 28, 16)), ({"filter_layout": "OIHW"}, (16, 4, 3, 3))],
)
def test_filters_follow_the_layouts(attrs, expected) -> None:
    doc = Document()
    x = place(doc, "placeholder", "x", shape=[None, 28, 28, 4])
    w, conv = place(doc, "variable", "w"), place(doc, "conv2d", "conv", **attrs)
    commands.connect(doc, x, "out", conv, "x")
    commands.connect(doc, w, "out", conv, "filter")
    assert shapes(doc, w)[0] == expected


def test_a_shape_is_one_undo_step_and_makes_the_graph_right(layer) -> None:
    doc, n = layer
    wire_all(doc, n)
    analysis = Analysis(doc)
    (problem,) = [p for p in analysis.all_problems() if p.severity == "error"]
    assert problem.message == "`W` is a single number" and problem.level == "incomplete"
    assert problem.hint == "Give it a shape, for example 784 × 64."
    fixes = node_fixes(doc, analysis, n["product"])
    assert [fix.title for fix in fixes] == ["Give W the shape 784 × 64"]
    fixes[0].apply()
    assert not [p for p in Analysis(doc).all_problems() if p.severity == "error"]
    assert doc.node(n["W"]).attrs["initializer"] == {"op": "glorot_uniform"}
    doc.undo()
    assert doc.node(n["W"]).attrs == {}


def test_a_variable_with_values_shape_or_initial_is_left_alone(layer) -> None:
    doc, n = layer
    wire_all(doc, n)
    start = place(doc, "constant", "start", value=1.0)
    commands.connect(doc, start, "out", n["W"], "initial")
    commands.set_attr(doc, n["b"], "value", [1.0, 2.0])
    assert shapes(doc, n["W"]) == [] and shapes(doc, n["b"]) == []


def test_a_refused_wire_offers_the_shape_and_connects(layer) -> None:
    doc, n = layer
    analysis = Analysis(doc)
    wire = Wire(n["W"], "out", n["product"], "y")
    verdict = advised(doc, analysis, wire, check_wire(doc, analysis, *wire))
    assert not verdict.ok and verdict.reason == "`W` is a single number"
    (offer,) = offers(doc, analysis, wire)
    insert_conversion(doc, offer, wire, (0, 0))
    out = Analysis(doc).out_types(n["product"])
    assert out is not None and out["out"].shape == (None, 64)
    doc.undo()
    assert wire.key not in doc.wires


def test_the_other_input_is_refused_by_a_variable_without_a_shape(layer) -> None:
    doc, n = layer
    commands.disconnect(doc, (n["product"], "x"))
    commands.connect(doc, n["W"], "out", n["product"], "y")
    wire = Wire(n["x"], "out", n["product"], "x")
    (offer,) = offers(doc, Analysis(doc), wire)
    assert offer.title == "Give W the shape 784 × 64"
    insert_conversion(doc, offer, wire, (0, 0))
    assert doc.wires[wire.key] == wire
    assert Analysis(doc).problems_of(n["product"]) == []


def test_a_problem_follows_the_name_of_the_variable(layer) -> None:
    doc, n = layer
    wire_all(doc, n)
    analysis = Analysis(doc)
    doc.subscribe(analysis.update)
    commands.rename(doc, n["W"], "weights")
    assert "`weights` is a single number" in [p.message for p in analysis.all_problems()]


def test_open_ports_are_incomplete_and_still_cannot_run() -> None:
    doc = Document()
    total = place(doc, "add", "total")
    analysis = Analysis(doc)
    assert {(p.port, p.level, p.severity) for p in analysis.all_problems()} == {
        ("x", "incomplete", "error"),
        ("y", "incomplete", "error"),
    }
    assert analysis.broken() == {total}


def test_a_number_that_is_added_is_offered_its_shape_on_its_own_page_only(layer) -> None:
    doc, n = layer
    wire_all(doc, n)
    shapes_for_node(doc, Analysis(doc), n["W"])[0].apply(doc)
    analysis = Analysis(doc)
    assert [f.title for f in node_fixes(doc, analysis, n["b"])] == ["Give b the shape 64"]
    assert node_fixes(doc, analysis, n["sum"]) == []
