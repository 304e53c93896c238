"""Random draws from further distributions: Gumbel, orthogonal weights, candidate classes."""

from __future__ import annotations

import math
from copy import copy
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from nodeflow.graph.types import numpy_dtype
from nodeflow.integrations.jax.registry import Lowered, computes
from nodeflow.integrations.jax.rules.indices import shape_of
from nodeflow.ops.objectives.sampling import CandidateSampler, FixedUnigramCandidateSampler


def even_numbers(node: Lowered) -> Any:
    """Return uniform float64 numbers strictly between 0 and 1, in the output's shape."""
    assert node.stream is not None
    return jnp.maximum(node.stream.uniform(shape_of(node), "float64"), 2.0**-54)


@computes("random_gumbel")
def gumbel(node: Lowered, *sizes: Any) -> Any:
    """Return draws from the Gumbel distribution, the limit distribution of the maximum of many
    numbers.
    """
    return (-jnp.log(-jnp.log(even_numbers(node)))).astype(node.outputs[0].dtype)


@computes("unit_forget_bias")
def unit_forget_bias(node: Lowered, *sizes: Any) -> Any:
    """Return initial biases of an LSTM: zeros, but ones for the forget gate."""
    (size,), dtype = shape_of(node), numpy_dtype(node.outputs[0].dtype)
    numbers = np.arange(size)
    return jnp.asarray((numbers >= size // 4) & (numbers < 2 * (size // 4)), dtype)


@computes("orthogonal")
def orthogonal(node: Lowered, *sizes: Any) -> Any:
    """Return a random matrix with orthonormal columns: the factor Q of a QR decomposition, with
    signs chosen so that the diagonal of R is positive.
    """
    shape, dtype = shape_of(node), node.outputs[0].dtype
    if 0 in shape:
        return jnp.zeros(shape, dtype)
    assert node.stream is not None
    rows, columns = math.prod(shape[:-1]), shape[-1]
    drawn = node.stream.normal((max(rows, columns), min(rows, columns)), "float64")
    q, r = jnp.linalg.qr(drawn)
    made = q * jnp.where(jnp.diagonal(r) < 0, -1.0, 1.0)
    made = made if rows >= columns else made.T
    return (made * node.attrs["gain"]).reshape(shape).astype(dtype)


# ---- classes ------------------------------------------------------------------------------------


@computes(
    "log_uniform_candidate_sampler",
    "uniform_candidate_sampler",
    "fixed_unigram_candidate_sampler",
)
def sample_candidates(node: Lowered, true: Any) -> tuple[Any, Any, Any]:
    """Return randomly drawn classes, and the expected counts of the true and the drawn classes."""
    attrs, count, wanted = node.attrs, node.attrs["range_max"], node.attrs["num_sampled"]
    node.fail_where((true < 0) | (true >= count), f"a class is not one of {count}")
    assert node.stream is not None
    if attrs["unique"]:
        drawn, tries = _drawn_until_enough_differ(node, count, wanted)
    else:
        even = node.stream.uniform((wanted,), "float64")
        drawn, tries = _classes(node, even), jnp.asarray(wanted)
    expected = [_expected(node, classes, tries) for classes in (true, drawn)]
    return drawn, *(e.astype(jnp.float32) for e in expected)


def _drawn_until_enough_differ(node: Lowered, count: int, wanted: int) -> tuple[Any, Any]:
    """Draw classes until enough distinct ones are found.

    Return the distinct classes in the order of their draws, and the number of draws.
    """
    block = max(2 * wanted, 32)
    numbers = jnp.arange(block)

    def step(state: tuple[Any, ...]) -> tuple[Any, ...]:
        start, met, found, drawn, tries = state
        stream = copy(node.stream)
        assert stream is not None
        stream.start = stream.start + start
        classes = _classes(node, stream.uniform((block,), "float64"))
        first = jnp.full(count, block).at[classes].min(numbers)[classes] == numbers
        new = first & ~met[classes]
        place = found + jnp.cumsum(new) - 1
        drawn = drawn.at[jnp.where(new, place, wanted)].set(classes, mode="drop")
        last = jnp.where(new & (place == wanted - 1), start + numbers + 1, 0).max()
        met = met.at[classes].set(True)
        return start + block, met, found + new.sum(), drawn, jnp.maximum(tries, last)

    zero = jnp.zeros((), jnp.int64)
    start = zero, jnp.zeros(count, bool), zero, jnp.zeros(wanted, jnp.int64), zero
    _, _, _, drawn, tries = lax.while_loop(lambda state: state[2] < wanted, step, start)
    return drawn, tries


def _classes(node: Lowered, even: Any) -> Any:
    """Map uniform random numbers in (0, 1) to class numbers with the distribution of a candidate
    sampler, like the op's `choose`.
    """
    count, op = node.attrs["range_max"], node.op
    if isinstance(op, FixedUnigramCandidateSampler):
        ends = np.cumsum(_probabilities(node))
        found = jnp.searchsorted(jnp.asarray(ends), even * ends[-1], side="right")
        return jnp.minimum(found, count - 1).astype(jnp.int64)
    if op.id == "uniform_candidate_sampler":
        return jnp.floor(even * count).astype(jnp.int64)
    found = jnp.floor(jnp.exp(even * math.log1p(count))) - 1
    return jnp.clip(found, 0, count - 1).astype(jnp.int64)


def _probabilities(node: Lowered) -> np.ndarray:
    """Return the probability of each class in one draw."""
    assert isinstance(node.op, CandidateSampler)
    classes = np.arange(node.attrs["range_max"], dtype=np.float64)
    return node.op.probability(classes, dict(node.attrs))


def _expected(node: Lowered, classes: Any, tries: Any) -> Any:
    """Return the expected count of classes in some draws; at most 1 if they are unique."""
    share = jnp.asarray(_probabilities(node))[jnp.clip(classes, 0, node.attrs["range_max"] - 1)]
    return -jnp.expm1(tries * jnp.log1p(-share)) if node.attrs["unique"] else share * tries
