"""A branch goes on from a step with the bits of the training itself, or with what was edited."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nodeflow.engine.session import Session
from nodeflow.errors import RunError
from nodeflow.train.events import Epoch, Resumed, Steps
from nodeflow.train.loop.event_stream import train
from nodeflow.train.rewind.branching import branch, state_before
from nodeflow.train.rewind.snapshots import Snapshots
from tests.train.test_replay import everything, ran

BOTH = pytest.mark.parametrize("tier", ["reference", "compiled"])


def branched(found, step, training=None, steps=40):
    """Losses from a step on, and the events."""
    training = training or found.past.training
    session, losses, events = (
        Session(found.past.session.graph, tier=found.past.session.wanted, seed=training.seed),
        [],
        [],
    )
    session.initialize()
    resumption = branch(found.past, step, session, training)
    for event in train(session, training, resumption=resumption):
        events.append(event)
        if isinstance(event, Steps):
            losses.append(event.losses)
        if sum(map(len, losses)) >= steps:
            break
    return np.concatenate(losses), events


@pytest.mark.sample(1)
@BOTH
@pytest.mark.parametrize("step", [1, 12, 18, 23, 34])  # 11 steps are an epoch
def test_it_has_the_bits_of_the_training(tier, step):
    graph, training = everything()
    found = ran(training, graph, tier, 70, every=9)
    losses, events = branched(found, step, steps=30)
    length = min(len(losses), len(found.losses) - step + 1)
    assert length >= 20
    assert losses[:length].tobytes() == found.losses[step - 1 : step - 1 + length].tobytes()
    (resumed,) = (e for e in events if isinstance(e, Resumed))
    assert (
        resumed.step == step - 1 and resumed.losses.tobytes() == found.losses[: step - 1].tobytes()
    )
    first = next(e for e in events if isinstance(e, Epoch))
    epoch = (step - 1) // 11
    assert first.epoch == epoch + 1
    mean = np.add.accumulate(found.losses[11 * epoch : 11 * epoch + 11])[-1] / 11
    assert first.loss == mean


def test_an_edit_takes_effect_at_the_step():
    graph, training = everything()
    found = ran(training, graph, "compiled", 60, every=9)
    losses, events = branched(found, 20, replace(training, batch_size=6), steps=15)
    assert losses[0] != found.losses[19]
    assert next(e for e in events if isinstance(e, Steps)).first == 20


@pytest.mark.thorough
def test_it_leaves_the_past_alone():
    graph, training = everything()
    found = ran(training, graph, "compiled", 60, every=9)
    before = state_before(found.past, 30)
    branched(found, 20, steps=20)
    after = state_before(found.past, 30)
    for name, value in before.variables.items():
        assert after.variables[name].tobytes() == value.tobytes()


def test_without_copies_it_says_so():
    graph, training = everything()
    found = ran(training, graph, "reference", 3, every=10_000)
    none = replace(found.past, snapshots=Snapshots(budget=0))
    with pytest.raises(RunError, match="no earlier snapshot"):
        state_before(none, 2)
