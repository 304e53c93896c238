"""Commands: each one undo step, each leaves the document consistent."""

from __future__ import annotations

import json

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting import clipboard
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import BadName, BadValue, DanglingWire, FlowError, NoSuchNode
from nodeflow.document.model.records import Wire


@pytest.fixture
def doc():
    return Document()


def names(doc):
    return sorted(doc.names)


def test_automatic_names_count_up_and_free_ones_are_used_again(doc):
    ids = [commands.add_node(doc, "add", (0, 0)) for _ in range(4)]
    assert names(doc) == ["add", "add_1", "add_2", "add_3"]
    commands.remove(doc, [ids[1]])
    assert doc.nodes[commands.add_node(doc, "add", (0, 0))].name == "add_1"
    assert doc.nodes[commands.add_node(doc, "my-op/9 lives", (0, 0))].name == "_9_lives"


@pytest.mark.parametrize("name", ["", "9", "a b", "a/", "/a", "ä", "a-b", "n" * 300, None])
def test_bad_names_are_refused(doc, name):
    node = commands.add_node(doc, "add", (0, 0))
    with pytest.raises(BadName, match="is not a name"):
        commands.rename(doc, node, name)
    assert names(doc) == ["add"]


def test_removing_a_node_removes_its_wires_and_what_training_says_of_it(doc):
    a, b, c = (commands.add_node(doc, "negative", (0, 0)) for _ in range(3))
    commands.connect(doc, a, "out", b, "x")
    commands.connect(doc, b, "out", c, "x")
    metrics = [{"node": b}, {"node": c}]
    commands.set_training(doc, optimizer=b, loss=c, metrics=metrics, epochs=3)
    text = flow.dumps(doc)
    commands.remove(doc, [b])
    assert not doc.wires
    assert doc.training == {"loss": c, "metrics": [{"node": c}], "epochs": 3}
    doc.undo()
    assert flow.dumps(doc) == text


def test_variadic_ports_close_ranks(doc):
    sources = [commands.add_node(doc, "constant", (0, 0)) for _ in range(12)]
    target = commands.add_node(doc, "concat", (0, 0))
    for i, source in enumerate(sources):
        commands.connect(doc, source, "out", target, f"values.{i}")
    text = flow.dumps(doc)

    def order():
        return [doc.wires[target, f"values.{i}"].source for i in range(len(doc.wires))]

    commands.disconnect(doc, (target, "values.3"))
    assert order() == sources[:3] + sources[4:]
    commands.remove(doc, [sources[0], sources[10]])
    assert order() == sources[1:3] + sources[4:10] + sources[11:]
    doc.undo()
    doc.undo()
    assert flow.dumps(doc) == text


def test_a_wire_replaces_the_one_at_its_input(doc):
    a, b, c = (commands.add_node(doc, "negative", (0, 0)) for _ in range(3))
    changes = []
    commands.connect(doc, a, "out", c, "x")
    doc.subscribe(changes.append)
    commands.connect(doc, b, "out", c, "x")
    commands.connect(doc, b, "out", c, "x")
    assert len(changes) == 1
    assert [w.source for w in changes[0].wires_removed + changes[0].wires_added] == [a, b]
    assert not doc.wires_out_of(a) and len(doc.wires_into(c)) == 1
    doc.undo()
    assert doc.wires[c, "x"].source == a


def test_wires_need_two_nodes(doc):
    node = commands.add_node(doc, "negative", (0, 0))
    with pytest.raises(NoSuchNode):
        commands.connect(doc, "n77", "out", node, "x")
    with pytest.raises(NoSuchNode):
        commands.remove(doc, [node, "n77"])
    with pytest.raises(DanglingWire), doc.transaction("by hand") as t:
        t.edit("node", node, None)
        t.put_wire(Wire(node, "out", node, "x"))
    assert list(doc.nodes) == [node] and not doc.wires


def test_attributes_are_set_and_reset(doc):
    node = commands.add_node(doc, "constant", (0, 0), attrs={"value": 1.0})
    commands.set_attr(doc, node, "value", 2.5)
    commands.reset_attr(doc, node, "value")
    assert doc.nodes[node].attrs == {}
    doc.undo()
    assert doc.nodes[node].attrs == {"value": 2.5}
    assert doc.undo_label == "Set constant.value" and doc.redo_label == "Reset constant.value"


def test_labels_say_what_undo_takes_back(doc):
    ids = [commands.add_node(doc, "add", (0, 0)) for _ in range(3)]
    commands.move(doc, dict.fromkeys(ids, (5, 5)))
    assert doc.undo_label == "Move 3 nodes"
    commands.remove(doc, ids[:1])
    assert doc.undo_label == "Delete add"


def test_positions_are_rounded_to_what_the_file_holds(doc):
    node = commands.add_node(doc, "add", (0.1 + 0.2, -0.0))
    assert doc.nodes[node].pos == (0.3, 0)
    assert flow.loads(flow.dumps(doc)).nodes[node] == doc.nodes[node]


