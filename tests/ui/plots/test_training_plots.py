"""The plots of the training panel: arranged by the file, exported, with curves of other runs."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMenu

from nodeflow.document.io.flow import dumps, loads
from nodeflow.resources import example
from nodeflow.ui.panels.plots.curve import LOSS, Curve


@pytest.fixture
def panel(window, engine, qtbot):
    """The training panel after two epochs of mnist.flow."""
    engine.computes = False
    window.files.open_example(example("mnist"))
    window.actions_.trigger("train")
    engine.begin_training(epochs=2, steps=10)
    engine.train_steps(1, np.linspace(2, 1, 10))
    engine.end_epoch(1, 1.5, accuracy=0.8)
    engine.train_steps(11, np.linspace(1, 0.5, 10))
    engine.end_epoch(2, 0.7, accuracy=0.9)
    engine.end_training()
    panel = window.panels["training"]
    qtbot.waitUntil(lambda: panel.plots is not None and len(panel.plots.grid.cells) == 2)
    return panel


def entry(menu: QMenu, text: str):
    menu.aboutToShow.emit()
    return next(action for action in menu.actions() if action.text() == text)


def test_the_file_keeps_how_plots_are_arranged(window, panel, qtbot):
    document = window.workspace.root
    bar, grid = panel.plots.bar, panel.plots.grid
    bar.axis.setFocus()
    qtbot.keyClick(bar.axis, Qt.Key.Key_Down)
    assert document.training["plots"] == {"x": "epoch"}
    qtbot.mouseClick(bar.log, Qt.MouseButton.LeftButton)
    entry(grid.cells[1].menu, "Logarithmic").trigger()
    entry(bar.menu, "Add a plot").trigger()
    stored = document.training["plots"]
    assert stored["log_x"] and stored["x"] == "epoch" and len(grid.cells) == 3
    assert stored["grid"] == [{"curves": [LOSS]}, {"curves": ["accuracy"], "log": True},
                              {"curves": []}]  # fmt: skip
    document.undo()
    assert len(grid.cells) == 2
    document.redo()
    text = dumps(document)
    assert json.loads(text)["training"]["plots"] == stored
    assert loads(text).training["plots"] == stored


@pytest.mark.thorough
def test_another_file_brings_its_own_arrangement(window, panel):
    panel.plots.grid.add_plot()
    assert len(panel.plots.grid.cells) == 3
    window.workspace.root.mark_saved()
    window.files.open_example(example("spirals"))
    assert len(panel.plots.grid.cells) == 1 and panel.plots.bar.axis.currentData() == "step"


def test_smoothing_is_the_users_and_changes_the_line(window, panel, qtbot):
    slider = panel.plots.bar.smoothing
    before = panel.record.losses.smooth.copy()
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key.Key_Home)
    assert window.settings.smoothing == 0.0
    np.testing.assert_array_equal(panel.record.losses.smooth, panel.record.losses.values)
    assert not np.array_equal(before, panel.record.losses.smooth)
    assert "plots" not in window.workspace.root.training


@pytest.mark.thorough
@pytest.mark.parametrize("suffix, words", [("png", "picture"), ("svg", "drawing"), ("csv", "val")])
def test_plots_are_exported_from_their_menu(panel, qtbot, tmp_path, monkeypatch, suffix, words):
    target = tmp_path / "plots"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    menu = panel.plots.bar.menu
    menu.aboutToShow.emit()
    next(a for a in menu.actions() if words in a.text() and "Export" in a.text()).trigger()
    path = target.with_suffix(f".{suffix}")
    qtbot.waitUntil(lambda: path.exists() and not panel.plots.bar._writing.is_busy)
    if suffix == "csv":
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert [float(r["value"]) for r in rows if r["curve"] == "accuracy"] == [0.8, 0.9]
        assert len([r for r in rows if r["curve"] == LOSS]) == 20
    else:
        assert path.stat().st_size > 1000


@pytest.mark.sample(1)
@pytest.mark.parametrize("suffix, words", [("png", "picture"), ("svg", "drawing"), ("csv", "val")])
def test_one_plot_is_exported_from_its_own_menu(panel, qtbot, tmp_path, monkeypatch, suffix, words):
    target = tmp_path / "plot"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    cell = next(c for c in panel.plots.grid.cells if "accuracy" in c.place.curves)
    cell.menu.aboutToShow.emit()
    next(a for a in cell.menu.actions() if words in a.text() and "Export" in a.text()).trigger()
    path = target.with_suffix(f".{suffix}")
    qtbot.waitUntil(lambda: path.exists() and not panel.plots.bar._writing.is_busy)
    if suffix == "csv":
        rows = list(csv.DictReader(path.read_text().splitlines()))
        assert {row["curve"] for row in rows} == {"accuracy"}
    else:
        assert path.stat().st_size > 1000


def test_a_file_that_cannot_be_written_is_named(panel, qtbot, tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        "nodeflow.ui.panels.plots.plot_controls.show_problem", lambda *a: said.append(a[2].message)
    )
    target = tmp_path / "missing" / "plots.csv"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    entry(panel.plots.bar.menu, "Export the values (CSV)…").trigger()
    qtbot.waitUntil(lambda: bool(said))
    assert str(target) in said[0] and "could not be written" in said[0]


@pytest.mark.thorough
def test_curves_of_other_runs_are_drawn_before_any_training(window, qtbot):
    curve = Curve(LOSS, run="yesterday", color="#d55e00")
    steps = np.arange(1.0, 101)
    curve.extend(steps, steps / 10, steps, 1 / steps)
    window.docking.show("training")
    window.shared_plots.show_overlays([curve])
    grid = window.panels["training"].plots.grid
    qtbot.waitUntil(grid.isVisible)
    qtbot.waitUntil(lambda: len(grid.item(LOSS, "yesterday").columns.x) == 100)
    assert "yesterday" in grid.cells[0].legend.text()
    window.shared_plots.show_overlays([])
    assert not grid.cells[0].plot.curves


@pytest.mark.thorough
def test_a_step_that_is_clicked_is_told_to_other_panels(window, panel, qtbot):
    grid = panel.plots.grid
    qtbot.waitUntil(lambda: len(grid.item(LOSS).columns.x) == 20)
    qtbot.wait(30)
    plot = grid.cells[0].plot
    middle = plot.mapFromScene(plot.box.sceneBoundingRect().center())
    with qtbot.waitSignal(window.shared_plots.step_chosen) as heard:
        qtbot.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, pos=middle)
    assert heard.args[0] in (10, 11)


@pytest.mark.thorough
def test_metrics_are_offered_where_there_are_none(window, engine, qtbot):
    engine.computes = False
    window.files.open_example(example("mnist"))
    window.actions_.trigger("train")
    engine.begin_training()
    engine.train_steps(1, [1.0, 0.5])
    engine.end_training()
    panel = window.panels["training"]
    qtbot.waitUntil(
        lambda: panel.plots is not None and "Add a metric" in panel.plots.bar.note.text()
    )
    panel.plots.bar.note.linkActivated.emit("metric")
    assert window.docking.docks["inspector"].isVisible()


@pytest.mark.thorough
def test_no_metric_is_offered_where_one_waits_for_the_end_of_an_epoch(window, engine, qtbot):
    engine.computes = False
    window.files.open_example(example("mnist"))
    window.actions_.trigger("train")
    engine.begin_training(measured=(("accuracy", "test", 10_000),))
    engine.train_steps(1, [1.0, 0.5])
    engine.end_training(stopped=True)
    panel = window.panels["training"]
    qtbot.waitUntil(lambda: panel.plots is not None and panel.record.done is not None)
    panel.draw()
    assert panel.plots.bar.note.text() == ""


@pytest.mark.thorough
def test_many_plots_scroll_and_leave_the_window_as_it_is(window, panel, qtbot):
    grid, before = panel.plots.grid, window.size()
    height = panel.height()
    for _ in range(9):
        entry(panel.plots.bar.menu, "Add a plot").trigger()
    qtbot.waitUntil(lambda: len(grid.cells) == 11)
    qtbot.wait(50)
    assert window.size() == before and panel.height() == height
    assert all(cell.plot.height() >= 100 for cell in grid.cells)
    assert "accuracy 0.9 at step 20" in grid.cells[1].plot.accessibleDescription()
