"""Optimizers and schedules against a second implementation, written from the papers' formulas."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.registry import REGISTRY
from tests.ops.evaluate import evaluate
from tests.ops.test_macro_ops import train, updated

STEPS = 20
START = {"w": np.array([[1.0, -2.0, 0.5], [0.3, -0.1, 2.0]]), "b": np.array([0.7, -0.4, 0.0])}
X = np.array([[0.5, -1.0], [2.0, 0.3], [-0.7, 1.1], [0.0, -0.6]])

Weights = dict[str, np.ndarray]
Rule = Callable[..., Iterator[np.ndarray]]


def loss_of_graph() -> nf.Tensor:
    """mean(tanh(X w + b)^2) + mean(w^4) / 10: no step is like the one before."""
    w, b = (nf.variable(START[name], name=name) for name in "wb")
    out = nf.tanh(nf.constant(X) @ w + b)
    return nf.reduce_mean(out * out) + nf.reduce_mean(nf.square(w * w)) * 0.1


def gradients(weights: Weights) -> Weights:
    """The same loss's gradients by hand."""
    out = np.tanh(X @ weights["w"] + weights["b"])
    back = 2 * out * (1 - out**2) / out.size
    return {"w": X.T @ back + 0.4 * weights["w"] ** 3 / 6, "b": back.sum(0)}


# Each rule is a coroutine for one variable: it is sent gradients and yields steps to subtract.


def adagrad(lr: float, initial_sum: float, eps: float) -> Rule:
    def rule() -> Iterator[Any]:
        total, g = initial_sum, (yield)
        while True:
            total = total + g**2
            g = yield lr * g / (np.sqrt(total) + eps)

    return rule


def rmsprop(
    lr: float, rho: float, momentum: float, eps: float, centered: bool, start: float = 1.0
) -> Rule:
    def rule() -> Iterator[Any]:
        square, mean, velocity = start, 0.0, 0.0
        g = yield
        while True:
            square = rho * square + (1 - rho) * g**2
            mean = rho * mean + (1 - rho) * g
            variance = square - mean**2 if centered else square
            velocity = momentum * velocity + lr * g / np.sqrt(variance + eps)
            g = yield velocity

    return rule


def adadelta(lr: float, rho: float, eps: float) -> Rule:
    def rule() -> Iterator[Any]:
        square_g = square_x = 0.0
        g = yield
        while True:
            square_g = rho * square_g + (1 - rho) * g**2
            delta = np.sqrt(square_x + eps) / np.sqrt(square_g + eps) * g
            square_x = rho * square_x + (1 - rho) * delta**2
            g = yield lr * delta

    return rule


def adam(lr: float, b1: float, b2: float, eps: float) -> Rule:
    """Algorithm 1 with the corrections of section 2: epsilon stands beside sqrt(v)."""

    def rule() -> Iterator[Any]:
        m = v = 0.0
        t, g = 0, (yield)
        while True:
            t += 1
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * g**2
            g = yield lr * math.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + eps)

    return rule


def nadam(lr: float, b1: float, b2: float, eps: float) -> Rule:
    def rule() -> Iterator[Any]:
        m = v = 0.0
        t, g = 0, (yield)
        while True:
            t += 1
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * g**2
            m_hat = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
            g = yield lr * m_hat / (np.sqrt(v / (1 - b2**t)) + eps)

    return rule


def lion(lr: float, b1: float, b2: float) -> Rule:
    def rule() -> Iterator[Any]:
        m, g = 0.0, (yield)
        while True:
            direction = np.sign(b1 * m + (1 - b1) * g)
            m = b2 * m + (1 - b2) * g
            g = yield lr * direction

    return rule


def descent(lr: float) -> Rule:
    def rule() -> Iterator[Any]:
        g = yield
        while True:
            g = yield lr * g

    return rule


