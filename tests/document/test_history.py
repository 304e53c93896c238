"""Undo and redo: right for every sequence of edits, down to the bytes of the file."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import DocumentError, NameTaken
from nodeflow.document.model.records import Change

from .strategies import actions, perform


def body(doc: Document) -> str:
    """The file's text without `next_id`, which is never taken back."""
    first, rest = flow.dumps(doc).split("\n", 1)
    assert "next_id" in first
    return rest


@pytest.mark.thorough
@settings(max_examples=150)
@given(actions)
def test_undoing_everything_leads_back_and_redoing_gives_the_same_bytes(acts):
    doc = Document()
    for act in acts:
        perform(doc, act)
    while doc.can_redo:
        doc.redo()
    text, states = flow.dumps(doc), [body(doc)]
    while doc.can_undo:
        doc.undo()
        states.append(body(doc))
    assert not doc.nodes and not doc.wires and not doc.frames and not doc.training
    while doc.can_redo:
        assert body(doc) == states.pop()
        doc.redo()
    assert flow.dumps(doc) == text


@pytest.mark.thorough
@settings(max_examples=100)
@given(actions)
def test_a_mirror_that_applies_the_changes_as_json_is_equal_at_every_step(acts):
    doc, mirror = Document(), Document()
    doc.digest()
    mirror.digest()
    doc.subscribe(lambda change: mirror.apply_change(Change.from_text(change.text)))
    for act in acts:
        perform(doc, act)
        assert flow.dumps(mirror).split("\n", 1)[1] == body(doc)
        assert mirror.digest() == doc.digest()
        assert mirror.revision == doc.revision
    assert flow.loads(flow.dumps(doc)).digest() == doc.digest()


@pytest.mark.thorough
@settings(max_examples=100)
@given(actions)
def test_the_indexes_agree_with_the_tables(acts):
    doc = Document()
    for act in acts:
        perform(doc, act)
    for graph in (doc, *doc.definitions()):
        wires = set(graph.wires.values())
        assert {w for n in graph.nodes for w in graph.wires_into(n)} == wires
        assert {w for n in graph.nodes for w in graph.wires_out_of(n)} == wires
        assert {n.name for n in graph.nodes.values()} == set(graph.names)
        assert len(graph.nodes) == len(set(graph.names))
        assert graph.slashed == {name for name in graph.names if "/" in name}
        for record in graph.nodes.values():
            assert graph.node_named(record.name) is record
        for wire in wires:
            assert wire.source in graph.nodes and wire.target in graph.nodes


@pytest.fixture
def doc():
    return Document()


def test_one_transaction_is_one_undo_step_and_one_event(doc):
    changes = []
    doc.subscribe(changes.append)
    with doc.transaction("Both"):
        a = commands.add_node(doc, "constant", (0, 0))
        b = commands.add_node(doc, "negative", (200, 0))
        commands.connect(doc, a, "out", b, "x")
        assert not changes
    assert [c.label for c in changes] == ["Both"]
    assert len(changes[0].nodes_added) == 2 and len(changes[0].wires_added) == 1
    assert doc.undo_label == "Both"
    doc.undo()
    assert not doc.nodes and not doc.can_undo and doc.redo_label == "Both"


def test_a_transaction_that_fails_takes_everything_back(doc):
    changes = []
    kept = commands.add_node(doc, "constant", (0, 0), name="kept")
    before = body(doc)
    doc.subscribe(changes.append)
    with pytest.raises(RuntimeError), doc.transaction("Fails"):
        commands.remove(doc, [kept])
        commands.add_node(doc, "add", (0, 0))
        raise RuntimeError
    assert body(doc) == before and not changes and doc.undo_label == "Add kept"


def test_a_failing_inner_transaction_takes_back_only_its_own_edits(doc):
    with doc.transaction("Outer"):
        commands.add_node(doc, "add", (0, 0), name="stays")
        with pytest.raises(RuntimeError), doc.transaction("Inner"):
            commands.add_node(doc, "add", (0, 0), name="goes")
            raise RuntimeError
    assert list(doc.names) == ["stays"]


