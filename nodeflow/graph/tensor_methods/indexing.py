"""Basic numpy indexing as ops: integers, slices, None, ``...``, and tensors in place of numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nodeflow.errors import GraphError, ShapeError
from nodeflow.graph.shapes import UNKNOWN, Shape

FAR = 2**31 - 1
"""The bound in place of an omitted one, if a slice has tensors as bounds; its negative lies before
the first element. A slice never goes past the ends of the axis."""


@dataclass
class Index:
    """An index in brackets, as parameters of a strided slice, a squeeze and new axes.

    Attributes:
        begin, end, strides: for each axis of the tensor; None means from one end, or to the other.
        squeezed: axes of the tensor that an integer removes.
        gathered: axes that are indexed by a tensor of one or several numbers, with that tensor.
        new_axes: axes of the result to insert, in order.
    """

    begin: list[Any] = field(default_factory=list)
    end: list[Any] = field(default_factory=list)
    strides: list[Any] = field(default_factory=list)
    squeezed: list[int] = field(default_factory=list)
    gathered: list[tuple[int, Any]] = field(default_factory=list)
    new_axes: list[int] = field(default_factory=list)

    @property
    def slices(self) -> bool:
        """True if the strided slice omits any elements."""
        parts = zip(self.begin, self.end, self.strides, strict=True)
        return any(is_tensor(b) or is_tensor(s) or b != 0 or e is not None or s != 1
                   for b, e, s in parts)  # fmt: skip


def is_tensor(value: Any) -> bool:
    """Return whether a value in the brackets of an index, as in ``x[i, 1:3]``, is a tensor. A
    `Node` is not a valid index.
    """
    return hasattr(value, "node") and hasattr(value, "index")


def parse_index(key: Any, shape: Shape) -> Index:
    """Return the elements that an index in brackets selects from a tensor of this shape.

    Raises:
        ShapeError: more indices than axes, or an index outside a known dimension.
        UnknownRank: ``...`` of a tensor of unknown rank.
        GraphError: an index is not an integer, a slice, a tensor, None or ``...``.
    """
    index = Index()
    kept = 0
    items = key if isinstance(key, tuple) else (key,)
    if shape is not UNKNOWN or any(item is Ellipsis for item in items):
        items = _expand_ellipsis(items, len(shape))
    for item in items:
        if item is None:
            index.new_axes.append(kept)
            kept += 1
        elif isinstance(item, slice):
            _append_slice(item, index)
            kept += 1
        elif is_tensor(item):
            index.gathered.append((len(index.begin), item))
            _append_slice(slice(None), index)
            kept += item.type.rank
        elif isinstance(item, int) and not isinstance(item, bool):
            axis = len(index.begin)
            _check_in_range(item, axis, None if shape is UNKNOWN else shape[axis])
            index.begin.append(int(item))
            index.end.append(int(item) + 1 if item != -1 else None)
            index.strides.append(1)
            index.squeezed.append(axis)
        else:
            raise GraphError(
                f"cannot index with {type(item).__name__}",
                hint="Use integers, slices and integer tensors.",
            )
    return index


def apply_index(tensor: Any, index: Index) -> Any:
    """Add the nodes for an index; return the selected elements."""
    result = tensor
    if index.slices:
        begin, end, strides = index.begin, index.end, index.strides
        if any(map(is_tensor, (*begin, *end, *strides))):
            back = [not is_tensor(s) and s < 0 for s in strides]
            begin = [FAR if b is None else b for b in begin]
            end = [(-FAR if b else FAR) if e is None else e for e, b in zip(end, back, strict=True)]
            bounds = [tensor.graph.as_tensor(each, "int32") for each in (begin, end, strides)]
            result = result._apply("strided_slice", result, *bounds)
        else:
            result = result._apply("strided_slice", result, begin=begin, end=end, strides=strides)
    for axis, indices in reversed(index.gathered):
        result = result._apply("gather", result, indices, axis=axis)
    if index.squeezed:
        result = result._apply("squeeze", result, axis=_moved(index))
    for axis in index.new_axes:
        result = result._apply("expand_dims", result, axis=axis)
    return result


def _moved(index: Index) -> list[int]:
    """Return the axes to squeeze, renumbered for the axes that index tensors added or removed."""
    more = [(axis, indices.type.rank - 1) for axis, indices in index.gathered]
    return [axis + sum(n for before, n in more if before < axis) for axis in index.squeezed]


def _expand_ellipsis(items: tuple, rank: int) -> tuple[Any, ...]:
    used = sum(1 for i in items if i is not None and i is not Ellipsis)
    if used > rank:
        raise ShapeError(f"{used} indices for a tensor of rank {rank}")
    fill = [slice(None)] * (rank - used)
    at = next((place for place, item in enumerate(items) if item is Ellipsis), None)
    if at is None:
        return (*items, *fill)
    return (*items[:at], *fill, *items[at + 1 :])


def _append_slice(item: slice, index: Index) -> None:
    step = 1 if item.step is None else item.step
    if not is_tensor(step) and step == 0:
        raise GraphError("the step of a slice is 0", hint="Give 1, or -1 for the reverse order.")
    back = not is_tensor(step) and step < 0
    index.begin.append(0 if item.start is None and not back else item.start)
    index.end.append(item.stop)
    index.strides.append(step)


def _check_in_range(index: int, axis: int, size: int | None) -> None:
    if size is not None and not -size <= index < size:
        raise ShapeError(f"index {index} is outside axis {axis} of size {size}")
