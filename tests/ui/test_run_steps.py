"""Steps of kept runs in the window: by the runs panel, scrubber and plots; with an engine."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from test_expand import shown
from test_subgraph_actions import node, shortcut

import nodeflow as nf
from nodeflow.cli.main import main
from nodeflow.document.edit import commands
from nodeflow.run_store.store import PAST
from nodeflow.train.events import Done, Resumed

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def window(qtbot, live_window, tmp_path, monkeypatch):
    """A window in which linear_regression.flow was trained twice: 40 epochs, then 20 at another
    rate. Its steps are those of the second training."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    window = live_window("linear_regression", size=(1440, 900))
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=20000)
    document = window.workspace.root
    train(qtbot, window, 40)
    optimizer = next(n for n in document.nodes.values() if n.op == "gradient_descent")
    commands.set_attr(document, optimizer.id, "learning_rate", 0.01)
    train(qtbot, window, 20)
    window.docking.show("runs")
    qtbot.waitUntil(lambda: window.panels["runs"].shown.rowCount() == 2, timeout=20000)
    return window


def train(qtbot, window, epochs: int) -> None:
    commands.set_training(window.workspace.root, epochs=epochs)
    seen: list[Done] = []
    window.link.training.connect(lambda e: seen.append(e) if isinstance(e, Done) else None)
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+T")
    qtbot.waitUntil(lambda: bool(seen) and window.link.state == "idle", timeout=60000)


@pytest.fixture
def panel(window):
    return window.panels["runs"]


@pytest.fixture
def runs():
    """The first run and the second one."""
    second, first = nf.runs()
    return first, second


def select(qtbot, panel, run) -> None:
    rows = [panel.shown.index(i, 3) for i in range(panel.shown.rowCount())]
    index = next(i for i in rows if panel._run_at(i).id == run.id)
    place = panel.table.visualRect(index).center()
    qtbot.mouseClick(panel.table.viewport(), LEFT, pos=place)
    assert [chosen.id for chosen in panel.selected()] == [run.id]


def go(qtbot, window, panel, run) -> None:
    """Select a run and press Steps."""
    select(qtbot, panel, run)
    qtbot.waitUntil(panel.steps.isEnabled, timeout=20000)  # its list may be of before the end
    qtbot.mouseClick(panel.steps, LEFT)
    wait_for(qtbot, window, run.steps, run.id)


def wait_for(qtbot, window, step, run: str = "") -> None:
    past = window.link.past
    qtbot.waitUntil(
        lambda: (past.run, past.step) == (run, step) and (step is None or past.is_there),
        timeout=30000,
    )


def type_step(qtbot, scrubber, step: int) -> None:
    scrubber.number.setFocus()
    scrubber.number.selectAll()
    qtbot.keyClicks(scrubber.number, str(step))
    qtbot.keyClick(scrubber.number, Qt.Key.Key_Return)


def weight(window):
    return window.canvas.node_state.value_of(node(window, "slope").id)


@pytest.mark.thorough
def test_a_run_goes_to_any_of_its_steps(qtbot, window, panel, runs):
    first, _ = runs
    assert not panel.scrubber.isVisible()
    go(qtbot, window, panel, first)
    assert panel.scrubber.isVisible() and panel.scrubber.of_run.text() == first.name
    assert (panel.scrubber.slider.minimum(), panel.scrubber.slider.maximum()) == (1, first.steps)
    type_step(qtbot, panel.scrubber, 7)
    wait_for(qtbot, window, 7, first.id)
    with first.at(7) as at:
        expected = at.run("slope")
    np.testing.assert_allclose(weight(window).mean, np.mean(expected), rtol=1e-6)
    text = window.pages.past_bar.text.text()
    assert f"step 7 of {first.name}" in text and "differs" not in text


@pytest.mark.thorough
def test_a_graph_that_differs_is_said_and_can_be_opened(qtbot, window, panel, runs):
    first, second = runs
    go(qtbot, window, panel, second)
    assert not window.pages.past_bar.graph.isVisible()
    go(qtbot, window, panel, first)
    bar = window.pages.past_bar
    assert "trained a different graph (1 difference)" in bar.text.text() and bar.graph.isVisible()
    window.workspace.root.mark_saved()
    qtbot.mouseClick(bar.graph, LEFT)
    qtbot.waitUntil(lambda: window.workspace.title == first.name, timeout=20000)
    rates = [n.attrs["learning_rate"] for n in window.workspace.root.nodes.values()
             if n.op == "gradient_descent"]  # fmt: skip
    assert rates != [0.01]


def test_leaving_a_run_shows_the_training_again(qtbot, window, panel, runs):
    first, second = runs
    go(qtbot, window, panel, first)
    past = window.link.past
    qtbot.mouseClick(panel.scrubber.leave, LEFT)
    assert past.step is None and past.run == "" and past.last == second.steps
    assert not panel.scrubber.isVisible() and not window.pages.past_bar.isVisible()
    window.docking.show("training")
    scrubber = window.panels["training"].scrubber
    assert scrubber.isVisible() and not scrubber.of_run.isVisible()
    type_step(qtbot, scrubber, 5)
    wait_for(qtbot, window, 5)


