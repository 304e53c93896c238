"""Losses are joined into few messages, none is lost, and what follows them comes after them."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p
from nodeflow.host.training.progress_batching import ProgressBatcher
from nodeflow.train import events
from tests.host.documents import regression


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    module = "nodeflow.host.training.progress_batching"
    monkeypatch.setattr(f"{module}.time.perf_counter", lambda: now[0])
    monkeypatch.setattr(f"{module}.REPORT_SECONDS", 0.12)  # few cores wait longer
    return now


def test_chunks_become_one_message_in_which_every_loss_is(clock):
    sent = []
    reports = ProgressBatcher(sent.append)
    first = 1
    for count in (1, 4, 16, 64, 3, 7):
        reports.add(
            events.Steps(first, np.arange(first, first + count) / 2, first / 10, "compiled")
        )
        first += count
        clock[0] += 0.05
    reports.flush()
    assert [m.first for m in sent] == [1, 2, 86]
    assert np.concatenate([m.losses for m in sent]).tolist() == [n / 2 for n in range(1, first)]
    assert (sent[-1].seconds, sent[-1].tier) == (8.9, "compiled")


def test_a_single_step_is_told_at_once(clock):
    sent = []
    reports = ProgressBatcher(sent.append)
    for step in (1, 2, 3):
        reports.add(events.Steps(step, np.ones(1), 0.0), at_once=True)
        assert sent[-1].first == step
    reports.flush()
    assert len(sent) == 3, "nothing is told twice"


def test_short_epochs_come_together_in_their_order(clock):
    sent = []
    reports = ProgressBatcher(sent.append)
    reports.add(events.Steps(1, np.ones(1), 0.0))
    for epoch in range(1, 6):
        reports.add(events.Epoch(epoch, 1.0, {}, epoch, 0.0))
        reports.add(events.Steps(epoch + 1, np.ones(1), 0.0))
    reports.add(events.Steps(7, np.ones(2), 0.5, "compiled"))
    reports.flush()
    assert isinstance(sent[0], events.Steps) and len(sent) == 2
    told = sent[1].events
    assert [m.epoch for m in told[0::2]] == [1, 2, 3, 4, 5]
    assert [m.first for m in told[1::2]] == [2, 3, 4, 5, 6]
    assert len(told[-1].losses) == 3 and told[-1].tier == "compiled"


@pytest.mark.thorough
def test_the_losses_of_an_epoch_come_before_its_end(talk):
    document = regression()
    commands.set_training(document, epochs=3000)
    talk.sync(document)
    talk.send(p.Train(1))
    steps = 0
    kinds = (events.Steps, events.Epoch, events.Done)
    while not isinstance(message := talk.wait_for(kinds), events.Done):
        if isinstance(message, events.Steps):
            steps += len(message.losses)
        else:
            assert message.steps == steps
    assert steps == 3000
