"""Arranging a document: no overlaps, frames keep their nodes, one undo step."""

from __future__ import annotations

import pytest

from nodeflow import resources
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.arrange import arrange
from nodeflow.document.io import flow
from nodeflow.document.layout.card_size import node_size


def inside(inner, outer):
    x, y, w, h = inner
    left, top, width, height = outer
    return left <= x and top <= y and x + w <= left + width and y + h <= top + height


def apart(a, b):
    return a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0] or a[1] + a[3] <= b[1] or b[1] + b[3] <= a[1]


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", ["mnist", "spirals", "expression"])
def test_everything_is_apart_and_frames_hold_the_nodes_they_held(name):
    doc = flow.load(resources.example(name))
    analysis = Analysis(doc)

    def boxes():
        return {i: (*n.pos, *node_size(doc, n, analysis)) for i, n in doc.nodes.items()}

    before = flow.dumps(doc)
    held = {f: {i for i, b in boxes().items() if inside(b, r.rect)} for f, r in doc.frames.items()}
    arrange(doc, analysis=analysis)
    now = boxes()
    assert held == {
        f: {i for i, b in now.items() if inside(b, r.rect)} for f, r in doc.frames.items()
    }
    for rects in (list(now.values()), [f.rect for f in doc.frames.values()]):
        assert all(apart(a, b) for k, a in enumerate(rects) for b in rects[k + 1 :])
    assert doc.undo_label == "Arrange everything"
    doc.undo()
    assert flow.dumps(doc) == before


def test_a_selection_is_laid_out_where_it_stands(expression):
    doc = expression.doc
    chosen = [expression.id(n) for n in "bcd"]
    commands.move(doc, dict.fromkeys(chosen, (400, 300)))
    others = {i: n.pos for i, n in doc.nodes.items() if i not in chosen}
    arrange(doc, chosen)
    places = [doc.nodes[i].pos for i in chosen]
    assert (min(x for x, _ in places), min(y for _, y in places)) == (400, 300)
    assert len(set(places)) == 3 and doc.undo_label == "Arrange 3 nodes"
    assert all(doc.nodes[i].pos == pos for i, pos in others.items())


def test_a_selection_never_covers_what_stands_around_it():
    doc = flow.load(resources.example("mnist"))
    chosen = [i for k, i in enumerate(doc.nodes) if k % 2]
    middle = doc.nodes[next(iter(doc.nodes))].pos
    commands.move(doc, dict.fromkeys(chosen, middle))
    arrange(doc, chosen)
    boxes = {i: (*n.pos, *node_size(doc, n)) for i, n in doc.nodes.items()}
    others = [i for i in boxes if i not in chosen]
    assert all(apart(boxes[i], boxes[k]) for i in chosen for k in others)
    assert all(apart(boxes[i], boxes[k]) for i in chosen for k in chosen if i < k)


def test_nothing_to_arrange_is_no_undo_step(sketch):
    arrange(sketch.doc)
    assert not sketch.doc.can_undo
