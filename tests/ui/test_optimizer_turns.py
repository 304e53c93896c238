"""The training settings choose one of several optimizers, or let them take turns."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.host import protocol as p
from nodeflow.resources import example
from nodeflow.train import events
from nodeflow.train.schedule import Schedule, Turn
from nodeflow.ui.inspector.sections.optimizer_rows import TURNS
from nodeflow.ui.panels.plots.curve import LOSS
from tests.document.test_schedule import document, named

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def points(window, engine, tmp_path):
    """The window with two optimizers and no choice between them."""
    engine.computes = False
    found = document(tmp_path)
    commands.set_training(found, schedule=None)
    flow.save(found, tmp_path / "points.flow")
    window.files.open_path(tmp_path / "points.flow")
    window.canvas.selection.select([])
    return window


def rows(window):
    return window.panels["inspector"].outside.page.training.optimizers


def choose(qtbot, combo, text):
    """Choose an entry by the arrow keys, as a keyboard user does."""
    combo.setFocus()
    index = combo.findText(text)
    assert index >= 0
    while combo.currentIndex() != index:
        down = combo.currentIndex() < index
        combo.blockSignals(abs(combo.currentIndex() - index) > 1)  # pass over other entries
        qtbot.keyClick(combo, Qt.Key.Key_Down if down else Qt.Key.Key_Up)
        combo.blockSignals(False)
        if combo.findText(text) != index:
            return


def test_a_single_optimizer_leaves_no_choice(window, engine):
    engine.computes = False
    window.files.open_example(example("mnist_layers"))
    window.canvas.selection.select([])
    assert not rows(window).isVisible()


def test_optimizers_take_turns(points, qtbot):
    root, section = points.workspace.root, rows(points)
    d, g = named(root, "d"), named(root, "g")
    assert section.isVisible() and section.choice.currentText() == "Choose one"
    choose(qtbot, section.choice, TURNS)
    assert root.training["schedule"] == [
        {"optimizer": d, "steps": 1, "from": 0},
        {"optimizer": g, "steps": 1, "from": 0},
    ]
    (_, steps, _, _), (_, _, start, _) = section.fields
    steps.selectAll()
    qtbot.keyClicks(steps, "2")
    qtbot.keyClick(steps, Qt.Key.Key_Return)
    start.selectAll()
    qtbot.keyClicks(start, "500")
    qtbot.keyClick(start, Qt.Key.Key_Return)
    assert [p["steps"] for p in root.training["schedule"]] == [2, 1]
    assert [p["from"] for p in root.training["schedule"]] == [0, 500]
    qtbot.mouseClick(section.add_button, LEFT)
    assert len(root.training["schedule"]) == len(section.fields) == 3
    who = section.fields[2][0]
    choose(qtbot, who, "g")
    assert root.training["schedule"][2]["optimizer"] == g
    qtbot.mouseClick(section.fields[2][3], LEFT)
    qtbot.waitUntil(lambda: len(section.fields) == 2)
    qtbot.mouseClick(section.fields[0][3], LEFT)
    assert root.training["schedule"] == [{"optimizer": g, "steps": 1, "from": 500}]
    root.undo()
    assert len(root.training["schedule"]) == 2
    assert section.choice.currentText() == TURNS
    choose(qtbot, section.choice, "d")
    assert root.training["optimizer"] == d and "schedule" not in root.training
    assert section.fields == [] and not section.add_button.isVisible()


def test_train_says_that_a_choice_is_missing_and_offers_turns(points, engine, qtbot):
    root, info = points.workspace.root, points.info
    points.actions_.trigger("train")
    assert info.isVisible() and engine.requests(p.Train) == []
    assert info.text == (
        "Several optimizers: d and g. Choose one in the inspector, or let them take turns."
    )
    qtbot.mouseClick(info.button, LEFT)
    assert [turn["optimizer"] for turn in root.training["schedule"]] == [
        named(root, "d"),
        named(root, "g"),
    ]
    qtbot.waitUntil(lambda: not info.isVisible())
    points.actions_.trigger("train")
    assert len(engine.requests(p.Train)) == 1


def test_each_optimizer_has_its_curve(points, engine, qtbot):
    root = points.workspace.root
    choose(qtbot, rows(points).choice, TURNS)
    assert len(root.training["schedule"]) == 2
    points.actions_.trigger("train")
    schedule = Schedule([Turn("d", 2), Turn("g", 1, 2)])
    engine.on_message(events.Started(1, 8, schedule=schedule))
    losses = [1.0, 0.9, 5.0, 0.8, 0.7, 4.0, 0.6, 0.5]
    engine.train_steps(1, losses)
    means = {"loss/d": 0.75, "loss/g": 4.5, "accuracy": 0.5}
    engine.on_message(events.Epoch(1, 0.75, means, 8, 0.1, phase="loss/d"))
    panel = points.panels["training"]
    for name, steps in (("d", [1, 2, 4, 5, 7, 8]), ("g", [3, 6])):
        title = f"{LOSS}/{name}"
        size = len(steps)
        qtbot.waitUntil(lambda title=title: title in panel.plots.grid.names)
        qtbot.waitUntil(lambda t=title, n=size: len(panel.plots.grid.item(t).columns.x) == n)
        x, y, *_ = panel.plots.grid.item(title).columns
        np.testing.assert_array_equal(x, steps)
        np.testing.assert_allclose(y, [losses[i - 1] for i in steps])
    assert LOSS not in panel.plots.grid.names and "loss/d" not in panel.plots.grid.names
    assert "accuracy" in panel.plots.grid.names
