"""Shared parts of ops on pictures: axes, and checks of shapes.

A picture is (height, width, channels). Any axes may come before, such as a batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.shapes import Dim
from nodeflow.graph.types import TensorType, numpy_dtype, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.composed import Composed

HEIGHT, WIDTH, CHANNELS = -3, -2, -1
"""The axes of a picture."""


class Picture(Composed):
    """The base class of ops on pictures."""

    category = "Pictures"
    everyday = False


def check_picture(
    x: TensorType, port: str = "x", *, channels: int | None = None, rank: int | None = None
) -> None:
    """Raise an error for a shape that is no picture.

    Args:
        channels: required number of channels.
        rank: required number of axes.

    Raises:
        ShapeError: there are too few axes, or a wrong number of channels.
    """
    if x.rank < 3 or (rank is not None and x.rank != rank):
        wanted = (
            "(rows, height, width, channels)" if rank == 4 else "(..., height, width, channels)"
        )
        raise ShapeError(
            f"pictures must be {wanted}, not {shape_text(x.shape)}",
            port=port,
            hint="Insert a reshape or expand_dims.",
        )
    found = x.shape[CHANNELS]
    if channels is not None and found is not None and found != channels:
        raise ShapeError(
            f"pictures with {channels} channels are needed, not {shape_text(x.shape)}", port=port
        )


def known_sizes(x: TensorType, *axes: int, port: str = "x") -> tuple[int, ...]:
    """Return the sizes of a tensor, all of which must be known.

    Raises:
        ShapeError: a size is unknown.
    """
    sizes = [x.shape[a] for a in axes]
    if None in sizes:
        raise ShapeError(
            f"the sizes of {shape_text(x.shape)} must be known along axes "
            f"{', '.join(map(str, axes))}",
            port=port,
            hint="Give them where the tensor is made.",
        )
    return tuple(s for s in sizes if s is not None)


def sizes_of(x: Tensor) -> list[Any]:
    """Return the sizes of a tensor: numbers, or tensors for sizes known only in a run."""
    return [
        F.size(x, axis=a, dtype="int64") if size is None else size for a, size in enumerate(x.shape)
    ]


def along(x: Tensor, matrix: np.ndarray, axis: int) -> Tensor:
    """Multiply x along one axis by a matrix (new, old). The axis, of known size ``old``, gets the
    size ``new``.
    """
    rank = len(x.shape)
    axis %= rank
    factor = np.ascontiguousarray(matrix.astype(numpy_dtype(x.dtype)))
    if axis == rank - 1:
        return F.matmul(x, np.ascontiguousarray(factor.T))
    if axis == rank - 2:
        return F.matmul(factor, x)
    *lead, _ = before = sizes_of(x)[: axis + 1]
    after = sizes_of(x)[axis + 1 :]
    columns = 1
    for size in after:
        columns = columns * size
    flat = F.matmul(factor, F.reshape(x, [*before, columns]))
    return F.reshape(flat, [*lead, len(matrix), *after])


def times(*sizes: Dim) -> Dim:
    """Return the product of sizes. Return None if a size is unknown and no size is 0."""
    if 0 in sizes:
        return 0
    total = 1
    for size in sizes:
        if size is None:
            return None
        total *= size
    return total


def share(size: Dim, parts: int, what: str, port: str = "x") -> Dim:
    """Divide a size without remainder.

    Raises:
        ShapeError: there is a remainder.
    """
    if size is not None and size % parts:
        raise ShapeError(f"{what} {size} is not a multiple of {parts}", port=port)
    return None if size is None else size // parts
