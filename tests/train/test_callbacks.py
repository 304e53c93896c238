"""Callbacks of `nf.train.train`: what they get, when, and how they stop a training."""

from __future__ import annotations

from itertools import chain, pairwise
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import GraphError

ROWS = np.random.default_rng(5).normal(size=(40, 3)).astype("float32")
DATA = {"x": ROWS, "y": ROWS @ np.array([[1.0], [-2.0], [0.5]], "float32")}


def line() -> nf.Graph:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        y = nf.placeholder("float32", [None, 1], name="y")
        w = nf.variable(np.zeros((3, 1), "float32"), name="w")
        nf.gradient_descent(nf.reduce_mean(nf.square(nf.matmul(x, w) - y), name="loss"), 0.1)
    return graph


def fit(graph: nf.Graph | None = None, epochs: int = 3, **arguments: Any) -> nf.train.History:
    return nf.train.fit(graph or line(), data=DATA, epochs=epochs, batch_size=8, **arguments)


class Noted(nf.train.Callback):
    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.losses: list[float] = []

    def start(self, event: nf.train.Started) -> None:
        self.seen.append(("start", event.epochs))

    def step(self, event: nf.train.Steps) -> None:
        assert event.first == event.last
        self.losses += event.losses.tolist()
        self.seen.append("step")

    def epoch(self, event: nf.train.Epoch) -> None:
        self.seen.append(("epoch", event.epoch))

    def end(self, event: nf.train.Done) -> None:
        self.seen.append(("end", event.stopped))


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_callbacks_see_every_moment_in_order_and_change_no_bit(tier: str) -> None:
    noted, plain = Noted(), fit(tier=tier)
    watched = fit(tier=tier, callbacks=[noted])
    epochs = [[*["step"] * 5, ("epoch", n)] for n in (1, 2, 3)]
    assert noted.seen == [("start", 3), *chain(*epochs), ("end", False)]
    assert noted.losses == list(watched.steps) == list(plain.steps)
    np.testing.assert_array_equal(watched.variables["w"], plain.variables["w"])


def test_a_step_callback_reads_the_variables_after_its_step() -> None:
    graph, seen = line(), []
    with nf.Session(graph, tier="reference") as session:
        note = nf.train.Callback(step=lambda event: seen.append(session.variables["w"].copy()))
        fit(graph, session=session, callbacks=note, epochs=1)
    with nf.Session(line(), tier="reference") as other:
        fit(other.graph, session=other, epochs=1)
        np.testing.assert_array_equal(seen[-1], other.variables["w"])
    assert len(seen) == 5 and all((a != b).any() for a, b in pairwise(seen))


@pytest.mark.parametrize(
    ("moment", "at", "steps"), [("start", 1, 0), ("step", 7, 7), ("epoch", 2, 10)]
)
def test_a_callback_that_returns_true_stops_after_the_steps_so_far(
    moment: str, at: int, steps: int
) -> None:
    calls, ends = [], []

    def stops(event: Any) -> Any:
        calls.append(event)
        return np.bool_(len(calls) == at)

    callbacks = [nf.train.Callback(**{moment: stops}), nf.train.Callback(end=ends.append)]
    found = fit(callbacks=callbacks)
    assert len(found.steps) == steps
    assert [(end.stopped, end.steps) for end in ends] == [(True, steps)]


def test_only_true_stops() -> None:
    """What functions return by chance, such as the number of written characters, does not."""
    assert len(fit(callbacks=[nf.train.Callback(epoch=lambda event: 17)]).steps) == 15


def test_a_control_has_no_limit_again_after_the_training() -> None:
    control = nf.train.Control()
    fit(control=control, callbacks=[nf.train.Callback(step=lambda event: None)], epochs=1)
    assert control.most is None and control.allow(9) == 9


def test_an_error_of_a_callback_ends_the_training_as_it_is() -> None:
    def fails(event: Any) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        fit(callbacks=[nf.train.Callback(epoch=fails)])


@pytest.mark.parametrize("wrong", [5, [print], ["epoch"], None])
def test_what_is_no_callback_is_refused_in_words(wrong: Any) -> None:
    with pytest.raises(GraphError, match="a callback is a Callback object"):
        fit(callbacks=wrong)


def test_a_function_that_cannot_be_called_is_refused_in_words() -> None:
    with pytest.raises(GraphError, match="epoch is called with an event, and 5 cannot be called"):
        nf.train.Callback(epoch=5)  # type: ignore[arg-type]
