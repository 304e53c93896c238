"""The toolbar shows what applies: to train, to pause, to continue, to restart."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QToolButton

from nodeflow.errors import RunError
from nodeflow.host import protocol as p
from nodeflow.resources import example

GROUP = ("run", "train", "continue", "pause", "step", "stop")


@pytest.fixture
def window(window, qtbot):
    window.files.open_example(example("linear_regression"))
    qtbot.waitUntil(lambda: window.link.state == "idle")
    return window


def buttons(window) -> dict[str, str]:
    """The texts of the buttons that run and train, by action."""
    found = {}
    for action in window.toolbar.actions():
        button = window.toolbar.widgetForAction(action)
        if action.objectName() in GROUP:
            assert isinstance(button, QToolButton) and button.isVisible()
            assert button.accessibleName() == button.text().strip()
            found[action.objectName()] = button.text().strip()
    return found


def click(qtbot, window, action: str) -> None:
    button = window.toolbar.widgetForAction(window.actions_[action])
    qtbot.waitUntil(button.isEnabled)  # what applies is looked at again a moment later
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.mark.thorough
def test_each_state_has_its_own_buttons(qtbot, window, engine):
    assert buttons(window) == {"run": "Run", "train": "Train"}
    click(qtbot, window, "train")
    assert engine.requests(p.Train)[-1].resume is False
    engine.begin_training()
    qtbot.waitUntil(lambda: buttons(window) == {"pause": "Pause", "stop": "Stop"})
    click(qtbot, window, "pause")
    assert isinstance(engine.sent[-1], p.Pause)
    engine.on_message(p.State("paused"))
    paused = {"continue": "Continue", "step": "Single step", "stop": "Stop"}
    qtbot.waitUntil(lambda: buttons(window) == paused)
    click(qtbot, window, "step")
    assert isinstance(engine.sent[-1], p.Step)
    click(qtbot, window, "continue")
    assert isinstance(engine.sent[-1], p.Resume)
    engine.on_message(p.State("training"))
    qtbot.waitUntil(lambda: "step" not in buttons(window))
    engine.end_training()
    learned = {"run": "Run", "continue": "Continue", "train": "Restart"}
    qtbot.waitUntil(lambda: buttons(window) == learned)
    click(qtbot, window, "continue")
    assert engine.requests(p.Train)[-1].resume is True
    engine.begin_training()
    engine.end_training()
    qtbot.waitUntil(lambda: buttons(window) == learned)
    engine.on_message(p.VariablesInitialized(2))
    qtbot.waitUntil(lambda: buttons(window) == {"run": "Run", "train": "Train"})


@pytest.mark.thorough
def test_a_short_run_moves_no_button_and_a_long_one_can_be_stopped(qtbot, window, engine):
    before = buttons(window)
    engine.on_message(p.State("running"))
    qtbot.waitUntil(lambda: window.link.state == "running")
    assert buttons(window) == before
    qtbot.waitUntil(lambda: buttons(window) == {"run": "Run", "stop": "Stop"})
    engine.on_message(p.State("idle"))
    qtbot.waitUntil(lambda: buttons(window) == before)


@pytest.mark.thorough
def test_a_training_that_is_prepared_can_be_stopped_and_no_other_begins(qtbot, window, engine):
    before = buttons(window)
    click(qtbot, window, "train")
    assert window.link.is_preparing and buttons(window) == before
    window.actions_.trigger("train")  # as a double-click does
    window.actions_.trigger("run")
    assert len(engine.requests(p.Train)) == 1
    assert not [e for e in engine.requests(p.Evaluate) if not e.watch]
    engine.on_message(p.State("running"))  # what was asked before
    engine.on_message(p.State("idle"))
    qtbot.waitUntil(lambda: buttons(window) == {"pause": "Pause", "stop": "Stop"})
    assert window.link.state == "preparing" and "Preparing" in window.status.engine.text()
    click(qtbot, window, "stop")
    assert isinstance(engine.sent[-1], p.Stop)
    number = engine.requests(p.Train)[0].request
    engine.on_message(p.Failed(number, "Train", p.ErrorData.of(RunError("no data"))))
    qtbot.waitUntil(lambda: buttons(window) == before)
    assert window.link.state == "idle"
    click(qtbot, window, "train")
    window.actions_.trigger("run")
    assert window.info.text == "A training is about to begin." and window.info.isVisible()
    engine.begin_training()
    qtbot.waitUntil(lambda: window.link.state == "training")
    assert not window.info.isVisible()
    engine.end_training()
    qtbot.waitUntil(lambda: window.link.state == "idle")


@pytest.mark.thorough
def test_a_double_click_on_train_does_not_stop(qtbot, window, engine):
    before = buttons(window)
    click(qtbot, window, "train")
    engine.begin_training()
    qtbot.waitUntil(lambda: window.link.state == "training")
    assert buttons(window) == before
    window.actions_.trigger("train")
    assert len(engine.requests(p.Train)) == 1 and not engine.requests(p.Stop)
    qtbot.waitUntil(lambda: buttons(window) == {"pause": "Pause", "stop": "Stop"})
    engine.end_training()
    qtbot.waitUntil(lambda: window.link.state == "idle")


@pytest.mark.thorough
def test_another_document_does_not_wait_for_a_training_that_is_prepared(qtbot, window, engine):
    click(qtbot, window, "train")
    window.files.open_example(example("expression"))
    qtbot.waitUntil(lambda: window.link.state == "idle")
    assert engine.requests(p.Stop)


@pytest.mark.thorough
def test_the_icons_of_what_trains_differ(window):
    drawn = [window.actions_[name].icon().pixmap(18, 18).toImage() for name in GROUP]
    window.link.has_trained = True
    window.run_bar.update()
    tip = window.actions_["train"].toolTip()
    assert "Restart" in tip and "Ctrl+T" in tip and "Undo brings back the learned values" in tip
    drawn.append(window.actions_["train"].icon().pixmap(18, 18).toImage())
    assert all(a != b for i, a in enumerate(drawn) for b in drawn[i + 1 :])


@pytest.mark.thorough
def test_tiers_are_not_spoken_of(qtbot, window, engine):
    click(qtbot, window, "train")
    panel = window.panels["training"]
    assert panel.headline.text() == "Preparing…"
    engine.begin_training()
    qtbot.waitUntil(lambda: window.link.state == "training")
    assert panel.headline.text() == "Preparing…"
    engine.train_steps(1, [1.0, 0.5])
    qtbot.waitUntil(lambda: panel.headline.text() == "Training")
    texts = panel.headline.text() + window.status.engine.text()
    assert "reference" not in texts and "compiled" not in texts
    engine.end_training()
    qtbot.waitUntil(lambda: window.link.state == "idle")


@pytest.mark.thorough
def test_the_status_bar_does_not_keep_a_reason_that_no_longer_holds(qtbot, window, engine):
    click(qtbot, window, "train")
    engine.begin_training()
    training = "A training is running."
    qtbot.waitUntil(lambda: window.actions_["train"].statusTip() == training)
    window.status.showMessage(training)  # as Qt does for the action under the pointer
    engine.end_training()
    qtbot.waitUntil(lambda: window.status.currentMessage() == "")
