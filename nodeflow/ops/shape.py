"""Ops that change a tensor's shape and keep or repeat its elements."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import (
    DTYPES,
    Shape,
    TensorType,
    normalize_axes,
    shape_text,
)
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.inputs import literal_at
from nodeflow.ops.runtime_attributes import (
    LATER,
    SIZES,
    RuntimeAttributes,
    all_inputs,
    dims,
    has_later,
    shape_port,
    times,
)
from nodeflow.ops.samples import values


def reshape_back(g: Tensor, x: Tensor) -> Tensor:
    """``g`` in the shape of ``x``, which has as many elements."""
    if x.type.is_static:
        return F.reshape(g, shape=x.shape)
    return F.reshape_like(g, x)


@register
class Reshape(RuntimeAttributes):
    """The same elements in another shape."""

    id = "reshape"
    category = "Shape"
    keywords = ("flatten", "view", "resize")
    doc = (
        "The same elements, in the same order, in another shape.\n\nOne size may be -1: it is what "
        "remains. The number of elements must stay the same."
    )
    differentiable = True
    runtime = ("shape",)
    inputs = (Port("x", dtypes=DTYPES), shape_port())
    attrs = (Attr("shape", "ints", (-1,), "New sizes; one may be -1."),)

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, shape = types[0], attrs["shape"]
        if has_later(shape):
            return x.with_shape(self._partly_known(x, shape))
        if any(d < -1 for d in shape) or shape.count(-1) > 1:
            raise AttributeProblem(
                f"{shape_text(shape)} is not a shape to reshape to",
                port="shape",
                hint="Use sizes of 0 or more, and -1 at most once.",
            )
        rest = math.prod(d for d in shape if d != -1)
        if x.size is None:  # a multiple of divisor, and any number if that is not 0
            return x.with_shape(None if d == -1 else d for d in shape)
        if -1 not in shape and rest == x.size:
            return x.with_shape(shape)
        if -1 in shape and rest and x.size % rest == 0:
            return x.with_shape(x.size // rest if d == -1 else d for d in shape)
        raise ShapeError(
            f"{shape_text(x.shape)} has {x.size} elements and does not fit {shape_text(shape)}",
            port="shape",
            hint="The number of elements must stay the same.",
        )

    def _partly_known(self, x: TensorType, shape: Any) -> Shape:
        """The shape, of which a run finds out some; a single one follows from the others."""
        if shape is LATER:
            return UNKNOWN
        rest = math.prod(d for d in shape if d is not LATER and d != -1)
        open_ = [d for d in shape if d is LATER or d == -1]
        fits = len(open_) == 1 and x.size is not None and rest and x.size % rest == 0
        found = x.size // rest if fits and x.size is not None else None
        return tuple(found if d is LATER or d == -1 else d for d in shape)

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        return lowering.Alias()

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x = arrays[0]
        try:
            return self.infer_array(x, attrs["shape"])
        except ShapeError as error:
            raise RunError(error.message, port="x", hint=error.hint) from None

    def infer_array(self, x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Reshape after checking the sizes as ``infer`` does."""
        found = self.infer_known(TensorType(x.dtype.name, x.shape), shape=shape)
        return x.reshape([d or 0 for d in found.shape]).copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return all_inputs(node, reshape_back(grads[0], node.inputs[0]))

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),), {"shape": (3, -1)}, dtype == "float64")
        for dtype in SIZES:
            yield Sample((values((2, 3)), np.array([3, -1], dtype)), smooth=True)
        yield Sample((values((2, 3, 4)),), {"shape": (4, 6)}, smooth=True)
        yield Sample((values((2, 3)),), {"shape": (-1,)}, smooth=True)
        yield Sample((values(()),), {"shape": (1, 1)}, smooth=True)
        yield Sample((values((1, 1)),), {"shape": ()}, smooth=True)
        yield Sample((values((0, 3)),), {"shape": (5, 0)}, smooth=True)
        yield Sample((values((0, 3)),), {"shape": (3, -1)}, smooth=True)


