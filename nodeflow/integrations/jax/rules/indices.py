"""Ops that read or write elements by indices: gather, scatter, and row-wise variants."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nodeflow.errors import RunError
from nodeflow.graph.types import normalize_axis, numpy_dtype
from nodeflow.integrations.jax.registry import Lowered, computes, lowers
from nodeflow.ops.lowering import AddAlong, Gather, MarkRows, Pick, ScatterAdd, TakeAlong
from nodeflow.ops.math.reduction import limits

Places = tuple[Any, ...]
"""An index array for each of the first axes. The arrays broadcast."""


def checked(node: Lowered, indices: Any, size: int, from_end: bool = True) -> Any:
    """Return indices as int64 numbers, where negative indices from the end are replaced by
    positions from 0. The run fails if an index is outside the axis.
    """
    indices = indices.astype(jnp.int64)
    lowest = -size if from_end else 0
    node.fail_where(
        (indices < lowest) | (indices >= size), f"an index is outside an axis of size {size}"
    )
    return jnp.where(indices < 0, indices + size, indices)


def empty(node: Lowered) -> Any | None:
    """Return an array without elements if the op's output has none. Otherwise return None, and the
    caller computes the output.
    """
    (out,) = node.outputs
    return jnp.zeros(shape_of(node), numpy_dtype(out.dtype)) if out.size == 0 else None


def shape_of(node: Lowered, index: int = 0) -> tuple[int, ...]:
    """Return the shape of an output."""
    return tuple(d or 0 for d in node.outputs[index].shape)


# ---- slices -------------------------------------------------------------------------------------


@lowers(Gather)
def gather(node: Lowered, x: Any, indices: Any) -> Any:
    """Return slices along an axis, by their indices."""
    lowering = node.lowering
    assert isinstance(lowering, Gather)
    places = checked(node, indices, x.shape[lowering.axis], lowering.from_end)
    if not x.size:
        return jnp.zeros(shape_of(node), x.dtype)
    return jnp.take(x, places, axis=lowering.axis, mode="clip")


@lowers(ScatterAdd)
def scatter(node: Lowered, x: Any, indices: Any) -> Any:
    """Scatter the slices of ``x`` to the given indices along an axis. Combine slices with equal
    indices by sum, minimum or maximum.
    """
    lowering, shape = node.lowering, shape_of(node)
    assert isinstance(lowering, ScatterAdd)
    places = checked(node, indices, shape[lowering.axis], lowering.from_end)
    x = x.reshape(*shape[: lowering.axis], places.size, *shape[lowering.axis + 1 :])
    where = (*(slice(None),) * lowering.axis, places.reshape(-1))
    if lowering.kind == "sum":
        return jnp.zeros(shape, x.dtype).at[where].add(x, mode="drop")
    lowest, highest = limits(x.dtype)
    if lowering.kind == "max":
        return jnp.full(shape, lowest, x.dtype).at[where].max(x, mode="drop")
    return jnp.full(shape, highest, x.dtype).at[where].min(x, mode="drop")


@lowers(MarkRows)
def mark_rows(node: Lowered, *indices: Any) -> Any:
    """Return a bool vector that is True at the given row indices."""
    shape = shape_of(node)
    marked = jnp.zeros(shape[0], bool)
    for each in indices:
        marked = marked.at[checked(node, each, shape[0])].set(True, mode="drop")
    return marked.reshape(shape)


# ---- row by row ---------------------------------------------------------------------------------


@lowers(Pick)
def pick(node: Lowered, x: Any, indices: Any) -> Any:
    """Return one element of each row along the last axis, at the index given for that row."""
    size = x.shape[-1]
    rows = x.reshape(-1, size) if x.size else x.reshape(math.prod(x.shape[:-1]), size)
    places = checked(node, indices, size, from_end=False).reshape(-1, 1)
    if not x.size:
        return jnp.zeros(shape_of(node), x.dtype)
    return jnp.take_along_axis(rows, places, -1, mode="clip").reshape(shape_of(node))


@lowers(TakeAlong)
def take_along(node: Lowered, x: Any, indices: Any) -> Any:
    """Return elements of each row along an axis, at the indices of that row."""
    lowering = node.lowering
    assert isinstance(lowering, TakeAlong)
    places = checked(node, indices, x.shape[lowering.axis])
    if (nothing := empty(node)) is not None or not x.size:
        return jnp.zeros(shape_of(node), x.dtype) if nothing is None else nothing
    return jnp.take_along_axis(x, places, lowering.axis, mode="clip")


@lowers(AddAlong)
def add_along(node: Lowered, x: Any, indices: Any) -> Any:
    """Return an array of zeros with the elements of ``x`` added at the given indices along one
    axis.
    """
    lowering, shape = node.lowering, shape_of(node)
    assert isinstance(lowering, AddAlong)
    places = checked(node, indices, shape[lowering.axis])
    where = along(places, lowering.axis)
    return jnp.zeros(shape, x.dtype).at[where].add(x, mode="drop")


def along(places: Any, axis: int) -> Places:
    """Return index arrays for all axes: the given indices along one axis, and each element's
    own position along the others.
    """
    where = [jnp.asarray(i) for i in np.ogrid[tuple(slice(0, d) for d in places.shape)]]
    where[axis] = places
    return tuple(where)


# ---- several axes at once -----------------------------------------------------------------------


def nd_places(node: Lowered, shape: Sequence[int], indices: Any) -> Places:
    """Return one index array for each of the first axes of ``shape``, from the last axis of
    ``indices``. The run fails if an index is outside its axis.
    """
    numbers = range(indices.shape[-1])
    return tuple(checked(node, indices[..., n], shape[n]) for n in numbers)


def by_batch(node: Lowered, compute: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that maps ``compute`` over the leading batch axes, as many as the attribute
    `batch_dims` says.
    """
    for _ in range(node.attrs["batch_dims"]):
        compute = jax.vmap(compute)
    return compute


