"""The scrubber: any step of a training in the window, by mouse and keys; with an engine."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from test_expand import shown
from test_subgraph_actions import node, shortcut
from thread_engine import ThreadClient

from nodeflow.document.edit import commands
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.host.protocol import PastSteps, SetBudget
from nodeflow.train.control import Control
from nodeflow.train.events import Done, Resumed, Steps
from nodeflow.train.loop.event_stream import train
from nodeflow.ui.controllers.engine.live_value_settings import LiveValuesDialog
from nodeflow.ui.core.engine_link.shown_step import ShownStep
from nodeflow.ui.core.engine_link.step_ops import StepOps
from nodeflow.ui.core.theming.theme import LIGHT
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.panels.trainings.scrubber import Scrubber

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def window(qtbot, live_window):
    """A window in which linear_regression.flow has been trained for 40 epochs."""
    window = live_window("linear_regression")
    commands.set_training(window.workspace.root, epochs=40)
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=20000)
    seen: list[Done] = []
    window.link.training.connect(lambda e: seen.append(e) if isinstance(e, Done) else None)
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+T")
    qtbot.waitUntil(lambda: bool(seen) and window.link.state == "idle", timeout=60000)
    return window


@pytest.fixture
def scrubber(window):
    return window.panels["training"].scrubber


def wait_for(qtbot, window, step):
    past = window.link.past
    qtbot.waitUntil(lambda: past.step == step and (step is None or past.is_there), timeout=30000)


def weights(window, step: int) -> dict[str, np.ndarray]:
    """The variables from before a step, from a training that stops there."""
    task = Task(window.workspace.root, base_dir=window.workspace.base_dir)
    training = task.training()
    control = Control(idle=lambda: control.stop())
    control.step(step - 1)
    with Session(task.graph, tier="reference", seed=training.seed) as session:
        session.initialize()
        (*_, done) = train(session, training, control)
        assert isinstance(done, Done) and done.steps == step - 1
        return dict(session.variables.items())


@pytest.mark.thorough
def test_it_is_hidden_before_the_first_training(qtbot, live_window):
    window = live_window("linear_regression")
    assert not window.panels["training"].scrubber.isVisibleTo(window.panels["training"])
    assert not window.pages.past_bar.isVisibleTo(window.pages)


@pytest.mark.thorough
def test_a_click_goes_back_a_step_and_the_past_is_marked(qtbot, window, scrubber):
    last = window.link.past.last
    qtbot.mouseClick(scrubber.step_back, LEFT)
    wait_for(qtbot, window, last - 1)
    assert scrubber.slider.value() == last - 1 == scrubber.number.value()
    assert window.pages.past_bar.isVisibleTo(window.pages)
    assert f"step {last - 1}," in window.pages.past_bar.text.text()
    assert window.data.text == f"Batch of step {last - 1}"
    qtbot.mouseClick(window.pages.past_bar.now, LEFT)
    wait_for(qtbot, window, None)
    assert not window.pages.past_bar.isVisibleTo(window.pages)
    assert "step" not in window.data.text.lower()


@pytest.mark.thorough
def test_the_handle_comes_to_where_it_is_clicked(qtbot, window, scrubber):
    window.docking.show("training")
    slider, past = scrubber.slider, window.link.past
    qtbot.waitUntil(slider.isVisible)
    place = QPoint(slider.width() // 4, slider.height() // 2)
    qtbot.mouseClick(slider, LEFT, pos=place)
    quarter = past.first + (past.last - past.first) / 4
    assert slider.value() == pytest.approx(quarter, abs=0.05 * (past.last - past.first))
    wait_for(qtbot, window, slider.value())


@pytest.mark.thorough
def test_nodes_show_what_they_were(qtbot, window, scrubber):
    scrubber.number.setFocus()
    scrubber.number.selectAll()
    qtbot.keyClicks(scrubber.number, "7")
    qtbot.keyClick(scrubber.number, Qt.Key.Key_Return)
    wait_for(qtbot, window, 7)
    expected = weights(window, 7)
    for name, value in expected.items():
        found = window.canvas.node_state.value_of(node(window, name).id)
        assert found is not None and found.step == 7
        np.testing.assert_allclose(found.mean, value.mean(), rtol=1e-5)


@pytest.mark.thorough
def test_the_keys_of_the_slider_move_it(qtbot, window, scrubber):
    last = window.link.past.last
    scrubber.slider.setFocus()
    qtbot.keyClick(scrubber.slider, Qt.Key.Key_Left)
    wait_for(qtbot, window, last - 1)
    qtbot.keyClick(scrubber.slider, Qt.Key.Key_Home)
    wait_for(qtbot, window, 1)
    assert not scrubber.step_back.isEnabled() and scrubber.step_on.isEnabled()


def test_it_plays_up_to_the_last_step_and_down_to_the_first(qtbot):
    class AtOnce:
        """An engine that has the values of every step."""

        shown: list[int | None] = []

        def show_step(self, step: int | None, run: str) -> int:
            self.shown.append(step)
            QTimer.singleShot(0, past.on_arrived)
            return len(self.shown)

    engine = AtOnce()
    past = ShownStep(engine)
    past.on_message(PastSteps(1))
    past.on_event(Steps(1, np.zeros(4), 0.1, "reference"))
    scrubber = Scrubber(past, StepOps(past, engine), ThemeManager(LIGHT), lambda: "")
    qtbot.addWidget(scrubber)
    scrubber._play.setInterval(0)
    past.show(2)
    for tool, last in ((scrubber.play_on, 4), (scrubber.play_back, 1)):
        qtbot.mouseClick(tool, LEFT)
        assert tool.isChecked()
        qtbot.waitUntil(lambda tool=tool: not tool.isChecked())
        assert past.step == last
    assert engine.shown == [2, 3, 4, 3, 2, 1]


@pytest.mark.thorough
def test_it_plays_forward_and_backward(qtbot, window, scrubber):
    scrubber.number.setValue(5)
    wait_for(qtbot, window, 5)
    qtbot.mouseClick(scrubber.play_on, LEFT)
    qtbot.waitUntil(lambda: (window.link.past.step or 0) >= 8, timeout=30000)
    qtbot.mouseClick(scrubber.play_back, LEFT)
    qtbot.waitUntil(lambda: window.link.past.step == 1, timeout=30000)
    qtbot.waitUntil(lambda: not scrubber.play_back.isChecked(), timeout=30000)


@pytest.mark.thorough
def test_the_viewer_shows_the_tensor_of_the_step(qtbot, window, scrubber):
    viewer = window.panels["viewer"]
    name = next(iter(weights(window, 3)))
    window.canvas.selection.select([node(window, name).id])
    window.docking.show("viewer")
    qtbot.waitUntil(lambda: viewer.array is not None, timeout=20000)
    now = viewer.array.copy()
    window.link.past.show(3)
    wait_for(qtbot, window, 3)
    qtbot.waitUntil(lambda: "step 3" in viewer.title.text(), timeout=20000)
    np.testing.assert_allclose(viewer.array, weights(window, 3)[name], rtol=1e-5)
    assert not np.array_equal(viewer.array, now)


@pytest.mark.thorough
def test_another_training_ends_the_past(qtbot, window, scrubber):
    qtbot.mouseClick(scrubber.step_back, LEFT)
    assert window.link.past.step is not None
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+T")
    qtbot.waitUntil(lambda: window.link.past.step is None, timeout=30000)
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60000)


@pytest.mark.thorough
def test_a_branch_trains_on_from_the_step(qtbot, window, scrubber):
    resumed: list[Resumed] = []
    window.link.training.connect(lambda e: resumed.append(e) if isinstance(e, Resumed) else None)
    scrubber.number.setValue(9)
    wait_for(qtbot, window, 9)
    qtbot.mouseClick(scrubber.branch, LEFT)
    qtbot.waitUntil(lambda: bool(resumed), timeout=30000)
    assert resumed[0].step == 8 and len(resumed[0].losses) == 8
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60000)
    assert window.link.past.step is None


@pytest.mark.thorough
def test_no_branch_begins_while_a_training_is_paused_and_the_button_says_so(
    qtbot, window, scrubber
):
    commands.set_training(window.workspace.root, epochs=100_000)
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+T")
    made: list[int] = []  # by this training: until its first step, `last` is of the one before
    window.link.training.connect(lambda e: made.append(e.last) if isinstance(e, Steps) else None)
    qtbot.waitUntil(lambda: bool(made) and made[-1] > 20, timeout=60_000)
    window.actions_.trigger("pause")
    qtbot.waitUntil(lambda: window.link.state == "paused", timeout=60_000)
    scrubber.number.setValue(9)
    wait_for(qtbot, window, 9)
    qtbot.waitUntil(lambda: not scrubber.branch.isEnabled(), timeout=10_000)
    assert scrubber.branch.isVisible()
    assert scrubber.branch.toolTip() == "A training is paused."
    qtbot.mouseClick(scrubber.branch, LEFT)
    assert window.info.isHidden() and window.link.state == "paused"
    window.actions_.trigger("stop")
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60_000)
    wait_for(qtbot, window, 9)
    qtbot.waitUntil(scrubber.branch.isEnabled, timeout=10_000)
    assert scrubber.branch.toolTip() == "Start a new training from the state before this step"
    commands.set_training(window.workspace.root, epochs=40)
    qtbot.mouseClick(scrubber.branch, LEFT)
    qtbot.waitUntil(lambda: window.link.past.step is None, timeout=30_000)
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60_000)


@pytest.mark.thorough
def test_the_ends_say_why_there_is_no_further_step(qtbot, window, scrubber):
    assert (
        not scrubber.step_on.isEnabled() and scrubber.step_on.toolTip() == "This is the last step."
    )
    assert scrubber.by_op.toolTip() == "Go to a step first."
    scrubber.number.setValue(1)
    wait_for(qtbot, window, 1)
    for tool in (scrubber.step_back, scrubber.play_back):
        assert not tool.isEnabled() and tool.toolTip() == "This is the first step."
    assert scrubber.step_on.isEnabled() and scrubber.step_on.toolTip() == "One step on"


@pytest.mark.thorough
def test_a_click_in_any_plot_goes_to_its_step_and_all_plots_mark_it(qtbot, window, scrubber):
    panel = window.panels["training"]
    window.docking.show("training")
    qtbot.waitUntil(lambda: panel.plots is not None and panel.plots.isVisible(), timeout=20000)
    past, grid = window.link.past, panel.plots.grid
    qtbot.waitUntil(lambda: all(cell.plot.width() > 100 for cell in grid.cells), timeout=20000)
    qtbot.wait(50)
    for cell in grid.cells:
        view = cell.plot.viewport()
        qtbot.mouseClick(view, LEFT, pos=view.rect().center())
        qtbot.waitUntil(lambda: past.step is not None and past.is_there, timeout=30000)
        assert past.first < past.step < past.last
        assert window.shared_plots.cursor == past.step
        assert all(each.plot.cursor_line.isVisible() for each in grid.cells)
        past.back()
        assert window.shared_plots.cursor is None


@pytest.mark.thorough
def test_the_memory_for_copies_is_a_setting(qtbot, window):
    window.actions_.trigger("live_values")
    dialog = window.findChild(LiveValuesDialog)
    assert dialog.history.text() == "256 MB, or 1/16 of the memory"
    dialog.history.setValue(64)
    dialog.accept()
    budget = [r for r in ThreadClient.made[-1].sent if isinstance(r, SetBudget)][-1]
    assert budget.history == 64_000_000 and window.settings.history_megabytes == 64
