"""Ops that only move elements: slicing, joining, padding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from nodeflow.graph.types import numpy_dtype
from nodeflow.integrations.jax.registry import Lowered, computes, lowers
from nodeflow.ops.lowering import Block, Copy, strides_of

Steps = list[tuple[int, int]]
"""For each axis, the first position and the step between positions."""


@computes("concat")
def concat(node: Lowered, *values: Any) -> Any:
    """Return tensors joined along an axis."""
    return jnp.concatenate(values, node.attrs["axis"])


@lowers(Copy)
def copy(node: Lowered, *sources: Any) -> Any:
    """Return an output composed of rectangular blocks of the inputs."""
    lowering, (out,) = node.lowering, node.outputs
    assert isinstance(lowering, Copy)
    shape = tuple(d or 0 for d in out.shape)
    fill = jnp.asarray(0 if lowering.fill is None else lowering.fill, numpy_dtype(out.dtype))
    if 0 in shape:
        return jnp.zeros(shape, fill.dtype)
    pairs = [(cut(x, b), b) for x, b in zip(sources, lowering.blocks, strict=True) if x.size]
    if len(pairs) == 1:
        part, block = pairs[0]
        return (
            part.reshape(shape) if _is_whole(block, shape) else _bordered(part, block, shape, fill)
        )
    made = jnp.full(shape, fill)
    for part, block in pairs:
        made = _put(made, part, block)
    return made


def cut(x: Any, block: Block) -> Any:
    """Return the strided slice of an array that a block describes as its source, as an array of the
    block's sizes.
    """
    if 0 in block.sizes:
        return jnp.zeros(block.sizes, x.dtype)
    steps = steps_of(x.shape, block.sizes, block.source_offset, block.source_strides)
    if steps is None:
        return x.reshape(-1)[_places(block.sizes, block.source_offset, block.source_strides)]
    for axis, (first, step) in enumerate(steps):
        if step < 0:
            x, steps[axis] = jnp.flip(x, axis), (x.shape[axis] - 1 - first, -step)
    starts = [first for first, _ in steps]
    ends = [
        first + step * (size - 1) + 1
        for (first, step), size in zip(steps, block.sizes, strict=True)
    ]
    return lax.slice(x, starts, ends, [step for _, step in steps])


def steps_of(
    shape: Sequence[int], sizes: Sequence[int], offset: int, strides: Sequence[int]
) -> Steps | None:
    """Convert a strided view of an array to a (first index, step) pair for each axis.

    Return None if it cannot be expressed by one slice per axis, such as a diagonal.
    """
    if len(shape) != len(sizes) or not 0 <= offset < np.prod(shape, dtype=np.int64):
        return None
    steps: Steps = []
    firsts = np.unravel_index(offset, shape)
    for size, have, own, stride, at in zip(
        sizes, shape, strides_of(shape), strides, firsts, strict=True
    ):
        first = int(at)
        if size == 1:
            steps.append((first, 1))
            continue
        step, rest = divmod(stride, own)
        if rest or not step or not 0 <= first + step * (size - 1) < have:
            return None
        steps.append((first, step))
    return steps


def _is_whole(block: Block, shape: Sequence[int]) -> bool:
    """Return whether a strided copy writes every element of an output of ``shape``, in row-major
    order.
    """
    own = strides_of(block.sizes)
    ordered = all(
        size == 1 or a == b
        for size, a, b in zip(block.sizes, own, block.target_strides, strict=True)
    )
    return ordered and block.target_offset == 0 and np.prod(block.sizes) == np.prod(shape)


def _bordered(part: Any, block: Block, shape: Sequence[int], fill: Any) -> Any:
    """Place a strided block in an array of ``shape`` whose other elements are ``fill``. Use one
    ``lax.pad`` if each axis of the block has a constant step.
    """
    if not part.size:
        return jnp.full(shape, fill)
    steps = steps_of(shape, block.sizes, block.target_offset, block.target_strides)
    if steps is None:
        return _put(jnp.full(shape, fill), part, block)
    border = []
    for axis, ((first, step), size) in enumerate(zip(steps, shape, strict=True)):
        count = part.shape[axis]
        if step < 0:
            part, first, step = jnp.flip(part, axis), first + step * (count - 1), -step
        border.append((first, size - first - step * (count - 1) - 1, step - 1))
    return lax.pad(part, fill, border)


def _put(made: Any, part: Any, block: Block) -> Any:
    """Return an array with one block replaced."""
    places = _places(block.sizes, block.target_offset, block.target_strides)
    return made.reshape(-1).at[places].set(part, unique_indices=True).reshape(made.shape)


def _places(sizes: Sequence[int], offset: int, strides: Sequence[int]) -> Any:
    """Return the flat indices of all elements of a strided view. They are computed at run time, and
    not stored as a constant.
    """
    places = jnp.full(tuple(sizes), offset, jnp.int64)
    for axis, stride in enumerate(strides):
        places = places + lax.broadcasted_iota(jnp.int64, tuple(sizes), axis) * stride
    return places
