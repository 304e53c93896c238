"""Pooling of images and volumes, its adjoints, and unpooling to the position of the maximum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from nodeflow.integrations.jax.registry import Lowered, computes, lowers
from nodeflow.integrations.jax.rules.indices import put, shape_of
from nodeflow.ops.convolution.largest import strides_counted
from nodeflow.ops.convolution.pooling import side_by_side, windows_of
from nodeflow.ops.lowering import Pool
from nodeflow.ops.sliding_windows import Windows, is_channels_first, known, shape_last


@lowers(Pool)
def pool(node: Lowered, x: Any, y: Any = None) -> Any:
    """Return pooled images, channels last."""
    lowering = node.lowering
    assert isinstance(lowering, Pool)
    return pooled(lowering.kind, lowering.windows, lowering.border, shape_of(node), x, y)


_KINDS = {
    "max_pool3d": "max",
    "average_pool3d": "mean",
    "put_at_largest3d": "put",
    "take_at_largest3d": "take",
    "average_pool3d_gradient": "share",
}


@computes(*_KINDS)
def pool_volumes(node: Lowered, x: Any, y: Any = None) -> Any:
    """Return the JAX result of a 3-D pooling op, or of an op for its gradient.

    Args:
        x: the first input, such as volumes.
        y: the second input, if the op has two.
    """
    layout = node.attrs["layout"]
    shape = known(shape_last(shape_of(node), layout))
    border = node.attrs.get("count_include_pad", False)
    given = [None if a is None else _channels_last(a, layout) for a in (x, y)]
    made = pooled(_KINDS[node.op.id], windows_of(node.attrs), border, shape, *given)
    return _as_layout(made, layout)


def pooled(
    kind: str, windows: Windows, border: bool, shape: tuple[int, ...], x: Any, y: Any = None
) -> Any:
    """Compute one kind of pooling, or of its adjoints, in JAX, for any number of spatial axes.
    Arrays are channels last.

    Args:
        kind: as in `lowering.Pool`.
        border: whether a mean counts the padding.
        shape: the shape of the result.
    """
    if 0 in (*shape, *x.shape):
        return jnp.zeros(shape, x.dtype)
    if kind == "max":
        return _reduced(windows, x, -np.inf, lax.max)
    if kind == "mean":
        counts = windows.seen_counts(x.shape[1:-1], border).astype(x.dtype)
        return _reduced(windows, x, 0, lax.add) / counts
    if kind == "share":
        like = jax.ShapeDtypeStruct(shape, x.dtype)
        shares = x / windows.seen_counts(shape[1:-1], border).astype(x.dtype)
        return jax.linear_transpose(lambda a: seen(windows, a).sum(0), like)(shares)[0]
    places = largest(windows, x)
    if kind == "take":
        return jnp.take_along_axis(seen(windows, y), places[None], 0)[0]
    elements = jnp.arange(math.prod(windows.kernel)).reshape(-1, *[1] * x.ndim)
    parts = jnp.where(elements == places, y, jnp.zeros((), y.dtype))
    like = jax.ShapeDtypeStruct(x.shape, y.dtype)
    return jax.linear_transpose(lambda a: seen(windows, a), like)(parts)[0]


def _reduced(windows: Windows, x: Any, start: float, combine: Any) -> Any:
    """Reduce each pooling window to one element by a function such as the maximum, in JAX.

    Args:
        start: the neutral element of the reduction, which also fills the padding.
    """
    around, axes = ((0, 0),), windows.axes
    found = lax.reduce_window(
        x,
        x.dtype.type(start),
        combine,
        (1, *windows.kernel, 1),
        (1, *(axis.stride for axis in axes), 1),
        (*around, *windows.pads(x.shape[1:-1]), *around),
        window_dilation=(1, *(axis.dilation for axis in axes), 1),
    )
    counts = known(windows.counts(*x.shape[1:-1]))  # a last window that only sees border is none
    return found[(slice(None), *(slice(count) for count in counts))]


def seen(windows: Windows, x: Any, border: float = 0.0) -> Any:
    """Return the elements of the windows: (elements of a window, rows, windows along each axis,
    channels).
    """
    sizes = x.shape[1:-1]
    counts = known(windows.counts(*sizes))
    edges = [(0, 0, 0), *((*pair, 0) for pair in windows.pads(sizes)), (0, 0, 0)]
    whole = lax.pad(x, x.dtype.type(border), edges)
    parts = []
    for element in windows.elements():
        each = zip(windows.axes, element, counts, strict=True)
        places = tuple(axis.places(k, count) for axis, k, count in each)
        parts.append(whole[(slice(None), *places)])
    return jnp.stack(parts)


def largest(windows: Windows, x: Any) -> Any:
    """Return the index, inside each pooling window, of its first largest element. Padding is never
    chosen.

    Elements are compared one after the other, because inside loops XLA computes this faster than an
    argmax.
    """
    ones = np.ones((1, *x.shape[1:-1], 1), bool)
    real = side_by_side(windows, windows.view(ones, False))
    parts = seen(windows, x, -np.inf)
    best = jnp.full(parts.shape[1:], -np.inf, x.dtype)
    places = jnp.broadcast_to(real.argmax(-2), best.shape)  # where all are -inf
    for number, part in enumerate(parts):
        better = (part > best) | (jnp.isnan(part) & ~jnp.isnan(best))
        best, places = jnp.where(better, part, best), jnp.where(better, number, places)
    return places


# ---- with the places ----------------------------------------------------------------------------


@computes("max_pool_with_argmax", "max_pool3d_with_argmax")
def max_pool_with_argmax(node: Lowered, x: Any) -> tuple[Any, Any]:
    """Return the largest element of each pooling window, and its flat index in the images."""
    layout, windows = node.attrs["layout"], windows_of(node.attrs)
    x = _channels_last(x, layout)
    shape = known(shape_last(shape_of(node), layout))
    if 0 in (*shape, *x.shape):
        return jnp.zeros(shape_of(node), x.dtype), jnp.zeros(shape_of(node), jnp.int64)
    n, *sizes, channels = x.shape
    steps = strides_counted(x.shape, layout, node.attrs["counted"])
    rows = np.arange(n).reshape(-1, *[1] * (len(sizes) + 1))
    index = rows * steps[0] + np.arange(channels) * steps[-1]
    elements = jnp.unravel_index(largest(windows, x), windows.kernel)
    for number, (axis, element, size) in enumerate(zip(windows.axes, elements, sizes, strict=True)):
        first = np.arange(shape[1 + number]) * axis.stride - axis.pads(size)[0]
        along = [-1 if a == number else 1 for a in range(len(sizes))]
        place = first.reshape(1, *along, 1) + element * axis.dilation
        index = index + place * steps[1 + number]
    found = _reduced(windows, x, -np.inf, lax.max)
    return _as_layout(found, layout), _as_layout(index.astype(jnp.int64), layout)


@computes("max_unpool2d", "max_unpool3d")
def unpool(node: Lowered, x: Any, indices: Any) -> Any:
    """Return zeros, with the elements of x at the given indices."""
    shape = shape_of(node)
    out = jnp.zeros(math.prod(shape), x.dtype)
    if not x.size or not out.size:
        return out.reshape(shape)
    places = _whole_places(node, indices, shape)
    return put(out, (places.reshape(-1),), x.reshape(-1)).reshape(shape)


@computes("take_at_places", "take_at_places3d")
def take_at_places(node: Lowered, x: Any, indices: Any) -> Any:
    """Return the elements of x at the indices; 0 where a later element has the same index."""
    if not x.size or not indices.size:
        return jnp.zeros(shape_of(node), x.dtype)
    flat = _whole_places(node, indices, x.shape).reshape(-1)
    numbers = jnp.arange(flat.size)
    owner = jnp.full(x.size, -1, numbers.dtype).at[flat].max(numbers)
    taken = jnp.where(owner[flat] == numbers, x.reshape(-1)[flat], jnp.zeros((), x.dtype))
    return taken.reshape(indices.shape)


def _whole_places(node: Lowered, indices: Any, shape: Sequence[int]) -> Any:
    """Convert indices of pooled elements to indices into the whole batch, in the op's layout.

    The attribute ``counted`` says whether the given indices count elements in a channel, an image
    or the batch.
    """
    layout, counted = node.attrs["layout"], node.attrs["counted"]
    last = _channels_last(indices, layout).astype(jnp.int64)
    sizes = known(shape_last(tuple(shape), layout))
    whole = strides_counted(sizes, layout, "batch")
    own = strides_counted(sizes, layout, counted)
    limit = sum((d - 1) * s for d, s in zip(sizes, own, strict=True)) + 1
    node.fail_where((last < 0) | (last >= limit), f"an index is outside of {limit} elements")
    if counted == "batch":
        return _as_layout(last, layout)
    rows = np.arange(last.shape[0]).reshape(-1, *[1] * (last.ndim - 1)) * whole[0]
    if counted == "image":
        return _as_layout(last + rows, layout)
    places, rest = rows + np.arange(last.shape[-1]) * whole[-1], last
    for step, big in zip(own[1:-1], whole[1:-1], strict=True):
        places, rest = places + rest // step * big, rest % step
    return _as_layout(places, layout)


def _channels_last(x: Any, layout: str) -> Any:
    return jnp.moveaxis(x, 1, -1) if is_channels_first(layout) else x


def _as_layout(x: Any, layout: str) -> Any:
    return jnp.moveaxis(x, -1, 1) if is_channels_first(layout) else x
