"""*Run → Engine → Train with*: this engine or JAX, for the trainings from then on."""

from __future__ import annotations

import sys
from html import unescape

import pytest
from PySide6.QtCore import QPoint, Qt

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.host.protocol import SetBackend
from nodeflow.resources import example
from nodeflow.train.events import Done, Steps
from nodeflow.train.loop.event_stream import train

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
LEFT = Qt.MouseButton.LeftButton


def choose(window, qtbot, action_id: str) -> None:
    """Click an entry of the menu."""
    action = window.actions_[action_id]
    (menu,) = (m for m in action.associatedObjects() if hasattr(m, "actionGeometry"))
    menu.popup(window.mapToGlobal(QPoint(40, 40)))
    qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())
    menu.close()


def losses_on(backend: str, epochs: int) -> list[float]:
    """What a training of the spirals gives outside of the window."""
    document = flow.load(example("spirals"))
    commands.set_training(document, epochs=epochs)
    task = Task(document, for_edits=True)
    training = task.training()
    with Session(task.graph, seed=training.seed, backend=backend) as session:
        session.initialize()
        found = train(session, training)
        return [float(x) for e in found if isinstance(e, Steps) for x in e.losses]


@pytest.mark.thorough
def test_the_choice_trains_with_jax(live_window, qtbot):
    pytest.importorskip("jax")
    window = live_window("spirals", size=(1440, 900))
    commands.set_training(window.workspace.document, epochs=12)
    events: list[object] = []
    window.link.training.connect(events.append)
    assert window.actions_["train_with_numba"].isChecked()
    choose(window, qtbot, "train_with_jax")
    assert window.actions_["train_with_jax"].isChecked()
    assert not window.actions_["train_with_numba"].isChecked()
    window.actions_.trigger("train")
    qtbot.waitUntil(lambda: any(isinstance(e, Done) for e in events), timeout=60_000)
    found = [float(x) for e in events if isinstance(e, Steps) for x in e.losses]
    assert found == losses_on("jax", 12)
    assert found != losses_on("numba", 12)  # rounded otherwise


def test_the_choice_is_kept_and_given_to_the_next_engine(window, engine, qtbot):
    pytest.importorskip("jax")
    choose(window, qtbot, "train_with_jax")
    assert engine.sent[-1] == SetBackend("jax")
    assert window.settings.backend == "jax"
    choose(window, qtbot, "train_with_numba")
    assert engine.sent[-1] == SetBackend("numba")


@pytest.mark.thorough
def test_without_the_package_the_entry_says_how_to_get_it(open_window, settings, monkeypatch):
    from fake_engine import FakeClient

    monkeypatch.setitem(sys.modules, "jax", None)
    settings.backend = "jax"  # of an environment that had it
    window = open_window(FakeClient)
    actions = window.actions_
    actions.refresh_now()
    assert not actions["train_with_jax"].isEnabled()
    assert "pip install 'jax>=0.10'" in unescape(actions["train_with_jax"].toolTip())
    assert actions["train_with_numba"].isChecked()
    assert not FakeClient.made[-1].requests(SetBackend)


def test_a_choice_that_is_not_here_is_kept_and_the_training_says_so(live_window, settings, qtbot):
    settings.backend = "abacus"  # of a nodeflow that has it
    window = live_window("linear_regression")
    commands.set_training(window.workspace.document, epochs=1)
    said: list[str] = []
    window.messages.message_shown.connect(lambda text, *_: said.append(text))
    assert window.actions_["train_with_numba"].isChecked()
    window.actions_.trigger("train")
    qtbot.waitUntil(lambda: any("'abacus'" in text for text in said), timeout=60_000)
    assert (
        "Training with nodeflow's own engine, because there is no backend 'abacus' here" in said[0]
    )
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=60_000)
    assert window.settings.backend == "abacus"


def test_the_graph_is_checked_with_the_weights_of_the_engine(live_window, qtbot):
    pytest.importorskip("jax")
    window = live_window("linear_regression")
    said: list[str] = []
    window.messages.message_shown.connect(lambda text, *_: said.append(text))
    window.actions_.trigger("check_jax")
    qtbot.waitUntil(
        lambda: any("erified, largest difference" in text for text in said), timeout=60_000
    )