def test_frames(doc):
    inside = commands.add_node(doc, "add", (10, 10))
    outside = commands.add_node(doc, "add", (500, 10))
    frame = commands.add_frame(doc, (0, 0, 200, 100), "Layer", "A note.", "blue")
    commands.move_frame(doc, frame, (100, 50))
    assert doc.nodes[inside].pos == (110, 60) and doc.nodes[outside].pos == (500, 10)
    commands.set_frame(doc, frame, title="Input", rect=(0, 0, 50.5, 60))
    assert doc.frames[frame].title == "Input" and doc.frames[frame].note == "A note."
    with pytest.raises(BadValue, match="no colour"):
        commands.set_frame(doc, frame, colour="red")
    commands.remove_frame(doc, frame)
    assert not doc.frames and len(doc.nodes) == 2
    with pytest.raises(NoSuchNode):
        commands.remove_frame(doc, frame)
    while doc.can_undo:
        doc.undo()
    assert not doc.frames and not doc.nodes


# ---- copy, paste, duplicate -----------------------------------------------------------------


@pytest.fixture
def pair(doc):
    a = commands.add_node(doc, "variable", (100, 50), "w_3", {"value": 1.0})
    b = commands.add_node(doc, "adam", (400, 150), "train", {"variables": ["w_3", "other"]})
    c = commands.add_node(doc, "negative", (0, 0), "outer")
    commands.connect(doc, a, "out", b, "loss")
    commands.connect(doc, c, "out", a, "initial")
    return a, b, c


def test_pasting_gives_new_ids_and_names_and_keeps_the_inner_wires(doc, pair):
    a, b, _ = pair
    text = clipboard.copy_json(doc, [b, a])
    new_a, new_b = clipboard.paste(doc, text, (0, 1000))
    assert doc.nodes[new_a].name == "w" and doc.nodes[new_b].name == "train_1"
    assert doc.nodes[new_a].pos == (0, 1000) and doc.nodes[new_b].pos == (300, 1100)
    assert doc.wires_into(new_a) == []
    assert [w.source for w in doc.wires_into(new_b)] == [new_a]
    assert doc.nodes[new_b].attrs["variables"] == ["w", "other"]
    assert doc.undo_label == "Paste 2 nodes"
    doc.undo()
    assert len(doc.nodes) == 3


def test_pasting_into_another_document_keeps_the_names(doc, pair):
    other = Document()
    clipboard.paste(other, clipboard.copy_json(doc, pair), (0, 0))
    assert names(other) == names(doc) and len(other.wires) == 2


def test_a_whole_file_can_be_pasted_frames_included(doc, pair):
    commands.add_frame(doc, (-50, -50, 100, 100), "F")
    other = Document()
    clipboard.paste(other, json.loads(flow.dumps(doc)), (0, 0))
    assert [f.rect for f in other.frames.values()] == [(0, 0, 100, 100)]
    assert other.node_named("outer").pos == (50, 50)


def test_duplicating_moves_the_copies_aside(doc, pair):
    a, _, _ = pair
    (copy,) = clipboard.duplicate(doc, [a])
    assert doc.nodes[copy].pos == (140, 90) and doc.undo_label == "Duplicate w_3"


@pytest.mark.parametrize(
    "content",
    [
        "hello",
        "[" * 100_000,
        "[]",
        "{}",
        '{"format": "nodeflow-clip", "nodes": [{"id": "n1"}]}',
        '{"format": "nodeflow-clip", "nodes": {}}',
        '{"format": "nodeflow-clip", "wires": [1]}',
        '{"format": "nodeflow-clip", "nodes": [{"id": "n1", "op": "a", "name": "a", "attrs": '
        '{"v": NaN}}]}',
        '{"format": "nodeflow-clip", "nodes": [{"id": "n1", "op": "a", "name": "a"}, '
        '{"id": "n1", "op": "a", "name": "a"}]}',
    ],
)
def test_pasting_something_else_is_refused_with_nothing_done(doc, content):
    with pytest.raises(FlowError):
        clipboard.paste(doc, content, (0, 0))
    assert not doc.nodes and not doc.can_undo


def test_pasting_nothing_does_nothing(doc):
    assert clipboard.paste(doc, '{"format": "nodeflow-clip"}', (0, 0)) == []
    assert not doc.can_undo


# ---- size -----------------------------------------------------------------------------------


@pytest.mark.thorough
def test_ten_thousand_nodes_lose_half_and_get_it_back():
    doc = Document()
    with doc.transaction("Many"):
        ids = [commands.add_node(doc, "add", (i % 100, i // 100)) for i in range(10_000)]
        for i in range(1, 10_000):
            commands.connect(doc, ids[i - 1], "out", ids[i], "x")
            commands.connect(doc, ids[i // 2], "out", ids[i], "y")
    text = flow.dumps(doc)
    doc = flow.loads(text)
    commands.remove(doc, ids[2500:7500])
    doc.undo()
    assert flow.dumps(doc) == text
