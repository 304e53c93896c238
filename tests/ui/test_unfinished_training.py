"""A training that was stopped, or whose engine or window died, goes on; with a real engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from thread_engine import ThreadClient

from nodeflow.document.edit import commands
from nodeflow.document.io.kept_training import KeptTraining, unfinished
from nodeflow.host import protocol as p
from nodeflow.paths import trainings_folder
from nodeflow.resources import example
from nodeflow.train.events import Done, Resumed, Steps
from nodeflow.train.resume.checkpoints import existing
from nodeflow.train.saving.weights import load_saved
from nodeflow.train.training_state import load_state
from nodeflow.ui.controllers.training import unfinished_training
from nodeflow.ui.controllers.training.resume_offer import offer_resume
from nodeflow.ui.popups.dialogs import confirmation_dialogs

PATIENCE = 60000


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfinished_training, "EVERY", "1")


@pytest.fixture
def window(qtbot, live_window):
    """A window on spirals.flow, which trains for long."""
    window = live_window("spirals")
    commands.set_training(window.workspace.root, epochs=100_000)
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=PATIENCE)
    return window


def train_for(qtbot, window, steps: int = 40) -> None:
    panel = training_panel(window)
    before = panel.record
    window.actions_.trigger("train")
    qtbot.waitUntil(
        lambda: panel.record is not before and panel.record.last_step >= steps, timeout=PATIENCE
    )


def training_panel(window) -> Any:
    return window.panels["training"]


def stop(qtbot, window) -> None:
    window.actions_.trigger("stop")
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=PATIENCE)
    qtbot.waitUntil(lambda: training_panel(window).record.done is not None, timeout=PATIENCE)


def folders() -> list[Path]:
    return sorted(trainings_folder().glob("*")) if trainings_folder().exists() else []


def resumed(qtbot, window, begin) -> Resumed:
    """The event that a training goes on, after ``begin()``."""
    with qtbot.waitSignal(
        window.link.training, timeout=PATIENCE, check_params_cb=lambda e: isinstance(e, Resumed)
    ) as caught:
        begin()
    return caught.args[0]


@pytest.mark.thorough
def test_a_stopped_training_goes_on_at_its_step(qtbot, window) -> None:
    train_for(qtbot, window)
    stop(qtbot, window)
    panel = training_panel(window)
    step, before = panel.record.last_step, panel.record.losses.values.copy()
    qtbot.waitUntil(lambda: window.unfinished.step == step)
    assert "continue" in window.run_bar.shown
    assert window.unfinished.text == f"Continue at step {step}"
    button = window.actions_["continue"]
    assert button.text() == "Continue"
    assert f"At step {step}, exactly as if it had not ended" in button.toolTip()
    event = resumed(qtbot, window, lambda: window.actions_.trigger("continue"))
    assert event.step == step
    qtbot.waitUntil(lambda: panel.record.last_step >= step + 20, timeout=PATIENCE)
    assert np.array_equal(panel.record.losses.values[:step], before)
    assert panel.record.losses.count == panel.record.last_step
    stop(qtbot, window)
    assert window.unfinished.step > step


@pytest.mark.thorough
def test_nothing_is_kept_of_a_training_that_is_done(qtbot, window) -> None:
    commands.set_training(window.workspace.root, epochs=2)
    button = window.actions_["continue"]
    assert "continue" not in window.run_bar.shown
    qtbot.waitUntil(lambda: "Nothing is learned yet" in button.toolTip())
    with qtbot.waitSignal(
        window.link.training, timeout=PATIENCE, check_params_cb=lambda e: isinstance(e, Done)
    ):
        window.actions_.trigger("train")
    assert folders() == [] and not window.unfinished.step
    qtbot.waitUntil(lambda: "continue" in window.run_bar.shown)  # more epochs, no interrupted one
    assert window.unfinished.text == "Continue"
    qtbot.waitUntil(lambda: "From the learned values" in button.toolTip())
    assert "as if it had not ended" not in button.toolTip()
    window.link.initialise()
    qtbot.waitUntil(lambda: "Nothing is learned yet" in button.toolTip(), timeout=PATIENCE)
    assert "continue" not in window.run_bar.shown


@pytest.mark.thorough
def test_nothing_is_kept_of_a_document_that_is_closed(qtbot, window) -> None:
    train_for(qtbot, window)
    stop(qtbot, window)
    assert len(folders()) == 1
    train_for(qtbot, window)  # afresh
    assert len(folders()) == 1
    window.workspace.root.mark_saved()
    window.files.begin_empty()
    assert folders() == [] and not window.unfinished.step


def test_a_training_that_has_not_begun_leaves_nothing(qtbot, window) -> None:
    window.actions_.trigger("train")
    window.workspace.root.mark_saved()
    window.files.begin_empty()
    qtbot.waitUntil(lambda: not window.link._trainings, timeout=PATIENCE)  # it has ended
    assert folders() == []


@pytest.mark.thorough
def test_an_edited_graph_is_refused_in_words(qtbot, window) -> None:
    train_for(qtbot, window)
    stop(qtbot, window)
    commands.set_training(window.workspace.root, batch_size=30)
    with qtbot.waitSignal(window.link.failed, timeout=PATIENCE) as caught:
        window.run.go_on()
    error = caught.args[0].error
    assert "batch_size (was 50, is 30)" in error.message and "Undo the change" in error.hint.window
    qtbot.waitUntil(lambda: window.unfinished.step > 0)  # it still can
    window.workspace.root.undo()
    resumed(qtbot, window, lambda: window.actions_.trigger("continue"))
    stop(qtbot, window)


@pytest.mark.thorough
def test_the_engine_that_died_leaves_what_goes_on(qtbot, window) -> None:
    shown: list[tuple] = []
    window.messages.message_shown.connect(lambda *message: shown.append(message))
    train_for(qtbot, window)
    dead = ThreadClient.made[-1]
    states = Path(dead.sent[-1].keep.folder) if isinstance(dead.sent[-1], p.Train) else None
    dead.on_message = lambda message: None
    dead.engine.receive(p.Shutdown())  # its last state is as good as any
    dead.thread.join(20)
    window.link.channel.arrived.emit(window.link.channel.generation, p.Died(-9))
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=PATIENCE)
    assert len(ThreadClient.made) == 2 and window.unfinished.step
    assert any(window.unfinished.text in map(str, message) for message in shown)
    if states is not None:
        assert load_state(existing(states)[-1]).step == window.unfinished.step
    event = resumed(qtbot, window, lambda: window.actions_.trigger("continue"))
    assert len(event.losses) == event.step
    panel = training_panel(window)
    qtbot.waitUntil(lambda: panel.record.last_step > event.step, timeout=PATIENCE)
    assert np.array_equal(panel.record.losses.values[: event.step], event.losses)
    stop(qtbot, window)


# ---- after the window died ----------------------------------------------------------------------


@pytest.fixture
def crashed(qtbot, live_window):
    """What a window that was killed in a training leaves behind; the losses it had seen."""
    window = live_window("spirals")
    commands.set_training(window.workspace.root, epochs=100_000)
    train_for(qtbot, window)
    stop(qtbot, window)
    losses = training_panel(window).record.losses.values.copy()
    window.workspace.root.mark_saved()
    with pytest.MonkeyPatch.context() as patch:  # the lock ends, and the folder stays
        patch.setattr(KeptTraining, "discard", lambda kept: kept._held.close())
        window.files.begin_empty()
    (found,) = unfinished()
    assert found.step == len(losses) and found.name
    return losses


def answer(monkeypatch: pytest.MonkeyPatch, said: str) -> list[tuple]:
    asked: list[tuple] = []
    monkeypatch.setattr(
        confirmation_dialogs, "ask_resume", lambda *about: asked.append(about[1:]) or said
    )
    return asked


def offer(window) -> None:
    offer_resume(window, window.workspace, window.files, window.run)


def test_the_next_window_offers_to_go_on(qtbot, crashed, live_window, monkeypatch) -> None:
    asked = answer(monkeypatch, confirmation_dialogs.YES)
    window = live_window()
    event = resumed(qtbot, window, lambda: offer(window))
    assert asked[0][1] == event.step == len(crashed)
    assert np.array_equal(event.losses, crashed)
    assert window.workspace.root.node_named("loss") is not None
    panel = training_panel(window)
    qtbot.waitUntil(lambda: panel.record.last_step > event.step, timeout=PATIENCE)
    assert not unfinished()  # it is ours now
    stop(qtbot, window)
    offer(window)
    assert len(asked) == 1


@pytest.mark.thorough
def test_what_is_discarded_is_gone_and_what_waits_stays(crashed, live_window, monkeypatch) -> None:
    window = live_window()
    answer(monkeypatch, confirmation_dialogs.CANCEL)
    offer(window)
    assert len(unfinished()) == 1 and not window.workspace.root.nodes
    answer(monkeypatch, confirmation_dialogs.DISCARD)
    offer(window)
    assert folders() == []


@pytest.mark.thorough
def test_the_document_that_was_recovered_is_kept(qtbot, crashed, live_window, monkeypatch) -> None:
    """The journal has brought back what was edited: the training goes on in it."""
    window = live_window()
    (found,) = unfinished()
    assert window.files.open_recovered(found.document(), found.title)
    root = window.workspace.root
    answer(monkeypatch, confirmation_dialogs.YES)
    resumed(qtbot, window, lambda: offer(window))
    assert window.workspace.root is root
    stop(qtbot, window)


def test_leftovers_without_a_state_go(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    from nodeflow.document.io import flow

    kept = KeptTraining.begin(flow.load(example("spirals")), "spirals")
    assert unfinished() == [] and len(folders()) == 1  # it is held
    kept._held.close()
    assert unfinished() == [] and folders() == []


@pytest.mark.thorough
def test_after_an_edit_it_continues_from_the_learned_values(qtbot, window) -> None:
    train_for(qtbot, window)
    stop(qtbot, window)
    commands.set_training(window.workspace.root, batch_size=30)
    with qtbot.waitSignal(
        window.link.training, timeout=PATIENCE, check_params_cb=lambda e: isinstance(e, Steps)
    ):
        tip = window.actions_["continue"].toolTip
        qtbot.waitUntil(lambda: "From the learned values" in tip())
        window.actions_.trigger("continue")
    assert [each.resume for each in ThreadClient.made[-1].sent if isinstance(each, p.Train)][-1]
    stop(qtbot, window)


def learned(qtbot, window, path: Path) -> dict[str, np.ndarray]:
    """The variables in the engine, through a file."""
    with qtbot.waitSignal(window.link.done, timeout=PATIENCE):
        window.link.save_weights(str(path))
    return dict(load_saved(str(path)).arrays)


@pytest.mark.thorough
@pytest.mark.parametrize("while_it_trains", [False, True])
def test_undo_of_restart_brings_the_learned_values_back(
    qtbot, window, tmp_path, while_it_trains
) -> None:
    train_for(qtbot, window)
    stop(qtbot, window)
    before = learned(qtbot, window, tmp_path / "a.safetensors")
    qtbot.waitUntil(lambda: window.actions_["train"].text() == "Restart")
    train_for(qtbot, window, training_panel(window).record.last_step + 40)
    if not while_it_trains:
        stop(qtbot, window)
        after = learned(qtbot, window, tmp_path / "b.safetensors")
        assert any(not np.array_equal(after[name], before[name]) for name in before)
    with qtbot.waitSignal(
        window.link.done, timeout=PATIENCE, check_params_cb=lambda m: isinstance(m, p.WeightsLoaded)
    ):
        window.actions_.trigger("undo")
    back = learned(qtbot, window, tmp_path / "c.safetensors")
    assert before and all(np.array_equal(back[name], before[name]) for name in before)
    qtbot.waitUntil(lambda: window.actions_["undo"].text() == "Undo change training settings")
