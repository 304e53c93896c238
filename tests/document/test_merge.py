"""Three-way merges: every edit is in the result or named, and the result opens.

100 random merges in ``make test``, 10 000 in ``make test-nightly``.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from nodeflow.document.analysis.subgraphs.instance_paths import instances_of
from nodeflow.document.diff.conflicts import UnresolvedConflicts
from nodeflow.document.diff.facts import document_of, facts_of
from nodeflow.document.diff.merge import merge
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.definitions import (
    add_instance,
    remove_definition,
    rename_definition,
)
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import DocumentError
from nodeflow.document.model.records import stream_of
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.task import Task
from tests.document.merge_oracle import lost
from tests.document.random_files import random_document
from tests.document.strategies import actions, perform
from tests.volumes import volume

COUNT = volume("merges")
BASES: dict[int, str] = {}


definition_edits = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["cell", "part", ""])), max_size=2
)


def edit_definition(doc: Document, number: int, name: str) -> None:
    """Renames a definition; without a name, removes it with its instances."""
    if not doc.subgraphs:
        return
    old = sorted(doc.subgraphs)[number % len(doc.subgraphs)]
    try:
        if name:
            rename_definition(doc, old, name)
        else:
            for graph, record in instances_of(doc, old):
                commands.remove(graph, [record.id])
            remove_definition(doc, old)
    except DocumentError:
        pass  # the name is taken


def copy(doc: Document) -> Document:
    return flow.loads(flow.dumps(doc))


def random_base(seed: int) -> Document:
    if seed not in BASES:
        BASES[seed] = flow.dumps(random_document(seed))
    return flow.loads(BASES[seed])


@pytest.mark.thorough
@settings(max_examples=COUNT, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 40), actions, actions, definition_edits, definition_edits)
@example(1, [("port", 1, "add")], [("port", 1, "add"), ("port", 1, "rename")], [], [])
def test_random_merges_lose_nothing_and_open(seed, to_ours, to_theirs, in_ours, in_theirs):
    base = random_base(seed)
    ours, theirs = copy(base), copy(base)
    for doc, acts, inside in ((ours, to_ours, in_ours), (theirs, to_theirs, in_theirs)):
        for act in acts:
            perform(doc, act)
        for number, name in inside:
            edit_definition(doc, number, name)
    a, b = flow.dumps(ours), flow.dumps(theirs)
    found = merge(base, ours, theirs)
    text = flow.dumps(found.document)
    opened = flow.loads(text)
    assert flow.dumps(opened) == text
    build(opened, partial=True)
    assert lost(base, ours, theirs, found) == []
    assert lost(base, theirs, ours, merge(base, theirs, ours)) == []
    assert (flow.dumps(ours), flow.dumps(theirs)) == (a, b), "the inputs are only read"
    assert flow.dumps(merge(base, ours, theirs).document) == text, "a merge is repeatable"
    assert flow.dumps(merge(base, ours, base).document) == a
    assert flow.dumps(merge(base, base, theirs).document) == b
    assert flow.dumps(merge(base, ours, ours).document) == a
    assert flow.dumps(document_of(facts_of(ours), ours.next_id)) == a


@pytest.fixture
def base() -> Document:
    """``n1 = constant, n2 = relu(n1)``."""
    doc = Document()
    a = commands.add_node(doc, "constant", (0, 0), attrs={"value": 1.0})
    commands.connect(doc, a, "out", commands.add_node(doc, "relu", (200, 0)), "x")
    return doc


def test_changes_of_different_things_join(base):
    ours, theirs = copy(base), copy(base)
    commands.rename(ours, "n1", "one")
    commands.set_attr(theirs, "n1", "value", 2.0)
    commands.move(theirs, {"n2": (300, 5)})
    found = merge(base, ours, theirs)
    assert not found.conflicts and not found.notes
    node = found.document.nodes["n1"]
    assert (node.name, node.attrs["value"]) == ("one", 2.0)
    assert found.document.nodes["n2"].pos == (300, 5)


def test_two_values_of_one_attribute_are_a_conflict(base):
    ours, theirs = copy(base), copy(base)
    commands.set_attr(ours, "n1", "value", 2.0)
    commands.set_attr(theirs, "n1", "value", 3.0)
    found = merge(base, ours, theirs)
    path = ["node", "n1", "attrs", "value"]
    assert found.conflicts == [{"path": path, "base": 1.0, "ours": 2.0, "theirs": 3.0}]
    assert found.document.extra["conflicts"] == found.conflicts
    assert found.document.nodes["n1"].attrs["value"] == 2.0


def test_one_id_of_two_new_nodes_becomes_two(base):
    ours, theirs = copy(base), copy(base)
    commands.connect(ours, "n1", "out", commands.add_node(ours, "tanh", (0, 99)), "x")
    new = commands.add_node(theirs, "sigmoid", (0, 99))
    commands.connect(theirs, "n2", "out", new, "x")
    commands.set_training(theirs, loss=new)
    found = merge(base, ours, theirs)
    doc = found.document
    assert not found.conflicts and new == "n3" and found.ids == {"n3": "n4"}
    assert {n.name: n.id for n in doc.nodes.values()} == {
        "constant": "n1", "relu": "n2", "tanh": "n3", "sigmoid": "n4",
    }  # fmt: skip
    assert doc.wires["n4", "x"].source == "n2" and doc.wires["n3", "x"].source == "n1"
    assert doc.training["loss"] == "n4"


def test_equal_new_nodes_are_one(base):
    ours, theirs = copy(base), copy(base)
    for doc in (ours, theirs):
        commands.add_node(doc, "tanh", (0, 99))
    commands.rename(ours, "n1", "one")
    found = merge(base, ours, theirs)
    assert len(found.document.nodes) == 3 and not found.conflicts


def test_a_name_that_both_use_gets_a_suffix_and_a_note(base):
    ours, theirs = copy(base), copy(base)
    commands.add_node(ours, "random_normal", (0, 99), attrs={"shape": [2]})
    commands.add_node(theirs, "random_normal", (50, 99), attrs={"shape": [3]})
    found = merge(base, ours, theirs)
    nodes = found.document.nodes
    assert (nodes["n3"].name, nodes["n4"].name) == ("random_normal", "random_normal_1")
    assert "theirs' node random_normal is now called random_normal_1" in found.notes
    assert stream_of(nodes["n3"]) != stream_of(nodes["n4"]), "else they draw the same numbers"


def test_a_renamed_node_keeps_its_stream(base):
    ours, theirs = copy(base), copy(base)
    commands.add_node(ours, "tanh", (0, 99))
    commands.rename(ours, "n3", "noise")
    commands.add_node(theirs, "random_normal", (50, 99), attrs={"shape": [3]})
    commands.rename(theirs, "n3", "noise")
    node = merge(base, ours, theirs).document.nodes["n4"]
    assert (node.name, stream_of(node)) == ("noise_1", "random_normal")


def test_variables_that_are_named_follow_the_new_name(base):
    ours, theirs = copy(base), copy(base)
    commands.add_node(ours, "constant", (0, 99), attrs={"value": 7.0})
    commands.rename(ours, "n3", "W")
    commands.add_node(theirs, "variable", (0, 99), attrs={"value": 7.0})
    commands.rename(theirs, "n3", "W")
    commands.add_node(theirs, "adam", (90, 99), attrs={"variables": ["W"]})
    doc = merge(base, ours, theirs).document
    adam = next(n for n in doc.nodes.values() if n.op == "adam")
    assert adam.attrs["variables"] == ["W_1"] and doc.node_named("W_1").op == "variable"


@pytest.mark.parametrize("swap", [False, True])
def test_what_one_side_removed_and_the_other_changed_is_kept_with_its_wires(base, swap):
    one, two = copy(base), copy(base)
    commands.remove(one, ["n1"])
    commands.set_attr(two, "n1", "value", 5.0)
    found = merge(base, *((two, one) if swap else (one, two)))
    assert found.document.nodes["n1"].attrs["value"] == 5.0
    assert found.document.wires["n2", "x"].source == "n1"
    node = found.conflicts[0]
    assert node["path"] == ["node", "n1"] and ("theirs" if swap else "ours") not in node
    assert [c["path"] for c in found.conflicts[1:]] == [["wire", "n2", "x"]]


def test_a_node_that_ours_grouped_still_takes_their_change(base):
    ours, theirs = copy(base), copy(base)
    create(ours, ["n2"], "block")
    commands.rename(theirs, "n2", "other")
    found = merge(base, ours, theirs)
    assert not found.conflicts
    assert found.document.definition("block").nodes["n2"].name == "other"


@pytest.mark.parametrize("swap", [False, True])
def test_a_renamed_definition_takes_their_new_instance(base, swap):
    create(base, ["n2"], "block")
    ours, theirs = copy(base), copy(base)
    rename_definition(ours, "block", "cell")
    added = add_instance(theirs, "block", (0, 300))
    found = merge(base, *((theirs, ours) if swap else (ours, theirs)))
    assert not found.conflicts and list(found.document.subgraphs) == ["cell"]
    assert found.document.nodes[added].attrs["definition"] == "cell"


def test_two_definitions_that_each_side_renamed_keep_their_names(base):
    create(base, ["n1"], "block")
    create(base, ["n2"], "part")
    ours, theirs = copy(base), copy(base)
    rename_definition(ours, "block", "cell")
    rename_definition(theirs, "part", "piece")
    found = merge(base, ours, theirs)
    assert not found.conflicts and list(found.document.subgraphs) == ["cell", "piece"]
    assert lost(base, ours, theirs, found) == []


def test_two_new_definitions_of_one_name_are_two(base):
    ours, theirs = copy(base), copy(base)
    create(ours, ["n2"], "block")
    create(theirs, ["n1"], "block")
    found = merge(base, ours, theirs)
    assert list(found.document.subgraphs) == ["block", "block_1"]
    assert "theirs' subgraph block is now called block_1" in found.notes
    assert lost(base, ours, theirs, found) == []


def test_metrics_of_both_sides_are_kept(base):
    commands.set_training(base, metrics=[{"node": "n1", "split": "test"}])
    ours, theirs = copy(base), copy(base)
    for doc, split in ((ours, "train"), (theirs, "validation")):
        more = [*base.training["metrics"], {"node": "n2", "split": split}]
        commands.set_training(doc, metrics=more)
    found = merge(base, ours, theirs)
    splits = [m["split"] for m in found.document.training["metrics"]]
    assert not found.conflicts and splits == ["test", "train", "validation"]


def test_conflicts_of_an_earlier_merge_stay_until_a_side_resolves_them(base):
    old = {"path": ["node", "n1", "attrs", "value"], "ours": 1.0, "theirs": 2.0}
    base.extra = {"conflicts": [old]}
    ours, theirs = copy(base), copy(base)
    commands.rename(ours, "n1", "one")
    commands.rename(theirs, "n2", "two")
    assert merge(base, ours, theirs).document.extra["conflicts"] == [old]
    theirs.extra = {}
    assert "conflicts" not in merge(base, ours, theirs).document.extra


def test_a_file_with_conflicts_is_not_trained(base):
    item = {"path": ["node", "n1", "attrs", "value"], "ours": 1, "theirs": 2}
    base.extra = {"conflicts": [item]}
    with pytest.raises(UnresolvedConflicts, match=r"constant\.value"):
        Task(base).training()
