"""Cumulative sums and products, and for each element the product of all others."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from nodeflow.integrations.jax.registry import Lowered, lowers
from nodeflow.ops.lowering import OtherProducts, Running
from nodeflow.ops.math.reduction import limits

_COMBINED = {
    "sum": lax.cumsum, "prod": lax.cumprod, "max": lax.cummax, "min": lax.cummin,
    "logsumexp": lax.cumlogsumexp,
}  # fmt: skip


@lowers(Running)
def running(node: Lowered, x: Any) -> Any:
    """Return the running combination of the elements along an axis, such as a cumulative sum."""
    lowering = node.lowering
    assert isinstance(lowering, Running)
    if not x.size:
        return x
    found = _COMBINED[lowering.kind](x, axis=lowering.axis, reverse=lowering.reverse)
    if not lowering.exclusive:
        return found
    return _moved_on(found, lowering.axis, _start(lowering.kind, x.dtype), lowering.reverse)


def _start(kind: str, dtype: Any) -> Any:
    """Return the neutral element of a kind of combination."""
    if kind in ("max", "min"):
        return limits(dtype)[kind == "min"]
    return {"sum": 0, "prod": 1, "logsumexp": -jnp.inf}[kind]


def _moved_on(x: Any, axis: int, start: Any, reverse: bool = False) -> Any:
    """Shift the elements by one position along an axis, and put ``start`` in the free
    first place.
    """
    first = jnp.full_like(lax.slice_in_dim(x, 0, 1, axis=axis), start)
    if reverse:
        return jnp.concatenate([lax.slice_in_dim(x, 1, None, axis=axis), first], axis)
    return jnp.concatenate([first, lax.slice_in_dim(x, 0, -1, axis=axis)], axis)


@lowers(OtherProducts)
def other_products(node: Lowered, x: Any, direction: Any = None) -> Any:
    """Return for each element of a row the product of the others, or its derivative along a
    direction.
    """
    if not x.size:
        return x
    axis = x.ndim - 1
    if direction is None:
        before = _moved_on(lax.cumprod(x, axis=axis), axis, 1)
        after = _moved_on(lax.cumprod(x, axis=axis, reverse=True), axis, 1, reverse=True)
        return before * after
    before, change_before = _products(x, direction, axis, reverse=False)
    after, change_after = _products(x, direction, axis, reverse=True)
    return change_before * after + before * change_after


def _products(x: Any, direction: Any, axis: int, reverse: bool) -> tuple[Any, Any]:
    """Return the products of the elements before each one, and their derivatives along a
    direction.
    """

    def joined(first: tuple[Any, Any], second: tuple[Any, Any]) -> tuple[Any, Any]:
        (a, da), (b, db) = first, second
        return a * b, da * b + a * db

    products, changes = lax.associative_scan(joined, (x, direction), reverse=reverse, axis=axis)
    return _moved_on(products, axis, 1, reverse), _moved_on(changes, axis, 0, reverse)
