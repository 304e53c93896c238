"""Deformable convolution: offsets move the places where the elements of a window are read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, Shape, TensorType, compatible, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.convolution.conv2d import ATTRS, FILTER, convolved, filter_shape_last, windows_of
from nodeflow.ops.images.grid_sample import GridSample
from nodeflow.ops.samples import values
from nodeflow.ops.sliding_windows import check_picture, known, layout_shape, shape_last

READ, LINEAR = GridSample(), {"method": "linear", "padding": "zeros", "align_corners": False}


@register
class DeformConv2D(Composed):
    """A convolution whose window elements are moved by offsets."""

    id = "deform_conv2d"
    everyday = False
    category = "Neural network"
    keywords = ("deformable convolution", "DeformConv", "DCN", "offset", "dcnv2", "modulated")
    doc = (
        "Convolution whose window elements are read at places moved by offsets.\n\nAs conv2d, but "
        "`offset` moves each element of each window by (down, right), in pixels: (n, height', "
        "width', offset_groups * window * 2), with axes in the layout of x. Values between pixels "
        "are interpolated; outside of x they are 0. mask has the same shape without the 2, and "
        "multiplies each element. Channels are split into `offset_groups`, each with its own "
        "offsets. All sizes but n must be known. Dai et al., 2017; Zhu et al., 2019."
    )
    inputs = (
        Port("x", "Images.", FLOATS, "T"),
        FILTER,
        Port("offset", "Movement of each element of a window.", FLOATS, "T"),
        Port("mask", "Factor of each element of a window.", FLOATS, "T", optional=True),
    )
    attrs = (
        *ATTRS,
        Attr("offset_groups", "int", 1, "Groups of channels that share offsets.", minimum=1),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, filter_, offset, *mask = types
        out = convolved(x, filter_, attrs)
        windows = windows_of(filter_, attrs)[0]
        layout, groups = attrs["layout"], attrs["offset_groups"]
        n, *sizes = shape_last(out.shape, layout)[:3]
        channels = check_picture(x, layout)[3]
        if None in (*check_picture(x, layout)[1:], *filter_.shape):
            raise ShapeError(
                f"the sizes of {shape_text(x.shape)} and {shape_text(filter_.shape)} must be known",
                port="x",
                hint="Give the sizes where the tensors are made.",
            )
        if (channels or 0) % groups:
            raise AttributeProblem(
                f"{channels} channels do not split into {groups} groups", port="offset_groups"
            )
        elements = math.prod(windows.kernel) * groups
        for port, given, depth in zip(("offset", "mask"), (offset, *mask), (2, 1), strict=False):
            expected = layout_shape((n, *sizes, elements * depth), layout)
            if not compatible(given.shape, expected):
                raise ShapeError(
                    f"{port} is {shape_text(given.shape)}, but must be {shape_text(expected)}",
                    port=port,
                )
        return out

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, filter_, offset, *mask = inputs
        layout, parts = attrs["layout"], attrs["offset_groups"]
        first = layout == "NCHW"
        if not first:
            x, offset, *mask = (F.transpose(t, perm=(0, 3, 1, 2)) for t in (x, offset, *mask))
        _, channels, *sizes = known(x.shape)
        counts = known(offset.shape[2:])
        *kernel, depth, filters = known(filter_shape_last(filter_.shape, attrs["filter_layout"]))
        elements, groups = math.prod(kernel), attrs["groups"]
        moved = F.reshape(offset, shape=(-1, elements, 2, *counts))
        places = F.transpose(moved, perm=(0, 1, 3, 4, 2)) + self.places(filter_.type, sizes, attrs)
        table = F.reshape(x, shape=(-1, channels // parts, *sizes))
        seen = READ.between(table, F.unstack(places, num=2, axis=-1), LINEAR)
        if mask:
            seen = seen * F.reshape(mask[0], shape=(-1, 1, elements, *counts))
        area = math.prod(counts)
        seen = F.reshape(seen, shape=(-1, groups, channels // groups * elements, area))
        to_first = (3, 2, 0, 1) if attrs["filter_layout"] == "HWIO" else (0, 1, 2, 3)
        weights = F.transpose(filter_, perm=to_first)
        weights = F.reshape(weights, shape=(groups, filters // groups, depth * elements))
        out = F.reshape(F.matmul(weights, seen), shape=(-1, filters, *counts))
        return out if first else F.transpose(out, perm=(0, 2, 3, 1))

    def places(
        self, filter_: TensorType, sizes: Sequence[int], attrs: Mapping[str, Any]
    ) -> np.ndarray:
        """Return the coordinates that the window elements have without offsets, as (row, column)
        pairs: (elements, height', width', 2).
        """
        axes = windows_of(filter_, attrs)[0].axes
        each = []
        for axis, size in zip(axes, sizes, strict=True):
            starts = np.arange(axis.count(size) or 0) * axis.stride - axis.pads(size)[0]
            each.append(starts + np.arange(axis.kernel)[:, None] * axis.dilation)
        rows, columns = each
        shape: Shape = (len(rows), len(columns), rows.shape[1], columns.shape[1])
        down = np.broadcast_to(rows[:, None, :, None], known(shape))
        right = np.broadcast_to(columns[None, :, None, :], known(shape))
        both = np.stack([down, right], -1).reshape(-1, rows.shape[1], columns.shape[1], 2)
        return both.astype(filter_.dtype)

    def samples(self) -> Iterator[Sample]:
        def call(x: tuple[int, ...], f: tuple[int, ...], dtype: str = "float64", **attrs: Any):
            """Build a sample of a deformable convolution, as (inputs, attributes, whether it is in
            float64).

            The offsets avoid whole pixels, because the gradient of interpolation jumps there.
            """
            full = {a.name: a.default for a in self.attrs} | attrs
            picture = values(known(layout_shape(x, full["layout"])), dtype)
            order = (3, 2, 0, 1) if full["filter_layout"] == "OIHW" else (0, 1, 2, 3)
            weights = values(f, dtype, start=5).transpose(order).copy()
            types = TensorType(dtype, picture.shape), TensorType(dtype, weights.shape)
            n, down, across, _ = known(shape_last(convolved(*types, full).shape, full["layout"]))
            depth = f[0] * f[1] * full["offset_groups"] * 2
            shape = known(layout_shape((n, down, across, depth), full["layout"]))
            offset = values(shape, dtype, 0.1, 0.4, start=9)
            return (picture, weights, offset), attrs, dtype == "float64"

        for dtype in FLOATS:
            yield Sample(*call((2, 4, 5, 3), (2, 3, 3, 4), dtype))
        yield Sample(*call((1, 3, 4, 2), (2, 2, 1, 4), groups=2, offset_groups=2, layout="NCHW"))
        more: dict[str, Any] = {"padding": "valid", "filter_layout": "OIHW", "strides": (1, 2)}
        yield Sample(*call((1, 4, 3, 2), (2, 1, 2, 3), dilations=(2,), **more))
        arrays, attrs, _ = call((1, 3, 2, 1), (2, 2, 1, 2), pads=[[1, 0], [0, 1]])
        mask = values((*arrays[2].shape[:3], 4), start=3)
        yield Sample((*arrays, mask), attrs, smooth=True)
        yield Sample(*call((0, 4, 5, 3), (2, 2, 3, 4)))
        yield Sample(*call((1, 1, 1, 1), (1, 1, 1, 1)))