@register
class Flatten(Op):
    """Each row as one line of numbers."""

    id = "flatten"
    category = "Layers"
    keywords = ("reshape", "layer", "ravel", "vector")
    doc = (
        "All axes after the first as one, in the same order.\n\n(rows, 7, 7, 16) gives (rows, "
        "784): between convolutions and a dense layer."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        if not x.rank:
            raise ShapeError(
                "flatten needs rows, not a single number",
                port="x",
                hint="Give it at least one axis: that of the rows.",
            )
        return x.with_shape((x.shape[0], x.with_shape(x.shape[1:]).size))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.Alias()

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x = arrays[0]
        return x.reshape(x.shape[0], math.prod(x.shape[1:])).copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return (reshape_back(grads[0], node.inputs[0]),)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3, 4), dtype),), smooth=dtype == "float64")
        yield Sample((values((2, 3)),), smooth=True)
        yield Sample((values((3,)),), smooth=True)
        yield Sample((values((0, 3, 2)),), smooth=True)
        yield Sample((values((2, 0, 3)),), smooth=True)
        yield Sample((values((1, 1, 1)),), smooth=True)


@register
class ExpandDims(Op):
    """New axes of size 1."""

    id = "expand_dims"
    category = "Shape"
    keywords = ("new axis", "unsqueeze")
    doc = (
        "The tensor with new axes of size 1.\n\n`axis` says where they are in the result: 0 first, "
        "-1 last; a list puts in several."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (Attr("axis", "axes", 0, "Where the new axes are in the result."),)

    def _axes(self, rank: int, axis: Any) -> tuple[int, ...]:
        if axis is None:
            raise AttributeProblem("expand_dims needs an axis", port="axis", hint="Use 0 or -1.")
        count = 1 if isinstance(axis, int) else len(axis)
        return normalize_axes(axis, rank + count)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape = list(types[0].shape)
        for axis in self._axes(len(shape), attrs["axis"]):
            shape.insert(axis, 1)
        return types[0].with_shape(shape)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.Alias()

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return np.expand_dims(arrays[0], self._axes(arrays[0].ndim, attrs["axis"])).copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        axis, x = node.attrs["axis"], node.inputs[0].type
        return (F.squeeze(grads[0], axis=self._axes(x.rank, axis) if x.has_rank else axis),)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),), {"axis": -1}, dtype == "float64")
        yield Sample((values((2, 3)),), {"axis": (0, 2, -1)}, smooth=True)
        yield Sample((values(()),), {"axis": 0}, smooth=True)
        yield Sample((values((0, 3)),), {"axis": 1}, smooth=True)


@register
class Squeeze(Op):
    """Axes of size 1 removed."""

    id = "squeeze"
    category = "Shape"
    keywords = ("remove axis",)
    doc = (
        "The tensor without axes of size 1.\n\nWithout `axis`, every axis of size 1 is removed; "
        "where a size is known only when it runs, so is the number of axes that are left."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (Attr("axis", "axes", None, "Axes to remove; none means all of size 1."),)

    def _axes(self, shape: Shape, axis: Any) -> tuple[int, ...]:
        if axis is None:
            return tuple(i for i, d in enumerate(shape) if d == 1)
        axes = normalize_axes(axis, len(shape))
        for i in axes:
            if shape[i] not in (1, None):
                raise ShapeError(
                    f"axis {i} of {shape_text(shape)} has size {shape[i]}, not 1",
                    port="axis",
                    hint="Only axes of size 1 can be removed.",
                )
        return axes

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if attrs["axis"] is None and not types[0].is_static:
            return types[0].with_shape(UNKNOWN)
        axes = self._axes(types[0].shape, attrs["axis"])
        return types[0].with_shape(d for i, d in enumerate(types[0].shape) if i not in axes)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return lowering.Alias()

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        try:
            axes = self._axes(arrays[0].shape, attrs["axis"])
        except ShapeError as error:
            raise RunError(error.message, port="x", hint=error.hint) from None
        return np.squeeze(arrays[0], axes).copy()

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        axis, x = node.attrs["axis"], node.inputs[0]
        if axis is None and not x.type.is_static:
            return (reshape_back(grads[0], x),)
        axes = self._axes(x.shape, axis) if x.type.has_rank else axis
        return (F.expand_dims(grads[0], axis=axes) if axes != () else grads[0],)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 1, 3), dtype),), {"axis": 1}, dtype == "float64")
        yield Sample((values((1, 2, 1, 3)),), {"axis": (0, -2)}, smooth=True)
        yield Sample((values((1, 2, 1, 3)),), smooth=True)
        yield Sample((values((2, 3)),), smooth=True)
        yield Sample((values((1, 1)),), smooth=True)
        yield Sample((values((0, 1)),), {"axis": 1}, smooth=True)


