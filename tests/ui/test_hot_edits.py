"""The graph is edited while a training runs, with keys and mouse, and the training goes on."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from test_live_edits import ENTER, LEFT, Training

from nodeflow.document.edit import commands
from nodeflow.train.events import Edited, Started, Steps

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def training(live_window, qtbot) -> Training:
    return Training(live_window("mnist", size=(1440, 900)), qtbot)


def replace(training: Training, name: str, op: str) -> None:
    """Select a node, choose Replace, type the name of an op and Enter."""
    window, qtbot = training.window, training.qtbot
    canvas = window.canvas
    canvas.selection.select([training.document.node_named(name).id])
    training.window.actions_.trigger("replace")
    field = training.window.search.field
    qtbot.waitUntil(field.isVisible)
    qtbot.keyClicks(field, op)
    qtbot.keyClick(field, ENTER)
    qtbot.waitUntil(lambda: training.document.node_named(name).op == op)


def edited(training: Training, count: int = 1) -> list[Edited]:
    """The edits so far, once there are so many."""
    found = [e for e in training.events if isinstance(e, Edited)]
    if len(found) < count:
        training.qtbot.waitUntil(lambda: training.count(Edited) >= count, timeout=60_000)
    return [e for e in training.events if isinstance(e, Edited)]


@pytest.mark.thorough
def test_relu_becomes_tanh_while_it_trains(training, qtbot):
    training.window.docking.show("training")
    replace(training, "hidden", "tanh")
    (event,) = edited(training)
    assert event.what == ("hidden: relu -> tanh",)
    training.wait_for(Steps, 3)
    training.stop()
    assert training.count(Started) == 1
    steps = [e for e in training.events if isinstance(e, Steps)]
    assert [e.first for e in steps[1:]] == [e.last + 1 for e in steps[:-1]]  # nothing began anew
    panel = training.window.panels["training"]
    qtbot.waitUntil(lambda: panel.edits.text().startswith("Since step"), timeout=60_000)
    panel.draw()
    assert panel.record.changes == [(event.step, "hidden: relu -> tanh")]
    lines = [line for cell in panel.plots.grid.cells for line in cell.plot.changes.lines]
    shown = [line.label.toPlainText() for line in lines if line.isVisible()]
    assert shown and set(shown) == {"hidden: relu -> tanh"}
    assert panel.edits.text() == f"Since step {event.step + 1:,}: hidden: relu -> tanh."


@pytest.mark.thorough
def test_an_inserted_layer_begins_with_its_initial_values(training, qtbot):
    document = training.document
    at = document.node_named
    with document.transaction("Insert a layer"):
        attrs = {"shape": [300, 300], "initializer": {"op": "random_normal", "stddev": 0.05}}
        w = commands.add_node(document, "variable", (0, 0), name="W3", attrs=attrs)
        layer = commands.add_node(document, "matmul", (0, 0), name="product3")
        commands.connect(document, at("hidden").id, "out", layer, "x")
        commands.connect(document, w, "out", layer, "y")
        commands.connect(document, layer, "out", at("product2").id, "x")
    (event,) = edited(training)
    assert event.notices == ("W3: from the initial value",)
    panel = training.window.panels["training"]
    qtbot.waitUntil(lambda: "W3: from the initial value" in panel.edits.text(), timeout=60_000)
    training.wait_for(Steps, 3)
    document.undo()
    assert edited(training, 2)[1].step > event.step
    training.wait_for(Steps, 2)
    training.stop()


@pytest.mark.thorough
def test_an_invalid_graph_is_said_and_the_training_goes_on(training, qtbot):
    window, document = training.window, training.document
    window.docking.show("training")
    panel = window.panels["training"]
    key = (document.node_named("hidden").id, "x")
    commands.disconnect(document, key)
    qtbot.waitUntil(lambda: window.link.edit_state.state == "invalid", timeout=60_000)
    assert panel.edits.isVisible()
    assert panel.edits.text().startswith("The graph cannot be trained.")
    assert "hidden" in panel.edits.text()
    assert "without your edits" in window.status.engine.text()
    training.wait_for(Steps, 3)
    window.canvas.selection.clear()
    qtbot.mouseClick(panel.problem, LEFT)
    assert window.canvas.selection.nodes() == [key[0]]
    qtbot.keyClick(window.canvas, Qt.Key.Key_Z, CONTROL)
    qtbot.waitUntil(lambda: window.link.edit_state.state == "", timeout=60_000)
    assert not panel.problem.isVisible() and panel.edits.text() == ""
    assert "without your edits" not in window.status.engine.text()
    training.wait_for(Steps, 2)
    training.stop()
    assert training.count(Edited) == 0


@pytest.mark.thorough
def test_batches_of_another_size_count_from_the_next_epoch(training, qtbot):
    commands.set_training(training.document, batch_size=50)
    (event,) = edited(training)
    assert event.done == 0
    training.wait_for(Steps, 3)
    training.stop()
    record = training.window.panels["training"].record
    assert record.steps_per_epoch == event.steps_per_epoch
    first = next(e for e in training.events if isinstance(e, Started)).steps_per_epoch
    assert event.steps_per_epoch == 2 * first
    epochs = record.losses.epochs
    assert epochs[event.step - 1] == pytest.approx(event.epoch - 1)
    assert epochs[event.step] == pytest.approx(event.epoch - 1 + 1 / event.steps_per_epoch)
    past = training.window.link.past
    assert past.epoch_of(event.step) == event.epoch - 1
    assert past.epoch_of(event.step + 1) == event.epoch
