"""The first value that is not finite stops a training at its step; the op that made it is named.

The faults are planted where numpy says they are; what is meant to be infinite is left alone.
"""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.columns import Column
from nodeflow.engine.session import Session
from nodeflow.errors import NonFiniteError
from nodeflow.graph.graph import Tensor
from nodeflow.train.diagnosis.causes import cause_of
from nodeflow.train.events import Diverged, Done, Steps, as_json
from nodeflow.train.loop.event_stream import train
from nodeflow.train.rewind.snapshots import Snapshots
from nodeflow.train.training import Binding, Training

BOTH = pytest.mark.parametrize("tier", ["reference", "compiled"])
INF, NAN = math.inf, math.nan
BATCH, ROWS = 4, 60  # 15 steps of an epoch


def training_of(optimizer: Any, loss: Tensor, rows: dict[Tensor, Any], **settings: Any) -> Training:
    columns = {t.name: Column(np.asarray(a, t.dtype)) for t, a in rows.items()}
    data = DataSplits("d", "memory", {"train": columns})
    bindings = {t: Binding(data, t.name) for t in rows}
    how: dict[str, Any] = {"batch_size": BATCH, "epochs": 20, "shuffle": False, **settings}
    return Training(optimizer, loss, bindings=bindings, **how)


class Ran:
    """What came of a training."""

    def __init__(self, training: Training, tier: Any, **how: Any) -> None:
        graph = training.optimizer.graph
        self.losses: list[float] = []
        self.last: Any = None
        self.error: NonFiniteError | None = None
        with Session(graph, tier=tier) as session:
            session.initialize()
            try:
                for event in train(session, training, **how):
                    self.last = event
                    if isinstance(event, Steps):
                        self.losses += event.losses.tolist()
            except NonFiniteError as error:
                self.error = error
            self.variables = dict(session.variables.items())


def planted(step: int, at: tuple[int, int], value: float = 0.0, **settings: Any) -> Training:
    """Minus the mean logarithm of data in which one element is ``value``, used in one step."""
    rows = np.random.default_rng(1).uniform(0.2, 0.9, (BATCH * 200, 3))
    rows[(step - 1) * BATCH + at[0], at[1]] = value
    with nf.Graph():
        p = nf.placeholder("float32", [None, 3], name="p")
        w = nf.variable([1.0, 0.5, -0.5], name="w")
        logs = nf.log(p, name="logs")
        loss = nf.reduce_mean(nf.square(w + logs), name="loss")
        optimizer = nf.adam(loss, learning_rate=0.01, name="train")
    return training_of(optimizer, loss, {p: rows}, **settings)


@pytest.mark.sample(1)
@BOTH
def test_a_logarithm_of_zero_is_found_at_its_node_step_and_inputs(tier):
    ran = Ran(planted(137, (2, 1)), tier)
    assert isinstance(ran.last, Diverged) and ran.error is not None
    assert (ran.error.step, ran.error.node, ran.error.watched) == (137, "logs", "loss")
    (p,) = ran.error.inputs
    assert (p.name, p.dtype, p.shape) == ("p", "float32", (BATCH, 3))
    assert (p.at, p.value, p.low) == ((2, 1), 0.0, 0.0) and 0.2 < p.high < 0.9
    culprit = ran.last.culprit
    assert culprit is not None and cause_of(culprit).kind == "log of zero"
    assert (culprit.at, culprit.value, culprit.count, culprit.size) == ((2, 1), -INF, 1, 12)
    assert len(ran.losses) == 137 and math.isinf(ran.losses[-1])
    before = Ran(planted(137, (2, 1), 0.5, epochs=1, allow_nonfinite=True), tier)
    assert ran.losses[:136] == before.losses[:136]


