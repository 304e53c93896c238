"""Arrange from the window: the selection or everything, and undo."""

from __future__ import annotations

import pytest

from nodeflow.document import commands


@pytest.fixture
def heap(window):
    """b + c, all in one place, and a node elsewhere."""
    doc = window.workspace.document
    ids = {
        n: commands.add_node(doc, op, (0, 0), n)
        for n, op in zip("bcd", ("variable", "variable", "add"), strict=True)
    }
    ids["far"] = commands.add_node(doc, "constant", (900, 900), "far")
    commands.connect(doc, ids["b"], "out", ids["d"], "x")
    commands.connect(doc, ids["c"], "out", ids["d"], "y")
    window.show_canvas()
    return ids


def test_everything_is_arranged_and_undo_takes_it_back(window, heap):
    doc = window.workspace.document
    before = {i: n.pos for i, n in doc.nodes.items()}
    window.actions_.trigger("arrange")
    rects = [window.canvas.scene.rect(window.canvas.scene.nodes.get(i)) for i in heap.values()]
    assert not any(a.intersects(b) for k, a in enumerate(rects) for b in rects[k + 1 :])
    assert doc.nodes[heap["b"]].pos[0] < doc.nodes[heap["d"]].pos[0]
    doc.undo()
    assert {i: n.pos for i, n in doc.nodes.items()} == before


def test_a_selection_is_arranged_alone(window, heap):
    doc = window.workspace.document
    window.canvas.select([heap[n] for n in "bcd"])
    window.actions_.trigger("arrange")
    assert doc.nodes[heap["far"]].pos == (900, 900)
    assert len({doc.nodes[heap[n]].pos for n in "bcd"}) == 3
