"""Insert, heal, detach, swap, replace, convert: by type, and one undo step each."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.wiring.wire_check import check_wire
from nodeflow.document.edit import commands, replace_op, rewiring
from nodeflow.document.edit.offers import conversions
from nodeflow.document.io import flow
from nodeflow.document.layout import align
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.ops import REGISTRY


@pytest.fixture
def chain() -> tuple[Document, dict[str, str]]:
    """``s = reduce_sum(matmul(x, w))`` with x (2, 3) and w (3, 4)."""
    doc = Document()
    ids = {
        "x": commands.add_node(doc, "constant", (0, 0), "x", {"value": np.ones((2, 3)).tolist()}),
        "w": commands.add_node(doc, "constant", (0, 200), "w", {"value": np.ones((3, 4)).tolist()}),
        "m": commands.add_node(doc, "matmul", (300, 0), "m"),
        "s": commands.add_node(doc, "reduce_sum", (600, 0), "s"),
    }
    for source, target, port in (("x", "m", "x"), ("w", "m", "y"), ("m", "s", "x")):
        commands.connect(doc, ids[source], "out", ids[target], port)
    return doc, ids


def steps_back(doc: Document, before: str) -> bool:
    """Whether one undo gives the earlier text (but for the ids used up)."""
    doc.undo()
    now = flow.loads(flow.dumps(doc))
    then = flow.loads(before)
    return now.nodes == then.nodes and now.wires == then.wires


def test_a_node_that_fits_is_inserted_by_its_first_fitting_port(chain):
    doc, ids = chain
    relu = commands.add_node(doc, "relu", (450, 0), "r")
    before = flow.dumps(doc)
    found = rewiring.insertion(doc, Analysis(doc), doc.nodes[relu], doc.wires[(ids["s"], "x")])
    assert (found.into, found.out) == ("x", "out")
    rewiring.insert_on_wire(doc, relu, found)
    assert doc.wires[(relu, "x")] == Wire(ids["m"], "out", relu, "x")
    assert doc.wires[(ids["s"], "x")] == Wire(relu, "out", ids["s"], "x")
    assert Analysis(doc).problems == {}
    assert steps_back(doc, before)


@pytest.mark.parametrize(
    ("op", "attrs", "fits"),
    [
        ("relu", {}, True),
        ("add", {}, True),  # the other input is wired later
        ("cast", {"dtype": "float64"}, False),  # matmul takes two of one dtype
        ("constant", {"value": 1.0}, False),  # takes nothing
        ("transpose", {}, False),  # (3, 2) x (3, 4)
        ("logical_not", {}, False),  # takes bool
    ],
)
def test_only_nodes_that_fit_by_type_are_inserted(chain, op, attrs, fits):
    doc, ids = chain
    record = NodeRecord("", op, "new", attrs)
    found = rewiring.insertion(doc, Analysis(doc), record, doc.wires[(ids["m"], "x")])
    assert (found is not None) == fits


def test_a_node_upstream_of_a_wire_would_close_a_loop(chain):
    doc, ids = chain
    wire = doc.wires[(ids["s"], "x")]
    assert rewiring.insertion(doc, Analysis(doc), doc.nodes[ids["x"]], wire) is None
    assert rewiring.insertion(doc, Analysis(doc), doc.nodes[ids["m"]], wire) is None


def test_delete_and_heal_joins_what_fits(chain):
    doc, ids = chain
    before = flow.dumps(doc)
    assert rewiring.remove_and_heal(doc, Analysis(doc), [ids["m"]]) == 1
    assert doc.wires[(ids["s"], "x")].source == ids["x"]
    assert ids["m"] not in doc.nodes
    assert steps_back(doc, before)


def test_healing_goes_through_several_deleted_nodes_and_keeps_variadic_order():
    doc = Document()
    a, b = (commands.add_node(doc, "constant", (0, 0), n, {"value": [1.0]}) for n in "ab")
    p, q = (commands.add_node(doc, op, (0, 0)) for op in ("relu", "exp"))
    join = commands.add_node(doc, "concat", (0, 0), "join")
    for wire in (
        (a, "out", p, "x"),
        (p, "out", q, "x"),
        (q, "out", join, "values.0"),
        (b, "out", join, "values.1"),
    ):
        commands.connect(doc, *wire)
    rewiring.remove_and_heal(doc, Analysis(doc), [q, p])
    assert {w.target_port: w.source for w in doc.wires_into(join)} == {"values.0": a, "values.1": b}


def test_nothing_heals_where_no_type_fits(chain):
    doc, ids = chain
    k = commands.add_node(doc, "cast", (450, 0), "k", {"dtype": "bool"})
    n = commands.add_node(doc, "logical_not", (500, 0), "n")
    commands.connect(doc, ids["m"], "out", k, "x")
    commands.connect(doc, k, "out", n, "x")
    assert rewiring.remove_and_heal(doc, Analysis(doc), [k]) == 0
    assert not doc.has_wires(n)


def test_a_detached_node_stays_without_wires(chain):
    doc, ids = chain
    before = flow.dumps(doc)
    assert rewiring.detach(doc, Analysis(doc), [ids["m"]]) == 3
    assert not doc.has_wires(ids["m"])
    assert doc.wires[(ids["s"], "x")].source == ids["x"]
    assert steps_back(doc, before)
    assert rewiring.detach(doc, Analysis(doc), [commands.add_node(doc, "add", (0, 0))]) == 0


def test_inputs_are_swapped(chain):
    doc, ids = chain
    before = flow.dumps(doc)
    assert rewiring.swap_inputs(doc, ids["m"])
    assert {w.target_port: w.source for w in doc.wires_into(ids["m"])} == {
        "x": ids["w"],
        "y": ids["x"],
    }
    assert steps_back(doc, before)
    assert not rewiring.swap_inputs(doc, ids["s"])


def test_a_single_wire_moves_to_the_other_input():
    doc = Document()
    a = commands.add_node(doc, "constant", (0, 0), "a", {"value": 1.0})
    d = commands.add_node(doc, "subtract", (0, 0), "d")
    commands.connect(doc, a, "out", d, "x")
    assert rewiring.swap_inputs(doc, d)
    assert list(doc.wires) == [(d, "y")]


def test_another_op_takes_place_wires_and_attributes(chain):
    doc, ids = chain
    commands.set_attr(doc, ids["s"], "axis", 0)
    before = flow.dumps(doc)
    replace_op.replace_op(doc, ids["s"], REGISTRY.lookup("reduce_max"))
    record = doc.nodes[ids["s"]]
    assert (record.op, record.name, record.attrs) == ("reduce_max", "s", {"axis": 0})
    assert doc.wires[(ids["s"], "x")].source == ids["m"]
    assert steps_back(doc, before)


def test_a_name_that_nobody_gave_goes_with_the_op(chain):
    doc, _ = chain
    node = commands.add_node(doc, "relu", (0, 0))
    replace_op.replace_op(doc, node, REGISTRY.lookup("tanh"))
    assert doc.nodes[node].name == "tanh"


def test_ports_of_other_names_are_taken_in_order(chain):
    doc, ids = chain
    replace_op.replace_op(doc, ids["m"], REGISTRY.lookup("concat"))
    assert {w.target_port: w.source for w in doc.wires_into(ids["m"])} == {
        "values.0": ids["x"],
        "values.1": ids["w"],
    }
    assert doc.wires[(ids["s"], "x")].source == ids["m"]


@pytest.mark.parametrize(
    ("op", "fits"),
    [("reduce_max", True), ("relu", True), ("add", True), ("logical_not", False)],
)
def test_only_ops_that_take_the_wires_fit_in_place(chain, op, fits):
    doc, ids = chain
    found = replace_op.fits_in_place(doc, Analysis(doc), ids["s"], REGISTRY.lookup(op))
    assert found == fits


def test_an_op_whose_result_the_next_node_refuses_does_not_fit(chain):
    doc, ids = chain
    analysis = Analysis(doc)
    # add of (2, 3) and (3, 4) does not broadcast
    assert not replace_op.fits_in_place(doc, analysis, ids["m"], REGISTRY.lookup("add"))


def offers(doc: Document, source: str, target: str, port: str) -> list[str]:
    wire = Wire(source, "out", target, port)
    return [c.title for c in conversions.offers(doc, Analysis(doc), wire)]


def test_a_cast_is_offered_for_another_dtype(chain):
    doc, ids = chain
    whole = commands.add_node(doc, "constant", (0, 0), "n", {"value": [[1]], "dtype": "int32"})
    add = commands.add_node(doc, "add", (0, 0), "add")
    commands.connect(doc, ids["x"], "out", add, "x")
    assert offers(doc, whole, add, "y") == ["Insert Cast to float32"]


@pytest.mark.parametrize(
    ("here", "there", "titles"),
    [
        ("float64", "int64", ["Insert Cast to float64 before x", "Insert Cast to int64"]),
        ("int64", "int32", ["Insert Cast to int64 before x", "Insert Cast to int32"]),
        ("int32", "int64", ["Insert Cast to int64"]),
        ("float32", "float64", ["Insert Cast to float64"]),
    ],
)
def test_the_cast_that_loses_less_is_offered_first(here, there, titles):
    doc = Document()
    given = commands.add_node(doc, "placeholder", (0, 0), "g", {"dtype": here, "shape": [2]})
    beside = commands.add_node(doc, "placeholder", (0, 0), "b", {"dtype": there, "shape": [2]})
    add = commands.add_node(doc, "add", (0, 0), "add")
    commands.connect(doc, beside, "out", add, "x")
    assert offers(doc, given, add, "y") == titles
    wire, before = Wire(given, "out", add, "y"), flow.dumps(doc)
    for offer in conversions.offers(doc, Analysis(doc), wire):
        conversions.insert_conversion(doc, offer, wire, (0, 0))
        kind = Analysis(doc).type_of(add, "out")
        assert kind is not None and kind.dtype == offer.type.dtype
        assert steps_back(doc, before)


@pytest.mark.parametrize(
    ("shape", "title"),
    [
        ((3, 5), "Insert Transpose"),
        ((5,), None),
        ((5, 3, 1), "Insert Reshape to [-1, 3]"),
        ((7, 7), None),
    ],
)
def test_shapes_that_obviously_fit_another_way_are_offered(chain, shape, title):
    doc, ids = chain
    value = np.zeros(shape).tolist()
    other = commands.add_node(doc, "constant", (0, 0), "n", {"value": value})
    assert offers(doc, other, ids["m"], "x") == ([title] if title else [])


@pytest.mark.parametrize(
    ("shape", "op", "port", "other", "titles"),
    [
        ((9, 784), "conv2d", "x", (5, 5, 1, 8), ["Insert Reshape to [-1, 28, 28, 1]"]),
        ((9, 28, 28), "conv2d", "x", (5, 5, 1, 8), ["Insert Expand dims, axis -1"]),
        ((), "matmul", "x", (1, 10), ["Insert Reshape to [1]", "Insert Reshape to [1, 1]"]),
        ((4, 3, 5), "matmul", "y", (4, 2, 5), ["Insert Transpose"]),
        ((9, 7, 7, 16), "matmul", "x", (784, 10), ["Insert Reshape to [-1, 784]"]),
        ((4, 5), "add", "x", (4, 5, 7), ["Insert Expand dims, axis -1"]),
        ((9, 783), "conv2d", "x", (5, 5, 1, 8), []),
    ],
)
def test_each_kind_of_conversion_is_offered_at_many_ranks(shape, op, port, other, titles):
    doc = Document()
    given = commands.add_node(doc, "placeholder", (0, 0), "g", {"shape": list(shape)})
    beside = commands.add_node(doc, "placeholder", (0, 0), "b", {"shape": list(other)})
    target = commands.add_node(doc, op, (0, 0), "t")
    free = {"conv2d": "filter", "matmul": "y" if port == "x" else "x", "add": "y"}[op]
    commands.connect(doc, beside, "out", target, free)
    assert offers(doc, given, target, port) == titles
    for offer in conversions.offers(doc, Analysis(doc), Wire(given, "out", target, port)):
        before = flow.dumps(doc)
        conversions.insert_conversion(doc, offer, Wire(given, "out", target, port), (0, 0))
        kind = Analysis(doc).type_of(target, "out")
        assert kind is not None and kind.dtype == "float32"
        assert steps_back(doc, before)


@pytest.mark.parametrize(
    ("shape", "op", "port", "other", "title", "result"),
    [
        ((9, 28, 28), "matmul", "x", (784, 10), "Reshape to [-1, 784]", (9, 10)),
        ((10, 784), "matmul", "y", (9, 784), "Transpose", (9, 10)),
        ((9, 784), "conv2d", "x", (5, 5, 1, 8), "Reshape to [-1, 28, 28, 1]", (9, 28, 28, 8)),
        ((4, 5), "add", "x", (4, 5, 7), "Expand dims, axis -1", (4, 5, 7)),
    ],
)
def test_a_cast_and_another_conversion_are_offered_as_one(shape, op, port, other, title, result):
    doc = Document()
    whole = {"shape": list(shape), "dtype": "int32"}
    given = commands.add_node(doc, "placeholder", (0, 0), "g", whole)
    beside = commands.add_node(doc, "placeholder", (0, 0), "b", {"shape": list(other)})
    target = commands.add_node(doc, op, (0, 0), "t")
    free = {"conv2d": "filter", "matmul": "y" if port == "x" else "x", "add": "y"}[op]
    commands.connect(doc, beside, "out", target, free)
    wire = Wire(given, "out", target, port)
    assert offers(doc, given, target, port) == [f"Insert Cast to float32 and {title}"]
    refused = check_wire(doc, Analysis(doc), *wire)
    assert not refused.ok
    said = conversions.advised(doc, Analysis(doc), wire, refused)
    assert said.hint == f"Insert Cast to float32 and then {title} between them."
    before = flow.dumps(doc)
    (offer,) = conversions.offers(doc, Analysis(doc), wire)
    new = conversions.insert_conversion(doc, offer, wire, (500, 80))
    assert doc.node(new[0]).op == "cast" and len(new) == 2
    assert doc.wires[new[0], "x"].source == given and doc.wires[new[1], "x"].source == new[0]
    assert doc.node(new[1]).pos[0] - doc.node(new[0]).pos[0] >= 168, "side by side"
    kind = Analysis(doc).type_of(target, "out")
    assert kind is not None and (kind.dtype, kind.shape) == ("float32", result)
    assert steps_back(doc, before)


def test_where_a_cast_alone_is_not_enough_the_refusal_says_so(chain):
    doc, ids = chain
    whole = {"value": np.zeros((7, 7)).tolist(), "dtype": "int32"}
    other = commands.add_node(doc, "constant", (0, 0), "n", whole)
    wire = Wire(other, "out", ids["m"], "x")
    assert offers(doc, other, ids["m"], "x") == []
    refused = check_wire(doc, Analysis(doc), *wire)
    hint = conversions.advised(doc, Analysis(doc), wire, refused).hint
    assert hint == "And after a Cast to float32: (7, 7) x (3, 4): 7 is not 3."


def test_an_offer_that_is_taken_is_one_step_and_leaves_no_problem(chain):
    doc, ids = chain
    other = commands.add_node(doc, "constant", (0, 0), "n", {"value": np.zeros((3, 5)).tolist()})
    before = flow.dumps(doc)
    wire = Wire(other, "out", ids["m"], "x")
    (offer,) = conversions.offers(doc, Analysis(doc), wire)
    conversions.insert_conversion(doc, offer, wire, (100, 100))
    assert Analysis(doc).problems == {}
    assert Analysis(doc).type_of(ids["m"], "out").shape == (5, 4)
    assert steps_back(doc, before)


BOXES = (
    np.array([[0.0, 0.0], [100.0, 10.0], [50.0, 300.0]]),
    np.array([[40.0, 20], [60, 80], [20, 20]]),
)


@pytest.mark.parametrize(
    ("edge", "axis", "part", "line"),
    [
        ("left", 0, 0, 0),
        ("right", 0, 1, 160),
        ("center_x", 0, 0.5, 80),
        ("top", 1, 0, 0),
        ("bottom", 1, 1, 320),
        ("center_y", 1, 0.5, 160),
    ],
)
def test_aligned_boxes_share_a_line_and_move_along_one_axis(edge, axis, part, line):
    corners, sizes = BOXES
    after = align.aligned(corners, sizes, edge)
    assert after[:, axis] + part * sizes[:, axis] == pytest.approx([line] * 3)
    assert (after[:, 1 - axis] == corners[:, 1 - axis]).all()


@pytest.mark.parametrize("axis", [0, 1])
def test_distributed_boxes_have_equal_gaps_between_unmoved_ends(axis):
    corners, sizes = BOXES
    after = align.distributed(corners, sizes, axis)
    order = np.argsort(after[:, axis])
    low, high = after[order, axis], (after + sizes)[order, axis]
    gaps = low[1:] - high[:-1]
    assert gaps == pytest.approx([gaps[0]] * 2)
    assert (after[order[[0, 2]]] == corners[order[[0, 2]]]).all()


def test_snapping_rounds_to_the_grid():
    assert align.snapped(np.array([[3.0, 13.0]]), 8).tolist() == [[0.0, 16.0]]