@pytest.mark.thorough
def test_data_that_differ_are_said_with_the_step(qtbot, live_window, tmp_path, monkeypatch):
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    path = regression_file(tmp_path)
    assert main(["train", str(path), "--set", "training.epochs=4"]) == 0
    window = live_window("")
    window.files.open_path(path)
    qtbot.waitUntil(lambda: window.workspace.title == path.stem, timeout=20000)
    table = tmp_path / "table.csv"
    lines = table.read_text().splitlines()
    lines[5] = "9," + lines[5].split(",", 1)[1]
    table.write_text("\n".join(lines))
    window.docking.show("runs")
    panel = window.panels["runs"]
    qtbot.waitUntil(lambda: panel.shown.rowCount() == 1, timeout=20000)
    (run,) = nf.runs()
    go(qtbot, window, panel, run)
    text = window.pages.past_bar.text.text()
    assert "on, the loss differs from the recorded one: the data of" in text


def regression_file(folder: Path) -> Path:
    """A .flow file that fits a table beside it."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(60, 2))
    y = x @ [1.0, -2.0]
    lines = ["a,b,y", *(f"{a:.4f},{b:.4f},{t:.4f}" for (a, b), t in zip(x, y, strict=True))]
    (folder / "table.csv").write_text("\n".join(lines))
    assert main(["new", str(folder / "table.csv"), "-o", str(folder / "net.flow")]) == 0
    return folder / "net.flow"


@pytest.mark.thorough
def test_a_run_without_copies_says_why(qtbot, window, panel, runs, tmp_path):
    first, _ = runs
    (tmp_path / "runs" / first.id / PAST).unlink()
    select(qtbot, panel, first)
    qtbot.waitUntil(panel.steps.isEnabled, timeout=20000)
    with qtbot.waitSignal(window.link.past.refused, timeout=20000) as caught:
        qtbot.mouseClick(panel.steps, LEFT)
    assert "kept no copies" in caught.args[0]
    assert window.link.past.run == "" and not panel.scrubber.isVisible()


@pytest.mark.thorough
def test_a_computation_can_be_cancelled(qtbot, window, panel, runs, monkeypatch):
    from nodeflow.train.rewind.replay import Replay

    first, _ = runs
    go(qtbot, window, panel, first)
    held, plain = [True], Replay.go_to

    def slow(self, step, report=lambda done, total: None):
        while held and not self.cancelled():
            report(3, 12)
        plain(self, step, report)

    monkeypatch.setattr(Replay, "go_to", slow)
    type_step(qtbot, panel.scrubber, 9)
    past = window.link.past
    qtbot.waitUntil(lambda: past.progress == (3, 12), timeout=20000)
    qtbot.waitUntil(lambda: "left" in panel.scrubber.text.text(), timeout=20000)
    assert "25 %" in panel.scrubber.text.text() and panel.scrubber.cancel.isVisible()
    qtbot.mouseClick(panel.scrubber.cancel, LEFT)
    assert past.step is None and not panel.scrubber.cancel.isVisible()
    held.clear()
    type_step(qtbot, panel.scrubber, 9)
    wait_for(qtbot, window, 9, first.id)


@pytest.mark.thorough
def test_a_branch_of_a_kept_run(qtbot, window, panel, runs):
    first, _ = runs
    go(qtbot, window, panel, first)
    type_step(qtbot, panel.scrubber, 9)
    wait_for(qtbot, window, 9, first.id)
    resumed: list[Resumed] = []
    window.link.training.connect(lambda e: resumed.append(e) if isinstance(e, Resumed) else None)
    qtbot.mouseClick(panel.scrubber.branch, LEFT)
    qtbot.waitUntil(lambda: bool(resumed), timeout=30000)
    assert resumed[0].losses.tobytes() == first.losses[:8].tobytes()
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60000)
    assert (nf.runs()[0].parent, nf.runs()[0].parent_step) == (first.id, 8)


@pytest.mark.thorough
def test_a_click_in_a_plot_of_runs_alone_goes_to_a_step(qtbot, window, panel, runs, tmp_path):
    first, _ = runs
    window.workspace.root.mark_saved()
    window.files.open_example(_copy(tmp_path))
    window.docking.show("runs")
    select(qtbot, panel, first)
    qtbot.keyClick(panel.table, Qt.Key.Key_Space)
    window.docking.show("training")
    training = window.panels["training"]
    qtbot.waitUntil(lambda: training.plots is not None and training.plots.isVisible())
    qtbot.waitUntil(lambda: bool(window.shared_plots.runs), timeout=20000)
    cell = training.plots.grid.cells[0]
    qtbot.waitUntil(lambda: cell.plot.width() > 100, timeout=20000)
    qtbot.wait(50)
    view = cell.plot.viewport()
    qtbot.mouseClick(view, LEFT, pos=view.rect().center())
    past = window.link.past
    qtbot.waitUntil(lambda: past.run == first.id and past.is_there, timeout=30000)
    assert 1 < past.step < first.steps and window.shared_plots.cursor == past.step


def _copy(folder: Path) -> Path:
    from nodeflow.resources import example

    path = folder / "again.flow"
    shutil.copy(example("linear_regression"), path)
    return path
