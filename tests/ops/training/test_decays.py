"""Schedules on a global step against TensorFlow 1's formulas (`learning_rate_decay.py`)."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import GraphError
from nodeflow.ops.training import rates_by_global_step
from nodeflow.ops.training.global_step import get_or_create_global_step
from nodeflow.ops.training.rates_by_global_step import exponential_decay, piecewise_constant

STEPS = [0, 1, 3, 9, 10, 11, 25, 30, 47]


def piecewise(step: int) -> float:
    return 0.1 if step <= 3 else 0.05 if step <= 10 else 0.01


def polynomial(step: float, end: float = 1e-4, power: float = 1.0, cycle: bool = False) -> float:
    steps = 10.0
    if cycle:
        steps *= max(math.ceil(step / steps), 1)
    else:
        step = min(step, steps)
    return (0.1 - end) * (1 - step / steps) ** power + end


def cosine(step: float, alpha: float = 0.0) -> float:
    value = 0.5 * (1 + math.cos(math.pi * min(step, 10) / 10))
    return 0.1 * ((1 - alpha) * value + alpha)


def restarts(step: float, t_mul: float, m_mul: float, alpha: float) -> float:
    length, start, height = 10.0, 0.0, 1.0
    while step - start >= length:  # one period after the other
        start, length, height = start + length, length * t_mul, height * m_mul
    value = height * 0.5 * (1 + math.cos(math.pi * (step - start) / length))
    return 0.1 * ((1 - alpha) * value + alpha)


def linear_cosine(step: float, periods: float, alpha: float, beta: float) -> float:
    step = min(step, 10)
    value = 0.5 * (1 + math.cos(math.pi * 2 * periods * step / 10))
    return 0.1 * ((alpha + (10 - step) / 10) * value + beta)


T = rates_by_global_step
CASES: dict[str, tuple[Callable, Callable[[int], float]]] = {
    "exponential": (
        lambda s: T.exponential_decay(0.1, s, 10, 0.96),
        lambda s: 0.1 * 0.96 ** (s / 10),
    ),
    "staircase": (
        lambda s: T.exponential_decay(0.1, s, 10, 0.96, staircase=True),
        lambda s: 0.1 * 0.96 ** (s // 10),
    ),
    "natural": (
        lambda s: T.natural_exp_decay(0.1, s, 10, 0.5),
        lambda s: 0.1 * math.exp(-0.5 * s / 10),
    ),
    "natural staircase": (
        lambda s: T.natural_exp_decay(0.1, s, 10, 0.5, True),
        lambda s: 0.1 * math.exp(-0.5 * (s // 10)),
    ),
    "inverse": (
        lambda s: T.inverse_time_decay(0.1, s, 10, 0.5),
        lambda s: 0.1 / (1 + 0.5 * s / 10),
    ),
    "inverse staircase": (
        lambda s: T.inverse_time_decay(0.1, s, 10, 0.5, True),
        lambda s: 0.1 / (1 + 0.5 * (s // 10)),
    ),
    "piecewise": (lambda s: T.piecewise_constant(s, [3, 10], [0.1, 0.05, 0.01]), piecewise),
    "piecewise between": (
        lambda s: T.piecewise_constant(s, [3.5, 10.0], [0.1, 0.05, 0.01]),
        piecewise,
    ),
    "polynomial": (lambda s: T.polynomial_decay(0.1, s, 10), polynomial),
    "polynomial power": (
        lambda s: T.polynomial_decay(0.1, s, 10, 0.01, 0.5),
        lambda s: polynomial(s, 0.01, 0.5),
    ),
    "polynomial cycle": (
        lambda s: T.polynomial_decay(0.1, s, 10, 0.01, 2.0, cycle=True),
        lambda s: polynomial(s, 0.01, 2.0, True),
    ),
    "cosine": (lambda s: T.cosine_decay(0.1, s, 10), cosine),
    "cosine alpha": (lambda s: T.cosine_decay(0.1, s, 10, 0.3), lambda s: cosine(s, 0.3)),
    "restarts": (
        lambda s: T.cosine_decay_restarts(0.1, s, 10),
        lambda s: restarts(s, 2.0, 1.0, 0.0),
    ),
    "equal restarts": (
        lambda s: T.cosine_decay_restarts(0.1, s, 10, 1.0, 0.5, 0.1),
        lambda s: restarts(s, 1.0, 0.5, 0.1),
    ),
    "linear cosine": (
        lambda s: T.linear_cosine_decay(0.1, s, 10),
        lambda s: linear_cosine(s, 0.5, 0.0, 0.001),
    ),
    "linear cosine periods": (
        lambda s: T.linear_cosine_decay(0.1, s, 10, 1.5, 0.2, 0.01),
        lambda s: linear_cosine(s, 1.5, 0.2, 0.01),
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_rates_are_tensorflows(dtype: str, tmp_path: Path) -> None:
    """All of them in one graph, from Python and from the file."""
    with nf.Graph() as graph:
        step = nf.variable(0, dtype=dtype, trainable=False, name="global_step")
        rates = {name: make(step).name for name, (make, _) in CASES.items()}
        assert all(graph.tensor(name).dtype == "float32" for name in rates.values())
        assert rates["exponential"].startswith("ExponentialDecay/")
        assert rates["staircase"].startswith("ExponentialDecay_1/")
    nf.save(graph, tmp_path / "rates.flow")
    for each, tier in ((graph, "reference"), (nf.load(tmp_path / "rates.flow"), "compiled")):
        with nf.Session(each, tier=tier) as session:
            session.initialize()
            for number in STEPS:
                session.variables["global_step"] = np.array(number, dtype)
                found = session.run(rates)
                for name, (_, formula) in CASES.items():
                    expected = formula(number)
                    assert found[name] == pytest.approx(expected, rel=2e-5, abs=1e-8), (
                        name,
                        number,
                    )


def test_arguments_may_be_tensors_of_any_float() -> None:
    with nf.Graph() as graph:
        rate = nf.placeholder("float64", [], name="rate")
        steps = nf.constant(10)
        out = exponential_decay(rate, nf.constant(5), steps, nf.constant(0.5))
        assert out.dtype == "float64" and out.shape == ()
    with nf.Session(graph) as session:
        np.testing.assert_allclose(session.run(out, {rate: 0.2}), 0.2 * 0.5**0.5, rtol=1e-14)


def test_what_is_refused() -> None:
    with nf.Graph():
        step = get_or_create_global_step()
        with pytest.raises(GraphError, match="global_step"):
            exponential_decay(0.1, None, 10, 0.5)
        with pytest.raises(GraphError, match="2 boundaries separate 3 values, not 2"):
            piecewise_constant(step, [1, 2], [0.1, 0.2])
        with pytest.raises(GraphError, match="must increase"):
            piecewise_constant(step, [2, 1], [0.1, 0.2, 0.3])