def test_of_several_beginnings_the_first_is_named():
    rows = np.full((ROWS, 2), 0.5, "float32")
    rows[9] = -2, -1
    with nf.Graph():
        p = nf.placeholder("float32", [None, 2], name="p")
        w = nf.variable(1.0, name="w")
        logs = nf.log(p[:, 0], name="logs")
        roots = nf.sqrt(p[:, 1], name="roots")
        loss = nf.reduce_mean(nf.square(w + logs + roots), name="loss")
        optimizer = nf.gradient_descent(loss, learning_rate=0.1, name="train")
    error = Ran(training_of(optimizer, loss, {p: rows}), "reference").error
    assert error is not None and (error.step, error.node) == (3, "logs")


@BOTH
def test_the_variables_are_those_from_before_the_step(tier):
    stopped = Ran(planted(137, (2, 1)), tier)
    training = planted(137, (2, 1))
    columns = {"p": training.bindings[next(iter(training.bindings))].dataset.split("train")["p"]}
    kept = columns["p"].array[: 136 * BATCH]
    place = next(iter(training.bindings))
    alone = Ran(training_of(training.optimizer, training.loss, {place: kept}, epochs=1), tier)
    assert isinstance(alone.last, Done) and alone.last.steps == 136
    for name, value in alone.variables.items():
        assert stopped.variables[name].tobytes() == value.tobytes(), name
    assert "those from before step 137" in str(stopped.error)


def test_the_error_tells_its_reader_what_to_do():
    error = Ran(planted(5, (0, 0)), "reference").error
    assert error is not None
    text = error.text("python")
    assert "log of zero" in text and "p is 0" in text and "at [0, 0]" in text
    assert "maximum(x, 1e-7)" in text and "allow_nonfinite=True" in text
    assert "--allow-nonfinite" in error.text("cli") and "allow" not in error.text("window")
    again = pickle.loads(pickle.dumps(error))
    assert (again.step, again.inputs, again.watched) == (5, error.inputs, "loss")


def test_json_has_the_culprit():
    shown = as_json(Ran(planted(5, (0, 2)), "reference").last)
    assert shown is not None and shown["step"] == 5
    culprit = shown["culprit"]
    assert (culprit["node"], culprit["op"], culprit["at"]) == ("logs", "log", [0, 2])
    assert culprit["inputs"][0]["min"] == 0 and culprit["inputs"][0]["at"] == [0, 2]


@pytest.mark.thorough
def test_it_is_found_behind_a_switch_of_tiers():
    ran = Ran(planted(137, (2, 1)), "auto", tiers={"steps": 60})
    assert ran.error is not None and (ran.error.step, ran.error.node) == (137, "logs")


def test_it_is_found_between_copies_that_are_far_apart():
    class Rare(Snapshots):
        def is_due(self, step: int) -> bool:
            return step == 90

    ran = Ran(planted(137, (2, 1)), "compiled", snapshots=Rare(1 << 24))
    assert ran.error is not None and (ran.error.step, ran.error.node) == (137, "logs")


@BOTH
def test_a_weight_that_is_not_finite_stops_it_at_its_step(tier):
    training = planted(10_000 % 200, (0, 0), 0.5)
    with training.optimizer.graph:
        huge = nf.variable([1.0, 2.0], name="huge", trainable=False)
        grow = nf.assign(huge, nf.multiply(huge, 1000.0, name="thousand"), name="grow")
        both = nf.group(training.optimizer, grow, name="both")
    ran = Ran(replace(training, optimizer=both), tier)
    error = ran.error
    assert error is not None and (error.watched, error.node) == ("huge", "thousand")
    weights, step = np.array([1, 2], np.float32), 0
    with np.errstate(over="ignore"):
        while np.isfinite(weights).all():
            before, weights, step = weights, weights * np.float32(1000), step + 1
    assert error.step == step
    np.testing.assert_array_equal(ran.variables["huge"], before)
    assert isinstance(ran.last, Diverged) and ran.last.culprit is not None
    assert cause_of(ran.last.culprit).kind == "overflow"


# ---- what is meant to be infinite -------------------------------------------------------------