def follow(
    rule: Rule,
    *,
    lr: float = 0.0,
    decay: float = 0.0,
    average: float | None = None,
    clip: Callable[[Weights], Weights] = lambda g: g,
) -> tuple[Weights, Weights]:
    """The weights after all steps, and their running means."""
    weights = {name: value.copy() for name, value in START.items()}
    means = {name: value.copy() for name, value in START.items()}
    rules = {name: rule() for name in weights}
    for each in rules.values():
        next(each)
    for _ in range(STEPS):
        found = clip(gradients(weights))
        for name in weights:
            step = rules[name].send(found[name])
            weights[name] = weights[name] - lr * decay * weights[name] - step
            if average is not None:
                means[name] = average * means[name] + (1 - average) * weights[name]
    return weights, means


CASES: list[tuple[str, dict[str, Any], Rule]] = [
    ("adagrad", {"learning_rate": 0.3}, adagrad(0.3, 0.1, 0.0)),
    ("adagrad", {"learning_rate": 0.2, "initial_sum": 0.0, "epsilon": 1e-3},
     adagrad(0.2, 0.0, 1e-3)),
    ("rmsprop", {"learning_rate": 0.05}, rmsprop(0.05, 0.9, 0.0, 1e-10, False)),
    ("rmsprop", {"learning_rate": 0.02, "rho": 0.8, "momentum": 0.6, "centered": True,
                 "epsilon": 1e-4}, rmsprop(0.02, 0.8, 0.6, 1e-4, True)),
    ("rmsprop", {"learning_rate": 0.05, "initial_mean_square": 0.0, "epsilon": 1e-7},
     rmsprop(0.05, 0.9, 0.0, 1e-7, False, 0.0)),
    ("adadelta", {"learning_rate": 300.0}, adadelta(300.0, 0.95, 1e-8)),
    ("adadelta", {"learning_rate": 0.5, "rho": 0.8, "epsilon": 1e-3}, adadelta(0.5, 0.8, 1e-3)),
    ("adam", {"learning_rate": 0.1, "beta1": 0.8}, adam(0.1, 0.8, 0.999, 1e-8)),
    ("nadam", {"learning_rate": 0.1}, nadam(0.1, 0.9, 0.999, 1e-8)),
    ("nadam", {"learning_rate": 0.1, "beta1": 0.7, "beta2": 0.9, "epsilon": 1e-2},
     nadam(0.1, 0.7, 0.9, 1e-2)),
    ("lion", {"learning_rate": 0.05}, lion(0.05, 0.9, 0.99)),
    ("gradient_descent", {"learning_rate": 0.5}, descent(0.5)),
]  # fmt: skip


@pytest.mark.parametrize(("op", "attrs", "rule"), CASES, ids=[f"{c[0]}-{c[1]}" for c in CASES])
def test_optimizer_follows_its_formula(op: str, attrs: dict, rule: Rule) -> None:
    with nf.Graph() as graph:
        step = graph.apply(op, loss_of_graph(), name="train", **attrs)
    expected, _ = follow(rule)
    after = train(graph, step, STEPS)
    for name in START:
        assert np.abs(expected[name] - START[name]).max() > 0.05
        np.testing.assert_allclose(after[name], expected[name], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("op", "defaults"),
    [
        ("momentum", {"nesterov": False}),
        ("adagrad", {"initial_sum": 0.1, "epsilon": 0.0}),
        (
            "rmsprop",
            {"rho": 0.9, "momentum": 0.0, "epsilon": 1e-10, "centered": False,
             "initial_mean_square": 1.0},
        ),
        ("adadelta", {"learning_rate": 0.001, "rho": 0.95, "epsilon": 1e-8}),
        ("adam", {"learning_rate": 0.001, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}),
    ],
)  # fmt: skip
def test_defaults_are_those_of_tensorflow_1(op: str, defaults: dict[str, Any]) -> None:
    """The arguments of tf.train.MomentumOptimizer and its like in TensorFlow 1.15."""
    attrs = {a.name: a.default for a in REGISTRY.lookup(op).attrs}
    assert {name: attrs[name] for name in defaults} == defaults


