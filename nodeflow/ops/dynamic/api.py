"""Functions about sizes whose calls are TensorFlow 1's: one name there, several ops here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F


class Unique(NamedTuple):
    """What `unique` gives."""

    y: Tensor
    idx: Tensor


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """Element by element x or y; of a condition alone, where it is true.

    Args:
        condition: bool; broadcast with x and y as in numpy. A vector chooses along the last axis;
            in `nf.tensorflow1.where` it chooses rows, as in TensorFlow 1.
        x: taken where the condition is true.
        y: taken where it is false.

    Returns:
        Without x and y the indices (n, rank) of the n true elements, int64; n is known only when
        it runs.

    Raises:
        GraphError: only one of x and y is given, or they do not fit.
    """
    if (x is None) != (y is None):
        raise GraphError("where takes x and y, or neither", hint="Leave out both, or none.")
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
    """The distinct elements of a vector in the order in which they occur, and which each one is.

    Args:
        out_idx: dtype of the indices.
        size: pad the elements to this size instead, in ascending order, which compiles; of any
            shape. The result is then a tuple of elements, indices and how many there are.
        fill: what pads them.

    Returns:
        ``y``, whose size is known only when it runs, and ``idx``, so that x is ``gather(y, idx)``.

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
    """The number of elements of a tensor, or of some axes of it.

    Args:
        axis: axis or axes to count along; None means all.
        dtype: dtype of the number.
        out_type: as dtype: the name that TensorFlow 1 has for it.

    Raises:
        GraphError: there is no such axis.
    """
    return F.size(input, axis=axis, dtype=dtype if out_type is None else out_type, name=name)


def dynamic_partition(
    data: Any, partitions: Any, num_partitions: int, name: str | None = None
) -> list[Tensor]:
    """The slices of data for each number of a partition; how many, is known only when it runs.

    Args:
        data: of the partitions' shape, and further axes.
        partitions: integers; what is not in 0 to num_partitions - 1 goes nowhere.

    Raises:
        GraphError: the shapes do not fit.
    """
    graph = F.graph_of([data, partitions])
    with graph.name_scope(name or "dynamic_partition"):
        numbers = graph.as_tensor(partitions)
        return [F.boolean_mask(data, F.equal(numbers, part)) for part in range(num_partitions)]
