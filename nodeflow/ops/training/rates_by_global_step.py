"""Learning rates that decay with a global step, by TensorFlow 1's formulas, for `nf.train`.

Every argument may be a number or a tensor. Each function returns an ordinary tensor, in a separate
name scope, for an optimizer's ``learning_rate``. The window's schedules, which count their own
steps, are in `nodeflow.ops.training.learning_rate_schedules`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.ops import functions as F


def exponential_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return learning_rate * decay_rate^(global_step / decay_steps).

    Args:
        staircase: round the exponent down, so that the rate falls in steps.
    """

    def rate(start: Tensor, step: Tensor, steps: Any, factor: Any) -> Tensor:
        return start * F.power(factor, _part(step, steps, staircase))

    numbers = (decay_steps, decay_rate)
    return _decay(name or "ExponentialDecay", rate, learning_rate, global_step, *numbers)


def natural_exp_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return learning_rate * exp(-decay_rate * global_step / decay_steps)."""

    def rate(start: Tensor, step: Tensor, steps: Any, factor: Any) -> Tensor:
        return start * F.exp(-factor * _part(step, steps, staircase))

    numbers = (decay_steps, decay_rate)
    return _decay(name or "NaturalExpDecay", rate, learning_rate, global_step, *numbers)


def inverse_time_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return learning_rate / (1 + decay_rate * global_step / decay_steps)."""

    def rate(start: Tensor, step: Tensor, steps: Any, factor: Any) -> Tensor:
        return start / (1 + factor * _part(step, steps, staircase))

    numbers = (decay_steps, decay_rate)
    return _decay(name or "InverseTimeDecay", rate, learning_rate, global_step, *numbers)


def piecewise_constant(
    x: Any, boundaries: Sequence[Any], values: Sequence[Any], name: str | None = None
) -> Tensor:
    """Return values[0] while x <= boundaries[0], then values[1] while x <= boundaries[1], and so
    on.

    Args:
        x: usually the global step.
        boundaries: ascending numbers.
        values: one more than boundaries.

    Raises:
        GraphError: the numbers of values and boundaries do not fit, or boundaries are not
            ascending.
    """
    boundaries, values = list(boundaries), list(values)
    if len(values) != len(boundaries) + 1:
        raise GraphError(
            f"{len(boundaries)} boundaries separate {len(boundaries) + 1} values, not {len(values)}"
        )
    plain = [b for b in boundaries if not isinstance(b, Tensor)]
    if plain != sorted(plain):
        raise GraphError(f"the boundaries {plain} must increase")
    graph = F.graph_of([x, *boundaries, *values])
    with graph, graph.name_scope(name or "PiecewiseConstant"):
        x = graph.as_tensor(x)
        *lower, result = [_number(graph, v) for v in values]
        for boundary, value in zip(reversed(boundaries), reversed(lower), strict=True):
            limit = boundary if isinstance(boundary, Tensor) else _limit(x, boundary)
            result = F.where(x <= limit, value, result)
        return F.identity(result, name="rate")