def test_adamw_is_adam_with_weights_that_shrink() -> None:
    with nf.Graph() as graph:
        step = nf.adamw(loss_of_graph(), learning_rate=0.1, weight_decay=0.2, name="train")
        assert nf.adamw(loss_of_graph()).attrs["weight_decay"] == 0.01
    expected, _ = follow(adam(0.1, 0.9, 0.999, 1e-8), lr=0.1, decay=0.2)
    after = train(graph, step, STEPS)
    np.testing.assert_allclose(after["w"], expected["w"], rtol=1e-12)


def by_value(limit: float) -> Callable[[Weights], Weights]:
    return lambda gs: {name: np.clip(g, -limit, limit) for name, g in gs.items()}


def by_norm(limit: float) -> Callable[[Weights], Weights]:
    def clip(gs: Weights) -> Weights:
        norm = math.sqrt(sum(float((g**2).sum()) for g in gs.values()))
        return {name: g * limit / max(norm, limit) for name, g in gs.items()}

    return clip


@pytest.mark.parametrize("kind", ["clip_value", "clip_norm"])
def test_gradients_are_clipped(kind: str) -> None:
    with nf.Graph() as graph:
        step = graph.apply("lion", loss_of_graph(), learning_rate=0.02, name="train", **{kind: 0.1})
        plain = nf.gradient_descent(loss_of_graph(), learning_rate=0.5, name="plain", **{kind: 0.1})
    clip = by_value(0.1) if kind == "clip_value" else by_norm(0.1)
    for node, rule, suffix in (
        (step, lion(0.02, 0.9, 0.99), ""),
        (plain, descent(0.5), "_1"),
    ):
        expected, _ = follow(rule, clip=clip)
        after = train(graph, node, STEPS)
        np.testing.assert_allclose(after[f"w{suffix}"], expected["w"], rtol=1e-12)
        np.testing.assert_allclose(after[f"b{suffix}"], expected["b"], rtol=1e-12)


def test_running_means_of_the_weights() -> None:
    with nf.Graph() as graph:
        step = nf.gradient_descent(
            loss_of_graph(), learning_rate=0.5, weight_decay=0.1, average_decay=0.9, name="train"
        )
    weights, means = follow(descent(0.5), lr=0.5, decay=0.1, average=0.9)
    after = train(graph, step, STEPS)
    np.testing.assert_allclose(after["w"], weights["w"], rtol=1e-12)
    np.testing.assert_allclose(after["train/w/average"], means["w"], rtol=1e-12)
    assert not graph.node("train/w/average").attrs["trainable"]


def test_what_is_off_adds_no_nodes() -> None:
    with nf.Graph() as graph:
        nf.gradient_descent(nf.square(nf.variable(1.0, name="w")), name="train")
    names = [n.name for n in graph.nodes if n.name.startswith("train/")]
    assert names == ["train/learning_rate", "train/w/step", "train/w/new_value", "train/w/assign"]


def test_limits_of_zero_are_refused() -> None:
    with nf.Graph(), pytest.raises(AttributeProblem, match="clip_norm must be at least"):
        nf.adam(nf.variable(1.0), clip_norm=0)


# ---- schedules --------------------------------------------------------------------------------

TIMES = np.arange(0, 30)


def expected_one_cycle(t: int) -> float:
    """As in the paper's figure, by cosines: up to 0.1 at step 6, down to 1e-5 at step 20."""
    low, high, last = 0.1 / 25, 0.1, 0.1 / 1e4
    if t < 6:
        return low + (high - low) * (1 - math.cos(math.pi * t / 6)) / 2
    part = min((t - 6) / 14, 1)
    return last + (high - last) * (1 + math.cos(math.pi * part)) / 2


