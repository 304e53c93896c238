"""Reductions by segment, as in TensorFlow 1: with sorted segments, or in any order.

Functions of sorted segments take the number of segments from the last one. The others get it as an
argument, and leave out slices of a negative segment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import compatible, numpy_dtype, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.math.reduction import limits
from nodeflow.ops.namespaces.arguments import scoped, spelled, tensor
from nodeflow.ops.namespaces.slices import filled
from nodeflow.public import publish

__all__ = [
    "segment_max",
    "segment_mean",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "sparse_segment_mean",
    "sparse_segment_sqrt_n",
    "sparse_segment_sum",
    "unsorted_segment_max",
    "unsorted_segment_mean",
    "unsorted_segment_min",
    "unsorted_segment_prod",
    "unsorted_segment_sqrt_n",
    "unsorted_segment_sum",
]

MODES = {"sum": "add", "prod": "multiply", "max": "max", "min": "min"}
OF_OP = ("sum", "max", "min")
"""Kinds that are ops if the number of segments is known."""


def _combined(kind: str, x: Tensor, ids: Tensor, count: Any) -> Tensor:
    """Return the combination of the slices of each segment.

    Args:
        count: a number, or a scalar tensor; larger segment numbers are an error when run.
    """
    if kind in ("mean", "sqrt_n"):
        return _divided(kind, x, ids, count)
    if kind in OF_OP and not isinstance(count, Tensor):
        return getattr(F, f"segment_{kind}")(x, ids, count=count)
    low, high = limits(numpy_dtype(x.dtype))
    start = {"sum": 0, "prod": 1, "max": low, "min": high}[kind]
    places = F.reshape(ids, shape=[-1, 1])
    slices = F.reshape(x, F.concat([[-1], F.shape(x)[len(ids.shape) :]], axis=0))
    return F.tensor_scatter(filled(count, slices, start), places, slices, mode=MODES[kind])


def _divided(kind: str, x: Tensor, ids: Tensor, count: Any) -> Tensor:
    """Return the sum of each segment, divided by its number of slices or the root of that
    number.
    """
    total = _combined("sum", x, ids, count)
    number = F.maximum(_combined("sum", F.cast(F.ones_like(ids), dtype=x.dtype), ids, count), 1)
    rest = len(x.shape) - len(ids.shape)
    number = F.expand_dims(number, axis=tuple(range(1, rest + 1))) if rest else number
    return total / (number if kind == "mean" else F.sqrt(number))


def _given(data: Any, segment_ids: Any) -> tuple[Tensor, Tensor]:
    """Return data and segment numbers as tensors.

    Raises:
        ShapeError: the shape of the segment numbers is not the beginning of the data's shape.
    """
    x, ids = tensor(data), tensor(segment_ids)
    if not compatible(ids.shape, x.shape[: len(ids.shape)]):
        raise ShapeError(
            f"segment_ids {shape_text(ids.shape)} must be the first sizes of {shape_text(x.shape)}"
        )
    return x, ids


# ---- in any order -------------------------------------------------------------------------------


def _unsorted(kind: str, what: str, empty: str) -> Callable[..., Tensor]:
    name_here = f"unsorted_segment_{kind}"

    @spelled
    def combine(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
        x, ids = _given(data, segment_ids)
        with scoped(name, name_here, [x, ids]):
            if ids.type.array is not None and (ids.type.array >= 0).all():
                return _combined(kind, x, ids, num_segments)
            count = num_segments
            if isinstance(count, Tensor) and count.dtype != ids.dtype:
                count = F.cast(count, dtype=ids.dtype)
            return _combined(kind, x, F.where(ids < 0, count, ids), count + 1)[:-1]

    return _described(combine, name_here, what, f"{empty} for a segment without slices", (
        "segment_ids: the segment of each slice, in any order; negative ones are left out.",
        "num_segments: number of segments: a number or a scalar tensor.",
    ))  # fmt: skip


# ---- sorted -------------------------------------------------------------------------------------


def _sorted(kind: str, what: str, empty: str) -> Callable[..., Tensor]:
    name_here = f"segment_{kind}"

    @spelled
    def combine(
        data: Any, segment_ids: Any, name: str | None = None, *, count: int | None = None
    ) -> Tensor:
        x, ids = _given(data, segment_ids)
        if count is not None:
            return getattr(F, name_here)(x, ids, count=count, name=name)
        with scoped(name, name_here, [x, ids]):
            return _by_last(kind, x, ids)

    return _described(combine, name_here, what, f"{empty} for a segment without slices", (
        "segment_ids: the segment of each slice along the first axis, sorted.",
        "count: number of segments, which then need not be sorted; None: the last one plus one.",
    ))  # fmt: skip


def _by_last(kind: str, x: Tensor, ids: Tensor) -> Tensor:
    """Combine the slices. The number of segments is the largest id plus one."""
    numbers = ids.type.array
    if numbers is not None:
        count: Any = int(numbers.max(initial=-1)) + 1
    else:
        count = F.reduce_max(F.concat([ids, F.cast([-1], dtype=ids.dtype)], axis=0)) + 1
    found = _combined(kind, x, ids, count)
    if kind not in ("max", "min"):
        return found
    there = _combined("sum", F.cast(F.ones_like(ids), dtype="int32"), ids, count)
    shape = F.concat([[-1], F.cast(F.ones_like(F.shape(x)[1:]), dtype="int32")], axis=0)
    return F.where(F.reshape(there, shape) > 0, found, F.zeros_like(found))


def _gathered(kind: str, what: str) -> Callable[..., Tensor]:
    name_here = f"sparse_segment_{kind}"

    def combine(
        data: Any,
        indices: Any,
        segment_ids: Any,
        name: str | None = None,
        num_segments: Any = None,
        sparse_gradient: bool = False,
    ) -> Tensor:
        with scoped(name, name_here, [data, indices, segment_ids]):
            x, ids = _given(F.gather(data, indices), segment_ids)
            return _by_last(kind, x, ids) if num_segments is None else _combined(
                kind, x, ids, num_segments
            )  # fmt: skip

    return _described(combine, name_here, what, "only slices at the indices count", (
        "indices: slices of data to use.",
        "segment_ids: the segment of each of these slices, sorted.",
        "num_segments: number of segments; None: the last one plus one.",
        "sparse_gradient: accepted for TensorFlow 1; it changes nothing here.",
    ))  # fmt: skip


def _described(
    function: Callable[..., Tensor], name: str, what: str, rest: str, arguments: tuple[str, ...]
) -> Callable[..., Tensor]:
    """Return a function, with a name and documentation set."""
    function.__name__ = function.__qualname__ = name
    listed = "\n".join(f"    {line}" for line in arguments)
    function.__doc__ = (
        f"Return the {what} of the slices of each segment; {rest}.\n\nArgs:\n{listed}"
    )
    return function


segment_sum = _sorted("sum", "sum", "0")
segment_mean = _sorted("mean", "mean", "0")
segment_prod = _sorted("prod", "product", "1")
segment_max = _sorted("max", "maximum", "0")
segment_min = _sorted("min", "minimum", "0")
unsorted_segment_sum = _unsorted("sum", "sum", "0")
unsorted_segment_mean = _unsorted("mean", "mean", "0")
unsorted_segment_prod = _unsorted("prod", "product", "1")
unsorted_segment_max = _unsorted("max", "maximum", "the lowest number")
unsorted_segment_min = _unsorted("min", "minimum", "the highest number")
unsorted_segment_sqrt_n = _unsorted("sqrt_n", "sum, divided by the root of the number,", "0")
sparse_segment_sum = _gathered("sum", "sum")
sparse_segment_mean = _gathered("mean", "mean")
sparse_segment_sqrt_n = _gathered("sqrt_n", "sum, divided by the root of the number,")

publish(globals(), __all__)
