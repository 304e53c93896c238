"""The speed at which the window watches a training, and a training until it is stopped."""

from __future__ import annotations

from typing import Any

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.edit.stage import PinnedView, pin_view
from nodeflow.host import protocol as p
from nodeflow.host.views.watched_views import PACED_SHARE, VIEW_SHARE
from nodeflow.train import pace
from nodeflow.train.control import Control
from nodeflow.train.events import Done, Edited
from nodeflow.train.settings import UNTIL_STOPPED

from .desk import Desk
from .documents import regression


@pytest.fixture
def desk():
    document = regression()
    commands.set_training(document, epochs=12)
    return Desk(document)


def speeds_seen(monkeypatch, desk: Desk) -> list[float]:
    """The speeds of all waits of a training, which do not take their time."""
    seen: list[float] = []
    monkeypatch.setattr(pace.Pace, "wait", lambda self, now: 0.0)
    grant = pace.Pace.grant

    def noted(self: pace.Pace, wanted: int, now: float) -> int:
        seen.append(self.speed)
        return grant(self, wanted, now)

    monkeypatch.setattr(pace.Pace, "grant", noted)
    return seen


def test_a_stored_speed_slows_the_training_and_changes_no_number(monkeypatch, desk):
    desk.train()
    fast = desk.losses
    slow = Desk(desk.document)
    seen = speeds_seen(monkeypatch, slow)
    commands.set_training(desk.document, speed=5)
    slow.sync(keep=False)
    slow.train()
    assert set(seen) == {5} and len(seen) == 12
    assert slow.losses == fast
    assert slow.engine._views.share == VIEW_SHARE, "again after the training"


def test_a_new_speed_acts_during_the_training_and_is_no_edit(monkeypatch, desk):
    commands.set_training(desk.document, speed=5)
    seen = speeds_seen(monkeypatch, desk)
    made: list[Any] = []
    desk.edit = made.append
    commands.set_training(desk.document, speed=50)
    change = p.SyncChange(made[0].text, made[0].revision)
    desk.do(p.FollowEdits(True))
    add, sent = desk.engine._outputs.progress.add, []

    def send_once(event, at_once=False):
        """Send the edit while the training runs."""
        if not sent:
            sent.append(desk.engine.receive(change))
        add(event, at_once)

    monkeypatch.setattr(desk.engine._outputs.progress, "add", send_once)
    desk.train()
    assert seen[0] == 5 and seen[-1] == 50
    assert not any(isinstance(m, Edited) for m in desk.messages)


def test_pins_are_no_edit_of_a_training(desk):
    made: list[Any] = []
    desk.edit = made.append
    pin_view(desk.document, PinnedView("", "loss"))
    desk.do(p.FollowEdits(True))
    desk.train(p.SyncChange(made[0].text, made[0].revision))
    assert not any(isinstance(m, (Edited, p.EditState)) for m in desk.messages)


def test_views_get_the_time_in_which_a_slow_training_waits(monkeypatch, desk):
    commands.set_training(desk.document, speed=5)
    speeds_seen(monkeypatch, desk)
    shares = []
    show = desk.engine._views.show_due
    monkeypatch.setattr(
        desk.engine._views,
        "show_due",
        lambda *args, **more: (shares.append(desk.engine._views.share), show(*args, **more)),
    )
    desk.train()
    assert set(shares) == {PACED_SHARE}


def test_a_training_until_stopped_goes_on_after_its_epochs(desk, monkeypatch):
    commands.set_training(desk.document, epochs=2, until_stopped=True)
    allow, count = Control.allow, []

    def stopping(self: Control, wanted: int, begins: bool = False) -> int:
        count.append(wanted)
        if len(count) > 30:
            self.stop()
        return allow(self, wanted, begins)

    monkeypatch.setattr(Control, "allow", stopping)
    desk.train()
    done = desk.messages[-1]
    assert isinstance(done, Done) and done.stopped and len(desk.losses) > 20
    started = next(m for m in desk.messages if hasattr(m, "first_epoch"))
    assert started.epochs == UNTIL_STOPPED


def test_commands_and_python_end_after_the_epochs(desk):
    from nodeflow.document.to_graph.task import Task

    commands.set_training(desk.document, epochs=2, until_stopped=True, speed=1)
    assert Task(desk.document).training().epochs == 2
    assert Task(desk.document).training(attended=True).epochs == UNTIL_STOPPED
