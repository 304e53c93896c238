"""Random numbers as a pure function of (run seed, stream name, execution, element).

Nothing here has state. Element i of a node's draw in execution e is Threefry-2x32-20 of the counter
(i, e) under a key made from the seed and the node's stream. The stream is the node's original name,
which renaming, grouping and unpacking do not change. So a draw does not depend on other nodes, on
the order of evaluation or on the number of threads, and compiled kernels
(`devicelib.random_functions`) draw the same bits.

- key: the first 8 bytes of SHA-256 of ``"{seed}/{purpose}/{stream}"`` as two little-endian words;
  the purpose separates training, runs and initial values. A node's own seed replaces both seed and
  stream (which is then empty): nodes with the same seed draw the same numbers.
- In a loop or branch (`Stream.inside`) the stream is ``OWNER/NAME``, and each iteration on the way
  changes the key: the new key is Threefry of the counter (iteration, 0x6C6F6F70) under the old one.
  The iteration of a scan is the number of the slice, in either direction; the iteration of a branch
  is 0.
- In a block of rows (`Stream.of_rows`) elements keep the numbers that they have among all rows.
- uniform float32: 24 bits of the first word (float16: 11, bfloat16: 8); float64: 53 bits of both;
  in [0, 1).
- normal: inverse distribution function (Wichura 1988, AS 241, PPND16; relative error below 1e-15 in
  float64) of a uniform in (0, 1) with 32 bits for float32 and 52 for float64. There is no
  rejection: one counter gives one number. Nothing beyond 6.3 (8.2) deviations is drawn.
- truncated normal: the same on the part of (0, 1) between the bounds.
- integers: the two words as a fraction of 64 bits, times the range.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from copy import copy

import numpy as np

from nodeflow.engine.devicelib.normal_quantile import CENTRE, SHOULDER, TAIL
from nodeflow.ops.distributions.random_bits import threefry2x32

_LOOP = np.uint32(0x6C6F6F70)
_ITERATIONS = 256
_BLOCK = 1 << 15  # elements drawn at a time, so that they stay in cache


def stream_key(seed: int, name: str, purpose: str = "") -> tuple[int, int]:
    """Return the key of the random number stream ``name`` in a run with ``seed``, as two 32-bit
    words.
    """
    digest = hashlib.sha256(f"{seed}/{purpose}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "little"), int.from_bytes(digest[4:8], "little")


def inverse_normal(p: np.ndarray) -> np.ndarray:
    """Return the quantiles of the standard normal distribution for float64 probabilities p in (0,
    1), by algorithm AS 241.
    """
    q = p - 0.5
    central = np.abs(q) <= 0.425
    x = q * _ratio(CENTRE, np.where(central, 0.180625 - q * q, 0.0))
    outer = ~central
    if outer.any():
        tail = np.minimum(p[outer], 1.0 - p[outer])
        r = np.sqrt(-np.log(tail))
        size = np.where(r <= 5.0, _ratio(SHOULDER, r - 1.6), _ratio(TAIL, r - 5.0))
        x[outer] = np.copysign(size, q[outer])
    return x


def _ratio(coefficients: tuple[Sequence[float], Sequence[float]], r: np.ndarray) -> np.ndarray:
    numerator, denominator = (np.polynomial.polynomial.polyval(r, c) for c in coefficients)
    return numerator / denominator


class Stream:
    """The random numbers of one node in one execution, in numpy.

    Args:
        seed: seed of the run, or the node's own.
        name: name of the stream.
        execution: number of earlier executions: the training step while training.
        purpose: "" in training and runs; another word for draws that must not disturb them.

    Attributes:
        origin: seed, name and purpose.
    """

    def __init__(self, seed: int, name: str, execution: int = 0, purpose: str = "") -> None:
        self.key = stream_key(seed, name, purpose)
        self.execution = execution
        self.origin = seed, name, purpose
        self._inner: dict[tuple[str, int | None], Stream] = {}
        self._iterations: tuple[int, ...] = ()
        self._keys: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._rows: tuple[int, int] | None = None

    def of_rows(self, start: int, rows: int) -> Stream:
        """Return a stream that draws random numbers for ``rows`` rows from row ``start`` on.

        They are the same numbers that a draw for the whole batch gives to these rows.
        """
        part = copy(self)
        part._rows = start, rows
        return part

    def first(self, size: int) -> int:
        """Return the index of the first of ``size`` drawn elements in the random numbers of the
        whole batch. It is not 0 if this stream draws for a block of rows.
        """
        if self._rows is None:
            return 0
        start, rows = self._rows
        return size // rows * start

    def inside(self, name: str, iteration: int, seed: int | None = None) -> Stream:
        """Return the random stream of a node in one iteration of the body of the loop or branch
        that owns this stream.

        Args:
            seed: the node's own seed, which replaces the run's seed and the stream's name.
        """
        own, owner, purpose = self.origin
        known = self._inner.get((name, seed))
        if known is None:
            place = (own, f"{owner}/{name}") if seed is None else (seed, "")
            known = self._inner[name, seed] = Stream(*place, 0, purpose)
            for number in self._iterations:
                known.key = known._key_of(number)
        inner = copy(known)
        inner.key, inner.execution = known._key_of(iteration), self.execution
        inner._iterations = (*self._iterations, iteration)
        inner._inner, inner._keys = {}, {}
        return inner

    def _key_of(self, iteration: int) -> tuple[int, int]:
        block, at = divmod(iteration, _ITERATIONS)
        if block not in self._keys:  # numpy takes as long for one as for a block
            numbers = np.arange(block * _ITERATIONS, (block + 1) * _ITERATIONS)
            words = threefry2x32(*self.key, numbers.astype(np.uint32), _LOOP)
            self._keys = {block: words}
        first, second = self._keys[block]
        return int(first[at]), int(second[at])

    def bits(self, count: int, start: int = 0) -> tuple[np.ndarray, np.ndarray]:
        """Return two random uint32 words for each of the elements start to start + count - 1 of the
        stream.
        """
        elements = np.arange(start, start + count, dtype=np.uint64).astype(np.uint32)
        return threefry2x32(*self.key, elements, np.uint32(self.execution & 0xFFFFFFFF))

    def uniform(self, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
        """Return numbers in [0, 1) of ``shape`` and float ``dtype``."""
        return self._draw(shape, dtype, _uniform)

    def normal(self, shape: Sequence[int], dtype: str = "float32") -> np.ndarray:
        """Return standard normal numbers of ``shape`` and float ``dtype``."""
        return self._draw(shape, dtype, lambda w, dtype: inverse_normal(_open(w, dtype)))

    def truncated_normal(
        self, shape: Sequence[int], dtype: str = "float32", low: float = -2.0, high: float = 2.0
    ) -> np.ndarray:
        """Return standard normal numbers conditioned on lying between ``low`` and ``high``."""
        below, above = normal_cdf(low), normal_cdf(high)

        def draw(words: tuple[np.ndarray, np.ndarray], dtype: str) -> np.ndarray:
            drawn = inverse_normal(below + (above - below) * _open(words, dtype))
            return np.clip(drawn, low, high)

        return self._draw(shape, dtype, draw)

    def integers(
        self, shape: Sequence[int], low: int, high: int, dtype: str = "int32"
    ) -> np.ndarray:
        """Return random integers from ``low`` to ``high`` - 1. The range may have at most 2**32
        integers.
        """
        span = high - low
        if not 0 < span <= 1 << 32:
            raise ValueError(f"expected between 1 and 2**32 integers, got {low} to {high}")

        def draw(words: tuple[np.ndarray, np.ndarray], dtype: str) -> np.ndarray:
            upper, lower = (w.astype(np.uint64) for w in words)
            carried = (lower * np.uint64(span)) >> np.uint64(32)
            drawn = (upper * np.uint64(span) + carried) >> np.uint64(32)
            return drawn.astype(np.int64) + low

        return self._draw(shape, dtype, draw)

    def _draw(self, shape: Sequence[int], dtype: str, convert) -> np.ndarray:
        out = np.empty(tuple(shape), dtype)
        flat, first = out.reshape(-1), self.first(out.size)
        for start in range(0, flat.size, _BLOCK):
            part = flat[start : start + _BLOCK]
            part[:] = convert(self.bits(part.size, first + start), dtype)
        return out


def normal_cdf(x: float) -> float:
    """Return P(standard normal < x)."""
    from math import erfc, sqrt

    return 0.5 * erfc(-x * sqrt(0.5))


_HALF_BITS = {"float16": 11, "bfloat16": 8}
"""Random bits of uniform half floats: the largest number of bits that keeps all values below 1."""


def _uniform(words: tuple[np.ndarray, np.ndarray], dtype: str) -> np.ndarray:
    first, second = words
    if dtype in _HALF_BITS:
        bits = _HALF_BITS[dtype]
        return (first >> np.uint32(32 - bits)).astype(np.float32) * np.float32(2.0**-bits)
    if dtype == "float32":
        return (first >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)
    upper = first.astype(np.uint64) << np.uint64(21)
    return (upper | second.astype(np.uint64) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _open(words: tuple[np.ndarray, np.ndarray], dtype: str) -> np.ndarray:
    """Return uniform float64 random numbers strictly between 0 and 1: the midpoints of intervals of
    length 2**-32, or 2**-52 for float64.
    """
    first, second = words
    if dtype != "float64":
        return (first.astype(np.float64) + 0.5) * 2.0**-32
    upper = first.astype(np.uint64) << np.uint64(20)
    whole = upper | second.astype(np.uint64) >> np.uint64(12)
    return (whole.astype(np.float64) + 0.5) * 2.0**-52
