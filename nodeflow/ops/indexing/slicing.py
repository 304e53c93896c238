"""Slices, gathered rows, concatenation and splitting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, MissingInput, RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import (
    DTYPES,
    Dim,
    TensorType,
    compatible,
    normalize_axis,
    shape_text,
    type_of_array,
)
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.runtime_attributes import LATER, SIZES, RuntimeAttributes, all_inputs, shape_port
from nodeflow.ops.samples import values

INDICES = ("int32", "int64", "uint8")


def part(x: TensorType, key: Sequence[slice]) -> lowering.Copy:
    """Return a strided copy that extracts the slices ``key`` of the first axes of x."""
    sizes, offset, strides = lowering.slice_layout(x.shape, key)
    own = lowering.strides_of(sizes)
    return lowering.Copy((lowering.Block(sizes, offset, strides, 0, own),))


@register
class Slice(RuntimeAttributes):
    """A block of a tensor, given by its first element and its size along each axis."""

    id = "slice"
    category = "Shape"
    keywords = ("crop", "part", "block")
    doc = (
        "The block that starts at begin and has the given size.\n\nA size of -1 extends to the "
        "end. The block must lie inside the tensor. Gradient: zeros outside the block."
    )
    differentiable = True
    runtime = ("begin", "size")
    inputs = (
        Port("x", dtypes=DTYPES),
        shape_port("begin", "First index, one number per axis; overrides the attribute."),
        shape_port("size", "Sizes, one number per axis; override the attribute."),
    )
    attrs = (
        Attr("begin", "ints", (0,), "First index, one number per axis."),
        Attr("size", "ints", (-1,), "Sizes, one number per axis; -1 extends to the end."),
    )

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape, begin, size = types[0].shape, attrs["begin"], attrs["size"]
        begin, size = ((LATER,) * len(shape) if b is LATER else b for b in (begin, size))
        for name in ("begin", "size"):
            if attrs[name] is not LATER and len(attrs[name]) != len(shape):
                raise AttributeProblem(
                    f"{name} has {len(attrs[name])} numbers for a tensor of rank {len(shape)}",
                    port=name,
                    hint="Give one number per axis.",
                )
        return types[0].with_shape(
            self._dim(*each) for each in zip(shape, begin, size, strict=True)
        )

    def _dim(self, have: Dim, begin: int, size: int) -> Dim:
        if begin is LATER or size is LATER:
            return size if size is not LATER and size >= 0 else None
        if begin < 0 or size < -1:
            raise AttributeProblem(
                f"begin {begin} and size {size} do not describe a block",
                port="begin" if begin < 0 else "size",
                hint="Use begin of 0 or more and size of -1 or more; to count from the end, "
                "use strided_slice.",
            )
        if have is not None and begin + max(size, 0) > have:
            raise ShapeError(
                f"a block at {begin} of size {size} extends past an axis of size {have}",
                port="size",
            )
        if size >= 0:
            return size
        return None if have is None else have - begin

    def _key(self, attrs: Any) -> tuple[slice, ...]:
        return tuple(
            slice(b, None if s == -1 else b + s)
            for b, s in zip(attrs["begin"], attrs["size"], strict=True)
        )

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        return part(types[0], self._key(attrs))

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        try:
            self.infer_known(type_of_array(arrays[0]), **attrs)
        except (ShapeError, AttributeProblem) as error:
            raise RunError(error.message, port="x", hint=error.hint) from None
        return np.array(arrays[0][self._key(attrs)])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, *bounds = node.inputs
        if bounds:
            begin = bounds[0]
            end = begin + F.cast(F.shape(grads[0]), dtype=begin.dtype)
            return all_inputs(node, F.place_slice(grads[0], x, begin, end))
        key = self._key(node.attrs)
        bounds = {"begin": [k.start for k in key], "end": [k.stop for k in key]}
        return (F.place_slice(grads[0], x, **bounds),)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            attrs = {"begin": (0, 1), "size": (2, 2)}
            yield Sample((values((3, 4), dtype),), attrs, dtype == "float64")
        for dtype in SIZES:
            begin, size = np.array([1, 0], dtype), np.array([2, -1], dtype)
            yield Sample((values((3, 4)), begin), {"size": (2, 3)}, smooth=True)
            yield Sample((values((3, 4)), begin, size), smooth=True)
        yield Sample((values((3, 4)),), {"begin": (1, 0), "size": (-1, 3)}, smooth=True)
        yield Sample((values((3, 4)),), {"begin": (3, 0), "size": (0, -1)}, smooth=True)
        yield Sample((values((0, 3)),), {"begin": (0, 1), "size": (-1, 1)}, smooth=True)
        yield Sample((values(()),), {"begin": (), "size": ()}, smooth=True)


STRIDES = ("begin", "end", "strides")
STRIDE_PORTS = (
    shape_port("begin", "First index per axis; overrides the attribute."),
    shape_port("end", "End per axis, not included; overrides the attribute."),
    shape_port("strides", "Step per axis; overrides the attribute."),
)
STRIDE_ATTRS = (
    Attr("begin", "shape", (0,), "First index per axis; none: the first."),
    Attr("end", "shape", (None,), "End per axis, not included; none: the end."),
    Attr("strides", "ints", None, "Step per axis; none: 1.", optional=True),
)


def slices_of(begin: Any, end: Any, strides: Any) -> tuple[slice, ...]:
    """Return Python slices for the first ``len(begin)`` axes.

    Raises:
        AttributeProblem: the lists differ in length, or a step is 0.
    """
    steps = strides or (1,) * len(begin)
    if not len(begin) == len(end) == len(steps):
        raise AttributeProblem(
            f"begin, end and strides have {len(begin)}, {len(end)} and {len(steps)} numbers",
            port="end",
            hint="Give each one number per axis.",
        )
    if 0 in steps:
        raise AttributeProblem("a stride is 0", port="strides", hint="Use 1, or -1 to reverse.")
    return tuple(slice(*each) for each in zip(begin, end, steps, strict=True))


def unwired(attrs: Mapping[str, Any], bounds: Sequence[Tensor]) -> dict[str, Any]:
    """Return the attributes of a strided slice, without those that connected tensors override.

    Args:
        bounds: the connected tensors. The first ones of begin, end and strides are connected.
    """
    return {name: attrs[name] for name in STRIDES[len(bounds) :]}


def sliced_shape(x: TensorType, attrs: Mapping[str, Any]) -> TensorType:
    """Return the type after slicing the first axes.

    Raises:
        AttributeProblem: there are more slices than axes.
    """
    if any(attrs[name] is LATER for name in STRIDES):
        return x.with_shape((None,) * x.rank)
    first = {n: _without_later(attrs[n]) for n in STRIDES}
    key = slices_of(**first)
    if len(key) > x.rank:
        raise AttributeProblem(f"{len(key)} slices for a tensor of rank {x.rank}", port="begin")
    sizes = [
        (None if key[i] != slice(None, None, key[i].step) or key[i].step != 1 else d)
        if d is None
        else len(range(*key[i].indices(d)))
        for i, d in enumerate(x.shape[: len(key)])
    ]
    for i in range(len(key)):
        if any(attrs[n] is not None and attrs[n][i] is LATER for n in STRIDES):
            sizes[i] = 0 if x.shape[i] == 0 else None
    return x.with_shape([*sizes, *x.shape[len(key) :]])


def _without_later(numbers: Any) -> Any:
    """Replace the numbers of a slice that are known only in a run by 1. Leave None and empty tuples
    as they are.
    """
    return numbers and tuple(1 if n is LATER else n for n in numbers)


@register
class StridedSlice(RuntimeAttributes):
    """The part of a tensor that Python slices select."""

    id = "strided_slice"
    category = "Shape"
    keywords = ("index", "part", "step", "reverse", "crop")
    doc = (
        "The part of a tensor that the Python slices begin:end:strides select.\n\nNegative "
        "numbers count from the end. Bounds outside the tensor are clipped, as in Python. A "
        "stride of -1 reverses. Axes without a number are kept whole. Gradient: zeros outside the "
        "part."
    )
    differentiable = True
    runtime = STRIDES
    inputs = (Port("x", dtypes=DTYPES), *STRIDE_PORTS)
    attrs = STRIDE_ATTRS

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        return sliced_shape(types[0], attrs)

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        return part(types[0], slices_of(**attrs))

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return np.array(arrays[0][slices_of(**attrs)])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, *bounds = node.inputs
        placed = F.place_slice(grads[0], x, *bounds, **unwired(node.attrs, bounds))
        return all_inputs(node, placed)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            attrs = {"begin": (-2, 0), "end": (None, -1), "strides": (1, 2)}
            yield Sample((values((3, 4), dtype),), attrs, dtype == "float64")
        for dtype in SIZES:
            bounds = [np.array(b, dtype) for b in ([-2, 0], [3, -1], [1, 2])]
            yield Sample((values((3, 4)), *bounds), smooth=True)
            yield Sample((values((3, 4)), *bounds[:2]), smooth=True)
        yield Sample((values((3, 4)),), {"begin": (1,), "end": (99,)}, smooth=True)
        yield Sample((values((3, 4)),), {"begin": (None, 1), "end": (None, 3)}, smooth=True)
        reverse = {"begin": (None, 3), "end": (None, 0), "strides": (-1, -2)}
        yield Sample((values((3, 4)),), reverse, smooth=True)
        yield Sample((values((3, 4)),), {"begin": (2,), "end": (1,)}, smooth=True)
        yield Sample((values((0, 3)),), {"begin": (0, 1), "end": (None, 2)}, smooth=True)
        yield Sample((values((1, 1)),), {"begin": (-1,), "end": (None,)}, smooth=True)


@register
class Concat(Op):
    """Tensors joined along an axis."""

    id = "concat"
    category = "Shape"
    keywords = ("join", "append", "stack", "concatenate")
    doc = (
        "Tensors joined along an axis.\n\nAll other sizes must be equal. Gradient: its part to "
        "each input."
    )
    differentiable = True
    inputs = (Port("values", "Tensors to join.", DTYPES, "T", variadic=True),)
    attrs = (Attr("axis", "int", 0, "Axis to join along."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if not types:
            raise MissingInput(
                "concat has no input", port="values.0", hint="Connect tensors to it."
            )
        axis = normalize_axis(attrs["axis"], types[0].rank)
        shape = list(types[0].shape)
        shape[axis] = 0
        for index, type_ in enumerate(types):
            other = list(type_.shape)
            size = other[axis] if len(other) == len(shape) else 0
            if len(other) == len(shape):
                other[axis] = shape[axis]
            if not compatible(tuple(shape), tuple(other)):
                raise ShapeError(
                    f"{shape_text(type_.shape)} does not join {shape_text(types[0].shape)} along "
                    f"axis {axis}",
                    port=f"values.{index}",
                    hint="All sizes except along this axis must be equal.",
                )
            total = shape[axis]
            shape = [q if p is None else p for p, q in zip(shape, other, strict=True)]
            shape[axis] = None if total is None or size is None else total + size
        return types[0].with_shape(shape)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        axis = normalize_axis(attrs["axis"], types[0].rank)
        strides = lowering.strides_of(outs[0].shape)
        blocks, at = [], 0
        for type_ in types:
            sizes = tuple(d or 0 for d in type_.shape)
            own = lowering.strides_of(sizes)
            blocks.append(lowering.Block(sizes, 0, own, at * strides[axis], strides))
            at += sizes[axis]
        return lowering.Copy(tuple(blocks))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return np.concatenate(arrays, attrs["axis"])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        axis = normalize_axis(node.attrs["axis"], len(node.inputs[0].shape))
        sizes = [t.shape[axis] for t in node.inputs]
        if len(sizes) == 1:
            return grads
        if None in sizes:
            like = [*node.inputs]
            return [F.part_of_concat(grads[0], like, axis=axis, index=i) for i in range(len(sizes))]
        return F.split(grads[0], parts=sizes, axis=axis)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            arrays = values((2, 3), dtype), values((4, 3), dtype, start=9)
            yield Sample(arrays, smooth=dtype == "float64")
        three = values((2, 1, 4)), values((2, 3, 4), start=5), values((2, 0, 4))
        yield Sample(three, {"axis": -2}, smooth=True)
        yield Sample((values((2, 3)),), {"axis": 1}, smooth=True)
        yield Sample((values((1,)), values((1,), start=2)), smooth=True)


@register
class Split(Op):
    """A tensor split into parts."""

    id = "split"
    category = "Shape"
    keywords = ("cut", "divide", "chunk", "parts")
    doc = (
        "The tensor split into parts along an axis.\n\n`parts` is the number of equal parts, or a "
        "list of their sizes: 8 gives eight parts, [8] one of size 8."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)
    outputs = (Port("parts", variadic=True),)
    attrs = (
        Attr("parts", "sizes", 2, "Number of equal parts, or a list of their sizes."),
        Attr("axis", "int", 0, "Axis to split."),
    )

    def _sizes(self, size: Dim, parts: int | tuple[int, ...]) -> list[Dim]:
        if isinstance(parts, int):
            return self._equal_sizes(size, parts)
        if min(parts, default=-1) < 0:
            raise AttributeProblem(
                f"parts {list(parts)} is not a list of sizes",
                port="parts",
                hint="Use sizes of 0 or more.",
            )
        if size is not None and sum(parts) != size:
            raise ShapeError(
                f"parts {list(parts)} add up to {sum(parts)}, not to the axis's size {size}",
                port="parts",
                hint=f"For equal parts write their number without brackets: {parts[0]}."
                if len(parts) == 1
                else None,
            )
        return list(parts)

    def _equal_sizes(self, size: Dim, count: int) -> list[Dim]:
        if count < 1:
            raise AttributeProblem(
                f"there must be at least one part, not {count}",
                port="parts",
                hint="Use 1 or more, or a list of sizes.",
            )
        if size is None:
            return [None] * count
        if size % count:
            raise ShapeError(
                f"an axis of size {size} does not split into {count} equal parts",
                port="parts",
                hint="Give a list of sizes.",
            )
        return [size // count] * count

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        shape = types[0].shape
        axis = normalize_axis(attrs["axis"], len(shape))
        sizes = self._sizes(shape[axis], attrs["parts"])
        return [types[0].with_shape((*shape[:axis], s, *shape[axis + 1 :])) for s in sizes]

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        axis = normalize_axis(attrs["axis"], types[0].rank)
        parts, at = [], 0
        for index, out in enumerate(outs):
            size = out.shape[axis] or 0
            key = (*(slice(None),) * axis, slice(at, at + size))
            parts.append(lowering.Part(f"part{index}", part(types[0], key), ("x",), out))
            at += size
        return lowering.Composite(("x",), parts, tuple(p.name for p in parts))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Sequence[np.ndarray]:
        size = arrays[0].shape[attrs["axis"]]
        try:
            sizes = self._sizes(size, attrs["parts"])
        except ShapeError as error:
            raise RunError(error.message, port="x") from None
        ends = np.cumsum([s or 0 for s in sizes])[:-1]
        return [part.copy() for part in np.split(arrays[0], ends, attrs["axis"])]

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        whole = [
            F.zeros_like(out) if g is None else g
            for g, out in zip(grads, node.outputs, strict=True)
        ]
        return (F.concat(whole, axis=node.attrs["axis"]),)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((4, 3), dtype),), {"parts": 2}, smooth=dtype == "float64")
        yield Sample((values((2, 6)),), {"parts": (1, 3, 2), "axis": 1}, smooth=True)
        yield Sample((values((2, 3)),), {"parts": 1}, smooth=True)
        yield Sample((values((1, 1)),), {"parts": (1,)}, smooth=True)
        yield Sample((values((0, 3)),), {"parts": 3, "axis": -1}, smooth=True)


def check_indices(indices: np.ndarray, size: int, lowest: int | None = None) -> None:
    """Raise RunError where an index is outside -size (or ``lowest``) to size - 1."""
    lowest = -size if lowest is None else lowest
    if indices.size and (indices.min() < lowest or indices.max() >= size):
        bad = indices[(indices < lowest) | (indices >= size)].flat[0]
        raise RunError(
            f"index {bad} is outside an axis of size {size}",
            port="indices",
            hint=f"Use {lowest} to {size - 1}." if size else "There is nothing to gather from.",
        )


@register
class Gather(Op):
    """The slices of a tensor at indices along an axis."""

    id = "gather"
    category = "Shape"
    keywords = ("index", "lookup", "embedding", "take", "rows")
    doc = (
        "The slices of x at the indices along an axis.\n\nIn the result, the shape of the indices "
        "replaces the axis. Negative indices count from the end; an index out of range is an "
        "error when run. Gradient: added up at the places gathered from."
    )
    differentiable = True
    inputs = (Port("x", "Source.", DTYPES), Port("indices", "Indices.", INDICES))
    attrs = (Attr("axis", "int", 0, "Axis to take from."),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape = types[0].shape
        axis = normalize_axis(attrs["axis"], len(shape))
        return types[0].with_shape((*shape[:axis], *types[1].shape, *shape[axis + 1 :]))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.Gather(normalize_axis(attrs["axis"], types[0].rank))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, indices = arrays
        check_indices(indices, x.shape[attrs["axis"]])
        return np.asarray(np.take(x, indices.astype(np.int64), axis=attrs["axis"]))

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, indices = node.inputs
        return F.scatter_add_like(grads[0], indices, x, axis=node.attrs["axis"]), None

    def samples(self) -> Iterator[Sample]:
        picked = np.array([[2, 0], [2, 1]], "int32")
        for dtype in DTYPES:
            yield Sample((values((3, 4), dtype), picked), smooth=dtype == "float64")
        for index_dtype in INDICES:
            indices = np.array([3, 0, 3], index_dtype)
            if index_dtype != "uint8":
                yield Sample((values((3, 4)), np.array([[-1, 0], [2, -3]], index_dtype)))
            yield Sample((values((2, 4, 5)), indices), {"axis": -2}, smooth=True)
        yield Sample((values((3, 4)), np.array(1, "int64")), {"axis": 1}, smooth=True)
        yield Sample((values((3, 4)), np.zeros(0, "int64")), smooth=True)
        yield Sample((values((0, 3)), np.zeros((0, 2), "int64")), smooth=True)
