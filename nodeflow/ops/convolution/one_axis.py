"""Ops along one axis, composed of ops on images: a series is an image of height 1."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import FLOATS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.convolution.conv2d import GROUPS
from nodeflow.ops.convolution.pooling import CEIL, COUNT_BORDER
from nodeflow.ops.convolution.pooling import PADDING as POOL_PADDING
from nodeflow.ops.convolution.transposed import SIZES
from nodeflow.ops.samples import values
from nodeflow.ops.sliding_windows import PADDING, PADS, explicit_pads


class AlongOneAxis(Composed):
    """The base class of ops on series that apply an op on images of height 1."""

    category = "Neural network"
    two = ""
    """Id of the 2-D op."""
    LAYOUT = Attr(
        "layout", "choice", "NWC", "Position of the channels: last (NWC) or after the rows (NCW).",
        choices=("NWC", "NCW"), advanced=True
    )  # fmt: skip

    def wide(self, attrs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the attributes of the 2-D op that computes this 1-D op, with a height of one
        element.
        """
        first = {"output_padding": 0}
        named = ("strides", "dilations", "size", "output_padding", "output_sizes")
        changed: dict[str, Any] = {
            k: (first.get(k, 1), *attrs[k]) for k in named if attrs.get(k) is not None
        }
        if attrs.get("pads") is not None:
            changed["pads"] = [[0, 0], *map(list, explicit_pads(attrs["pads"], 1))]
        if "filter_layout" in attrs:
            changed["filter_layout"] = "HWIO" if attrs["filter_layout"] == "WIO" else "OIHW"
        return {**attrs, **changed, "layout": "NHWC" if attrs["layout"] == "NWC" else "NCHW"}

    def axes(self, attrs: Mapping[str, Any]) -> list[int]:
        """Return the positions of an additional axis of size 1 in the images and the filters, to
        compute a 1-D op by the 2-D op.
        """
        filters = 0 if attrs.get("filter_layout", "WIO") == "WIO" else 2
        return [1 if attrs["layout"] == "NWC" else 2, filters]

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        for name in ("strides", "dilations", "size", "output_padding", "output_sizes"):
            if len(attrs.get(name) or (1,)) != 1:
                raise AttributeProblem(f"{name} must be one number", port=name)
        lifted = []
        for type_, axis, port in zip(types, self.axes(attrs), self.inputs, strict=False):
            if type_.rank != 3:
                raise ShapeError(
                    f"{self.id} needs three axes, not shape {shape_text(type_.shape)}",
                    port=port.name,
                )
            lifted.append(type_.with_shape((*type_.shape[:axis], 1, *type_.shape[axis:])))
        made = REGISTRY.lookup(self.two).infer(*lifted, **self.wide(attrs))
        assert isinstance(made, TensorType)
        axis = self.axes(attrs)[0]
        return made.with_shape((*made.shape[:axis], *made.shape[axis + 1 :]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        axes = self.axes(attrs)
        lifted = [F.expand_dims(x, axis=a) for x, a in zip(inputs, axes, strict=False)]
        made = getattr(F, self.two)(*lifted, **self.wide(attrs))
        return F.squeeze(made, axis=[axes[0]])


class Convolution1D(AlongOneAxis):
    """The base class of convolution and transposed convolution along one axis."""

    attrs = (
        Attr("strides", "ints", (1,), "Steps between windows."),
        PADDING,
        Attr("dilations", "ints", (1,), "Distance between the elements of a window.",
             advanced=True),
        GROUPS,
        AlongOneAxis.LAYOUT,
        PADS,
        Attr("filter_layout", "choice", "WIO", "Axis order of the filter: WIO as in TensorFlow, "
             "OIW as in PyTorch and ONNX.",
             choices=("WIO", "OIW"), advanced=True),
    )  # fmt: skip
    inputs = (
        Port("x", "Series.", FLOATS, "T"),
        Port("filter", "(width, channels / groups, filters).", FLOATS, "T"),
    )

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            arrays = values((2, 6, 3), dtype), values((2, 3, 3), dtype, start=5)
            yield Sample(arrays, smooth=dtype == "float64")
            yield Sample(arrays, {"strides": (2,), "padding": "valid"}, dtype == "float64")
        ncw = values((2, 4, 5)), values((3, 2, 4), start=5)
        yield Sample(ncw, {"layout": "NCW", "dilations": (2,), "groups": 2}, smooth=True)
        oiw = values((2, 4, 3)), values((4, 3, 2), start=5)
        if "output_sizes" in {attr.name for attr in self.attrs}:
            oiw = values((2, 4, 3)), values((3, 4, 2), start=5)
        yield Sample(oiw, {"pads": [[1, 2]], "filter_layout": "OIW", "strides": (2,)}, smooth=True)
        yield Sample((values((0, 3, 1)), values((2, 1, 1))), smooth=True)
        yield Sample((values((1, 1, 1)), values((1, 1, 1))), smooth=True)


@register
class Conv1D(Convolution1D):
    """Convolution of series."""

    id = "conv1d"
    layered = True
    two = "conv2d"
    keywords = ("convolution", "series", "time", "filter", "kernel", "signal", "sequence")
    doc = (
        "The product of filters with every window of a batch of series.\n\nx (n, width, channels) "
        "and filter (width, channels / groups, filters) give (n, width', filters). Otherwise as "
        "conv2d."
    )


@register
class Conv1DTranspose(Convolution1D):
    """Transposed convolution of series."""

    id = "conv1d_transpose"
    layered = True
    two = "conv2d_transpose"
    keywords = ("deconvolution", "upsampling", "series", "decoder")
    doc = (
        "Transposed convolution of series: the adjoint of conv1d with the same filter.\n\nx "
        "(n, width, channels) and filter (width, filters / groups, channels of x) give (n, width "
        '* stride, filters) with padding "same". Otherwise as conv2d_transpose.'
    )
    inputs = (
        Port("x", "Input.", FLOATS, "T"),
        Port("filter", "(width, filters / groups, channels of x).", FLOATS, "T"),
    )
    attrs = (*Convolution1D.attrs, *SIZES)

    def samples(self) -> Iterator[Sample]:
        yield from super().samples()
        arrays = values((1, 3, 2)), values((2, 4, 2), start=5)
        valid: dict[str, Any] = {"padding": "valid", "strides": (3,)}
        yield Sample(arrays, {**valid, "output_padding": (2,)}, smooth=True)
        yield Sample(arrays, {"strides": (2,), "output_sizes": (5,)}, smooth=True)


class Pool1D(AlongOneAxis):
    """The base class of pooling along one axis."""

    category = "Layers"
    inputs = (Port("x", "Series.", FLOATS),)
    attrs = (
        Attr("size", "ints", (2,), "Length of a window."),
        Attr("strides", "ints", None, "Steps between windows; none: their size.", optional=True),
        POOL_PADDING,
        AlongOneAxis.LAYOUT,
        Attr(
            "dilations", "ints", (1,), "Distance between the elements of a window.", advanced=True
        ),
        PADS,
        CEIL,
    )

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((2, 5, 3), dtype),), smooth=dtype == "float64")
        attrs = {"size": (3,), "strides": (2,), "padding": "same", "layout": "NCW"}
        yield Sample((values((2, 3, 5)),), attrs, smooth=True)
        more = {"size": (3,), "pads": [[1, 2]], "ceil_mode": True}
        yield Sample((values((1, 6, 2)),), {**more, "strides": (2,)}, smooth=True)
        yield Sample((values((1, 6, 2)),), {**more, "dilations": (2,)}, smooth=True)
        if COUNT_BORDER in self.attrs:
            yield Sample((values((1, 6, 2)),), {**more, "count_include_pad": True}, smooth=True)
        yield Sample((values((0, 3, 2)),), smooth=True)
        yield Sample((values((1, 1, 1)),), {"size": (1,)}, smooth=True)


@register
class MaxPool1D(Pool1D):
    """The largest element of each window of series."""

    id = "max_pool1d"
    two = "max_pool2d"
    keywords = ("pooling", "maximum", "series", "downsample")
    doc = "The largest element of each window of series, for each channel.\n\nAs max_pool2d."


@register
class AveragePool1D(Pool1D):
    """The mean of each window of series."""

    id = "average_pool1d"
    two = "average_pool2d"
    keywords = ("pooling", "mean", "series", "downsample", "smooth", "AvgPool1d")
    attrs = (*Pool1D.attrs, COUNT_BORDER)
    doc = "The mean of each window of series, for each channel.\n\nAs average_pool2d."
