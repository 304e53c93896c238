"""TensorFlow 1's functions to gather and scatter slices, composed of several ops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.errors import GraphError, ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import dtype_name, normalize_axis
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import scoped, spelled
from nodeflow.ops.namespaces.arguments import tensor as of
from nodeflow.public import publish

__all__ = [
    "batch_gather",
    "boolean_mask",
    "dynamic_stitch",
    "gather",
    "gather_nd",
    "histogram_fixed_width_bins",
    "scatter_nd",
    "sparse_to_dense",
    "tensor_scatter_nd_add",
    "tensor_scatter_nd_max",
    "tensor_scatter_nd_min",
    "tensor_scatter_nd_sub",
    "tensor_scatter_nd_update",
]


# ---- gather -------------------------------------------------------------------------------------


@spelled
def gather(
    params: Any,
    indices: Any,
    validate_indices: bool | None = None,
    name: str | None = None,
    axis: int | None = None,
    batch_dims: int = 0,
) -> Tensor:
    """Return the slices of params at the indices along an axis.

    Args:
        validate_indices: accepted for TensorFlow 1; an index out of range is always an error when
            run.
        axis: None: the first axis after the batch.
        batch_dims: number of leading axes that belong to both: each batch entry has its own
            indices.

    Raises:
        GraphError: the axis is one of the batch axes.
    """
    if not batch_dims:
        return F.gather(params, indices, axis=0 if axis is None else axis, name=name)
    x, places = of(params), of(indices)
    rank, depth = len(x.shape), len(places.shape)
    batch = normalize_axis(batch_dims, depth + 1) if batch_dims < 0 else batch_dims
    along = normalize_axis(batch if axis is None else axis, rank)
    if along < batch:
        raise GraphError(f"gather needs batch_dims of at most the axis, {along}, not {batch}")
    with scoped(name, "gather", [x]):
        # gather_nd gathers along the first axis after the batch: move the axis there and back.
        order = [*range(batch), along, *(a for a in range(batch, rank) if a != along)]
        moved = F.transpose(x, perm=order) if order != list(range(rank)) else x
        taken = F.gather_nd(moved, F.expand_dims(places, axis=-1), batch_dims=batch)
        before = along - batch
        if not before:
            return taken
        own = list(range(batch, depth))
        rest = list(range(depth, depth + rank - batch - 1))
        return F.transpose(taken, perm=[*range(batch), *rest[:before], *own, *rest[before:]])


def batch_gather(params: Any, indices: Any, name: str | None = None) -> Tensor:
    """Gather along the last axis of the indices. All axes before it are a batch."""
    depth = len(of(indices).shape) - 1
    return gather(params, indices, name=name or "batch_gather", axis=depth, batch_dims=depth)


@spelled
def gather_nd(params: Any, indices: Any, name: str | None = None, batch_dims: int = 0) -> Tensor:
    """Return the slices of params at indices of several axes.

    Args:
        indices: the last axis has one number for each of the first axes of params.
        batch_dims: number of leading axes that belong to both.
    """
    return F.gather_nd(params, indices, batch_dims=batch_dims, name=name)


@spelled
def boolean_mask(
    tensor: Any, mask: Any, name: str | None = None, axis: int | None = None
) -> Tensor:
    """Return the slices where a mask is true. Only a run knows their number.

    Args:
        axis: first axis that the mask applies to; None: 0.
    """
    return F.boolean_mask(tensor, mask, axis=axis or 0, name=name)


def dynamic_stitch(indices: Sequence[Any], data: Sequence[Any], name: str | None = None) -> Tensor:
    """Merge the slices of all data tensors, each at the place of its index.

    If several slices have one place, the last one counts. A place without an index is 0.

    Args:
        indices: integer tensors, one per data tensor, with the shape of its first axes.

    Raises:
        GraphError: the numbers of indices and data differ, or there are none.
    """
    if len(indices) != len(data) or not indices:
        raise GraphError(f"dynamic_stitch has {len(indices)} indices for {len(data)} tensors")
    with scoped(name, "dynamic_stitch", [*data, *indices]):
        flat, slices = [], []
        for places, x in zip(map(of, indices), map(of, data), strict=True):
            rest = x.shape[len(places.shape) :]
            flat.append(F.reshape(places, shape=[-1]))
            slices.append(F.reshape(x, shape=[-1, *(_size(d) for d in rest)]))
        places = F.concat(flat, axis=0) if len(flat) > 1 else flat[0]
        values = F.concat(slices, axis=0) if len(slices) > 1 else slices[0]
        start = filled(F.reduce_max(places) + 1, values, 0)
        return F.tensor_scatter(start, F.expand_dims(places, axis=-1), values)


def _size(size: int | None) -> int:
    if size is None:
        raise ShapeError("the sizes of the slices must be known")
    return size


def filled(count: Any, like: Tensor, number: Any) -> Tensor:
    """Return ``count`` slices that are filled with one number, as a tensor. Each has the shape of a
    slice of ``like``.
    """
    sizes = F.concat([F.reshape(_int32(count), shape=[1]), F.shape(like)[1:]], axis=0)
    return F.fill(sizes, like.graph.as_tensor(number, like.dtype))


def _int32(value: Any) -> Tensor:
    found = of(value)
    return found if found.dtype == "int32" else F.cast(found, dtype="int32")


# ---- scatter ------------------------------------------------------------------------------------


@spelled
def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return zeros of a shape, with updates added at the indices. Repeated places add up.

    Args:
        shape: sizes of the result: numbers, or an integer tensor.
    """
    if not isinstance(shape, Tensor):
        return F.scatter_nd(indices, updates, shape=shape, name=name)
    with scoped(name, "scatter_nd", [indices, updates]):
        updates = of(updates)
        start = F.fill(shape, updates.graph.as_tensor(0, updates.dtype))
        return F.tensor_scatter(start, indices, updates, mode="add")


