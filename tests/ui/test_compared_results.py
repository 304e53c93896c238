"""Views of several runs side by side, by mouse and keys, from real runs in a real process."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt

import nodeflow as nf
from nodeflow.document.edit.sweep_settings import set_values
from nodeflow.document.io import flow
from nodeflow.resources import example
from nodeflow.run_store.kept_runs import graph_text
from nodeflow.run_store.run_records import Run
from nodeflow.run_store.store import RunStore
from nodeflow.sweeps.plan import Plan
from nodeflow.sweeps.setup import Setup
from nodeflow.sweeps.sweep import Sweep
from nodeflow.sweeps.value_specs import spec_of
from nodeflow.ui.panels.compared_results import offers
from nodeflow.ui.panels.trainings.run_cell import SAMPLES, WAITS

LEFT = Qt.MouseButton.LeftButton
LONG = 120_000


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """A store with three runs of the spirals, with other learning rates."""
    folder = tmp_path_factory.mktemp("compared") / "runs"
    document = flow.load(example("spirals"))
    set_values(document, {"training.epochs": 5})
    spec = spec_of("train.learning_rate", "[1e-6, 0.01, 0.05]")
    assert spec is not None
    setup = Setup(flow.dumps(document), "kept", str(example("spirals")), tier="reference")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NODEFLOW_RUNS", str(folder))
        Sweep(Plan((spec,)), setup).run()
    return folder


@pytest.fixture
def panel(runs: Path, window, qtbot, monkeypatch: pytest.MonkeyPatch):
    """The compare panel over the first two of the runs, as the user gets there."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(runs))
    window.files.open_example(example("spirals"))
    window.docking.show("runs")
    kept = window.panels["runs"]
    qtbot.waitUntil(lambda: kept.shown.rowCount() == 3)
    assert not kept.side_by_side.isEnabled()
    assert kept.side_by_side.toolTip() == "Select two to 6 runs."
    select(kept, "kept #1", "kept #2")
    qtbot.mouseClick(kept.side_by_side, LEFT)
    found = window.panels["results"]
    qtbot.waitUntil(found.isVisible)
    qtbot.waitUntil(lambda: drawn(found) == 2, timeout=LONG)
    return found


def select(kept, *names: str) -> None:
    """Selects runs as clicks with Ctrl do."""
    kept.table.clearSelection()
    column = kept.model.columns.index("Name")
    for row in range(kept.shown.rowCount()):
        if kept.shown.index(row, column).data() in names:
            flags = QItemSelectionModel.SelectionFlag
            kept.table.selectionModel().select(kept.shown.index(row, 0), flags.Select | flags.Rows)


def drawn(panel) -> int:
    """How many runs have a view."""
    return sum(cell._pages.currentIndex() == 1 for cell in panel.cells.values())


def choose(combo, qtbot, data: str) -> None:
    """Goes to an entry by keys."""
    combo.setFocus()
    qtbot.keyClick(combo, Qt.Key.Key_Home)
    for _ in range(combo.findData(data)):
        qtbot.keyClick(combo, Qt.Key.Key_Down)
    assert combo.currentData() == data


@pytest.mark.thorough
def test_nodes_that_may_be_compared_are_listed_by_their_numbers(tmp_path):
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        for number in (10, 2, 1):
            nf.softmax(x, name=f"layer_{number}")
    with RunStore(tmp_path) as store:
        run = store.begin(Run("raaaaaaaa", "mine", updated=time.time()), graph_text(graph))
        found = offers(store, run).nodes
    listed = [[n for n in names if n.startswith("layer")] for names in found.values()]
    assert [names for names in listed if names]
    assert all(names in ([], ["layer_1", "layer_2", "layer_10"]) for names in listed)


def test_the_regions_of_two_runs_stand_side_by_side(panel, window, qtbot):
    first, second = panel.cells.values()
    assert [cell.name.text() for cell in (first, second)] == ["kept #1", "kept #2"]
    assert panel.kind.currentData() == "regions" and panel.node.currentText() == "logits"
    views = [cell.canvas.shown.value.data for cell in (first, second)]
    assert not np.array_equal(views[0].classes, views[1].classes)
    assert np.array_equal(views[0].points, views[1].points), "the same inputs"
    assert "accuracy" in first.facts.text() and first.x() < second.x()
    assert not window.workspace.root.is_modified, "the document is not touched"


@pytest.mark.thorough
def test_pointing_at_a_place_says_what_each_run_answers_there(panel, qtbot):
    first, second = (cell.canvas for cell in panel.cells.values())
    centre = first.rect().center()
    qtbot.mouseMove(first, centre + QPoint(-40, 0))
    qtbot.mouseMove(first, QPoint(60, 40))
    assert first.pointed and second.pointed
    assert first.pointed.split(":")[0] == second.pointed.split(":")[0], "the same place"


@pytest.mark.thorough
def test_samples_are_the_same_rows(panel, qtbot):
    choose(panel.kind, qtbot, SAMPLES)
    assert {cell.text.text() for cell in panel.cells.values()} == {WAITS}, "not the view before"
    qtbot.waitUntil(
        lambda: all(c._pages.currentIndex() == 2 for c in panel.cells.values()), timeout=LONG
    )
    pages = [cell.grid._data for cell in panel.cells.values()]
    assert np.array_equal(pages[0].rows, pages[1].rows)
    assert not np.array_equal(pages[0].answer, pages[1].answer)
    assert all("right" in cell.figures.text() for cell in panel.cells.values())


@pytest.mark.thorough
def test_another_node_and_the_best_epoch(panel, qtbot):
    choose(panel.node, qtbot, "hidden1")
    qtbot.waitUntil(
        lambda: all(
            c.canvas.shown.value.spec.name == "hidden1" and c._pages.currentIndex() == 1
            for c in panel.cells.values()
        ),
        timeout=LONG,
    )
    before = panel.cells.copy()
    qtbot.mouseClick(panel.best, LEFT, pos=QPoint(8, panel.best.height() // 2))
    assert panel.best.isChecked()
    qtbot.wait(50)
    assert panel.cells == before


@pytest.mark.thorough
def test_more_runs_and_none(panel, window, qtbot):
    kept = window.panels["runs"]
    window.docking.show("runs")
    select(kept, "kept #1", "kept #2", "kept #3")
    qtbot.mouseClick(kept.side_by_side, LEFT)
    qtbot.waitUntil(lambda: drawn(panel) == 3, timeout=LONG)
    assert [cell.name.text() for cell in panel.cells.values()] == ["kept #1", "kept #2", "kept #3"]
    qtbot.mouseClick(panel.close_all, LEFT)
    assert not panel.cells and panel._pages.currentIndex() == 0


@pytest.mark.thorough
def test_a_process_that_dies_is_said_and_begins_again(panel, qtbot):
    process = panel._views._work._process
    process.kill()
    qtbot.waitUntil(
        lambda: all("stopped" in c.text.text() for c in panel.cells.values()), timeout=LONG
    )
    choose(panel.kind, qtbot, SAMPLES)
    qtbot.waitUntil(
        lambda: all(c._pages.currentIndex() == 2 for c in panel.cells.values()), timeout=LONG
    )