def network(rows: np.ndarray, build: Any, **settings: Any) -> Training:
    """A training of 3 weights on rows of 3, whose loss ``build(x, w)`` makes."""
    with nf.Graph():
        x = nf.placeholder("float32", [None, 3], name="x")
        w = nf.variable([1.0, 0.5, -0.5], name="w")
        loss = nf.reduce_mean(build(x, w), name="loss")
        optimizer = nf.gradient_descent(loss, learning_rate=1e-3, name="train")
    return training_of(optimizer, loss, {x: rows}, **settings)


def plain_rows(value: float = 0.5, step: int = 40, at: tuple[int, int] = (1, 2)) -> np.ndarray:
    rows = np.random.default_rng(2).uniform(0.2, 0.9, (BATCH * 60, 3))
    rows[(step - 1) * BATCH + at[0], at[1]] = value
    return rows


def underflow(x: Tensor, w: Tensor) -> Tensor:
    """log(softmax(...)) of logits that lie hundreds apart."""
    return -nf.log(nf.softmax(w * x * [900.0, -900.0, 0.0], name="p"), name="log_p")[:, 0]


def masked(x: Tensor, w: Tensor) -> Tensor:
    """Attention over what a mask of minus infinity leaves."""
    mask = nf.constant([0.0, -INF, 0.0], name="mask")
    weights = nf.softmax(nf.add(w * x, mask, name="scores"), name="weights")
    return nf.reduce_sum(nf.square(weights * x), axis=1)


def guarded(x: Tensor, w: Tensor) -> Tensor:
    """A logarithm where its input is positive; the guard covers the gradient, too."""
    shifted = x - 0.5
    inside = nf.greater(shifted, 0.0)
    safe = nf.where(inside, shifted, nf.ones_like(shifted))
    literal = nf.where(inside, nf.log(nf.relu(shifted), name="literal"), nf.zeros_like(shifted))
    return nf.reduce_sum(w * (nf.log(safe, name="safe") + nf.stop_gradient(literal)), axis=1)


MEANT = pytest.mark.parametrize("build", [underflow, masked, guarded])


@BOTH
@MEANT
def test_what_is_meant_to_be_infinite_stops_nothing(build, tier):
    ran = Ran(network(plain_rows(), build, epochs=1), tier)
    assert isinstance(ran.last, Done) and ran.error is None
    assert np.isfinite(ran.losses).all()


@BOTH
@MEANT
def test_a_fault_behind_it_is_found(build, tier):
    def with_fault(x: Tensor, w: Tensor) -> Tensor:
        return build(x, w) + nf.reduce_sum(nf.divide(w, x, name="fault") * 1e-3, axis=1)

    ran = Ran(network(plain_rows(0.0), with_fault), tier)
    assert ran.error is not None and (ran.error.step, ran.error.node) == (40, "fault")
    assert ran.error.inputs[1].at == (1, 2) and ran.error.inputs[1].value == 0


@BOTH
@MEANT
def test_a_fault_before_it_is_found(build, tier):
    def after_fault(x: Tensor, w: Tensor) -> Tensor:
        return build(nf.exp(nf.divide(0.1, x, name="fault")) * 0.1 + x, w)

    ran = Ran(network(plain_rows(0.0), after_fault), tier)
    assert ran.error is not None and (ran.error.step, ran.error.node) == (40, "fault")


@BOTH
def test_a_row_that_a_mask_leaves_nothing_of_is_found_at_the_softmax(tier):
    def build(x: Tensor, w: Tensor) -> Tensor:
        shut = nf.less(x, 0.1)
        scores = nf.where(shut, nf.fill(nf.shape(x), -INF), w * x, name="scores")
        return nf.reduce_sum(nf.square(nf.softmax(scores, name="weights")), axis=1)

    rows = plain_rows()
    rows[39 * BATCH + 1] = 0
    ran = Ran(network(rows, build), tier)
    assert ran.error is not None and (ran.error.step, ran.error.node) == (40, "weights")


# ---- other beginnings -------------------------------------------------------------------------