def tensor_scatter_nd_update(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Tensor:
    """Replace the slices of a tensor at the indices.

    Args:
        indices: the last axis has one number for each of the first axes of the tensor.
    """
    return F.tensor_scatter(tensor, indices, updates, name=name)


def tensor_scatter_nd_add(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Tensor:
    """Add updates to a tensor at the indices; arguments are the same as for
    `tensor_scatter_nd_update`.
    """
    return F.tensor_scatter(tensor, indices, updates, mode="add", name=name)


def tensor_scatter_nd_sub(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Tensor:
    """Subtract updates at the indices; arguments are the same as for `tensor_scatter_nd_update`."""
    return F.tensor_scatter(tensor, indices, -of(updates, tensor), mode="add", name=name)


def tensor_scatter_nd_max(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Tensor:
    """Take the larger of element and update; arguments are the same as for
    `tensor_scatter_nd_update`.
    """
    return F.tensor_scatter(tensor, indices, updates, mode="max", name=name)


def tensor_scatter_nd_min(
    tensor: Any, indices: Any, updates: Any, name: str | None = None
) -> Tensor:
    """Take the smaller of element and update; arguments are the same as for
    `tensor_scatter_nd_update`.
    """
    return F.tensor_scatter(tensor, indices, updates, mode="min", name=name)


def sparse_to_dense(
    sparse_indices: Any,
    output_shape: Any,
    sparse_values: Any,
    default_value: Any = 0,
    validate_indices: bool = True,
    name: str | None = None,
) -> Tensor:
    """Return a tensor filled with one value, except at the indices.

    Args:
        sparse_indices: one number, a vector of places in a vector, or a row for each place.
        output_shape: sizes of the result: numbers, or an integer tensor.
        sparse_values: one for each place, or one for all.
        default_value: value everywhere else.
        validate_indices: accepted for TensorFlow 1; an index out of range is always an error when
            run.
    """
    values = of(sparse_values)
    with scoped(name, "sparse_to_dense", [sparse_indices, values]):
        start = F.fill(output_shape, values.graph.as_tensor(default_value, values.dtype))
        places = of(sparse_indices)
        rank = len(places.shape)
        places = F.reshape(places, shape=[-1, places.shape[1] if rank == 2 else 1])
        if values.shape == ():
            values = F.fill(F.shape(places)[:1], values)
        return F.tensor_scatter(start, places, values)


def histogram_fixed_width_bins(
    values: Any, value_range: Any, nbins: int = 100, dtype: Any = "int32", name: str | None = None
) -> Tensor:
    """Return the index of the histogram bin that each value falls into, for ``nbins`` bins of equal
    width.

    Args:
        value_range: lower and upper end; values outside are in the first or last bin.
    """
    x = of(values)
    with scoped(name, "histogram_fixed_width_bins", [x]):
        low, high = (F.cast(end, dtype="float64") for end in F.unstack(of(value_range, x)))
        wide = (F.cast(x, dtype="float64") - low) / (high - low)
        last = nbins - 1
        return F.cast(
            F.clip_by_value(F.floor(wide * nbins), min=0, max=last), dtype=dtype_name(dtype)
        )


publish(globals(), __all__)