@register
class BroadcastTo(RuntimeAttributes):
    """A tensor repeated to a larger shape."""

    id = "broadcast_to"
    category = "Shape"
    keywords = ("expand", "repeat")
    doc = (
        "The tensor repeated to a larger shape, as arithmetic does by itself.\n\nSizes of 1 and "
        "missing leading axes are repeated; an unknown size keeps that of the tensor."
    )
    differentiable = True
    runtime = ("shape",)
    inputs = (Port("x", dtypes=DTYPES), shape_port())
    attrs = (Attr("shape", "shape", (2, 3), "New sizes; an unknown one is kept."),)

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        have, want = types[0].shape, attrs["shape"]
        if want is LATER or not types[0].has_rank:
            return types[0].with_shape(dims(want))
        missing = len(want) - len(have)
        result = []
        for axis, size in enumerate(want):
            if size is LATER:
                result.append(have[axis - missing] if axis >= missing else None)
                if result[-1] == 1:
                    result[-1] = None
                continue
            own = have[axis - missing] if axis >= missing else 1
            if missing < 0 or (size is None and axis < missing):
                break
            if (size is not None and size < 0) or (size is not None and own not in (1, None, size)):
                break
            result.append(own if size is None else size)
        if len(result) < len(want) or missing < 0:
            raise ShapeError(
                f"{shape_text(have)} does not broadcast to {shape_text(want)}", port="shape"
            )
        return types[0].with_shape(result)

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        return lowering.Elementwise("x", ("x",))

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, want = arrays[0], attrs["shape"]
        missing = len(want) - x.ndim
        shape = [x.shape[i - missing] if d is None else d for i, d in enumerate(want)]
        try:
            return np.broadcast_to(x, shape).copy()
        except ValueError:
            message = f"{shape_text(x.shape)} does not broadcast to {shape_text(want)}"
            raise RunError(message, port="x") from None

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return all_inputs(node, F.sum_to_shape_of(grads[0], node.inputs[0]))

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 1), dtype),), {"shape": (4, 2, 3)}, dtype == "float64")
        for dtype in SIZES:
            yield Sample((values((2, 1)), np.array([4, 2, 3], dtype)), smooth=True)
        yield Sample((values((2, 3)),), {"shape": (None, 3)}, smooth=True)
        yield Sample((values((0, 3)),), {"shape": (2, 0, 3)}, smooth=True)
        yield Sample((values(()),), {"shape": (2,)}, smooth=True)
        yield Sample((values((1, 3)),), {"shape": (0, 3)}, smooth=True)


