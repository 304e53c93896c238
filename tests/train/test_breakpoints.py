"""Breakpoints pause a training after the first step that hits, and change no number of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.columns import Column
from nodeflow.train.control import Control
from nodeflow.train.events import Done, Hit, Steps
from nodeflow.train.loop.event_stream import train
from nodeflow.train.training import Binding, Training
from nodeflow.train.watched_tensors.breakpoints import Breakpoints

BOTH = pytest.mark.parametrize("tier", ["reference", "compiled"])


@BOTH
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_not_finite_or_is_true_hits(tier, dtype):
    with nf.Graph() as graph:
        x = nf.placeholder(dtype, [None], name="x")
        large = nf.greater(x, 1.0, name="large")
        whole = nf.cast(x > 2, "int32", name="whole")
    watch = Breakpoints([x, large, whole])
    again = Breakpoints([x, large])
    assert again.probes == watch.probes, "a second training watches with the same nodes"
    with nf.Session(graph, tier=tier) as session:
        for value in ([], [0, 1], [0, 3], [np.nan, 0], [0, np.inf], [-np.inf, 0]):
            array = np.array(value, dtype)
            seen = [float(v) for v in session.run(watch.probes, {x: array})]
            expected = [
                n
                for n, hit in (("x", not np.isfinite(array).all()), ("large", (array > 1).any()))
                if hit
            ]
            assert list(watch.hits(seen)) == expected, value


def growing(rate: float):
    """A weight that overshoots more and more: its loss grows until it is infinite."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None], name="x")
        w = nf.variable(1.0, name="w")
        loss = nf.reduce_mean(nf.square(x - w), name="loss")
        large = nf.greater(loss, 100.0, name="large")
        optimizer = nf.gradient_descent(loss, learning_rate=rate, name="train")
    data = DataSplits("d", "memory", {"train": {"x": Column(np.zeros(40, np.float32))}})
    training = Training(optimizer, loss, epochs=30, batch_size=10, bindings={x: Binding(data, "x")})
    return graph, training, {"loss": loss, "large": large}


def told(graph, training, tier, at_hit=lambda control, hit: control.stop()):
    """The events of a training; ``at_hit(control, hit)`` steers it, so that none waits forever."""
    control, events = Control(), []
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        for event in train(session, training, control):
            events.append(event)
            if isinstance(event, Hit):
                assert control.paused
                at_hit(control, event)
    return events


def losses(events):
    return np.concatenate([e.losses for e in events if isinstance(e, Steps)])


@BOTH
def test_it_pauses_after_the_very_step(tier):
    graph, training, nodes = growing(2.0)  # each step multiplies the weight by -3
    events = told(graph, replace(training, breakpoints=(nodes["large"],)), tier)
    (hit,) = [e for e in events if isinstance(e, Hit)]
    values = losses(events)
    assert hit == Hit(4, ("large",), "large is true"), "1, 9, 81, 729"
    assert values.tolist() == [1, 9, 81, 729]
    assert isinstance(events[-1], Done) and events[-1].stopped and events[-1].steps == 4


@BOTH
def test_a_loss_that_is_no_number_any_more_hits(tier):
    graph, training, nodes = growing(2.0)
    events = told(graph, replace(training, breakpoints=(nodes["loss"],)), tier)
    values = losses(events)
    assert np.isfinite(values[:-1]).all() and not np.isfinite(values[-1])
    assert Hit(len(values), ("loss",), "loss is not finite") in events


def test_it_goes_on_and_hits_again(tier="reference"):
    graph, training, nodes = growing(2.0)
    seen = []

    def twice(control, hit):
        seen.append(hit.step)
        control.resume() if len(seen) < 3 else control.stop()

    told(graph, replace(training, breakpoints=(nodes["large"],)), tier, twice)
    assert seen == [4, 5, 6]


@BOTH
def test_a_breakpoint_that_is_never_hit_changes_no_bit(tier):
    graph, training, nodes = growing(0.1)
    plain = losses(told(graph, training, tier))
    watched = told(graph, replace(training, breakpoints=tuple(nodes.values())), tier)
    assert not [e for e in watched if isinstance(e, Hit)]
    assert losses(watched).tobytes() == plain.tobytes() and len(plain) == 120
