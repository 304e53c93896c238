"""Joining, splitting, reversing and shifting of tensors, composed of other ops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nodeflow.errors import AttributeProblem, MissingInput, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import (
    DTYPES,
    TensorType,
    normalize_axes,
    normalize_axis,
    shape_text,
    unify_shapes,
)
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.samples import values


@register
class Stack(Composed):
    """Several tensors joined along a new axis."""

    id = "stack"
    category = "Shape"
    keywords = ("pack", "join", "combine", "new axis", "sequence")
    doc = (
        "Tensors of one shape joined along a new axis.\n\nTwo vectors become the rows of a "
        "matrix. Gradient: its slice to each input."
    )
    inputs = (Port("values", "Tensors to join.", DTYPES, "T", variadic=True),)
    attrs = (Attr("axis", "int", 0, "Position of the new axis."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if not types:
            raise MissingInput("stack has no input", port="values.0", hint="Connect tensors to it.")
        shape = types[0].shape
        for index, type_ in enumerate(types):
            try:
                shape = unify_shapes(shape, type_.shape)
            except ShapeError as error:
                hint = "concat joins along an axis that exists."
                raise ShapeError(error.message, port=f"values.{index}", hint=hint) from None
        axis = normalize_axis(attrs["axis"], len(shape) + 1)
        return types[0].with_shape((*shape[:axis], len(types), *shape[axis:]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        axis = attrs["axis"]
        return F.concat([F.expand_dims(x, axis=axis) for x in inputs], axis=axis)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            pair = values((2, 3), dtype), values((2, 3), dtype, start=7)
            yield Sample(pair, smooth=dtype == "float64")
            yield Sample(pair, {"axis": -1}, smooth=dtype == "float64")
        yield Sample((values((2, 3)), values((2, 3)), values((2, 3))), {"axis": 1}, smooth=True)
        yield Sample((values((0, 3)), values((0, 3))), smooth=True)
        yield Sample((values(()), values((), start=4)), smooth=True)
        yield Sample((values((1, 1)),), smooth=True)


@register
class Unstack(Composed):
    """The slices of a tensor along an axis, as separate tensors."""

    id = "unstack"
    category = "Shape"
    keywords = ("unpack", "split", "unbind", "rows", "time steps")
    doc = (
        "The slices of a tensor along an axis, each a separate output.\n\nThe size of the axis "
        "must be known. The outputs do not have the axis. Gradient: the slices stacked again."
    )
    inputs = (Port("x", dtypes=DTYPES),)
    outputs = (Port("parts", variadic=True),)
    attrs = (
        Attr("num", "int", None, "Expected number of slices; none: any.", optional=True),
        Attr("axis", "int", 0, "Axis to split."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        x = types[0]
        axis = normalize_axis(attrs["axis"], x.rank)
        count = attrs["num"] if x.shape[axis] is None else x.shape[axis]
        if count is None:
            raise ShapeError(
                f"the size of axis {axis} of {shape_text(x.shape)} is unknown",
                port="x",
                hint="Set num to it.",
            )
        if attrs["num"] not in (None, count):
            raise ShapeError(f"axis {axis} has {count} slices, not {attrs['num']}", port="num")
        return [x.with_shape((*x.shape[:axis], *x.shape[axis + 1 :]))] * count

    def compose(self, *inputs: Tensor, **attrs: Any) -> Sequence[Tensor]:
        x = inputs[0]
        count = len(self.infer(x.type, **attrs))
        if not count:
            return []
        axis = normalize_axis(attrs["axis"], len(x.shape))
        parts = F.split(x, parts=count, axis=axis)
        return [F.squeeze(p, axis=axis) for p in ([parts] if isinstance(parts, Tensor) else parts)]

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),), {"axis": 1}, smooth=dtype == "float64")
        yield Sample((values((3, 2, 4)),), {"num": 3}, smooth=True)
        yield Sample((values((2, 3)),), {"axis": -2, "num": 2}, smooth=True)
        yield Sample((values((2, 0)),), smooth=True)
        yield Sample((values((1, 1)),), {"num": 1}, smooth=True)


@register
class Reverse(Composed):
    """A tensor with reversed axes."""

    id = "reverse"
    category = "Shape"
    keywords = ("flip", "mirror", "backwards", "fliplr", "flipud", "rot")
    doc = "The tensor with the elements along axes in reverse order.\n\nGradient: reversed again."
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (Attr("axis", "axes", None, "Axis or axes to reverse; none: all."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        normalize_axes(attrs["axis"], types[0].rank)
        return types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        rank = len(x.shape)
        axes = normalize_axes(attrs["axis"], rank)
        if not axes:
            return F.identity(x)
        steps = [-1 if a in axes else 1 for a in range(rank)]
        return F.strided_slice(x, begin=[None] * rank, end=[None] * rank, strides=steps)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),), {"axis": 1}, smooth=dtype == "float64")
        yield Sample((values((2, 3, 4)),), {"axis": (0, -1)}, smooth=True)
        yield Sample((values((2, 3)),), {"axis": ()}, smooth=True)
        yield Sample((values((2, 3)),), smooth=True)
        yield Sample((values((0, 3)),), smooth=True)
        yield Sample((values(()),), smooth=True)
        yield Sample((values((1, 1)),), {"axis": 0}, smooth=True)


@register
class Roll(Composed):
    """A cyclic shift along axes."""

    id = "roll"
    everyday = False
    category = "Shape"
    keywords = ("shift", "rotate", "circular", "cycle")
    doc = (
        "The tensor with its elements shifted cyclically along axes.\n\nA shift of 1 moves the "
        "first element to the second place and the last one to the first; -1 shifts back. "
        "Gradient: shifted back."
    )
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (
        Attr("shift", "ints", (1,), "Distance, one number per axis."),
        Attr("axis", "ints", (0,), "Axes to shift along."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if len(attrs["shift"]) != len(attrs["axis"]):
            raise AttributeProblem(
                f"shift has {len(attrs['shift'])} numbers, axis has {len(attrs['axis'])}",
                port="shift",
                hint="Give one number for each axis.",
            )
        for axis in attrs["axis"]:
            normalize_axis(axis, types[0].rank)
        return types[0]

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = F.identity(inputs[0])
        for shift, axis in zip(attrs["shift"], attrs["axis"], strict=True):
            axis = normalize_axis(axis, len(x.shape))
            length = x.shape[axis]
            if length is None:
                size = F.size(x, axis=axis, dtype="int64")
                places = F.positions(x, axis=axis)
                x = F.gather(x, F.modulo(places - shift, size), axis=axis)
            elif length and shift % length:
                x = self._shifted(x, axis, length - shift % length)
        return x

    def _shifted(self, x: Tensor, axis: int, first: int) -> Tensor:
        """Return the elements from number ``first`` on, followed by the elements before it."""
        all_, here = [None] * len(x.shape), [None] * axis + [first]
        here += all_[axis + 1 :]
        parts = [F.strided_slice(x, begin=b, end=e) for b, e in ((here, all_), (all_, here))]
        return F.concat(parts, axis=axis)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((4, 3), dtype),), smooth=dtype == "float64")
        yield Sample((values((2, 3, 4)),), {"shift": (-1, 7), "axis": (0, -1)}, smooth=True)
        yield Sample((values((4, 3)),), {"axis": (1,)}, smooth=True)
        yield Sample((values((0, 3)),), {"axis": (1,)}, smooth=True)
        yield Sample((values((1, 1)),), smooth=True)


@register
class SwapAxes(Composed):
    """Two axes swapped."""

    id = "swap_axes"
    category = "Shape"
    keywords = ("swapaxes", "transpose", "permute", "exchange")
    doc = "The tensor with two of its axes swapped.\n\nGradient: swapped again."
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (
        Attr("axis1", "int", -2, "One axis."),
        Attr("axis2", "int", -1, "The other axis."),
    )

    def _perm(self, rank: int, attrs: Any) -> list[int]:
        one, other = (normalize_axis(attrs[name], rank) for name in ("axis1", "axis2"))
        perm = list(range(rank))
        perm[one], perm[other] = other, one
        return perm

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return types[0].with_shape(types[0].shape[a] for a in self._perm(types[0].rank, attrs))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        return F.transpose(inputs[0], perm=self._perm(len(inputs[0].shape), attrs))

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3, 4), dtype),), smooth=dtype == "float64")
        yield Sample((values((2, 3, 4)),), {"axis1": 0, "axis2": 2}, smooth=True)
        yield Sample((values((0, 3)),), smooth=True)
        yield Sample((values((1, 1)),), smooth=True)


@register
class MeshGrid(Composed):
    """Coordinates of a grid."""

    id = "meshgrid"
    everyday = False
    category = "Shape"
    keywords = ("grid", "coordinates", "mgrid", "broadcast", "plot")
    doc = (
        "The coordinates of all points of a grid, one output for each vector.\n\nVectors of m and "
        "n numbers give tensors (n, m) with the first vector along the columns, as in numpy and "
        "TensorFlow, or (m, n) if `indexing` is ij. Sizes must be known. Gradient: summed over "
        "the repetitions."
    )
    inputs = (Port("values", "Coordinates along each axis.", DTYPES, "T", variadic=True),)
    outputs = (Port("grids", variadic=True),)
    attrs = (
        Attr(
            "indexing", "choice", "xy", "The first vector runs along columns (xy) or rows (ij).",
            choices=("xy", "ij"),
        ),
    )  # fmt: skip

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        if not types:
            raise MissingInput(
                "meshgrid has no input", port="values.0", hint="Connect vectors to it."
            )
        for index, type_ in enumerate(types):
            if type_.rank > 1 or None in type_.shape:
                raise ShapeError(
                    f"meshgrid needs vectors of known size, not {shape_text(type_.shape)}",
                    port=f"values.{index}",
                    hint="Flatten it first." if type_.rank > 1 else None,
                )
        sizes = [t.shape[0] if t.rank else 1 for t in types]
        if attrs["indexing"] == "xy":
            sizes[:2] = sizes[:2][::-1]
        return [types[0].with_shape(sizes)] * len(types)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Sequence[Tensor]:
        out = self.infer(*(x.type for x in inputs), **attrs)[0]
        grids = []
        for index, x in enumerate(inputs):
            swapped = attrs["indexing"] == "xy" and len(inputs) > 1 and index < 2
            at = 1 - index if swapped else index
            along = [-1 if a == at else 1 for a in range(out.rank)]
            grids.append(F.broadcast_to(F.reshape(x, shape=along), shape=out.shape))
        return grids

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            pair = values((2,), dtype), values((3,), dtype, start=7)
            yield Sample(pair, smooth=dtype == "float64")
        three = values((2,)), values((3,), start=3), values((4,), start=9)
        yield Sample(three, smooth=True)
        yield Sample(three, {"indexing": "ij"}, smooth=True)
        yield Sample((values((0,)), values((3,))))
        yield Sample((values((1,)),), smooth=True)
        yield Sample((values(()), values((2,))), smooth=True)