@register
class Tile(RuntimeAttributes):
    """A tensor repeated along its axes."""

    id = "tile"
    category = "Shape"
    keywords = ("repeat", "copy")
    doc = "The tensor repeated along each axis.\n\nGradient: the sum over the copies."
    differentiable = True
    runtime = ("multiples",)
    inputs = (
        Port("x", dtypes=DTYPES),
        shape_port("multiples", "Repeats, one number per axis; override the attribute."),
    )
    attrs = (Attr("multiples", "ints", (1, 2), "Repeats, one number per axis."),)

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape, multiples = types[0].shape, attrs["multiples"]
        if multiples is LATER:
            return types[0].with_shape((None,) * len(shape))
        if len(multiples) != len(shape) or any(m is not LATER and m < 0 for m in multiples):
            raise AttributeProblem(
                f"multiples {list(multiples)} do not fit a tensor of shape {shape_text(shape)}",
                port="multiples",
                hint="Give one number of 0 or more per axis.",
            )
        return types[0].with_shape(map(times, shape, multiples))

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        pairs = [(d or 0, m) for d, m in zip(types[0].shape, attrs["multiples"], strict=True)]
        apart = types[0].with_shape(size for d, _ in pairs for size in (1, d))
        copies = types[0].with_shape(size for d, m in pairs for size in (m, d))
        parts = (
            lowering.Part("apart", lowering.Alias(), ("x",), apart),
            lowering.Part("copies", lowering.Elementwise("x", ("x",)), ("apart",), copies),
            lowering.Part("out", lowering.Alias(), ("copies",), outs[0]),
        )
        return lowering.Composite(("x",), parts, ("out",))

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        return np.tile(arrays[0], attrs["multiples"])

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        x, *multiples = node.inputs
        if multiples:
            return all_inputs(node, F.untile(grads[0], x, multiples[0]))
        return (F.untile(grads[0], x, multiples=node.attrs["multiples"]),)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3), dtype),), {"multiples": (3, 2)}, dtype == "float64")
        for dtype in SIZES:
            yield Sample((values((2, 3)), np.array([3, 2], dtype)), smooth=True)
        yield Sample((values((2, 3)),), {"multiples": (1, 0)}, smooth=True)
        yield Sample((values((0, 3)),), {"multiples": (2, 2)}, smooth=True)
        yield Sample((values(()),), {"multiples": ()}, smooth=True)


PAD_MODES = ("constant", "reflect", "symmetric", "edge", "wrap")


def border_sources(
    shape: Sequence[int], pairs: Sequence[tuple[int, int]], mode: Any
) -> list[np.ndarray]:
    """For each axis, which element stands at each place of the padded axis."""
    return [np.pad(np.arange(d), pair, mode=mode) for d, pair in zip(shape, pairs, strict=True)]


def along_axes(
    inputs: tuple[str, ...],
    work: type[lowering.Gather] | type[lowering.ScatterAdd],
    x: TensorType,
    out: TensorType,
    indices: Sequence[np.ndarray],
) -> lowering.Composite:
    """Gather or add by known indices along each axis whose size that changes."""
    parts, at, type_ = [], "x", x
    for axis, index in enumerate(indices):
        size = out.shape[axis]
        if size == type_.shape[axis]:
            continue
        places = TensorType("int64", index.shape)
        type_ = type_.with_shape(size if a == axis else d for a, d in enumerate(type_.shape))
        names = f"places {axis}", f"along {axis}"
        parts.append(lowering.Part(names[0], lowering.Known(index.astype("int64")), (), places))
        parts.append(lowering.Part(names[1], work(axis), (at, names[0]), type_))
        at = names[1]
    parts.append(lowering.Part("out", lowering.Alias(), (at,), out))
    return lowering.Composite(inputs, parts, ("out",))


