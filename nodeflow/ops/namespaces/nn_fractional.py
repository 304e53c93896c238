"""Fractional pooling of `nn`: windows of two lengths in random order.

Graham, "Fractional max-pooling", 2014.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import scoped, tensor


class FractionalPool(NamedTuple):
    """The results of fractional pooling: images, and the bounds of windows along both axes."""

    output: Tensor
    row_pooling_sequence: Tensor
    col_pooling_sequence: Tensor


def fractional_max_pool(
    value: Any,
    pooling_ratio: Sequence[float],
    pseudo_random: bool = False,
    overlapping: bool = False,
    deterministic: bool = False,
    seed: int = 0,
    seed2: int = 0,
    name: str | None = None,
) -> FractionalPool:
    """Take the largest element of each window. Each run draws the lengths of windows.

    Args:
        value: (rows, height, width, channels), with known sizes.
        pooling_ratio: factor by which the result is smaller, [1, height, width, 1].
        pseudo_random: start windows at rounded multiples of the ratio from a random offset;
            otherwise the two lengths are in random order.
        overlapping: a window includes the first element of the next.
        deterministic: every run draws the same lengths.

    Raises:
        AttributeProblem: a ratio is below 1, or a ratio of rows or channels is not 1.
        ShapeError: the rank is not 4, or sizes are unknown.
    """
    seeds = (seed, seed2, deterministic)
    return _pooled("max", value, pooling_ratio, pseudo_random, overlapping, seeds, name)


def fractional_avg_pool(
    value: Any,
    pooling_ratio: Sequence[float],
    pseudo_random: bool = False,
    overlapping: bool = False,
    deterministic: bool = False,
    seed: int = 0,
    seed2: int = 0,
    name: str | None = None,
) -> FractionalPool:
    """Take the mean of each window; arguments and result are the same as for
    `fractional_max_pool`.
    """
    seeds = (seed, seed2, deterministic)
    return _pooled("avg", value, pooling_ratio, pseudo_random, overlapping, seeds, name)


def _pooled(
    kind: str,
    value: Any,
    ratio: Sequence[float],
    pseudo_random: bool,
    overlapping: bool,
    seeds: tuple[int, int, bool],
    name: str | None,
) -> FractionalPool:
    x = tensor(value)
    if len(x.shape) != 4 or None in x.shape[1:3]:
        raise ShapeError(
            f"fractional pooling needs (rows, height, width, channels) with known sizes, not "
            f"{shape_text(x.shape)}",
            port="value",
        )
    if len(ratio) != 4 or ratio[0] != 1 or ratio[3] != 1 or min(ratio) < 1:
        raise AttributeProblem(
            f"pooling_ratio {list(ratio)} is not [1, height, width, 1] with numbers of 1 or more",
            port="pooling_ratio",
        )
    with scoped(name, f"fractional_{kind}_pool", [x]):
        sequences, out = [], x
        for place, (size, share) in enumerate(zip(x.shape[1:3], ratio[1:3], strict=True)):
            begins = _begins(
                size or 0, math.floor((size or 0) / share), pseudo_random, seeds, place
            )
            sequences.append(begins)
            out = _along(kind, out, begins, place + 1, size or 0, share, overlapping)
    return FractionalPool(out, *sequences)


def _along(
    kind: str, x: Tensor, begins: Tensor, axis: int, size: int, share: float, overlapping: bool
) -> Tensor:
    """Pool x along one axis with windows of different lengths.

    Args:
        kind: "max" to take the maximum of a window; otherwise take the mean.
        begins: the first index of each window, and the end of the last.
        size: size of the axis.
        share: ratio of output size to input size.
        overlapping: whether a window includes the first element of the next.
    """
    longest = size // math.floor(size / share) + 2 + overlapping
    ends = F.minimum(begins[1:] - (0 if overlapping else 1), size - 1)
    last = F.expand_dims(ends, axis=1)
    places = F.expand_dims(begins[:-1], axis=1) + np.arange(longest)
    seen = F.gather(x, F.minimum(places, last), axis=axis)
    if kind == "max":
        return F.reduce_max(seen, axis=axis + 1)
    inside = F.cast(F.less_equal(places, last), dtype=x.dtype)
    weights = inside / F.reduce_sum(inside, axis=1, keepdims=True)
    rest = [1] * (len(x.shape) - axis - 1)
    return F.reduce_sum(seen * F.reshape(weights, shape=[-1, longest, *rest]), axis=axis + 1)


def _begins(
    size: int, count: int, pseudo_random: bool, seeds: tuple[int, int, bool], place: int
) -> Tensor:
    """Draw the boundaries of ``count`` pooling windows along an axis: the start of each window, and
    the end of the last one, as an int64 tensor with values from 0 to ``size``.

    Args:
        pseudo_random: start windows at rounded multiples of the ratio from a random offset;
            otherwise the two lengths are in random order.
        place: tells the axes apart, so that they draw different numbers.
    """
    short, rest = divmod(size, count)
    if not rest:
        return F.constant(np.arange(count + 1) * short)
    first, second, deterministic = seeds
    draws = 1 if pseudo_random else count
    if deterministic:
        drawn = F.constant(np.random.default_rng([first, second, place]).random(draws))
    else:
        given = first or second
        seed = {"seed": (first * 1_000_003 + second) * 2 + place} if given else {}
        drawn = F.random_uniform(shape=[draws], dtype="float64", **seed)
    if pseudo_random:
        alpha = size / count
        most = min((short + 2) / alpha - 1, (size + 1 - short) / alpha - (count - 1))
        inner = F.ceil((drawn * most + np.arange(1.0, count)) * alpha) - 1
        return F.concat(
            [np.zeros(1, "int64"), F.cast(inner, dtype="int64"), np.array([size])], axis=0
        )
    longer = F.less(F.argsort(F.argsort(drawn)), rest)
    ends = F.cumsum(F.cast(longer, dtype="int64") + short)
    return F.concat([np.zeros(1, "int64"), ends], axis=0)
