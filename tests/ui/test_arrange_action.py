"""Arrange from the window: the selection or everything, and undo."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt

from nodeflow.document.edit import commands


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
    window.pages.show_canvas()
    return ids


def places(window, ids):
    scene = window.canvas.scene
    return [tuple(scene.positions[scene.nodes.get(i)]) for i in ids]


@pytest.mark.thorough
def test_everything_is_arranged_and_undo_takes_it_back(window, heap, qtbot):
    doc = window.workspace.document
    before = {i: n.pos for i, n in doc.nodes.items()}
    window.actions_.trigger("arrange")
    qtbot.waitUntil(lambda: places(window, heap.values()) == [n.pos for n in doc.nodes.values()])
    rects = [window.canvas.scene.rect(window.canvas.scene.nodes.get(i)) for i in heap.values()]
    assert not any(a.intersects(b) for k, a in enumerate(rects) for b in rects[k + 1 :])
    assert doc.nodes[heap["b"]].pos[0] < doc.nodes[heap["d"]].pos[0]
    doc.undo()
    assert {i: n.pos for i, n in doc.nodes.items()} == before


@pytest.mark.thorough
def test_a_selection_is_arranged_alone(window, heap):
    doc = window.workspace.document
    window.canvas.selection.select([heap[n] for n in "bcd"])
    window.actions_.trigger("arrange")
    assert doc.nodes[heap["far"]].pos == (900, 900)
    assert len({doc.nodes[heap[n]].pos for n in "bcd"}) == 3


@pytest.mark.thorough
def test_nodes_glide_to_their_new_places(window, heap):
    doc, canvas = window.workspace.document, window.canvas
    before = places(window, heap.values())
    window.actions_.trigger("arrange")
    assert places(window, heap.values()) == before
    canvas.animation.setCurrentTime(canvas.animation.duration() // 3)
    halfway = places(window, heap.values())
    after = [n.pos for n in doc.nodes.values()]
    assert halfway not in (before, after)


@pytest.mark.sample(2)
@pytest.mark.parametrize("then", ["undo", "press", "delete"])
def test_whatever_comes_while_nodes_glide_finds_them_in_place(window, heap, qtbot, then):
    doc, canvas = window.workspace.document, window.canvas
    window.actions_.trigger("arrange")
    if then == "undo":
        doc.undo()
    elif then == "delete":
        commands.remove(doc, [heap["b"]])
    else:
        qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=canvas.rect().bottomRight())
    assert places(window, doc.nodes) == [n.pos for n in doc.nodes.values()]
    canvas.animation.setCurrentTime(canvas.animation.duration())
    assert places(window, doc.nodes) == [n.pos for n in doc.nodes.values()]