@BOTH
def test_a_gradient_that_is_not_finite_is_found_though_the_loss_is(tier):
    def build(x: Tensor, w: Tensor) -> Tensor:
        return nf.reduce_sum(nf.sqrt(nf.square(w) * x, name="root"), axis=1)

    ran = Ran(network(plain_rows(0.0), build), tier)
    assert ran.error is not None and ran.error.step == 40 and ran.error.watched == "w"
    assert np.isfinite(ran.losses).all() and len(ran.losses) >= 40
    assert isinstance(ran.last, Diverged) and ran.last.culprit is not None
    assert ran.last.culprit.of == "train" and ran.last.culprit.op in ("divide", "multiply")


@BOTH
def test_a_missing_value_in_the_data_is_named(tier):
    ran = Ran(network(plain_rows(NAN), lambda x, w: nf.reduce_sum(x * w, axis=1)), tier)
    assert ran.error is not None and (ran.error.step, ran.error.node) == (40, "x")
    assert isinstance(ran.last, Diverged) and ran.last.culprit is not None
    assert ran.last.culprit.at == (1, 2) and cause_of(ran.last.culprit).kind == "bad data"


@BOTH
@pytest.mark.parametrize(
    ("op", "value", "kind"),
    [
        (lambda x: nf.exp(x, name="fault"), 89.0, "overflow in exp"),
        (lambda x: nf.divide(1.0, x, name="fault"), 0.0, "division by zero"),
        (lambda x: nf.log(x, name="fault"), -1.0, "log of a negative number"),
        (lambda x: nf.sqrt(x, name="fault"), -1.0, "root of a negative number"),
        (lambda x: nf.square(x, name="fault"), 1e30, "overflow"),
        (lambda x: nf.power(x, -0.5, name="fault"), 0.0, "division by zero"),
    ],
)
def test_causes_have_names(op, value, kind, tier):
    ran = Ran(network(plain_rows(value), lambda x, w: nf.reduce_sum(op(x) * w, axis=1)), tier)
    assert ran.error is not None and (ran.error.step, ran.error.node) == (40, "fault")
    assert isinstance(ran.last, Diverged) and ran.last.culprit is not None
    assert cause_of(ran.last.culprit).kind == kind


@BOTH
def test_a_learning_rate_that_is_too_large_is_an_overflow(tier):
    def build(x: Tensor, w: Tensor) -> Tensor:
        return nf.square(nf.reduce_sum(x * w, axis=1) - 1.0)

    training = network(plain_rows(), build)
    with training.optimizer.graph:
        large = nf.gradient_descent(training.loss, learning_rate=30.0, name="large")
    ran = Ran(replace(training, optimizer=large), tier)
    assert ran.error is not None and isinstance(ran.last, Diverged)
    assert ran.last.culprit is not None and cause_of(ran.last.culprit).kind == "overflow"


@BOTH
def test_a_product_of_huge_numbers_is_an_overflow_though_it_is_no_number(tier):
    def build(x: Tensor, w: Tensor) -> Tensor:
        turned = x * [1.0, -1.0, 0.0] * 1e25
        both = nf.reshape(nf.stack([w, w * 0.5], axis=1) * 1e25, [3, 2])
        return nf.reduce_sum(nf.matmul(turned, both, name="fault"), axis=1)

    ran = Ran(network(plain_rows(), build), tier)
    assert ran.error is not None and ran.error.node == "fault" and ran.error.step == 1
    assert isinstance(ran.last, Diverged) and ran.last.culprit is not None
    assert cause_of(ran.last.culprit).kind == "overflow"


@BOTH
def test_allowed_it_goes_on(tier):
    ran = Ran(planted(137, (2, 1), epochs=1, allow_nonfinite=True), tier)
    assert isinstance(ran.last, Done) and ran.error is None and math.isnan(ran.losses[-1])


@pytest.mark.thorough
@BOTH
def test_watching_changes_no_bit(tier):
    watched = Ran(planted(137, (2, 1), 0.5, epochs=2), tier)
    alone = Ran(planted(137, (2, 1), 0.5, epochs=2, allow_nonfinite=True), tier)
    assert watched.losses == alone.losses
    assert watched.variables["w"].tobytes() == alone.variables["w"].tobytes()
