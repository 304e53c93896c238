"""Max pooling that also returns indices, and its inverse (unpooling)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, TensorType, compatible, shape_text, unify_shapes
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.convolution.pooling import (
    ATTRS,
    PADDING,
    SIZE,
    STRIDES,
    Pool,
    largest_places,
    places_in,
    places_seen,
    windows_of,
)
from nodeflow.ops.convolution.pooling3d import ATTRS as ATTRS_3D
from nodeflow.ops.convolution.pooling3d import Pool3D
from nodeflow.ops.samples import values
from nodeflow.ops.sliding_windows import (
    LAYOUT,
    LAYOUT_3D,
    PADS,
    as_layout,
    channels_last,
    check_picture,
    known,
    layout_shape,
    shape_last,
)

COUNTED = Attr(
    "counted", "choice", "image", "Range of the indices: an image with its channels (TensorFlow), "
         "the whole batch (ONNX), or one channel (plane, PyTorch).",
    choices=("image", "batch", "plane"), advanced=True
)  # fmt: skip
INTEGERS = ("int64", "int32")


def strides_counted(shape: Sequence[int], layout: str, counted: str) -> np.ndarray:
    """Return the strides of a flat index into channels-last images, one per axis.

    Args:
        shape: the shape of the images.
        layout: the layout of the elements that the index counts.
        counted: "batch" if the index counts the elements of the whole batch, "plane" for one
            channel of an image, otherwise one image. Strides of the other axes are 0.
    """
    axes = known(layout_shape(tuple(range(len(shape))), layout))
    sizes = [shape[a] for a in axes]
    if counted == "plane":
        sizes = [
            1 if a in (0, len(shape) - 1) else size for a, size in zip(axes, sizes, strict=True)
        ]
    steps = np.zeros(len(shape), "int64")
    for position, axis in enumerate(axes):
        steps[axis] = math.prod(sizes[position + 1 :])
    if counted != "batch":
        steps[0] = 0
    if counted == "plane":
        steps[-1] = 0
    return steps


# ---- pooling ----------------------------------------------------------------------------------


@register
class MaxPoolWithArgmax(Pool):
    """The largest element of each window of images, and its index."""

    id = "max_pool_with_argmax"
    everyday = False
    pooling = "max"
    partner = "put_at_largest"
    keywords = (
        "max pool indices", "return_indices", "switches", "MaxPool", "argmax pooling", "segnet",
    )  # fmt: skip
    doc = (
        "The largest element of each window of images, and its index.\n\nAs max_pool2d; of equal "
        "elements the first. Indices (int64) count elements in the order of the layout. With "
        '`counted` "image", as in TensorFlow, they are (row * width + column) * channels + '
        "channel within each image."
    )
    outputs = (Port("out"), Port("indices", "Index in x."))
    attrs = (*ATTRS, COUNTED)

    def infer(self, *types: TensorType, **attrs: Any) -> Any:
        made = super().infer(*types, **attrs)
        return made, TensorType("int64", made.shape)

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        return None

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> Any:
        layout, windows = attrs["layout"], windows_of(attrs)
        x = channels_last(arrays[0], layout)
        n, *sizes, channels = x.shape
        largest = windows.view(x, -np.inf).max(places_seen(windows))
        places = places_in(windows, largest_places(windows, x), sizes)
        rows = np.arange(n).reshape(-1, *[1] * (len(sizes) + 1))
        steps = strides_counted(x.shape, layout, attrs["counted"])
        index = rows * steps[0] + np.arange(channels) * steps[-1]
        for place, step in zip(places, steps[1:-1], strict=True):
            index = index + place * step
        return as_layout(largest, layout), as_layout(index.astype("int64"), layout)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        own = {name: value for name, value in node.attrs.items() if name != "counted"}
        return (getattr(F, self.partner)(node.inputs[0], grads[0], **own),)

    def samples(self) -> Iterator[Sample]:
        yield from super().samples()
        first = "NCDHW" if "D" in self.attr("layout").default else "NCHW"
        shape = (1, *(4, 5, 3)[: len(first) - 2], 2)
        for counted in COUNTED.choices:
            yield self.call(shape, size=(2,), layout=first, counted=counted)
            yield self.call(shape, size=(2,), padding="same", counted=counted)

    def call(self, shape: tuple[int, ...], dtype: str = "float64", **attrs: Any) -> Sample:
        full = {a.name: a.default for a in self.attrs} | attrs
        x = values(known(layout_shape(shape, full["layout"])), dtype)
        return Sample((x,), attrs, smooth=dtype == "float64")


@register
class MaxPool3DWithArgmax(Pool3D, MaxPoolWithArgmax):
    """The largest element of each window of volumes, and its index."""

    id = "max_pool3d_with_argmax"
    partner = "put_at_largest3d"
    keywords = ("max pool indices", "return_indices", "switches", "MaxPool3d")
    doc = (
        "The largest element of each window of volumes, and its index.\n\nAs "
        "max_pool_with_argmax, along three axes."
    )
    attrs = (*ATTRS_3D, COUNTED)

    def samples(self) -> Iterator[Sample]:
        yield from Pool3D.samples(self)
        for counted in COUNTED.choices:
            yield self.call((1, 2, 3, 2, 2), size=(1, 2, 2), layout="NCDHW", counted=counted)
            yield self.call((1, 2, 3, 2, 2), size=(1, 2, 2), padding="same", counted=counted)


# ---- unpooling --------------------------------------------------------------------------------


class AtPlaces(Op):
    """The base class of unpooling and its adjoint: ops on elements with their places in larger
    images.
    """

    category = "Layers"
    everyday = False
    differentiable = True
    attrs = (
        SIZE,
        STRIDES,
        PADDING,
        LAYOUT,
        PADS,
        COUNTED,
        Attr("output_sizes", "ints", None, "Sizes of the result along the spatial axes; none: as "
             "the windows cover.", optional=True, advanced=True),
    )  # fmt: skip
    partner = ""
    """Id of the adjoint."""

    def places(
        self, indices: np.ndarray, shape: Sequence[int], attrs: Mapping[str, Any]
    ) -> np.ndarray:
        """Convert indices into channels-last images of a shape to indices of the whole batch.

        Raises:
            RunError: an index is out of range.
        """
        layout, counted = attrs["layout"], attrs["counted"]
        whole = strides_counted(shape, layout, "batch")
        own = strides_counted(shape, layout, counted)
        limit = sum((d - 1) * s for d, s in zip(shape, own, strict=True)) + 1
        outside = (indices < 0) | (indices >= limit)
        if outside.any():
            raise RunError(
                f"index {indices[outside][0]} is outside of {limit} elements", port="indices"
            )
        n, channels = indices.shape[0], indices.shape[-1]
        rows = np.arange(n).reshape(-1, *[1] * (indices.ndim - 1))
        if counted == "batch":
            return indices.astype("int64")
        if counted == "image":
            return indices + rows * whole[0]
        ours = np.zeros(indices.shape, "int64")
        rest = indices.astype("int64")
        for step, big in zip(own[1:-1], whole[1:-1], strict=True):
            ours, rest = ours + rest // step * big, rest % step
        return ours + rows * whole[0] + np.arange(channels) * whole[-1]

    def unpooled(self, x: TensorType, indices: TensorType, attrs: Mapping[str, Any]) -> TensorType:
        """Return the type of the unpooled images, whose sizes are ``output_sizes`` or follow from
        the pooling windows.

        Raises:
            ShapeError: x and indices differ in shape.
            AttributeProblem: ``output_sizes`` does not have one size per axis.
        """
        try:
            shape = unify_shapes(x.shape, indices.shape)
        except ShapeError as error:
            raise error.at(None, "indices") from None
        n, *counts, channels = check_picture(x.with_shape(shape), attrs["layout"])
        sizes = attrs["output_sizes"]
        if sizes is None:
            sizes = windows_of(attrs).uncounted(counts)
        if len(sizes) != len(counts) or min((s for s in sizes if s is not None), default=0) < 0:
            raise AttributeProblem(
                f"output_sizes {list(sizes)} is not {len(counts)} sizes", port="output_sizes"
            )
        return x.with_shape(layout_shape((n, *sizes, channels), attrs["layout"]))

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield self.call((2, 3, 4, 5), dtype, {})
        for counted in COUNTED.choices:
            yield self.call((2, 2, 3, 2), "float64", {"counted": counted, "layout": "NCHW"})
            yield self.call((2, 2, 3, 2), "float64", {"counted": counted, "size": (1, 3)})
        yield self.call((1, 2, 2, 1), "float64", {"size": (3,), "strides": (2,), "pads": 1})
        yield self.call((1, 2, 2, 1), "float64", {"padding": "same", "output_sizes": (5, 3)})
        yield self.call((0, 2, 3, 2), "float64", {})
        yield self.call((1, 1, 1, 1), "float64", {"size": (1,)}, "int32")

    def call(
        self, shape: tuple[int, ...], dtype: str, attrs: dict[str, Any], kind: str = "int64"
    ) -> Sample:
        """Build a sample of the op whose indices are all distinct. ``shape`` is the shape of its
        images, channels last.
        """
        full = {a.name: a.default for a in self.attrs} | attrs
        x = values(known(layout_shape(shape, full["layout"])), dtype)
        types = TensorType(dtype, x.shape), TensorType("int64", x.shape)
        made = known(self.unpooled(*types, full).shape)
        n, *sizes, channels = known(shape_last(made, full["layout"]))
        steps = strides_counted((n, *sizes, channels), full["layout"], full["counted"])
        many, area = math.prod(shape[1:-1]), math.prod(sizes)
        chosen = (np.arange(many) * max(area // many, 1)).reshape(1, *shape[1:-1], 1)
        index = np.arange(n).reshape(-1, *[1] * (len(shape) - 1)) * steps[0]
        index = index + np.arange(channels) * steps[-1]
        for place, step in zip(np.unravel_index(chosen, sizes), steps[1:-1], strict=True):
            index = index + place * step
        indices = as_layout(index.astype(kind), full["layout"])
        return Sample(self.arrange(x, indices, made), attrs, smooth=dtype == "float64")

    def arrange(
        self, x: np.ndarray, indices: np.ndarray, made: tuple[int, ...]
    ) -> tuple[np.ndarray, ...]:
        """Return the op's inputs for a sample."""
        return x, indices


