"""``tensor[...]``: integers, slices, None and ``...`` as slice, squeeze, expand_dims nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodeflow.errors import GraphError, ShapeError

if TYPE_CHECKING:
    from nodeflow.graph.graph import Tensor


def index_tensor(tensor: Tensor, key: Any) -> Tensor:
    """Basic numpy indexing of a tensor.

    Raises:
        ShapeError: more indices than axes, or an index outside a known dimension.
        GraphError: an index that is neither an integer, a slice, None nor ``...``.
    """
    items = _expand_ellipsis(key if isinstance(key, tuple) else (key,), tensor)
    begin: list[int] = []
    end: list[int | None] = []
    strides: list[int] = []
    squeezed: list[int] = []
    new_axes: list[int] = []
    kept = 0
    for item in items:
        if item is None:
            new_axes.append(kept)
            kept += 1
            continue
        axis = len(begin)
        if isinstance(item, slice):
            _append_slice(item, begin, end, strides)
            kept += 1
        elif isinstance(item, int) and not isinstance(item, bool):
            _check_index(tensor, axis, item)
            begin.append(item)
            end.append(item + 1 if item != -1 else None)
            strides.append(1)
            squeezed.append(axis)
        else:
            raise GraphError(
                f"cannot index with {type(item).__name__}",
                node=tensor.name,
                hint="Use integers and slices, or nf.gather for a tensor of indices.",
            )
    result = tensor
    if any(b != 0 or e is not None or s != 1 for b, e, s in zip(begin, end, strides, strict=True)):
        result = result.graph.apply("strided_slice", result, begin=begin, end=end, strides=strides)
    if squeezed:
        result = result.graph.apply("squeeze", result, axis=squeezed)
    for axis in new_axes:
        result = result.graph.apply("expand_dims", result, axis=axis)
    return result


def _expand_ellipsis(items: tuple, tensor: Tensor) -> list[Any]:
    used = sum(1 for i in items if i is not None and i is not Ellipsis)
    rank = len(tensor.shape)
    if used > rank:
        raise ShapeError(f"{used} indices for a tensor of rank {rank}", node=tensor.name)
    fill = [slice(None)] * (rank - used)
    if Ellipsis not in items:
        return [*items, *fill]
    at = items.index(Ellipsis)
    return [*items[:at], *fill, *items[at + 1 :]]


def _append_slice(item: slice, begin: list[int], end: list[int | None], strides: list[int]) -> None:
    if item.step is not None and item.step < 1:
        raise GraphError("slices need a positive step", hint="Use nf.gather to reverse.")
    begin.append(item.start or 0)
    end.append(item.stop)
    strides.append(item.step or 1)


def _check_index(tensor: Tensor, axis: int, index: int) -> None:
    size = tensor.shape[axis]
    if size is not None and not -size <= index < size:
        raise ShapeError(f"index {index} is outside axis {axis} of size {size}", node=tensor.name)