def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return (learning_rate - end) * (1 - global_step / decay_steps)^power + end, then end.

    Args:
        cycle: start again at the next multiple of decay_steps instead of staying at the end.
    """

    def rate(start: Tensor, step: Tensor, steps: Any, end: Any, power: Any) -> Tensor:
        if cycle:
            times = F.where(F.equal(step, 0), F.ones_like(step), F.ceil(step / steps))
            part = step / (times * steps)
        else:
            part = F.minimum(step, steps) / steps
        return (start - end) * F.power(1 - part, power) + end

    numbers = (decay_steps, end_learning_rate, power)
    return _decay(name or "PolynomialDecay", rate, learning_rate, global_step, *numbers)


def cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Tensor:
    """Return a rate that falls to learning_rate * alpha along half a cosine, then stays.

    learning_rate * ((1 - alpha) * (1 + cos(pi * global_step / decay_steps)) / 2 + alpha).
    Loshchilov and Hutter, 2017.
    """

    def rate(start: Tensor, step: Tensor, steps: Any, alpha: Any) -> Tensor:
        cosine = 0.5 * (1 + F.cos(math.pi * (F.minimum(step, steps) / steps)))
        return start * ((1 - alpha) * cosine + alpha)

    return _decay(name or "CosineDecay", rate, learning_rate, global_step, decay_steps, alpha)


def cosine_decay_restarts(
    learning_rate: Any,
    global_step: Any,
    first_decay_steps: Any,
    t_mul: float = 2.0,
    m_mul: float = 1.0,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Tensor:
    """Return a `cosine_decay` that restarts when it ends. Loshchilov and Hutter, 2017.

    Args:
        t_mul: length of each period, as a multiple of the previous one.
        m_mul: first rate of each period, as a multiple of the previous period's.
    """

    def rate(start: Tensor, step: Tensor, steps: Any, alpha: Any) -> Tensor:
        done = step / steps
        if t_mul == 1.0:
            period = F.floor(done)
            part = done - period
        else:
            period = F.floor(F.log(1 - done * (1 - t_mul)) / math.log(t_mul))
            length = F.power(t_mul, period)
            part = (done - (1 - length) / (1 - t_mul)) / length
        cosine = 0.5 * F.power(m_mul, period) * (1 + F.cos(math.pi * part))
        return start * ((1 - alpha) * cosine + alpha)

    return _decay(name or "SGDRDecay", rate, learning_rate, global_step, first_decay_steps, alpha)


def linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Tensor:
    """Return learning_rate * ((alpha + linear) * cosine + beta).

    The linear part falls from 1 to 0 over decay_steps; the cosine part has num_periods periods.
    Bello and others, 2017.
    """

    def rate(start: Tensor, step: Tensor, steps: Any, periods: Any, *shares: Any) -> Tensor:
        alpha, beta = shares
        part = F.minimum(step, steps) / steps
        cosine = 0.5 * (1 + F.cos(math.pi * (2 * periods * part)))
        return start * ((alpha + (1 - part)) * cosine + beta)

    numbers = (decay_steps, num_periods, alpha, beta)
    return _decay(name or "LinearCosineDecay", rate, learning_rate, global_step, *numbers)


def noisy_linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    initial_variance: Any = 1.0,
    variance_decay: Any = 0.55,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Tensor:
    """Return a `linear_cosine_decay` with noise on the linear part, drawn anew in each step.

    Args:
        initial_variance: variance of the noise at step 0.
        variance_decay: the variance is initial_variance / (1 + step) ** variance_decay.
    """

    def rate(start: Tensor, step: Tensor, steps: Any, first: Any, falls: Any, *rest: Any) -> Tensor:
        periods, alpha, beta = rest
        at = F.minimum(step, steps)
        part = at / steps
        variance = first / F.power(1 + at, falls)
        noise = F.random_normal((), dtype=start.dtype) * F.sqrt(variance)
        cosine = 0.5 * (1 + F.cos(math.pi * (2 * periods * part)))
        return start * ((alpha + (1 - part + noise)) * cosine + beta)

    numbers = (decay_steps, initial_variance, variance_decay, num_periods, alpha, beta)
    return _decay(name or "NoisyLinearCosineDecay", rate, learning_rate, global_step, *numbers)


def _decay(
    scope: str, rate: Callable[..., Tensor], learning_rate: Any, global_step: Any, *numbers: Any
) -> Tensor:
    """Add the nodes of a learning rate decay inside a name scope, and return the decayed rate in
    the dtype of the learning rate.

    Args:
        rate: computes the rate from learning rate, step and ``numbers``.

    Raises:
        GraphError: there is no global step.
    """
    if global_step is None:
        raise GraphError(
            "the rate needs a global_step", hint="Give train.get_or_create_global_step()."
        )
    graph = F.graph_of([global_step, learning_rate, *numbers])
    with graph, graph.name_scope(scope):
        start = _number(graph, learning_rate)
        step = _as(graph.as_tensor(global_step), start.dtype)
        same = [_as(n, start.dtype) if isinstance(n, Tensor) else float(n) for n in numbers]
        return F.identity(rate(start, step, *same), name="rate")


def _number(graph: Graph, value: Any) -> Tensor:
    """Return a tensor unchanged, a number as float32."""
    if isinstance(value, (Tensor, np.ndarray, np.generic)):
        return graph.as_tensor(value)
    return graph.as_tensor(float(value), "float32")


def _as(x: Tensor, dtype: str) -> Tensor:
    return x if x.dtype == dtype else F.cast(x, dtype=dtype)


def _limit(x: Tensor, boundary: Any) -> Any:
    """Return a boundary that a step counter is compared with, as a number of x's dtype.

    If x is an integer, round the boundary down; comparisons with x keep their result.
    """
    return float(boundary) if x.type.is_float else math.floor(boundary)


def _part(step: Tensor, steps: Any, staircase: bool) -> Tensor:
    """Return ``step / steps``, the progress of a decay. With ``staircase``, round it down."""
    return F.floor(step / steps) if staircase else step / steps