def test_an_edit_that_changes_nothing_is_no_step(doc):
    node = commands.add_node(doc, "constant", (0, 0), attrs={"value": 1})
    revision = doc.revision
    commands.move(doc, {node: (0, 0)})
    commands.set_attr(doc, node, "value", 1)
    commands.rename(doc, node, "constant")
    assert doc.revision == revision
    commands.set_attr(doc, node, "value", 1.0)  # another text in the file
    assert doc.revision == revision + 1


def test_edits_with_one_merge_key_are_one_step_until_sealed_or_saved(doc):
    node = commands.add_node(doc, "constant", (0, 0))
    for x in range(1, 5):
        commands.move(doc, {node: (x, 0)}, merge="drag")
    doc.seal()
    commands.move(doc, {node: (9, 0)}, merge="drag")
    doc.undo()
    assert doc.nodes[node].pos == (4, 0)
    doc.undo()
    assert doc.nodes[node].pos == (0, 0)
    doc.redo()
    assert doc.nodes[node].pos == (4, 0)
    doc.mark_saved()
    commands.move(doc, {node: (5, 0)}, merge="drag")
    doc.undo()
    assert doc.nodes[node].pos == (4, 0) and not doc.is_modified


def test_a_merged_run_that_leads_back_leaves_no_step(doc):
    node = commands.add_node(doc, "constant", (0, 0))
    doc.mark_saved()
    doc.seal()
    commands.move(doc, {node: (5, 0)}, merge="drag")
    commands.move(doc, {node: (0, 0)}, merge="drag")
    assert doc.undo_label == "Add constant" and not doc.is_modified


def test_modified_follows_undo_and_redo_around_the_saved_state(doc):
    assert not doc.is_modified
    commands.add_node(doc, "add", (0, 0))
    doc.mark_saved()
    assert not doc.is_modified
    doc.undo()
    assert doc.is_modified
    doc.redo()
    assert not doc.is_modified
    doc.undo()
    commands.add_node(doc, "add", (0, 0))
    assert doc.is_modified


def test_ids_are_never_used_again(doc):
    first = commands.add_node(doc, "add", (0, 0))
    doc.undo()
    second = commands.add_node(doc, "add", (0, 0))
    assert first != second and doc.nodes[second].name == "add"


def test_names_can_be_swapped_in_one_transaction_but_never_be_equal(doc):
    a = commands.add_node(doc, "add", (0, 0), name="a")
    b = commands.add_node(doc, "add", (0, 0), name="b")
    with pytest.raises(NameTaken, match=r"another node is called 'b'.*'b_1' is free"):
        commands.rename(doc, a, "b")
    assert doc.node_named("a").id == a and doc.node_named("b").id == b
    with doc.transaction("Swap"):
        commands.rename(doc, a, "c")
        commands.rename(doc, b, "a")
        commands.rename(doc, a, "b")
    assert doc.node_named("a").id == b and doc.node_named("b").id == a
    doc.undo()
    assert doc.node_named("a").id == a and doc.node_named("b").id == b


def test_an_edit_made_by_a_subscriber_is_told_to_all_after_the_first(doc):
    heard = []

    def reacts(change):
        if change.nodes_added and len(doc.nodes) == 1:
            commands.add_node(doc, "negative", (0, 0))

    doc.subscribe(reacts)
    doc.subscribe(lambda change: heard.append((change.label, change.revision)))
    commands.add_node(doc, "add", (0, 0))
    assert heard == [("Add add", 1), ("Add negative", 2)]


