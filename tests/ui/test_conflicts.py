"""Conflicts of a merge in the window: at their nodes, in the problems panel, decided by links."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton

from nodeflow.document.diff.conflicts import conflicts_of
from nodeflow.document.diff.merge import merge
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document

Left = Qt.MouseButton.LeftButton


@pytest.fixture
def sides() -> list[Document]:
    """``w = variable, loss = square(w), adam(loss)``: base, ours and theirs."""
    doc = Document()
    w = commands.add_node(doc, "variable", (0, 0), "w", {"value": 3.0})
    loss = commands.add_node(doc, "square", (300, 0), "loss")
    commands.connect(doc, w, "out", loss, "x")
    adam = commands.add_node(doc, "adam", (600, 0), "adam", {"learning_rate": 0.1})
    commands.connect(doc, loss, "out", adam, "loss")
    return [flow.loads(flow.dumps(doc)) for _ in range(3)]


@pytest.fixture
def opened(window, sides):
    """Opens the merge of the sides; returns the problems panel."""

    def open_() -> object:
        window.workspace.open(merge(*sides).document)
        window.pages.show_canvas()
        window.docking.show("problems")
        window.actions_.refresh_now()
        return window.panels["problems"]

    return open_


def rows(panel) -> list[str]:
    return [panel.list.item(i).text().strip() for i in range(panel.list.count())]


def links(panel, row: int) -> dict[str, QPushButton]:
    holder = panel.list.itemWidget(panel.list.item(row))
    return {b.text(): b for b in holder.findChildren(QPushButton)}


def rates(sides) -> None:
    commands.set_attr(sides[1], "n3", "learning_rate", 0.2)
    commands.set_attr(sides[2], "n3", "learning_rate", 0.3)


@pytest.mark.thorough
def test_a_conflict_is_decided_by_a_link_and_undone(opened, window, sides, qtbot):
    rates(sides)
    panel = opened()
    root, text = window.workspace.root, flow.dumps(window.workspace.root)
    assert rows(panel)[0] == (
        "adam:learning_rate    a merge could not decide: ours 0.2, theirs 0.3, base 0.1"
    )
    assert list(links(panel, 0)) == ["Keep ours", "Keep theirs", "Keep base"]
    qtbot.mouseClick(links(panel, 0)["Keep theirs"], Left)
    assert root.nodes["n3"].attrs["learning_rate"] == 0.3 and not conflicts_of(root)
    assert not any("merge" in row for row in rows(panel))
    window.actions_.trigger("undo")
    assert flow.dumps(root) == text and "a merge" in rows(panel)[0]


@pytest.mark.thorough
def test_the_card_and_the_inspector_say_it_too(opened, window, sides, qtbot):
    rates(sides)
    panel = opened()
    scene = window.canvas.scene
    slot = scene.nodes.get("n3")
    assert "could not decide" in scene.card(slot).problem and scene.severity[slot]
    window.canvas.selection.select(["n3"])
    page = window.panels["inspector"].outside
    button = next(b for b in page.findChildren(QPushButton) if "Problems panel" in b.text())
    window.docking.show("viewer")
    qtbot.mouseClick(button, Left)
    qtbot.waitUntil(panel.isVisible)
    qtbot.mouseClick(links(panel, 0)["Keep ours"], Left)
    assert scene.card(slot).problem == "" and not scene.severity[slot]
    assert not any("Problems panel" in b.text() for b in page.findChildren(QPushButton)
                   if b.isVisibleTo(page))  # fmt: skip


@pytest.mark.thorough
def test_all_can_be_decided_together(opened, window, sides, qtbot):
    rates(sides)
    for doc, epochs in zip(sides[1:], (5, 6), strict=True):
        commands.set_training(doc, epochs=epochs)
    panel = opened()
    assert rows(panel)[0] == "A merge left 2 conflicts."
    qtbot.mouseClick(links(panel, 0)["Keep theirs in all"], Left)
    root = window.workspace.root
    assert root.training["epochs"] == 6 and root.nodes["n3"].attrs["learning_rate"] == 0.3
    window.actions_.trigger("undo")
    assert len(conflicts_of(root)) == 2, "one step"


@pytest.mark.thorough
def test_what_cannot_be_kept_says_why(opened, window, sides, qtbot):
    _, ours, theirs = sides
    create(ours, ["n1"], "block")
    commands.connect(theirs, "n1", "out", commands.add_node(theirs, "tanh", (300, 300)), "x")
    panel = opened()
    text = flow.dumps(window.workspace.root)
    qtbot.mouseClick(links(panel, 0)["Keep theirs"], Left)
    assert "w, which is now in the subgraph block" in window.info.text
    assert flow.dumps(window.workspace.root) == text


def test_no_training_before_it_is_decided_but_for_layout(opened, window, sides):
    commands.move(sides[1], {"n1": (0, 50)})
    commands.move(sides[2], {"n1": (0, 90)})
    panel = opened()
    assert window.problem_list.count("error") == 0 and "pos" in rows(panel)[0]
    assert window.actions_.blocked("train") is None
    rates(sides)
    opened()
    blocked = window.actions_.blocked("train")
    assert blocked.reason == "A merge left 1 conflict to resolve in this file."
    assert blocked.fix == "show_problems"


def test_a_conflict_inside_a_subgraph_leads_there(opened, window, sides, qtbot):
    create(sides[0], ["n2"], "block")
    for i in (1, 2):
        sides[i] = flow.loads(flow.dumps(sides[0]))
        commands.set_attr(sides[i].graph("block"), "n2", "q", i)
    panel = opened()
    assert rows(panel)[0].startswith("block/loss:q")
    at = panel.list.visualItemRect(panel.list.item(0)).topLeft()
    at.setX(at.x() + 60), at.setY(at.y() + 8)
    qtbot.mouseClick(panel.list.viewport(), Left, pos=at)
    assert window.workspace.document.scope == "block"
    slot = window.canvas.scene.nodes.get("n2")
    assert "could not decide" in window.canvas.scene.card(slot).problem
    qtbot.mouseClick(links(panel, 0)["Keep theirs"], Left)
    assert window.workspace.document.nodes["n2"].attrs["q"] == 2
    assert "could not decide" not in window.canvas.scene.card(slot).problem


@pytest.mark.thorough
def test_the_engine_gets_the_decision(opened, window, engine, sides, qtbot):
    rates(sides)
    panel = opened()
    qtbot.waitUntil(lambda: engine.document.conflicts is not None)
    qtbot.mouseClick(links(panel, 0)["Keep theirs"], Left)
    assert engine.document.conflicts is None
    assert flow.dumps(engine.document) == flow.dumps(window.workspace.root)
