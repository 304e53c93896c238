"""Basic numpy indexing as attributes of ops: integers, slices, None and ``...``."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nodeflow.errors import GraphError, ShapeError
from nodeflow.graph.types import Shape


@dataclass
class Index:
    """A key as a strided slice, then a squeeze, then new axes.

    Attributes:
        begin, end, strides: for each axis of the tensor; None as end means to the end.
        squeezed: axes of the tensor that an integer removes.
        new_axes: axes of the result to insert, in order.
    """

    begin: list[int] = field(default_factory=list)
    end: list[int | None] = field(default_factory=list)
    strides: list[int] = field(default_factory=list)
    squeezed: list[int] = field(default_factory=list)
    new_axes: list[int] = field(default_factory=list)

    @property
    def slices(self) -> bool:
        """Whether the strided slice leaves anything out."""
        parts = zip(self.begin, self.end, self.strides, strict=True)
        return any(b != 0 or e is not None or s != 1 for b, e, s in parts)


def parse_index(key: Any, shape: Shape) -> Index:
    """What a key in brackets selects from a tensor of this shape.

    Raises:
        ShapeError: more indices than axes, or an index outside a known dimension.
        GraphError: an index that is neither an integer, a slice, None nor ``...``.
    """
    index = Index()
    kept = 0
    for item in _expand_ellipsis(key if isinstance(key, tuple) else (key,), len(shape)):
        if item is None:
            index.new_axes.append(kept)
            kept += 1
        elif isinstance(item, slice):
            _append_slice(item, index)
            kept += 1
        elif isinstance(item, int) and not isinstance(item, bool):
            axis = len(index.begin)
            _check_in_range(item, axis, shape[axis])
            index.begin.append(item)
            index.end.append(item + 1 if item != -1 else None)
            index.strides.append(1)
            index.squeezed.append(axis)
        else:
            raise GraphError(
                f"cannot index with {type(item).__name__}",
                hint="Use integers and slices, or nf.gather for a tensor of indices.",
            )
    return index


def _expand_ellipsis(items: tuple, rank: int) -> list[Any]:
    used = sum(1 for i in items if i is not None and i is not Ellipsis)
    if used > rank:
        raise ShapeError(f"{used} indices for a tensor of rank {rank}")
    fill = [slice(None)] * (rank - used)
    if Ellipsis not in items:
        return [*items, *fill]
    at = items.index(Ellipsis)
    return [*items[:at], *fill, *items[at + 1 :]]


def _append_slice(item: slice, index: Index) -> None:
    if item.step is not None and item.step < 1:
        raise GraphError("slices need a positive step", hint="Use nf.gather to reverse.")
    index.begin.append(item.start or 0)
    index.end.append(item.stop)
    index.strides.append(item.step or 1)


def _check_in_range(index: int, axis: int, size: int | None) -> None:
    if size is not None and not -size <= index < size:
        raise ShapeError(f"index {index} is outside axis {axis} of size {size}")