def test_a_failing_subscriber_does_not_keep_others_from_hearing(doc):
    heard = []

    def fails(change):
        raise ValueError("boom")

    doc.subscribe(fails)
    unsubscribe = doc.subscribe(heard.append)
    with pytest.raises(ValueError, match="boom"):
        commands.add_node(doc, "add", (0, 0))
    assert len(heard) == 1 and len(doc.nodes) == 1
    unsubscribe()
    with pytest.raises(ValueError, match="boom"):
        doc.undo()
    assert len(heard) == 1 and not doc.nodes


def test_undo_inside_a_transaction_is_refused(doc):
    commands.add_node(doc, "add", (0, 0))
    with pytest.raises(DocumentError, match="inside a transaction"), doc.transaction("x"):
        doc.undo()
    assert len(doc.nodes) == 1


def test_a_change_that_does_not_fit_is_refused_with_nothing_done(doc):
    other, changes = Document(), []
    other.subscribe(changes.append)
    commands.add_node(other, "add", (0, 0))
    commands.rename(other, "n1", "sum")
    with pytest.raises(DocumentError, match="not have the state that the change expects"):
        doc.apply_change(changes[1])
    assert not doc.nodes
    doc.apply_change(changes[0])
    doc.apply_change(changes[1])
    assert doc.node_named("sum")


# ---- steps beside the document ------------------------------------------------------------------


class Dial:
    """A value of a window's, whose changes have their place in the order of undo."""

    def __init__(self, doc: Document) -> None:
        self.doc, self.value = doc, 0

    def turn(self, to: int, merge: str | None = None) -> None:
        before = self.value
        self.put(to)
        self.doc.note_aside(f"Turn to {to}", lambda: self.put(to), lambda: self.put(before), merge)

    def put(self, value: int) -> bool:
        changed, self.value = value != self.value, value
        return changed


def test_steps_beside_the_document_share_its_order_and_nothing_else():
    doc = Document()
    dial, heard = Dial(doc), []
    commands.add_node(doc, "constant", (0, 0))
    doc.mark_saved()
    doc.subscribe(heard.append)
    text, revision, state = flow.dumps(doc), doc.revision, doc.state
    dial.turn(1)
    assert doc.undo_label == "Turn to 1" and not doc.is_modified and doc.state is state
    assert doc.undo() is None and dial.value == 0 and doc.can_redo
    assert doc.redo() is None and dial.value == 1
    assert (flow.dumps(doc), doc.revision, heard) == (text, revision, [])
    commands.add_node(doc, "constant", (0, 0))
    assert doc.undo() is not None and dial.value == 1 and not doc.is_modified
    assert doc.undo() is None and dial.value == 0
    assert doc.undo() is not None and not doc.nodes and doc.is_modified
    for _ in range(3):
        doc.redo()
    assert dial.value == 1 and len(doc.nodes) == 2
    doc.undo()
    dial.turn(2)
    assert not doc.can_redo, "what was undone before it is gone"


def test_they_merge_until_sealed_and_keep_edits_apart():
    doc = Document()
    dial = Dial(doc)
    node = commands.add_node(doc, "constant", (0, 0))
    for value in (1, 2, 3):
        dial.turn(value, "drag")
    doc.seal()
    dial.turn(4, "drag")
    doc.undo()
    assert dial.value == 3
    doc.undo()
    assert dial.value == 0
    doc.redo()
    assert dial.value == 3
    commands.set_attr(doc, node, "value", 1.0, merge="typing")
    dial.turn(5)
    commands.set_attr(doc, node, "value", 2.0, merge="typing")
    doc.undo()
    assert doc.nodes[node].attrs["value"] == 1, "typing goes on behind the dial as another step"


def test_one_that_changes_nothing_is_passed_over():
    doc = Document()
    dial = Dial(doc)
    commands.add_node(doc, "constant", (0, 0))
    dial.turn(1)
    dial.put(0)  # by itself
    assert doc.undo() is not None and not doc.nodes
    assert doc.redo() is not None and len(doc.nodes) == 1
    assert doc.redo() is None and dial.value == 1
