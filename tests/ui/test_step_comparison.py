"""Two values of one node side by side, runs that follow, steps op by op; with an engine."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QInputDialog
from test_expand import shown
from test_run_steps import LEFT, go, select, train, type_step, wait_for
from test_subgraph_actions import node

import nodeflow as nf
from nodeflow.document.edit import commands


@pytest.fixture
def window(qtbot, live_window, tmp_path, monkeypatch):
    """A window in which linear_regression.flow was trained twice: 40 epochs, then 20 at another
    rate; its Viewer shows the slope."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    window = live_window("linear_regression", size=(1440, 900))
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=20000)
    document = window.workspace.root
    train(qtbot, window, 40)
    optimizer = next(n for n in document.nodes.values() if n.op == "gradient_descent")
    commands.set_attr(document, optimizer.id, "learning_rate", 0.01)
    train(qtbot, window, 20)
    window.docking.show("viewer")
    window.canvas.selection.select([node(window, "slope").id])
    qtbot.waitUntil(lambda: window.panels["viewer"].array is not None, timeout=20000)
    return window


@pytest.fixture
def viewer(window):
    return window.panels["viewer"]


def value(run, step: int, name: str) -> np.ndarray:
    with run.at(step) as at:
        return np.asarray(at.run(name))


def choose(viewer, text: str) -> None:
    """Choose an entry of *Compare with…*."""
    comparison = viewer.comparison
    comparison.menu.aboutToShow.emit()
    (action,) = [a for a in comparison.menu.actions() if a.text() == text]
    assert action.isEnabled()
    action.trigger()


def compared(qtbot, viewer):
    view = viewer.comparison.view
    qtbot.waitUntil(lambda: view.isVisible() and view.found is not None, timeout=30000)
    return view


@pytest.mark.thorough
def test_a_step_is_compared_with_the_one_before(qtbot, window, viewer):
    second, _ = nf.runs()
    window.link.past.show(9)
    wait_for(qtbot, window, 9)
    qtbot.waitUntil(lambda: "step 9" in viewer.title.text(), timeout=20000)
    choose(viewer, "The previous step")
    view = compared(qtbot, viewer)
    gap = value(second, 8, "slope").astype(float) - value(second, 9, "slope")
    assert view.found.largest == np.abs(gap).max() > 0
    assert (view.first.title.text(), view.second.title.text()) == ("Step 9", "Step 8")
    window.link.past.show(5)  # it goes with what is shown
    wait_for(qtbot, window, 5)
    qtbot.waitUntil(
        lambda: view.second.title.text() == "Step 4" and view.found is not None, timeout=20000
    )
    choose(viewer, "Stop comparing")
    assert not view.isVisible() and viewer.array is not None


@pytest.mark.thorough
def test_a_step_that_is_typed_stays(qtbot, window, viewer, monkeypatch):
    second, _ = nf.runs()
    asked = []
    monkeypatch.setattr(QInputDialog, "getInt", lambda *a: asked.append(a[2:]) or (3, True))
    choose(viewer, "This training: a step…")
    view = compared(qtbot, viewer)
    assert view.first.title.text() == "Now" and "Step 3" in view.second.title.text()
    gap = value(second, 3, "slope").astype(float) - second.weights()["slope"]
    assert view.found.largest == pytest.approx(np.abs(gap).max(), rel=1e-6)


@pytest.mark.thorough
def test_a_run_is_compared_at_the_same_step(qtbot, window, viewer):
    second, first = nf.runs()
    draw(qtbot, window, first)
    window.docking.show("viewer")
    window.link.past.show(7)
    wait_for(qtbot, window, 7)
    qtbot.waitUntil(lambda: "step 7" in viewer.title.text(), timeout=20000)
    choose(viewer, f"{first.name}: the same step")
    view = compared(qtbot, viewer)
    gap = value(first, 7, "slope").astype(float) - value(second, 7, "slope")
    assert view.found.largest == np.abs(gap).max() > 0
    assert view.second.title.text() == f"Step 7 of {first.name}"


@pytest.mark.thorough
def test_a_step_that_the_other_run_has_not_is_said(qtbot, window, viewer):
    second, first = nf.runs()
    draw(qtbot, window, second)
    go(qtbot, window, window.panels["runs"], first)
    window.docking.show("viewer")
    qtbot.waitUntil(lambda: f"step {first.steps}" in viewer.title.text(), timeout=20000)
    choose(viewer, f"{second.name}: the same step")
    text = viewer.comparison.view.text
    qtbot.waitUntil(lambda: f"has no step {first.steps}" in text.text(), timeout=20000)


def draw(qtbot, window, run) -> None:
    """Draw a run in the plots, by the Runs panel."""
    window.docking.show("runs")
    panel = window.panels["runs"]
    qtbot.waitUntil(lambda: panel.shown.rowCount() >= 2, timeout=20000)
    select(qtbot, panel, run)
    qtbot.keyClick(panel.table, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: any(r.id == run.id for r in window.shared_plots.runs), timeout=20000)


