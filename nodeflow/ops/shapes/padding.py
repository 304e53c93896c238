"""Padding of tensors, and its adjoint for modes that repeat elements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import DTYPES, FLOATS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import accumulator, register
from nodeflow.ops.gradient_helpers import Internal, check_adjoint
from nodeflow.ops.inputs import literal_at
from nodeflow.ops.samples import values

PAD_MODES = ("constant", "reflect", "symmetric", "edge", "wrap")


def border_sources(
    shape: Sequence[int], pairs: Sequence[tuple[int, int]], mode: Any
) -> list[np.ndarray]:
    """Return for each axis of a padded array the index in the original array that each element is
    copied from.

    Args:
        shape: the original shape.
        pairs: the numbers of elements added before and after each axis.
        mode: a mode of `numpy.pad`, such as "reflect".
    """
    return [np.pad(np.arange(d), pair, mode=mode) for d, pair in zip(shape, pairs, strict=True)]


def along_axes(
    inputs: tuple[str, ...],
    work: type[lowering.Gather] | type[lowering.ScatterAdd],
    x: TensorType,
    out: TensorType,
    indices: Sequence[np.ndarray],
) -> lowering.Composite:
    """Lower a change of sizes to kernels: one gather, or scatter-add, for each axis whose size
    changes.

    Args:
        inputs: the names of the op's inputs.
        work: the kind of the kernel.
        x, out: the types of the input and of the result.
        indices: the source index of each element along each axis.
    """
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
    """A tensor with a border."""

    id = "pad"
    category = "Shape"
    keywords = ("border", "margin", "zeros", "mirror", "reflect", "symmetric", "edge", "wrap")
    doc = (
        "The tensor with a border around it.\n\n`paddings` has one [before, after] pair per axis. "
        "`mode` chooses the border, as in numpy: a constant value; the elements mirrored without "
        "(reflect) or with (symmetric) the outermost element; the outermost element repeated "
        "(edge); or elements from the opposite end (wrap). Gradient: added up at the elements "
        "that the border repeats."
    )
    differentiable = True
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (
        Attr("paddings", "literal", [[1, 1], [1, 1]], "A pair [before, after] per axis."),
        Attr("value", "literal", 0, "Value of a constant border."),
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
                f"{shape_text(x.shape)} has an axis of size 0, without elements to repeat",
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


@register
class Unpad(Internal):
    """The adjoint of padding that repeats elements."""

    id = "unpad"
    doc = "Each element of x, added to the element of `like` that pad put at this place."
    inputs = (Port("x", dtypes=FLOATS), Port("like", "Only its shape is used.", FLOATS))
    attrs = (
        Attr("paddings", "literal", [[1, 1], [1, 1]], "A pair [before, after] per axis."),
        Attr("mode", "choice", "reflect", "Kind of border.", choices=PAD_MODES[1:]),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        padded = REGISTRY.lookup("pad").infer(types[1], value=0, **attrs)
        assert isinstance(padded, TensorType)
        check_adjoint(types[0].shape, padded.shape)
        return types[0].with_shape(types[1].shape)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        like = [d or 0 for d in types[1].shape]
        sources = border_sources(like, attrs["paddings"], attrs["mode"])
        return along_axes(("x", "like"), lowering.ScatterAdd, types[0], outs[0], sources)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, like = arrays
        total = x.astype(accumulator(x.dtype.name))
        pairs = [(int(before), int(after)) for before, after in attrs["paddings"]]
        for axis, index in enumerate(border_sources(like.shape, pairs, attrs["mode"])):
            rows = np.moveaxis(total, axis, 0)
            added = np.zeros((like.shape[axis], *rows.shape[1:]), total.dtype)
            np.add.at(added, index, rows)
            total = np.moveaxis(added, 0, axis)
        return np.ascontiguousarray(total.astype(x.dtype)).reshape(like.shape)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return F.pad(grads[0], **node.attrs), None

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            for mode in PAD_MODES[1:]:
                attrs = {"paddings": [[1, 3], [0, 2]], "mode": mode}
                arrays = values((6, 5), dtype), values((2, 3), dtype)
                yield Sample(arrays, attrs, smooth=dtype == "float64")
        attrs = {"paddings": [[0, 0], [1, 1]]}
        yield Sample((values((0, 5)), values((0, 3))), attrs, smooth=True)
        yield Sample((values(()), values(())), {"paddings": []}, smooth=True)
