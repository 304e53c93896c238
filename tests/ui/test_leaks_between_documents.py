"""What is shown of one document goes with it: notices, figures, axes, and late answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from nodeflow.host import protocol as p
from nodeflow.resources import example
from nodeflow.train import events
from nodeflow.ui.panels.viewer import HISTOGRAM

NOTICE = ("Using the 5 000 MNIST images that come with nodeflow.",)


@pytest.fixture
def panel(window):
    window.docking.show("training")
    return window.panels["training"]


def open_example(window, name: str) -> None:
    window.workspace.root.mark_saved()
    window.files.load(example(name), as_copy=True)


def begin(window, engine, panel) -> None:
    window.actions_.trigger("train")
    engine.on_message(p.State("training", "compiled"))
    engine.on_message(events.Started(2, 10, notices=NOTICE))
    engine.train_steps(1, [40.0, 30.0, 20.0])
    engine.end_epoch(1, 30.0, accuracy=0.25)
    hear()
    panel.draw()


def hear() -> None:
    """Messages cross over from the reading thread."""
    QApplication.processEvents()


def texts(panel) -> set[str]:
    """What the figures say, as far as it is visible."""
    grid = panel._grid
    shown = (grid.itemAt(i).widget() for i in range(grid.count()))
    return {w.text() for w in shown if w.isVisibleTo(panel)}


@pytest.mark.thorough
def test_notices_rows_and_axes_go_with_their_document(window, engine, panel, qtbot):
    open_example(window, "mnist")
    qtbot.waitUntil(lambda: bool(engine.requests(p.Evaluate)))
    last = engine.requests(p.Evaluate)[-1]
    engine.on_message(replace(engine.evaluate(last), notices=NOTICE))
    begin(window, engine, panel)
    engine.end_training()
    hear()
    assert panel.notice.isVisibleTo(panel) and window.status.notice.isVisible()
    assert {"accuracy", "0.25"} <= texts(panel)
    axis = panel.plots.grid.cells[0].plot.box.viewRange()[1]
    assert axis[1] > 30
    open_example(window, "spirals")
    assert not panel.notice.isVisibleTo(panel) and not window.status.notice.isVisible()
    assert "accuracy" not in texts(panel) and "0.25" not in texts(panel)
    assert panel.headline.text() == "No training yet"
    panel.draw()
    assert panel.plots.grid.cells[0].plot.box.viewRange()[1][1] < 2
    (cell,) = panel.plots.grid.cells
    assert not cell.plot.curves and "accuracy" not in cell.legend.text()


@pytest.mark.thorough
def test_the_end_of_a_training_that_comes_late_is_not_of_the_next_document(
    window, engine, panel, qtbot
):
    """The engine says that it is idle, and then how the training ended."""
    open_example(window, "mnist")
    begin(window, engine, panel)
    open_example(window, "spirals")
    assert engine.requests(p.Stop)
    engine.train_steps(4, [9.0])
    engine.on_message(p.State("idle"))
    engine.on_message(events.Done(1, {"accuracy": 0.9}, 10, 200.0, 1.5, True))
    hear()
    assert panel.headline.text() == "No training yet" and panel.record.losses.count == 0
    assert not window.link.has_trained
    window.actions_.trigger("train")
    engine.on_message(p.State("training", "compiled"))
    engine.on_message(events.Started(2, 10))
    engine.train_steps(1, [0.5])
    engine.end_training()
    hear()
    assert panel.record.losses.count == 1 and window.link.has_trained


@pytest.mark.thorough
def test_a_training_that_begins_late_is_not_of_the_next_document(window, engine, panel):
    """It was asked for, and had not begun when another document was opened."""
    open_example(window, "mnist")
    window.actions_.trigger("train")
    open_example(window, "spirals")
    engine.on_message(p.State("training", "compiled"))
    engine.on_message(events.Started(2, 10, notices=NOTICE))
    engine.train_steps(1, [40.0])
    hear()
    assert engine.requests(p.Stop), "nobody waits for it"
    assert panel.record.losses.count == 0 and not panel.notice.isVisibleTo(panel)


@pytest.mark.thorough
def test_a_new_training_shows_no_row_and_no_axis_of_the_last_one(window, engine, panel):
    open_example(window, "mnist")
    begin(window, engine, panel)
    engine.end_training()
    window.actions_.trigger("train")
    engine.on_message(p.State("training", "compiled"))
    engine.on_message(events.Started(2, 10))
    engine.train_steps(1, [0.5, 0.25])
    hear()
    panel.draw()
    assert "accuracy" not in texts(panel)
    assert np.max(panel.plots.grid.cells[0].plot.box.viewRange()[1]) < 1


@pytest.mark.thorough
def test_the_axes_of_a_long_training_are_not_those_of_the_next_document(window, engine, panel):
    open_example(window, "mnist")
    window.actions_.trigger("train")
    engine.on_message(p.State("training", "compiled"))
    engine.on_message(events.Started(1, 100_000))
    engine.train_steps(1, list(np.linspace(40, 20, 100_000)))
    engine.end_training()
    hear()
    panel.draw()
    (cell,) = panel.plots.grid.cells
    assert cell.plot.box.viewRange()[0][1] > 100_000
    cell.plot.box.setRange(xRange=(10, 20))  # as who zooms
    panel.plots.grid.zoom(1000.0, 2000.0)
    assert panel.plots.grid.span is not None
    open_example(window, "spirals")
    (cell,) = panel.plots.grid.cells
    assert panel.plots.grid.span is None and cell.plot.box.viewRange()[0][1] < 5
    window.actions_.trigger("train")
    engine.on_message(p.State("training", "compiled"))
    engine.on_message(events.Started(2, 10))
    engine.train_steps(1, [0.5, 0.25])
    hear()
    panel.draw()
    assert panel.plots.grid.cells[0].plot.box.viewRange()[0][1] < 5


@pytest.mark.thorough
def test_colours_tabs_and_filters_begin_anew(window, engine, qtbot):
    open_example(window, "mnist")
    document = window.workspace.document
    window.docking.show("outline")
    window.docking.show("viewer")
    viewer = window.panels["viewer"]
    window.canvas.selection.select([document.node_named("hidden").id])
    qtbot.mouseClick(viewer._tabs.button(HISTOGRAM), Qt.MouseButton.LeftButton)
    assert viewer._tabs.checkedId() == HISTOGRAM
    window.actions_.trigger("color_magnitude")
    assert window.colors.chosen == "magnitude" and window.colors.legend.isVisible()
    window.actions_.trigger("order")
    qtbot.keyClicks(window.panels["outline"].filter, "hid")
    window.docking.show("runs")
    assert window.docking.docks["runs"].is_front
    open_example(window, "mnist_adam")  # has no stage, so the panels stay
    assert window.colors.chosen == "" and not window.colors.legend.isVisible()
    assert window.canvas.renderer.tints is None
    assert engine.requests(p.Measure)[-1].of == ""
    window.actions_.refresh_now()
    assert window.actions_["color_none"].isChecked()
    assert not window.run.shows_order and window.panels["outline"].filter.text() == ""
    qtbot.waitUntil(lambda: window.docking.docks["viewer"].is_front)
    window.canvas.selection.select([next(iter(window.workspace.document.nodes))])
    assert viewer._tabs.checkedId() != HISTOGRAM


@pytest.mark.thorough
def test_a_hidden_row_of_tabs_stays_hidden(window):
    open_example(window, "mnist")
    assert window.docking.docks["viewer"].isHidden()
    open_example(window, "spirals")
    assert window.docking.docks["viewer"].isHidden()