SCHEDULES: list[tuple[str, dict[str, Any], Callable[[int], float]]] = [
    ("warm_up", {"learning_rate": 0.2, "steps": 5}, lambda t: 0.2 * min((t + 1) / 5, 1)),
    ("step_decay", {"learning_rate": 0.2, "steps": 4, "factor": 0.5},
     lambda t: 0.2 * 0.5 ** (t // 4)),
    ("exponential_decay", {"learning_rate": 0.2, "steps": 4, "factor": 0.5},
     lambda t: 0.2 * 0.5 ** (t / 4)),
    ("cosine_decay", {"learning_rate": 0.2, "steps": 10, "final_rate": 0.02},
     lambda t: 0.02 + 0.18 * (1 + math.cos(math.pi * min(t, 10) / 10)) / 2),
    ("cosine_decay", {"learning_rate": 0.2, "steps": 10, "warmup_steps": 3},
     lambda t: 0.1 * min((t + 1) / 3, 1) * (1 + math.cos(math.pi * min(max(t - 3, 0), 10) / 10))),
    ("one_cycle", {"learning_rate": 0.1, "steps": 20}, expected_one_cycle),
]  # fmt: skip


@pytest.mark.parametrize(
    ("op", "attrs", "rule"), SCHEDULES, ids=[f"{s[0]}-{s[1]}" for s in SCHEDULES]
)
def test_schedule_follows_its_formula(op: str, attrs: dict, rule: Callable[[int], float]) -> None:
    with nf.Graph() as graph:
        rates = graph.apply(op, nf.constant(TIMES), dtype="float64", **attrs)
        assert rates.shape == (30,)
        np.testing.assert_allclose(
            evaluate([rates], {})[0], [rule(int(t)) for t in TIMES], rtol=1e-13
        )


def test_a_schedule_counts_the_steps_of_its_optimizer() -> None:
    with nf.Graph() as graph:
        rate = nf.step_decay(learning_rate=1.0, steps=2, factor=0.5, name="rate")
        assert rate.type == nf.TensorType("float32", ())
        w = nf.variable(np.array([0.0]), name="w")
        loss = nf.reduce_sum(w)
        step = graph.apply("gradient_descent", loss, rate, learning_rate=99.0, name="train")
    assert train(graph, step, 0)["rate/step"] == 0
    after = train(graph, step, 5)  # 1 + 1 + 0.5 + 0.5 + 0.25
    assert (after["w"].item(), after["rate/step"].item()) == (-3.25, 5)
    assert updated(step) == ["w", "rate/step"]
    assert evaluate([rate], {})[0] == 1.0  # looking does not count


def test_a_schedule_must_be_a_scalar() -> None:
    with nf.Graph():
        rates = nf.warm_up(nf.constant(TIMES))
        with pytest.raises(ShapeError, match="schedule must be a scalar") as caught:
            nf.adam(nf.variable(1.0), rates)
        assert caught.value.port == "schedule"


def test_batch_normalisation_moves_its_averages_with_the_optimizer() -> None:
    batch = np.array([[1.0, 2.0], [3.0, 6.0]])
    with nf.Graph() as graph:
        out = nf.batch_normalization(nf.constant(batch), momentum=0.9, name="bn")
        loss = nf.reduce_mean(nf.square(out - 1))
        step = nf.gradient_descent(loss, learning_rate=0.0, name="train")
        other = nf.gradient_descent(nf.square(nf.variable(1.0)), name="other")
    assert updated(step) == ["bn/scale", "bn/offset", "bn/moving_mean", "bn/moving_variance"]
    assert updated(other) == ["variable"]
    after = train(graph, step, 3)
    kept = 0.9**3
    np.testing.assert_allclose(after["bn/moving_mean"], [[2 * (1 - kept), 4 * (1 - kept)]])
    np.testing.assert_allclose(
        after["bn/moving_variance"], [[kept + (1 - kept), kept + 4 * (1 - kept)]]
    )
