"""Broadcasting and tiling, and the adjoint of tiling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import COMPLEX, DTYPES, NUMBERS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.base import accumulator, register
from nodeflow.ops.gradient_helpers import LIKE, check_adjoint
from nodeflow.ops.runtime_attributes import (
    LATER,
    SIZES,
    RuntimeAttributes,
    all_inputs,
    dims,
    shape_port,
    times,
)
from nodeflow.ops.samples import values


@register
class BroadcastTo(RuntimeAttributes):
    """A tensor repeated to a larger shape."""

    id = "broadcast_to"
    category = "Shape"
    keywords = ("expand", "repeat")
    doc = (
        "The tensor repeated to a larger shape, as arithmetic broadcasts its operands.\n\nAxes of "
        "size 1 and missing leading axes are repeated. Where the new size is unknown, the size of "
        "the tensor is kept."
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


@register
class Untile(RuntimeAttributes):
    """The adjoint of tile."""

    id = "untile"
    category = "Internal"
    hidden = True
    differentiable = True
    doc = "The sum over the copies that tile made of `like`."
    runtime = ("multiples",)
    inputs = (Port("x", dtypes=NUMBERS), LIKE, shape_port("multiples", "Repeats, as for tile."))
    attrs = (Attr("multiples", "ints", (1,), "Repeats of tile, one number per axis."),)

    def infer_known(self, *types: TensorType, **attrs: Any) -> TensorType:
        tiled = REGISTRY.lookup("tile").infer_known(types[1], **attrs)  # type: ignore[attr-defined]
        check_adjoint(types[0].shape, tiled.shape)
        return types[0].with_shape(types[1].shape)

    def lower_known(
        self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any
    ) -> Any:
        pairs = zip(attrs["multiples"], types[1].shape, strict=True)
        apart = types[0].with_shape(size for pair in pairs for size in pair)
        copies = tuple(range(0, apart.rank, 2))
        parts = (
            lowering.Part("apart", lowering.Alias(), ("x",), apart),
            lowering.Part("out", lowering.Reduce("sum", copies), ("apart",), outs[0]),
        )
        return lowering.Composite(("x", "like"), parts, ("out",))

    def compute(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, like = arrays
        pairs = [n for pair in zip(attrs["multiples"], like.shape, strict=True) for n in pair]
        copies = tuple(range(0, len(pairs), 2))
        total = np.sum(x.reshape(pairs), axis=copies, dtype=accumulator(x.dtype.name))
        return np.asarray(total).astype(x.dtype)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        multiples = node.inputs[2:]
        if multiples:
            return all_inputs(node, F.tile(grads[0], multiples[0]))
        return F.tile(grads[0], multiples=node.attrs["multiples"]), None

    def samples(self) -> Iterator[Sample]:
        for dtype in NUMBERS:
            arrays = values((6, 6), dtype), values((2, 3), "bool")
            yield Sample(arrays, {"multiples": (3, 2)}, smooth=dtype == "float64")
        for dtype in COMPLEX:
            arrays = values((2, 6)), values((2, 3), dtype)
            yield Sample(arrays, {"multiples": (1, 2)}, smooth=True)
        for dtype in SIZES:
            yield Sample((values((6, 6)), values((2, 3)), np.array([3, 2], dtype)), smooth=True)
        yield Sample((values((2, 0)), values((2, 3))), {"multiples": (1, 0)}, smooth=True)
        yield Sample((values(()), values(())), {"multiples": ()}, smooth=True)
