"""The union of two documents: everything of both is in it once, and marked for what it is."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.diff.comparison_view import INSIDE, Comparison, comparison, still
from nodeflow.document.diff.differences import ADDED, CHANGED, REMOVED, compare
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.definitions import rename_definition
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Wire
from tests.document.strategies import actions, perform
from tests.document.test_merge import copy, definition_edits, edit_definition, random_base


def parts(doc: Document) -> list[Document]:
    return [doc, *doc.definitions()]


def by_name(found: Comparison, scope: str = "") -> dict[str, str]:
    """Names of the marked nodes of a graph, with a minus before ghosts."""
    part = found.document.graph(scope)
    marks = found.marks[scope].nodes
    return {("-" if m == REMOVED else "") + part.nodes[i].name: m for i, m in marks.items()}


@pytest.fixture
def chain() -> tuple[Document, Document]:
    """``n1 = constant, n2 = relu(n1), n3 = tanh(n2)``, twice."""
    doc = Document()
    a = commands.add_node(doc, "constant", (0, 0), attrs={"value": 1.0})
    b = commands.add_node(doc, "relu", (300, 0))
    c = commands.add_node(doc, "tanh", (600, 0))
    commands.connect(doc, a, "out", b, "x")
    commands.connect(doc, b, "out", c, "x")
    return doc, copy(doc)


def test_equal_documents_have_no_marks(chain):
    found = comparison(*chain)
    assert not found.differences and not found.marks
    assert found.document.nodes == chain[0].nodes and found.document.wires == chain[0].wires


def test_what_is_gone_is_a_ghost_where_it_was_with_its_wires(chain):
    before, after = chain
    commands.remove(after, ["n2"])
    found = comparison(before, after)
    assert by_name(found) == {"-relu": REMOVED}
    (ghost,) = found.marks[""].nodes
    assert found.document.nodes[ghost].pos == (300, 0)
    assert found.document.wires == {(ghost, "x"): Wire("n1", "out", ghost, "x")}
    assert found.marks[""].wires == {(ghost, "x"): REMOVED}
    assert found.marks[""].gone == [Wire(ghost, "out", "n3", "x")]
    kinds = [
        (d.kind, d.change, s.nodes) for d, s in zip(found.differences, found.spots, strict=True)
    ]
    assert kinds == [
        ("node", REMOVED, (ghost,)),
        ("wire", REMOVED, ("n1", ghost)),
        ("wire", REMOVED, (ghost, "n3")),
    ]  # fmt: skip


def test_a_node_that_another_has_replaced_stands_beside_it(chain):
    before, after = chain
    commands.remove(after, ["n2"])
    new = commands.add_node(after, "sigmoid", (300, 0))
    found = comparison(before, after)
    ghost = next(i for i, m in found.marks[""].nodes.items() if m == REMOVED)
    assert found.document.nodes[new].pos == (300, 0)
    x, y = found.document.nodes[ghost].pos
    assert x == 300 and y >= 110


def test_a_wire_from_elsewhere_is_changed_and_the_old_one_gone(chain):
    before, after = chain
    commands.connect(after, "n1", "out", "n3", "x")
    commands.rename(after, "n3", "last")
    found = comparison(before, after)
    marks = found.marks[""]
    assert marks.wires == {("n3", "x"): CHANGED} and marks.nodes == {"n3": CHANGED}
    assert marks.gone == [Wire("n2", "out", "n3", "x")]
    number = next(i for i, d in enumerate(found.differences) if d.kind == "wire")
    assert marks.said["n3", "x"] == [number] and marks.said[marks.gone[0]] == [number]


def test_differences_inside_a_subgraph_mark_its_instances_however_deep(chain):
    before, _ = chain
    create(before, ["n2"], "inner")
    instance = next(n.id for n in before.nodes.values() if n.op == "subgraph")
    create(before, [instance], "outer")
    after = copy(before)
    commands.set_attr(after.graph("inner"), "n2", "q", 2)
    found = comparison(before, after)
    assert by_name(found) == {"outer": INSIDE}
    assert by_name(found, "outer") == {"inner": INSIDE}
    assert by_name(found, "inner") == {"relu": CHANGED}
    assert found.spots[0].scope == "inner" and found.spots[0].nodes == ("n2",)


def test_a_node_that_went_into_a_subgraph_is_marked_there_and_a_ghost_here(chain):
    before, after = chain
    create(after, ["n2"], "block")
    found = comparison(before, after)
    assert by_name(found)["-relu"] == REMOVED and by_name(found, "block")["relu"] == CHANGED
    ghost = next(i for i, m in found.marks[""].nodes.items() if m == REMOVED)
    (number,) = found.marks[""].said[ghost]
    assert found.differences[number].path == ("node", "n2")


def test_a_renamed_definition_is_one_difference(chain):
    before, _ = chain
    create(before, ["n2"], "block")
    after = copy(before)
    rename_definition(after, "block", "cell")
    found = comparison(before, after)
    said = [(d.kind, d.change, d.name) for d in found.differences]
    assert said == [("subgraph", CHANGED, "cell")]
    assert not found.marks.get("cell") and list(found.document.subgraphs) == ["cell"]


def test_a_definition_that_is_gone_is_all_ghosts(chain):
    before, after = chain
    create(before, ["n2"], "block")
    after.extra = {"note": 1}
    found = comparison(before, after)
    assert set(by_name(found, "block").values()) == {REMOVED}
    assert {d.name for d in found.differences if d.kind == "file"} == {"note"}
    Analysis(found.document)


def test_positions_count_when_asked(chain):
    before, after = chain
    commands.move(after, {"n1": (5, 5)})
    assert not comparison(before, after).differences
    assert comparison(before, after, layout=True).marks[""].nodes == {"n1": CHANGED}


def test_a_still_copy_stays_as_it_was(chain):
    _, after = chain
    create(after, ["n2"], "block")
    copy_, text = still(after), flow.dumps(after)
    commands.rename(after.graph("block"), "n2", "other")
    commands.remove(after, ["n3"])
    assert flow.dumps(copy_) == text
    assert len(compare(copy_, after)) == 3  # renamed, removed, its wire


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 40), actions, definition_edits)
def test_everything_of_both_documents_is_in_the_union_once(seed, acts, inside):
    before = random_base(seed)
    after = copy(before)
    for act in acts:
        perform(after, act)
    for number, name in inside:
        edit_definition(after, number, name)
    found = comparison(before, after)
    union, marks = found.document, found.marks
    for part in parts(union):
        mark = marks.get(part.scope)
        gone = [i for i, m in mark.nodes.items() if m == REMOVED] if mark else []
        real = part.nodes.keys() - gone
        now = (
            after.graph(part.scope).nodes if not part.scope or part.scope in after.subgraphs else {}
        )
        assert {i: part.nodes[i] for i in real} == now
        wires = {k: w for k, w in part.wires.items() if not mark or mark.wires.get(k) != REMOVED}
        assert wires == (after.graph(part.scope).wires if now else {})
        ghosts = [w for w in part.wires.values() if w.key not in wires] + (
            mark.gone if mark else []
        )
        for wire in ghosts:
            assert {wire.source, wire.target} <= part.nodes.keys()
    ids = {n.id: (g.scope, n) for g in parts(after) for n in g.nodes.values()}
    assert len(found.spots) == len(found.differences)
    for difference, spot in zip(found.differences, found.spots, strict=True):
        if difference.kind in ("node", "wire"):
            assert spot.nodes and spot.nodes[0] in union.graph(spot.scope).nodes, difference
        if difference.kind == "node" and difference.change == ADDED:
            assert spot.nodes == (difference.path[1],) and difference.path[1] in ids
    marked = {n for m in marks.values() for n, kind in m.nodes.items() if kind != INSIDE}
    assert bool(marked) <= bool(found.differences)
    with pytest.raises(Exception, match="read-only"):
        commands.add_node(union, "relu", (0, 0))