@register
class MaxUnpool2D(AtPlaces):
    """The inverse of max pooling: elements at the places where they were the largest, else
    zeros.
    """

    id = "max_unpool2d"
    partner = "take_at_places"
    keywords = ("unpooling", "MaxUnpool", "MaxUnpool2d", "upsampling", "segnet", "decoder")
    doc = (
        "Zeros, with the elements of x at the places that max_pool_with_argmax found.\n\nUse the "
        "attributes of the pooling; `counted` is the range of the indices. The result has the "
        "sizes that the windows cover, (n - 1) * stride + window - border, or `output_sizes`. Of "
        "two elements with the same index the last one counts. Gradient: the incoming gradient at "
        "the places."
    )
    inputs = (
        Port("x", "Elements.", FLOATS),
        Port("indices", "Indices of the elements in the result.", INTEGERS),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        return self.unpooled(types[0], types[1], attrs)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, indices = arrays
        layout = attrs["layout"]
        types = TensorType(x.dtype.name, x.shape), TensorType("int64", indices.shape)
        made = known(self.unpooled(*types, attrs).shape)
        last = channels_last(indices, layout)
        places = self.places(last, known(shape_last(made, layout)), attrs)
        out = np.zeros(math.prod(made), x.dtype)
        out[as_layout(places, layout).ravel()] = x.ravel()
        return out.reshape(made)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return getattr(F, self.partner)(grads[0], node.inputs[1], **node.attrs), None


@register
class TakeAtPlaces(AtPlaces):
    """The adjoint of unpooling: the elements at these places."""

    id = "take_at_places"
    partner = "max_unpool2d"
    category = "Internal"
    hidden = True
    doc = "The elements of x at the indices; 0 for an index that occurs again later."
    inputs = (Port("x", "Images.", FLOATS), Port("indices", "Index in x.", INTEGERS))

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, indices = types
        made = self.unpooled(x.with_shape(indices.shape), indices, attrs)
        if not compatible(made.shape, x.shape):
            raise ShapeError(
                f"shape {shape_text(x.shape)} must be {shape_text(made.shape)}", port="x"
            )
        return x.with_shape(indices.shape)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        x, indices = arrays
        layout = attrs["layout"]
        last = channels_last(indices, layout)
        places = self.places(last, known(shape_last(x.shape, layout)), attrs)
        flat = as_layout(places, layout).ravel()
        owner = np.zeros(x.size, "int64")
        owner[flat] = np.arange(flat.size)
        taken = np.where(owner[flat] == np.arange(flat.size), x.ravel()[flat], x.dtype.type(0))
        return taken.reshape(indices.shape)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        return getattr(F, self.partner)(grads[0], node.inputs[1], **node.attrs), None

    def arrange(
        self, x: np.ndarray, indices: np.ndarray, made: tuple[int, ...]
    ) -> tuple[np.ndarray, ...]:
        return values(made, x.dtype.name), indices


class AtPlaces3D(AtPlaces):
    """A mixin that turns an op on images into the op on volumes."""

    attrs = (
        *(ATTRS_3D[0], STRIDES, PADDING, LAYOUT_3D, PADS, COUNTED),
        AtPlaces.attrs[-1],
    )

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield self.call((2, 3, 4, 5, 6), dtype, {"size": (1, 2, 1)})
        for counted in COUNTED.choices:
            yield self.call((2, 1, 3, 2, 2), "float64", {"counted": counted, "layout": "NCDHW"})
            yield self.call((2, 2, 1, 3, 2), "float64", {"counted": counted, "size": (1, 3, 1)})
        yield self.call((1, 2, 2, 1, 1), "float64", {"padding": "same"})
        yield self.call((0, 2, 3, 2, 1), "float64", {})
        yield self.call((1, 1, 1, 1, 1), "float64", {"size": (1,)}, "int32")


@register
class MaxUnpool3D(AtPlaces3D, MaxUnpool2D):
    """The inverse of max pooling of volumes."""

    id = "max_unpool3d"
    partner = "take_at_places3d"
    keywords = ("unpooling", "MaxUnpool", "MaxUnpool3d", "upsampling", "decoder")
    doc = (
        "Zeros, with the elements of x at the places that max_pool3d_with_argmax found.\n\nAs "
        "max_unpool2d, along three axes."
    )


@register
class TakeAtPlaces3D(AtPlaces3D, TakeAtPlaces):
    """The adjoint of unpooling volumes."""

    id = "take_at_places3d"
    partner = "max_unpool3d"
