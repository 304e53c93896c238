"""Random tensors with TensorFlow 1's arguments, which may be tensors and integer limits."""

from __future__ import annotations

from typing import Any

from nodeflow.errors import AttributeProblem, LiteralError
from nodeflow.graph.graph import Tensor, get_default_graph
from nodeflow.graph.types import INTEGERS, dtype_name
from nodeflow.ops import functions as F


def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Draw normally distributed random numbers, new ones in each run.

    Args:
        shape: sizes of the result: numbers, or a tensor of sizes.
        mean: a number, or a tensor that broadcasts to the shape.
        stddev: standard deviation, given like ``mean``.
        dtype: float32 or float64.
        seed: nodes with the same seed draw the same numbers; None: the node's stream.

    Raises:
        GraphError: an argument does not fit; the error names its node.
    """
    return _normal("random_normal", shape, mean, stddev, dtype, seed, name)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Draw normally distributed random numbers within two standard deviations.

    Arguments and errors are the same as for `random_normal`. ``stddev`` is the standard deviation
    before truncation.
    """
    return _normal("truncated_normal", shape, mean, stddev, dtype, seed, name)


def _normal(
    op: str, shape: Any, mean: Any, stddev: Any, dtype: Any, seed: int | None, name: str | None
) -> Tensor:
    draw = getattr(F, op)
    if not isinstance(mean, Tensor) and not isinstance(stddev, Tensor):
        return draw(shape, mean=mean, stddev=stddev, dtype=dtype, seed=seed, name=name)
    with get_default_graph().name_scope(name or op):
        scaled = F.multiply(draw(shape, dtype=dtype, seed=seed), stddev)
        is_centred = isinstance(mean, (int, float)) and mean == 0
        return scaled if is_centred else F.add(scaled, mean)


def random_uniform(
    shape: Any,
    low: Any = 0.0,
    high: Any = None,
    dtype: Any = "float32",
    seed: int | None = None,
    name: str | None = None,
    *,
    minval: Any = None,
    maxval: Any = None,
) -> Tensor:
    """Draw uniformly distributed random numbers, new ones in each run.

    Args:
        shape: sizes of the result: numbers, or a tensor of sizes.
        low: lower bound; a number, or a tensor that broadcasts to the shape.
        high: upper bound; 1 for floats. Integers need it, and stay below it.
        dtype: a float or integer dtype.
        seed: nodes with the same seed draw the same numbers; None: the node's stream.
        minval: TensorFlow 1's name of ``low``.
        maxval: TensorFlow 1's name of ``high``.

    Raises:
        GraphError: an argument does not fit, and the error names its node; or ``high`` is missing.
    """
    low = low if minval is None else minval
    high = high if maxval is None else maxval
    dtype = dtype_name(dtype)
    if dtype in INTEGERS:
        return _whole(shape, low, high, dtype, seed, name or "random_uniform")
    high = 1.0 if high is None else high
    if not isinstance(low, Tensor) and not isinstance(high, Tensor):
        return F.random_uniform(shape, low=low, high=high, dtype=dtype, seed=seed, name=name)
    with get_default_graph().name_scope(name or "random_uniform"):
        drawn = F.random_uniform(shape, dtype=dtype, seed=seed)
        return F.add(drawn * (high - low), low)


def _whole(shape: Any, low: Any, high: Any, dtype: str, seed: int | None, name: str) -> Tensor:
    """Draw integers from ``low`` to ``high - 1``, from 53 random bits each."""
    if high is None:
        raise AttributeProblem(
            f"{dtype} numbers need a limit", node=name, port="high", hint="Give maxval."
        )
    graph = get_default_graph()
    with graph.name_scope(name):
        drawn = F.random_uniform(shape, dtype="float64", seed=seed)
        try:
            lowest, limit = (graph.as_tensor(v, "int64") for v in (low, high))
        except LiteralError as error:
            raise error.at(name, "high") from None
        lowest, limit = (t if t.dtype == "int64" else F.cast(t, "int64") for t in (lowest, limit))
        steps = F.cast(F.floor(drawn * F.cast(limit - lowest, "float64")), "int64")
        return F.cast(lowest + steps, dtype)