@computes("gather_nd")
def gather_nd(node: Lowered, x: Any, indices: Any) -> Any:
    """Return slices by indices of several axes."""
    places = nd_places(node, x.shape[node.attrs["batch_dims"] :], indices)
    if not x.size:
        return jnp.zeros(shape_of(node), x.dtype)
    return by_batch(node, lambda x, *at: x.at[at].get(mode="clip"))(x, *places)


@computes("scatter_nd")
def scatter_nd(node: Lowered, indices: Any, updates: Any) -> Any:
    """Return zeros with slices added at indices."""
    shape = shape_of(node)
    places = nd_places(node, shape, indices)
    return jnp.zeros(shape, updates.dtype).at[places].add(updates, mode="drop")


@computes("scatter_nd_like")
def scatter_nd_like(node: Lowered, x: Any, indices: Any, like: Any) -> Any:
    """Return the adjoint of `gather_nd`."""
    batch = node.attrs["batch_dims"]
    places = nd_places(node, like.shape[batch:], indices)

    def added(zeros: Any, x: Any, *at: Any) -> Any:
        return zeros.at[at].add(x, mode="drop")

    return by_batch(node, added)(jnp.zeros(like.shape, x.dtype), x, *places)


@computes("tensor_scatter")
def tensor_scatter(node: Lowered, x: Any, indices: Any, updates: Any) -> Any:
    """Return a copy of a tensor in which slices at the given indices are replaced by, or combined
    with, updates.
    """
    return _changed(node, x, nd_places(node, x.shape, indices), updates)


@computes("put_along_axis")
def put_along_axis(node: Lowered, x: Any, indices: Any, updates: Any) -> Any:
    """Return a tensor with elements of each row replaced."""
    axis = normalize_axis(node.attrs["axis"], x.ndim)
    return _changed(node, x, along(checked(node, indices, x.shape[axis]), axis), updates)


def _changed(node: Lowered, x: Any, places: Places, updates: Any) -> Any:
    mode = node.attrs["mode"]
    if not x.size or not updates.size:
        return x
    if mode == "update":
        return put(x, places, updates)
    if x.dtype == bool:
        raise RunError(f"mode {mode} is for numbers", node=node.name, port="x", hint="Use update.")
    return getattr(x.at[places], mode)(updates, mode="drop")


def put(x: Any, places: Places, updates: Any) -> Any:
    """Return ``x`` with slices replaced. If several updates have the same position, the last one
    counts.

    XLA does not define the order of writes, so only that last update is written.
    """
    sizes = x.shape[: len(places)]
    flat = jnp.ravel_multi_index(jnp.broadcast_arrays(*places), sizes, mode="clip")
    numbers = jnp.arange(flat.size).reshape(flat.shape)
    last = jnp.full(math.prod(sizes), -1, numbers.dtype).at[flat].max(numbers)[flat] == numbers
    where = (jnp.where(last, places[0], sizes[0]), *places[1:])
    return x.at[where].set(updates, mode="drop")


@computes("unmask_like")
def unmask_like(node: Lowered, x: Any, like: Any, mask: Any) -> Any:
    """Return zeros in the shape of ``like``, with the slices of x put where the mask is true."""
    axis = normalize_axis(node.attrs["axis"], like.ndim)
    count = x.shape[axis]
    node.fail_where(mask.sum() != count, f"the mask has not {count} true elements, as x has")
    if not like.size or not x.size:
        return jnp.zeros(like.shape, x.dtype)
    places = jnp.cumsum(mask.reshape(-1)) - 1
    rows = jnp.take(x, places, axis, mode="clip").reshape(like.shape)
    chosen = mask.reshape(*mask.shape, *[1] * (like.ndim - axis - mask.ndim))
    return jnp.where(chosen, rows, jnp.zeros((), x.dtype))
