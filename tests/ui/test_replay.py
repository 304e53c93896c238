"""Replaying a training: by mouse and keys in a window, at its speed, and without motion."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QProxyStyle, QStyle
from test_expand import shown
from test_subgraph_actions import node, shortcut

from nodeflow.document.edit import commands
from nodeflow.document.edit.stage import LOSS, PinnedView, pin_view
from nodeflow.resources import example
from nodeflow.train.events import Done
from nodeflow.ui.controllers.training import play_steps
from nodeflow.ui.core import reduced_motion

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def trained(qtbot, live_window):
    """A window beside its stage, in which linear_regression.flow has been trained."""
    window = live_window("linear_regression")
    commands.set_training(window.workspace.root, epochs=12)
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=20000)
    pin_view(window.workspace.root, PinnedView("", LOSS))
    seen: list[Done] = []
    window.link.training.connect(lambda e: seen.append(e) if isinstance(e, Done) else None)
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+T")
    qtbot.waitUntil(lambda: bool(seen) and window.link.state == "idle", timeout=60000)
    replay = button(window)
    qtbot.waitUntil(lambda: replay.isVisible() and replay.isEnabled())
    return window


def button(window):
    return window.stage_modes.stage.bar.buttons["replay"]


def steps_of(window) -> list[int | None]:
    """The steps that are chosen from now on."""
    found: list[int | None] = []
    window.link.past.chosen.connect(lambda: found.append(window.link.past.step))
    return found


def test_nodes_plots_and_stage_move_together_up_to_the_present(qtbot, trained, monkeypatch):
    monkeypatch.setattr(play_steps, "FULL_SPEED_SECONDS", 2.0)
    window, past = trained, trained.link.past
    together: list[tuple[int | None, ...]] = []

    def note() -> None:
        if past.step is not None and past.is_there:
            value = window.canvas.node_state.value_of(node(window, "loss").id)
            curves = window.stage_modes.stage.main.curves
            line = curves.visible_cells[0].plot.cursor_line
            at = curves.place_of(past.step)
            assert value is not None and line.isVisible() and line.value() == at
            together.append((past.step, value.step, window.shared_plots.cursor))

    chosen = steps_of(window)
    past.changed.connect(lambda: QTimer.singleShot(0, note))  # after all that follow the values
    qtbot.mouseClick(button(window), LEFT)
    assert window.replay.is_playing and window.actions_["replay"].text() == "Pause replay"
    qtbot.waitUntil(lambda: not window.replay.is_playing, timeout=60000)
    assert chosen[0] == past.first and chosen[-2:] == [past.last, None]
    steps = [step for step in chosen if step is not None]
    assert steps == sorted(set(steps)) and len(steps) > 4
    assert together and all(len(set(each)) == 1 for each in together)
    assert window.actions_["replay"].text() == "Replay"


def test_scrubbing_pauses_and_replay_goes_on_from_there(qtbot, trained):
    window, past = trained, trained.link.past
    commands.set_training(window.workspace.root, speed=5)
    window.actions_.trigger("replay")
    qtbot.waitUntil(lambda: past.step is not None and past.is_there, timeout=30000)
    slider = window.stage_modes.stage.bar.scrubber.slider
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: not window.replay.is_playing)
    at = past.step
    qtbot.waitUntil(lambda: past.is_there, timeout=30000)
    chosen = steps_of(window)
    qtbot.mouseClick(button(window), LEFT)
    assert window.replay.is_playing
    qtbot.waitUntil(lambda: bool(chosen), timeout=30000)
    assert at is not None and chosen[0] == at + 1
    qtbot.mouseClick(button(window), LEFT)
    assert not window.replay.is_playing and past.step == chosen[-1]


def test_a_new_training_ends_a_replay(qtbot, trained):
    window = trained
    commands.set_training(window.workspace.root, speed=1)
    window.actions_.trigger("replay")
    assert window.replay.is_playing
    window.actions_.trigger("train")
    qtbot.waitUntil(lambda: not window.replay.is_playing, timeout=30000)


def test_the_speed_is_kept_by_leaving_out_steps(qtbot, trained):
    """A clock that a test moves; the values of each step arrive in their own time."""
    window, past, now = trained, trained.link.past, [100.0]
    window.replay._clock = lambda: now[0]
    commands.set_training(window.workspace.root, speed=50)
    chosen = steps_of(window)
    window.actions_.trigger("replay")
    for count in range(1, 4):
        qtbot.waitUntil(lambda: past.is_there, timeout=30000)
        now[0] += 0.25
        qtbot.waitUntil(lambda n=count: len(chosen) > n, timeout=30000)
    assert chosen == [1, 13, 26, 38]
    window.replay.pause()


class Motionless(QProxyStyle):
    """A style of a system whose user turned animations off."""

    def styleHint(self, hint, option=None, widget=None, returned=None):
        if hint == QStyle.StyleHint.SH_Widget_Animation_Duration:
            return 0
        return super().styleHint(hint, option, widget, returned)


def test_a_style_without_animations_shows_the_first_step_and_stays(qtbot, trained, monkeypatch):
    style = Motionless("Fusion")
    monkeypatch.setattr(QApplication, "style", lambda *_: style)
    assert reduced_motion.is_reduced()
    stays_at_the_first_step(qtbot, trained)


def test_a_screen_reader_is_not_flooded(qtbot, trained):
    QAccessible.setActive(True)
    try:
        assert reduced_motion.is_still() and not reduced_motion.is_reduced()
        stays_at_the_first_step(qtbot, trained)
    finally:
        QAccessible.setActive(False)


def stays_at_the_first_step(qtbot, window) -> None:
    past, chosen = window.link.past, steps_of(window)
    qtbot.mouseClick(button(window), LEFT)
    qtbot.waitUntil(lambda: past.step == past.first and past.is_there, timeout=30000)
    assert not window.replay.is_playing and chosen == [past.first]
    assert "arrow keys" in window.status.text.text()


def test_without_a_training_it_says_why_not(window):
    window.files.open_example(example("linear_regression"))
    assert window.actions_.reason("replay") == "There are no past steps to replay."