@pytest.mark.thorough
def test_runs_in_the_plots_follow_and_their_values_are_beside(qtbot, window, viewer):
    _, first = nf.runs()
    draw(qtbot, window, first)
    window.docking.show("viewer")
    assert not viewer.beside.isVisible()

    def preview():
        follower = viewer.following.followers.get(first.id)
        return None if follower is None else follower.preview

    for step in (6, 11):
        window.link.past.show(step)
        wait_for(qtbot, window, step)
        qtbot.waitUntil(lambda s=step: preview() is not None and preview().step == s, timeout=30000)
        expected = value(first, step, "slope")
        assert preview().mean == pytest.approx(float(expected.mean()))
        assert viewer.beside.isVisible() and viewer.beside.lines[first.id].text()
    window.link.past.show(20)
    window.link.past.back()
    qtbot.waitUntil(lambda: not viewer.beside.isVisible(), timeout=20000)


@pytest.mark.thorough
def test_the_training_follows_a_run(qtbot, window, viewer):
    second, first = nf.runs()
    window.docking.show("runs")
    go(qtbot, window, window.panels["runs"], first)
    type_step(qtbot, window.panels["runs"].scrubber, 8)
    wait_for(qtbot, window, 8, first.id)
    window.docking.show("viewer")
    qtbot.waitUntil(lambda: "" in viewer.following.followers, timeout=30000)
    followers = viewer.following.followers
    qtbot.waitUntil(lambda: followers[""].preview is not None, timeout=30000)
    expected = float(value(second, 8, "slope").mean())
    assert followers[""].preview.mean == pytest.approx(expected)


# ---- op by op -----------------------------------------------------------------------------------


def state(window, name: str) -> tuple[bool, bool, bool]:
    """Whether a node has a value, runs, and is dim."""
    canvas, id = window.canvas, node(window, name).id
    running = canvas.node_state.statuses().get(id) == "running"
    return canvas.node_state.value_of(id) is not None, running, id in dimmed(window)


def dimmed(window) -> set[str]:
    scene = window.canvas.scene
    return {id for id in scene.nodes if scene.dimmed[scene.nodes.get(id)]}


def test_a_step_is_played_op_by_op(qtbot, window):
    scrubber = window.panels["training"].scrubber
    window.docking.show("training")
    ops, past = window.link.ops, window.link.past
    past.show(7)
    wait_for(qtbot, window, 7)
    qtbot.mouseClick(scrubber.by_op, LEFT)
    qtbot.waitUntil(lambda: bool(ops.kernels), timeout=20000)
    assert ops.at == 0 and scrubber.text.text().startswith("Before op 1 of ")
    assert state(window, "slope") == (True, False, False)
    assert state(window, "loss") == (False, False, True)
    seen: list[str] = []
    while ops.can_move(1):
        qtbot.mouseClick(scrubber.step_on, LEFT)
        seen += [name for name in ops.running if name not in seen]
        loss_at = next(i for i, kernel in enumerate(ops.kernels) if "loss" in kernel)
        assert state(window, "loss")[0] == (ops.at >= loss_at)
        if ops.at == loss_at:
            assert state(window, "loss") == (True, True, False)
    assert "loss" in seen and past.step == 7
    qtbot.mouseClick(scrubber.step_on, LEFT)  # the next step, before its first op
    wait_for(qtbot, window, 8)
    qtbot.waitUntil(lambda: bool(ops.kernels) and ops.at == 0, timeout=20000)
    qtbot.mouseClick(scrubber.step_back, LEFT)  # and back to the last op of this one
    wait_for(qtbot, window, 7)
    qtbot.waitUntil(lambda: bool(ops.kernels) and ops.at == len(ops.kernels) - 1, timeout=20000)
    qtbot.mouseClick(scrubber.by_op, LEFT)
    assert not ops.is_on and state(window, "loss") == (True, False, False)


@pytest.mark.thorough
def test_playing_goes_through_the_ops(qtbot, window):
    scrubber = window.panels["training"].scrubber
    window.docking.show("training")
    ops, past = window.link.ops, window.link.past
    past.show(3)
    wait_for(qtbot, window, 3)
    qtbot.mouseClick(scrubber.by_op, LEFT)
    qtbot.waitUntil(lambda: bool(ops.kernels), timeout=20000)
    qtbot.mouseClick(scrubber.play_on, LEFT)
    qtbot.waitUntil(lambda: ops.at >= 2, timeout=30000)
    qtbot.waitUntil(lambda: past.step == 4, timeout=60000)
    qtbot.mouseClick(scrubber.play_on, LEFT)
    past.back()
    assert not ops.is_on and not dimmed(window)
