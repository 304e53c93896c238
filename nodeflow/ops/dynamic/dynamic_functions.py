"""Functions with TensorFlow 1's arguments, with several ops for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F


class Unique(NamedTuple):
    """The two results of `unique`."""

    y: Tensor
    idx: Tensor


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """Select from x or y elementwise; with a condition only, find where it is true.

    Args:
        condition: bool; broadcasts with x and y as in numpy. A vector therefore selects along the
            last axis.
        x: taken where the condition is true.
        y: taken where it is false.

    Returns:
        Without x and y the indices (n, rank) of the n true elements, int64; only a run knows n.

    Raises:
        GraphError: only one of x and y is given, or they do not fit.
    """
    if (x is None) != (y is None):
        raise GraphError("where takes x and y, or neither", hint="Give both, or omit both.")
    if x is None:
        return F.nonzero(condition, name=name)
    return F.where(condition, x, y, name=name)


def unique(
    x: Any,
    out_idx: Any = "int32",
    name: str | None = None,
    *,
    size: int | None = None,
    fill: Any = 0,
) -> Any:
    """Return the distinct elements of a vector in order of occurrence, and each element's index.

    Args:
        out_idx: dtype of the indices.
        size: pad the elements to this size, in ascending order. This compiles, and x may have any
            shape. The result is then a tuple of elements, indices and the number of distinct
            elements.
        fill: value of the padding.

    Returns:
        ``y``, whose size only a run knows, and ``idx`` with ``gather(y, idx)`` equal to x.

    Raises:
        GraphError: x is no vector.
    """
    if size is not None:
        return F.unique(x, size=size, fill=fill, name=name)
    y, idx, _ = F.unique_with_counts(x, out_idx=out_idx, name=name or "unique")
    return Unique(y, idx)


def size(
    input: Any,
    axis: int | Sequence[int] | None = None,
    dtype: Any = "int32",
    name: str | None = None,
    *,
    out_type: Any = None,
) -> Tensor:
    """Return the number of elements of a tensor, or along some of its axes.

    Args:
        axis: axis or axes to count along; None: all.
        dtype: dtype of the number.
        out_type: TensorFlow 1's name of ``dtype``.

    Raises:
        GraphError: there is no such axis.
    """
    return F.size(input, axis=axis, dtype=dtype if out_type is None else out_type, name=name)


def dynamic_partition(
    data: Any, partitions: Any, num_partitions: int, name: str | None = None
) -> list[Tensor]:
    """Split data into one tensor per partition number. Only a run knows their sizes.

    Args:
        data: of the shape of partitions, and further axes.
        partitions: integers; slices with numbers outside 0 to num_partitions - 1 are left out.

    Raises:
        GraphError: the shapes do not fit.
    """
    graph = F.graph_of([data, partitions])
    with graph.name_scope(name or "dynamic_partition"):
        numbers = graph.as_tensor(partitions)
        return [F.boolean_mask(data, F.equal(numbers, part)) for part in range(num_partitions)]
