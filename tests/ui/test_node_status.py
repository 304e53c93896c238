"""States of nodes while something runs, and breakpoints, in the window with a fake engine."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from test_window import build_expression, shown
from typist import Typist

from nodeflow.document.analysis.node_flags import has_breakpoint
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.host import protocol as p
from nodeflow.train import events

Key, Keys = Qt.Key, Qt.KeyboardModifier


@pytest.fixture
def graph(window, qtbot):
    ids = build_expression(window.workspace.document)
    qtbot.waitUntil(lambda: shown(window, "a") == "9")
    return ids


@pytest.fixture
def typist(window) -> Typist:
    window.activateWindow()
    window.canvas.setFocus()
    return Typist(window)


def state(window, node_id: str) -> str:
    scene = window.canvas.scene
    return scene.card(scene.nodes.take(node_id)).status


def states(window, ids) -> dict[str, str]:
    return {name: state(window, i) for name, i in ids.items() if state(window, i)}


def trainable(window) -> dict[str, str]:
    document = window.workspace.document
    w = commands.add_node(document, "variable", (0, 0), "w", {"value": 1.0})
    loss = commands.add_node(document, "square", (300, 0), "loss")
    train = commands.add_node(document, "gradient_descent", (600, 0), "train")
    commands.connect(document, w, "out", loss, "x")
    commands.connect(document, loss, "out", train, "loss")
    return {"w": w, "loss": loss, "train": train}


@pytest.mark.thorough
def test_what_was_run_is_done_until_an_edit(window, graph, qtbot):
    window.actions_.trigger("run")
    qtbot.waitUntil(lambda: states(window, graph) == dict.fromkeys(graph, "done"))
    commands.set_attr(window.workspace.document, graph["b"], "value", 5.0)
    assert states(window, graph) == {}


@pytest.mark.thorough
def test_what_takes_long_is_seen_running(window, graph, engine, qtbot):
    engine.computes = False
    window.canvas.selection.select([graph["d"]])
    window.actions_.trigger("run_to")
    assert states(window, graph) == {}, "not at once: most runs are quick"
    qtbot.waitUntil(
        lambda: states(window, graph) == dict.fromkeys(("b", "c", "d"), "running"), timeout=2000
    )
    engine.on_message(engine.evaluate(engine.requests(p.Evaluate)[-1]))
    qtbot.waitUntil(lambda: states(window, graph) == {"d": "done"})


@pytest.mark.thorough
def test_a_run_that_fails_leaves_nothing_running(window, graph, engine, qtbot):
    engine.computes = False
    window.actions_.trigger("run")
    qtbot.waitUntil(lambda: state(window, graph["a"]) == "running", timeout=2000)
    number = engine.requests(p.Evaluate)[-1].request
    engine.on_message(p.Failed(number, "Evaluate", p.ErrorData("RunError", "no")))
    qtbot.waitUntil(lambda: states(window, graph) == {})


@pytest.mark.thorough
def test_values_that_do_not_follow_an_edit_are_stale_until_they_do(window, graph, engine, qtbot):
    engine.computes = False
    commands.set_attr(window.workspace.document, graph["b"], "value", 5.0)
    expected = dict.fromkeys(("b", "d", "a"), "stale")
    qtbot.waitUntil(lambda: states(window, graph) == expected, timeout=3000)
    engine.computes = True
    commands.set_attr(window.workspace.document, graph["c"], "value", 2.0)
    qtbot.waitUntil(lambda: shown(window, "a") == "28", timeout=5000)
    assert states(window, graph) == {}


@pytest.mark.thorough
def test_the_optimizer_runs_while_it_trains(window, engine, qtbot):
    ids = trainable(window)
    window.actions_.trigger("train")
    engine.begin_training()
    qtbot.waitUntil(lambda: states(window, ids) == {"train": "running"})
    engine.end_training()
    qtbot.waitUntil(lambda: states(window, ids) == {})


@pytest.mark.thorough
def test_a_breakpoint_is_set_kept_in_the_file_and_removed_by_key(window, typist, graph):
    document = window.workspace.document
    window.canvas.selection.select([graph["d"]])
    before = window.canvas.grab().toImage()
    typist.press(Key.Key_F8, Keys.ControlModifier)
    assert state(window, graph["d"]) == "breakpoint"
    assert window.canvas.grab().toImage() != before
    again = flow.loads(flow.dumps(document))
    assert has_breakpoint(again.node_named("d"))
    assert window.actions_["breakpoint"].text() == "Remove the breakpoint"
    typist.press(Key.Key_F8, Keys.ControlModifier)
    assert state(window, graph["d"]) == ""
    document.undo()
    assert state(window, graph["d"]) == "breakpoint"
    document.undo()
    assert not has_breakpoint(document.nodes[graph["d"]])


@pytest.mark.thorough
def test_a_whole_number_cannot_have_one_and_says_what_to_do(window, typist):
    document = window.workspace.document
    whole = commands.add_node(document, "constant", (0, 0), "n", {"value": 1, "dtype": "int32"})
    window.canvas.selection.select([whole])
    blocked = window.context_menu.breakpoint_blocked()
    assert blocked is not None and "Compare them" in blocked.reason
    typist.press(Key.Key_F8, Keys.ControlModifier)
    assert not has_breakpoint(document.nodes[whole])


def test_a_training_that_hits_says_where_and_goes_on(window, engine, qtbot):
    ids = trainable(window)
    window.canvas.selection.select([ids["loss"]])
    window.actions_.trigger("breakpoint")
    window.canvas.selection.select([])
    window.actions_.trigger("train")
    engine.begin_training()
    engine.train_steps(1, [1.0, float("inf")])
    engine.on_message(p.State("paused"))
    engine.on_message(events.Hit(2, ("loss",), "loss is not finite"))
    qtbot.waitUntil(lambda: state(window, ids["loss"]) == "hit")
    assert window.info.text == "Breakpoint: loss is not finite. Paused after step 2."
    window.info.findChild(QPushButton).click()
    assert window.canvas.selection.nodes() == [ids["loss"]]
    window.actions_.trigger("pause")
    assert engine.requests(p.Resume)
    engine.on_message(p.State("training"))
    qtbot.waitUntil(lambda: state(window, ids["loss"]) == "breakpoint")
