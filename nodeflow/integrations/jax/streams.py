"""Random numbers in jitted functions, bit-identical to `nodeflow.engine.threefry_streams`.

Keys are computed from seeds and names while a function is traced. The execution (in a training,
the step), the iteration of a loop and the number of the first element are traced. If several
processes share the rows, each begins at the number of its first element, so that together they
draw the same numbers as one process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from nodeflow.engine.devicelib.normal_quantile import CENTRE, SHOULDER, TAIL
from nodeflow.engine.threefry_streams import normal_cdf, stream_key
from nodeflow.ops.distributions.random_bits import mixed

_LOOP = 0x6C6F6F70
_HALF_BITS = {"float16": 11, "bfloat16": 8}

Key = tuple[Any, Any]


def threefry2x32(key: Key, counter0: Any, counter1: Any) -> tuple[Any, Any]:
    """Return two random words, uint32, for each counter; the counters broadcast."""
    first, second, x, y = (jnp.asarray(w, jnp.uint32) for w in (*key, counter0, counter1))
    x, y = jnp.broadcast_arrays(x, y)
    return mixed(first, second, x, y)


class Stream:
    """The random numbers of one node in one execution, as traced arrays.

    Args:
        seed, name, purpose: as in `nodeflow.engine.threefry_streams.Stream`.
        execution: traced uint32.
        start: number of the first element that is drawn here, traced or not. It is not 0 if
            another process draws the elements before.
    """

    def __init__(self, seed: int, name: str, purpose: str, execution: Any, start: Any = 0) -> None:
        self.key: Key = stream_key(seed, name, purpose)
        self.execution = execution
        self.start = start
        self._origin = seed, name, purpose
        self._iterations: tuple[Any, ...] = ()

    def inside(self, name: str, iteration: Any, seed: int | None = None) -> Stream:
        """Return the random stream of a node inside the body of a loop or branch, derived from this
        stream of the loop or branch.

        Args:
            iteration: the number of the iteration, traced or not.
            seed: the node's own seed, which replaces the run's seed and this stream's name.
        """
        own, owner, purpose = self._origin
        place = (own, f"{owner}/{name}") if seed is None else (seed, "")
        inner = Stream(*place, purpose, self.execution, self.start)
        inner._iterations = (*self._iterations, iteration)
        for number in inner._iterations:
            inner.key = threefry2x32(inner.key, jnp.asarray(number).astype(jnp.uint32), _LOOP)
        return inner

    def bits(self, shape: Sequence[int]) -> tuple[Any, Any]:
        """Return two uint32 words for each element."""
        count = int(np.prod(shape, dtype=np.int64))
        elements = lax.iota(jnp.uint32, count) + jnp.asarray(self.start).astype(jnp.uint32)
        words = threefry2x32(self.key, elements, self.execution)
        return words[0].reshape(shape), words[1].reshape(shape)

    def uniform(self, shape: Sequence[int], dtype: str = "float32") -> Any:
        """Return numbers in [0, 1) of ``shape`` and float ``dtype``."""
        first, second = self.bits(shape)
        if dtype == "float64":
            upper = first.astype(jnp.uint64) << jnp.uint64(21)
            whole = upper | second.astype(jnp.uint64) >> jnp.uint64(11)
            return whole.astype(jnp.float64) * 2.0**-53
        bits = _HALF_BITS.get(dtype, 24)
        part = (first >> jnp.uint32(32 - bits)).astype(jnp.float32)
        return (part * jnp.float32(2.0**-bits)).astype(dtype)

    def normal(self, shape: Sequence[int], dtype: str = "float32") -> Any:
        """Return standard normal numbers of ``shape`` and float ``dtype``."""
        return inverse_normal(self._open(shape, dtype)).astype(dtype)

    def truncated_normal(
        self, shape: Sequence[int], dtype: str = "float32", low: float = -2.0, high: float = 2.0
    ) -> Any:
        """Return standard normal numbers, restricted to the range from ``low`` to ``high``."""
        below, above = normal_cdf(low), normal_cdf(high)
        drawn = inverse_normal(below + (above - below) * self._open(shape, dtype))
        return jnp.clip(drawn, low, high).astype(dtype)

    def integers(self, shape: Sequence[int], low: int, high: int, dtype: str = "int32") -> Any:
        """Return integers from ``low`` to ``high`` - 1, at most 2**32 different ones."""
        span = high - low
        if not 0 < span <= 1 << 32:
            raise ValueError(f"expected between 1 and 2**32 integers, got {low} to {high}")
        upper, lower = (w.astype(jnp.uint64) for w in self.bits(shape))
        carried = (lower * jnp.uint64(span)) >> jnp.uint64(32)
        drawn = (upper * jnp.uint64(span) + carried) >> jnp.uint64(32)
        return (drawn.astype(jnp.int64) + low).astype(dtype)

    def _open(self, shape: Sequence[int], dtype: str) -> Any:
        """Return float64 numbers in (0, 1), each the middle of an interval of length 2**-32 or
        2**-52.
        """
        first, second = self.bits(shape)
        if dtype != "float64":
            return (first.astype(jnp.float64) + 0.5) * 2.0**-32
        upper = first.astype(jnp.uint64) << jnp.uint64(20)
        whole = upper | second.astype(jnp.uint64) >> jnp.uint64(12)
        return (whole.astype(jnp.float64) + 0.5) * 2.0**-52


def inverse_normal(p: Any) -> Any:
    """Return x with P(standard normal < x) = p, for float64 p in (0, 1), by AS 241."""
    q = p - 0.5
    central = jnp.abs(q) <= 0.425
    middle = q * _ratio(CENTRE, jnp.where(central, 0.180625 - q * q, 0.0))
    r = jnp.sqrt(-jnp.log(jnp.minimum(p, 1.0 - p)))
    size = jnp.where(r <= 5.0, _ratio(SHOULDER, r - 1.6), _ratio(TAIL, r - 5.0))
    return jnp.where(central, middle, jnp.copysign(size, q))


def _ratio(coefficients: tuple[Sequence[float], Sequence[float]], r: Any) -> Any:
    return _polynomial(coefficients[0], r) / _polynomial(coefficients[1], r)


def _polynomial(coefficients: Sequence[float], r: Any) -> Any:
    value = jnp.full_like(r, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value = value * r + coefficient
    return value
