"""Every unary float32 op, compiled, over bit patterns of all kinds: the largest error in ulp.

One pattern of each 256 neighbours in ``make test``, every one with ``make test-nightly``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from nodeflow.engine.session import Session
from nodeflow.graph.graph import Graph
from nodeflow.graph.registry import REGISTRY
from nodeflow.ops.elementwise import Elementwise

STRIDE = 1 if os.environ.get("NODEFLOW_NIGHTLY") else 256
CHUNK = 1 << 20

LIMITS = {
    "relu": 0.5, "negative": 0.5, "abs": 0.5, "sign": 0.5, "square": 0.5, "sqrt": 0.5,
    "floor": 0.5, "ceil": 0.5, "round": 0.5, "clip_by_value": 0.5, "cast": 0.5, "identity": 0.5,
    "leaky_relu": 0.7, "log": 0.9, "elu": 1.3, "exp": 1.1, "erf": 1.3, "rsqrt": 1.55,
    "log1p": 1.5, "sin": 1.7, "cos": 1.7, "softplus": 2.2, "sigmoid": 2.5, "tanh": 2.65,
    "tan": 3.8, "erfc": 4.3, "gelu": 13.4, "gelu_tanh": 205.0, "silu": 53.0, "mish": 53.0,
    "selu": 2.9, "hard_swish": 2.6, "hard_sigmoid": 60000.0, "gelu_slope": 9.9,
}  # fmt: skip
"""The largest error allowed: a little above what is measured. 0.5 is correctly rounded.

gelu, its slope, silu and mish are a number times a probability that is nearly a denormal;
hard_sigmoid cancels just above -2.5.
"""
OTHERS = 2.0
"""Limit for ops that the table does not name yet."""


def unary_ops() -> list[Elementwise]:
    """Ops from one float32 to one."""
    return [
        op
        for op in REGISTRY
        if isinstance(op, Elementwise)
        and op.expression is not None
        and len(op.inputs) == 1
        and "float32" in op.inputs[0].dtypes
        and op._result in (None, "float32")
    ]


def exact_gelu(x: np.ndarray) -> np.ndarray:
    """Without the cancellation of 1 + erf far below 0."""
    from scipy.special import ndtr

    return x * ndtr(x)


def exact_gelu_slope(x: np.ndarray) -> np.ndarray:
    """Without the cancellation of 1 + erf far below 0."""
    from scipy.special import ndtr

    with np.errstate(all="ignore"):
        density = np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)
        return ndtr(x) + x * density


def probability(x: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(x)


EXACT: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "gelu": exact_gelu,
    "gelu_slope": exact_gelu_slope,
}
TERMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"gelu_slope": probability}
"""A term of a sum that cancels out somewhere, here near -0.7518: the error is in units of its last
place where the result is smaller."""


def chunks() -> Iterator[np.ndarray]:
    """Bit patterns as float32, the low bits different from one to the next."""
    for first in range(0, 2**32 // STRIDE, CHUNK):
        number = np.arange(first, min(first + CHUNK, 2**32 // STRIDE), dtype=np.uint64)
        yield (number * STRIDE + (number * 37) % STRIDE).astype(np.uint32).view(np.float32)


def largest_error(
    found: np.ndarray, exact: np.ndarray, terms: np.ndarray | None = None
) -> tuple[float, int]:
    """In units of the last place of the rounded result, or of terms that are larger, and where;
    specials must be equal."""
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float32)
    same = (found == rounded) | (np.isnan(found) & np.isnan(rounded))
    wrong = np.flatnonzero(~same)
    if not wrong.size:
        return (0.5 if found.size else 0.0), 0
    ours, theirs, exact = found[wrong], rounded[wrong], exact[wrong]
    finite = np.isfinite(ours) & np.isfinite(theirs)
    if not finite.all():
        edge = np.float32(3.4028235e38)
        ours, theirs = np.clip(ours, -edge, edge), np.clip(theirs, -edge, edge)
        exact = np.clip(exact, -float(edge), float(edge))
    size = np.maximum(np.abs(theirs), np.float32(2.0**-126))
    if terms is not None:
        size = np.fmax(size, np.abs(terms[wrong]).astype(np.float32))
    unit = np.spacing(size).astype(np.float64)
    distance = np.abs(ours.astype(np.float64) - exact) / unit
    distance[np.isnan(distance)] = np.inf
    return float(distance.max()), int(wrong[distance.argmax()])


@pytest.mark.thorough
@pytest.mark.parametrize("op", unary_ops(), ids=lambda op: op.id)
def test_the_error_over_all_bit_patterns(op: Elementwise, record_property) -> None:
    graph = Graph()
    x = graph.apply("placeholder", dtype="float32", shape=[None])
    out = graph.apply(op, x)
    attrs = {a.name: a.default for a in op.attrs}
    worst, at, tried = 0.0, np.float32(0), 0
    with Session(graph, tier="compiled", threads=1) as session:
        for bits in chunks():
            found = session.run(out, {x: bits})
            assert found.dtype == np.float32
            with np.errstate(all="ignore"):
                wide = bits.astype(np.float64)
                exact = EXACT.get(op.id, lambda v: op.reference(v, **attrs))(wide)
            terms = TERMS[op.id](wide) if op.id in TERMS else None
            error, place = largest_error(found, exact, terms)
            tried += bits.size
            if error > worst:
                worst, at = error, bits[place]
    record_property("ulp", worst)
    record_property("patterns", tried)
    print(f"{op.id}: {worst:.3f} ulp at {at!r} ({float(at).hex()}), {tried} tried")
    assert tried == 2**32 // STRIDE
    assert worst <= LIMITS.get(op.id, OTHERS), f"at {at!r}"


def test_enough_ops_are_swept() -> None:
    assert len(unary_ops()) >= 20
