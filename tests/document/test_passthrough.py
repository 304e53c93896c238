"""Dots, muted and bypassed nodes: types, problems, checks and builds see through them."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.analysis import node_flags
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.wiring.wire_check import check_wire
from nodeflow.document.edit import commands, rewiring, set_flags
from nodeflow.document.formula.export_python import python_code
from nodeflow.document.formula.render import formula_text
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import BYPASSED, MUTED
from nodeflow.document.to_graph.build import build
from nodeflow.engine.session import Session
from nodeflow.errors import GraphError, NodeflowError
from nodeflow.graph.types import TensorType


@pytest.fixture
def chain() -> tuple[Document, dict[str, str]]:
    """``e = exp(b + c)``, and a cast of it to int32."""
    doc = Document()
    ids = {
        "b": commands.add_node(doc, "constant", (0, 0), "b", {"value": 2.0}),
        "c": commands.add_node(doc, "constant", (0, 200), "c", {"value": 1.0}),
        "d": commands.add_node(doc, "add", (300, 0), "d"),
        "e": commands.add_node(doc, "exp", (600, 0), "e"),
        "k": commands.add_node(doc, "cast", (900, 0), "k", {"dtype": "int32"}),
    }
    for source, target, port in (
        ("b", "d", "x"),
        ("c", "d", "y"),
        ("d", "e", "x"),
        ("e", "k", "x"),
    ):
        commands.connect(doc, ids[source], "out", ids[target], port)
    return doc, ids


def value(doc: Document, name: str):
    """What a name gives when the document is built and run."""
    built = build(doc)
    with Session(built.graph, tier="reference") as session:
        return session.run(built.fetch(name))


def test_a_dot_passes_type_and_value_and_needs_no_node_in_the_graph(chain):
    doc, ids = chain
    before = value(doc, "e")
    dot = rewiring.add_dot(doc, (ids["e"], "x"), (500, 50))
    assert doc.wires[(ids["e"], "x")].source == dot
    assert Analysis(doc).type_of(dot, "out") == TensorType("float32", ())
    assert Analysis(doc).problems == {}
    assert value(doc, "e") == before
    assert value(doc, "reroute") == np.float32(3.0)
    assert all(node.op.id != "reroute" for node in build(doc).graph.nodes)


def test_a_dot_survives_its_file(chain):
    doc, ids = chain
    rewiring.add_dot(doc, (ids["e"], "x"), (500, 50))
    text = flow.dumps(doc)
    assert flow.dumps(flow.loads(text)) == text
    assert value(flow.loads(text), "e") == value(doc, "e")


def test_a_dot_without_a_wire_is_a_problem_of_its_own(chain):
    doc, ids = chain
    dot = commands.add_node(doc, "reroute", (0, 0))
    commands.connect(doc, dot, "out", ids["d"], "y")
    assert [p.kind for p in Analysis(doc).problems_of(dot)] == ["MissingInput"]


def test_a_wire_into_a_dot_must_suit_those_behind_it(chain):
    doc, ids = chain
    dot = rewiring.add_dot(doc, (ids["d"], "y"), (200, 200))
    whole = commands.add_node(doc, "constant", (0, 400), "n", {"value": 1, "dtype": "int32"})
    verdict = check_wire(doc, Analysis(doc), whole, "out", dot, "x")
    assert not verdict.ok
    assert "int32" in verdict.reason
    assert check_wire(doc, Analysis(doc), ids["b"], "out", dot, "x").ok


def test_a_column_comes_through_a_dot_into_a_placeholder():
    doc = Document()
    data = commands.add_node(doc, "dataset", (0, 0), "data", {"source": "spirals"})
    column, kind = next(iter((Analysis(doc).out_types(data) or {}).items()))
    attrs = {"dtype": kind.dtype, "shape": list(kind.shape)}
    x = commands.add_node(doc, "placeholder", (300, 0), "x", attrs)
    add = commands.add_node(doc, "add", (600, 0), "add")
    commands.connect(doc, data, column, x, "feed")
    dot = rewiring.add_dot(doc, (x, "feed"), (200, 50))
    assert check_wire(doc, Analysis(doc), dot, "out", x, "feed").ok
    assert build(doc, only=["x"]).bindings == {"x": (data, column)}
    refused = check_wire(doc, Analysis(doc), dot, "out", add, "x")
    assert "placeholder" in refused.reason
    commands.connect(doc, dot, "out", add, "x")
    assert "FeedError" in [p.kind for p in Analysis(doc).problems_of(add)]


def test_dots_in_a_ring_are_a_loop_and_nothing_hangs():
    doc = Document()
    a, b = (commands.add_node(doc, "reroute", (0, 0)) for _ in range(2))
    commands.connect(doc, a, "out", b, "x")
    commands.connect(doc, b, "out", a, "x")
    assert {p.kind for p in Analysis(doc).all_problems()} == {"CycleError"}


def test_what_depends_on_a_muted_node_does_not_run(chain):
    doc, ids = chain
    set_flags.set_mode(doc, [ids["e"]], MUTED)
    built = build(doc)
    assert {doc.nodes[i].name for i in built.muted} == {"e", "k"}
    assert "e" not in built.graph
    assert built.ends() == ["d"]
    assert value(doc, "d") == np.float32(3.0)
    with pytest.raises(GraphError, match="`k` depends on `e`, which is muted"):
        built.fetch("k")
    with pytest.raises(GraphError, match="`e` is muted"):
        build(doc, only=["e"])
    set_flags.set_mode(doc, [ids["e"]], "")
    assert value(doc, "k") == 20


def test_a_muted_node_has_no_errors(chain):
    doc, ids = chain
    commands.disconnect(doc, (ids["e"], "x"))
    with pytest.raises(NodeflowError):
        build(doc)
    set_flags.set_mode(doc, [ids["e"]], MUTED)
    assert {p.severity for p in Analysis(doc).problems_of(ids["e"])} == {"info"}
    build(doc)


def test_a_bypassed_node_passes_its_first_input_of_the_same_type(chain):
    doc, ids = chain
    set_flags.set_mode(doc, [ids["e"]], BYPASSED)
    assert Analysis(doc).passes(ids["e"]) == {"out": "x"}
    assert value(doc, "k") == 3
    assert value(doc, "e") == np.float32(3.0)
    assert "e" not in build(doc).graph


def test_formulas_and_code_see_through_dots_and_bypassed_nodes(chain):
    doc, ids = chain
    rewiring.add_dot(doc, (ids["d"], "x"), (200, 50))
    dot = rewiring.add_dot(doc, (ids["e"], "x"), (500, 50))
    assert formula_text(doc, ids["e"]) == "exp(2 + 1)"
    assert formula_text(doc, dot) == "2 + 1"
    set_flags.set_mode(doc, [ids["d"]], BYPASSED)
    assert formula_text(doc, ids["e"]) == "exp(2)"
    code = python_code(doc, ids["e"])
    assert "reroute" not in code
    assert "nf.add" not in code
    graph = nf.Graph()
    with graph:
        exec(compile(code, "copied.py", "exec"), {})
    with Session(graph, tier="reference") as session:
        assert session.run("e") == value(doc, "e")


def test_a_dot_without_a_source_has_its_name_for_a_formula():
    doc = Document()
    dot = commands.add_node(doc, "reroute", (0, 0), "loose")
    assert formula_text(doc, dot) == "reroute(?)"


def test_the_analysis_follows_a_bypass(chain):
    doc, ids = chain
    analysis = Analysis(doc)
    doc.subscribe(analysis.update)
    set_flags.set_mode(doc, [ids["d"]], BYPASSED)
    assert analysis.passes(ids["d"]) == {"out": "x"}
    doc.undo()
    assert analysis.passes(ids["d"]) is None


def test_a_bypass_that_would_change_the_type_is_refused_with_the_reason(chain):
    doc, ids = chain
    set_flags.set_mode(doc, [ids["k"]], BYPASSED)
    (problem,) = Analysis(doc).problems_of(ids["k"])
    assert "no input has the type of `out`" in problem.message
    with pytest.raises(GraphError):
        build(doc)


def test_muting_and_bypassing_change_values_so_they_are_no_mere_moves(chain):
    doc, ids = chain
    changes = []
    doc.subscribe(changes.append)
    set_flags.set_mode(doc, [ids["e"]], MUTED)
    set_flags.toggle_collapsed(doc, [ids["e"]])
    assert [change.only_moves for change in changes] == [False, True]


def test_fields_of_looks_survive_a_file_and_undo(chain):
    doc, ids = chain
    before = flow.dumps(doc)
    set_flags.set_mode(doc, [ids["e"]], BYPASSED)
    set_flags.toggle_collapsed(doc, [ids["e"], ids["d"]])
    set_flags.set_hidden(doc, [(ids["d"], "y")], True)
    again = flow.loads(flow.dumps(doc))
    assert flow.dumps(again) == flow.dumps(doc)
    assert node_flags.hidden_ports(again.nodes[ids["d"]]) == ["y"]
    assert node_flags.is_collapsed(again.nodes[ids["d"]])
    for _ in range(3):
        doc.undo()
    assert flow.dumps(doc) == before.replace('"next_id": 6', f'"next_id": {doc.next_id}')


def test_a_wire_in_the_place_of_a_hidden_one_is_shown(chain):
    doc, ids = chain
    set_flags.set_hidden(doc, [(ids["d"], "y")], True)
    commands.connect(doc, ids["b"], "out", ids["d"], "y")
    assert node_flags.hidden_ports(doc.nodes[ids["d"]]) == []
    set_flags.set_hidden(doc, [(ids["d"], "y")], True)
    commands.disconnect(doc, (ids["d"], "y"))
    assert doc.nodes[ids["d"]].extra == {}
