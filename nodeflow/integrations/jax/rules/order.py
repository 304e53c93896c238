"""Sorting, distinct elements, and search in sorted rows."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from nodeflow.integrations.jax.registry import Lowered, lowers
from nodeflow.integrations.jax.rules.indices import shape_of
from nodeflow.ops.lowering import (
    Distinct,
    Largest,
    Order,
    PairsInOrder,
    SearchSorted,
    SortValues,
)


@lowers(Order)
def order(node: Lowered, x: Any) -> Any:
    """Return the indices that sort each row of the last axis."""
    assert isinstance(node.lowering, Order)
    return _order(x, descending=node.lowering.descending)


@lowers(Largest)
def largest(node: Lowered, x: Any) -> Any:
    """Return the first ``k`` of the indices that sort each row of the last axis."""
    assert isinstance(node.lowering, Largest)
    return _order(x, descending=node.lowering.descending)[..., : shape_of(node)[-1]]


def _order(x: Any, *, descending: bool) -> Any:
    if not x.size:
        found = jnp.zeros(x.shape, jnp.int64)
    elif descending:  # the last of equals first, from the end
        found = jnp.argsort(jnp.flip(x, -1), axis=-1, stable=True)
        found = x.shape[-1] - 1 - jnp.flip(found, -1)
    else:
        found = jnp.argsort(x, axis=-1, stable=True)
    return found.astype(jnp.int64)


@lowers(SortValues)
def sort_values(node: Lowered, x: Any) -> Any:
    """Return the sorted elements of each row.

    They are compared as integers, because XLA does not distinguish -0 from 0.
    """
    assert isinstance(node.lowering, SortValues)
    descending = node.lowering.descending
    if not x.size or not jnp.issubdtype(x.dtype, jnp.floating):
        return jnp.sort(x, axis=-1, descending=descending)
    whole = jnp.dtype(f"int{8 * x.dtype.itemsize}")
    highest = jnp.iinfo(whole).max

    def turned(bits: Any) -> Any:
        return bits ^ ((bits >> (8 * x.dtype.itemsize - 1)) & highest)

    nan = jax.lax.bitcast_convert_type(jnp.array(jnp.nan, x.dtype), whole)
    keys = turned(jax.lax.bitcast_convert_type(x, whole))
    keys = jnp.sort(jnp.where(jnp.isnan(x), nan, keys), axis=-1, descending=descending)
    return jax.lax.bitcast_convert_type(turned(keys), x.dtype)


@lowers(Distinct)
def distinct(node: Lowered, x: Any, places: Any) -> Any:
    """Return the distinct elements of a vector, the index of each element among them, and their
    number.
    """
    lowering, size = node.lowering, shape_of(node)[0]
    assert isinstance(lowering, Distinct)
    padding = jnp.full(size, lowering.fill, x.dtype)
    if not x.size:
        return padding, jnp.zeros(shape_of(node, 1), jnp.int64), jnp.zeros((), jnp.int64)
    ordered = x[places]
    same = ordered[1:] == ordered[:-1]
    if jnp.issubdtype(x.dtype, jnp.inexact):
        same |= jnp.isnan(ordered[1:]) & jnp.isnan(ordered[:-1])
    first = jnp.concatenate([jnp.ones(1, bool), ~same])
    numbers = jnp.cumsum(first) - 1
    count = numbers[-1] + 1
    node.fail_where(count > size, f"the distinct elements do not fit into {size}")
    found = padding.at[jnp.where(first, numbers, size)].set(ordered, mode="drop")
    which = jnp.zeros(x.size, jnp.int64).at[places].set(numbers, unique_indices=True)
    return found, which.reshape(shape_of(node, 1)), count.astype(jnp.int64)


@lowers(PairsInOrder)
def pairs_in_order(node: Lowered, labels: Any, scores: Any, places: Any) -> Any:
    """Return the fraction of pairs (positive, negative) whose positive has the higher score."""
    ordered, wanted = scores[places], labels[places]
    below = jnp.concatenate([jnp.zeros(1, jnp.int64), jnp.cumsum(~wanted)])
    negatives = [below[jnp.searchsorted(ordered, ordered, side)] for side in ("left", "right")]
    positives = wanted.sum()
    pairs = positives * (wanted.size - positives)
    won = jnp.where(wanted, negatives[0] + negatives[1], 0).sum()
    share = won / jnp.where(pairs == 0, jnp.nan, 2.0 * pairs)
    return jnp.where(jnp.isnan(scores).any(), jnp.nan, share).astype(jnp.float32)


@lowers(SearchSorted)
def search_sorted(node: Lowered, rows: Any, values: Any) -> Any:
    """Return the index at which each value must be inserted to keep its row of sorted values in
    order, as numpy's ``searchsorted`` does.
    """
    assert isinstance(node.lowering, SearchSorted)
    dtype, side = node.outputs[0].dtype, node.lowering.side
    if not values.size or not rows.size:
        return jnp.zeros(values.shape, dtype)
    found = jax.vmap(lambda row, value: jnp.searchsorted(row, value, side=side))(
        rows.reshape(-1, rows.shape[-1]), values.reshape(-1, values.shape[-1])
    )
    return found.reshape(values.shape).astype(dtype)