@register
class Pad(Op):
    """A border around a tensor."""

    id = "pad"
    category = "Shape"
    keywords = ("border", "margin", "zeros", "mirror", "reflect", "symmetric", "edge", "wrap")
    doc = (
        "The tensor with a border around it.\n\n`paddings` holds one [before, after] pair per "
        "axis. The border is one value (constant), the elements mirrored without (reflect) or with "
        "(symmetric) the outermost, the outermost repeated (edge), or those of the other end "
        "(wrap), as in numpy. Gradient: to the elements that the border repeats."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (
        Attr("paddings", "literal", [[1, 1], [1, 1]], "A pair [before, after] for each axis."),
        Attr("value", "literal", 0, "The value of a constant border."),
        Attr("mode", "choice", "constant", "Kind of border.", choices=PAD_MODES),
    )

    def _pairs(self, rank: int, paddings: Any) -> list[tuple[int, int]]:
        pairs = np.asarray(paddings)
        if rank == pairs.size == 0:
            return []
        if pairs.shape != (rank, 2) or pairs.dtype.kind not in "iu" or (pairs < 0).any():
            raise AttributeProblem(
                f"paddings {paddings} do not fit a tensor of rank {rank}",
                port="paddings",
                hint="Give one pair [before, after] of numbers of 0 or more per axis.",
            )
        return [(int(before), int(after)) for before, after in pairs]

    def _value(self, value: Any, dtype: str) -> np.ndarray:
        number = bool(value) if dtype == "bool" and value in (0, 1) else value
        if (array := literal_at("value", number, dtype)).shape != ():
            raise AttributeProblem("the border's value must be one number", port="value")
        return array

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        self._value(attrs["value"], x.dtype)
        pairs = self._pairs(x.rank, attrs["paddings"])
        if attrs["mode"] != "constant" and any(d == 0 != sum(p) for d, p in zip(x.shape, pairs)):
            raise ShapeError(
                f"{shape_text(x.shape)} has an axis of size 0, and nothing to repeat",
                port="x",
                hint="Use a constant border.",
            )
        return x.with_shape(
            None if d is None else d + before + after
            for d, (before, after) in zip(x.shape, pairs, strict=True)
        )

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        sizes = tuple(d or 0 for d in types[0].shape)
        pairs = self._pairs(len(sizes), attrs["paddings"])
        if attrs["mode"] != "constant":
            sources = border_sources(sizes, pairs, attrs["mode"])
            return along_axes(("x",), lowering.Gather, types[0], outs[0], sources)
        strides = lowering.strides_of(outs[0].shape)
        offset = sum(before * s for (before, _), s in zip(pairs, strides, strict=True))
        block = lowering.Block(sizes, 0, lowering.strides_of(sizes), offset, strides)
        return lowering.Copy((block,), self._value(attrs["value"], types[0].dtype).item())

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x = arrays[0]
        pairs = self._pairs(x.ndim, attrs["paddings"])
        if attrs["mode"] != "constant":
            for axis, index in enumerate(border_sources(x.shape, pairs, attrs["mode"])):
                x = x.take(index, axis)
            return x.copy() if not pairs else x
        if not pairs:
            return x.copy()
        return np.pad(x, pairs, constant_values=self._value(attrs["value"], x.dtype.name).item())

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        if node.attrs["mode"] != "constant":
            attrs = {k: v for k, v in node.attrs.items() if k != "value"}
            return (F.unpad(grads[0], node.inputs[0], **attrs),)
        pairs = self._pairs(len(node.inputs[0].shape), node.attrs["paddings"])
        begin = tuple(before for before, _ in pairs)
        end = tuple(-after if after else None for _, after in pairs)
        return (F.strided_slice(grads[0], begin=begin, end=end),)

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            attrs = {"paddings": [[1, 2], [0, 3]]}
            yield Sample((values((2, 3), dtype),), attrs, dtype == "float64")
        yield Sample((values((2, 3)),), {"paddings": [[0, 0], [2, 1]], "value": -1.5}, smooth=True)
        for mode in PAD_MODES[1:]:
            attrs = {"paddings": [[1, 3], [0, 2]], "mode": mode}
            yield Sample((values((2, 3)),), attrs, smooth=True)
        yield Sample((values((0, 3)),), {"paddings": [[1, 0], [0, 1]]}, smooth=True)
        yield Sample((values(()),), {"paddings": []}, smooth=True)
