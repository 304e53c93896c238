"""A node that is put into a wire pushes what follows it, and frames grow."""

from __future__ import annotations

import pytest

from nodeflow.document.edit import commands, rewiring
from nodeflow.document.edit.make_room import APART, GAP, make_room
from nodeflow.document.io import flow
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.model.document import Document


def box(doc: Document, node: str) -> tuple[float, float, float, float]:
    (x, y), (width, height) = doc.nodes[node].pos, node_size(doc, doc.nodes[node])
    return x, y, x + width, y + height


def after_next_id(text: str) -> str:
    """Ids are never used again, so undo leaves the next one."""
    return text.partition("next_id")[2][5:]


def overlap(a, b) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@pytest.fixture
def chain():
    """a -> b -> c -> d, 40 apart."""
    doc, ids, x = Document(), [], 0.0
    for name in "abcd":
        op = "constant" if name == "a" else "negative"
        node = commands.add_node(doc, op, (x, 0), name)
        if ids:
            commands.connect(doc, ids[-1], "out", node, "x")
        x = box(doc, node)[2] + 40
        ids.append(node)
    return doc, ids


def insert(doc: Document, at, source: str, target: str) -> str:
    new = commands.add_node(doc, "abs", at, "new")
    wire = doc.wires[target, "x"]
    assert wire.source == source
    with doc.transaction("Insert"):
        rewiring.insert_on_wire(doc, new, rewiring.Insertion(wire, "x", "out"))
        make_room(doc, new)
    return new


def test_what_follows_moves_to_the_right_and_nothing_overlaps(chain):
    doc, (a, b, c, d) = chain
    before = {i: doc.nodes[i].pos for i in (a, b, c, d)}
    text = flow.dumps(doc)
    new = insert(doc, (box(doc, b)[2] + 10, 0), b, c)
    assert [doc.nodes[i].pos for i in (a, b)] == [before[a], before[b]], "nothing upstream moves"
    assert box(doc, c)[0] - box(doc, new)[2] >= GAP
    assert box(doc, new)[0] - box(doc, b)[2] >= GAP
    assert box(doc, d)[0] - box(doc, c)[2] >= APART
    boxes = [box(doc, i) for i in doc.nodes]
    assert not any(overlap(p, q) for i, p in enumerate(boxes) for q in boxes[:i])
    assert {doc.nodes[i].pos[1] for i in (a, b, c, d)} == {0}, "only to the right"
    doc.undo()
    doc.undo()
    assert after_next_id(flow.dumps(doc)) == after_next_id(text), "one step, and the node's own"


def test_wide_gaps_take_up_the_push(chain):
    doc, (_a, b, c, d) = chain
    commands.move(doc, {d: (4000, 0)})
    insert(doc, (box(doc, b)[2] + 10, 0), b, c)
    assert doc.nodes[d].pos == (4000, 0)


def test_where_there_is_room_nothing_moves(chain):
    doc, (_, b, c, d) = chain
    commands.move(doc, {c: (2000, 0), d: (2600, 0)})
    insert(doc, (box(doc, b)[2] + 200, 0), b, c)
    assert doc.nodes[c].pos == (2000, 0)


def test_a_node_beside_another_row_is_left_alone(chain):
    doc, (_, b, c, _) = chain
    other = commands.add_node(doc, "constant", (box(doc, c)[0], 900), "other")
    insert(doc, (box(doc, b)[2] + 10, 0), b, c)
    assert doc.nodes[other].pos == (box(doc, other)[0], 900) and doc.nodes[other].pos[1] == 900
    assert doc.nodes[other].pos[0] < doc.nodes[c].pos[0]


def test_frames_grow_and_push_their_neighbours(chain):
    doc, (_a, b, c, d) = chain
    edge = box(doc, c)[2] + APART
    first = commands.add_frame(doc, (-40, -60, edge + 40, 300), "First")
    second = commands.add_frame(doc, (edge + APART, -60, 400, 300), "Second")
    commands.move(doc, {d: (edge + APART + 40, 0)})
    was = doc.frames[second].rect
    insert(doc, (box(doc, b)[2] + 10, 0), b, c)
    one, two = doc.frames[first].rect, doc.frames[second].rect
    assert one[0] + one[2] >= box(doc, c)[2] + APART
    assert two[0] >= one[0] + one[2] + APART and two[2] >= was[2]
    assert two[0] <= doc.nodes[d].pos[0] and box(doc, d)[2] <= two[0] + two[2]
