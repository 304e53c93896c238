"""Boxes cut out of pictures, at positions between the pixels, and resized."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, HALVES, NUMBERS, TensorType, compatible, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.distributions.normal_uniform import SEED
from nodeflow.ops.images.pictures import Picture, check_picture, known_sizes, sizes_of
from nodeflow.ops.indexing.slicing import INDICES
from nodeflow.ops.samples import values
from nodeflow.ops.sliding_windows import pair


def check_boxes(boxes: TensorType, rows: TensorType, port: str = "boxes") -> Any:
    """Return the number of boxes, of four numbers each.

    Raises:
        ShapeError: boxes or box_ind have a wrong shape.
    """
    if boxes.rank != 2 or boxes.shape[1] not in (4, None):
        raise ShapeError(f"{port} {shape_text(boxes.shape)} must be (n, 4)", port=port)
    if rows.rank != 1 or not compatible(rows.shape, boxes.shape[:1]):
        raise ShapeError(
            f"box_ind {shape_text(rows.shape)} must have one number for each box", port="box_ind"
        )
    return rows.shape[0] if boxes.shape[0] is None else boxes.shape[0]


def at_points(x: Tensor, rows: Tensor | None, down: Tensor, across: Tensor) -> Tensor:
    """Return pixels of x, (n, height, width, channels), at integer rows (n, height) and columns (n,
    width).

    Args:
        rows: the picture that each box belongs to; None if box i belongs to picture i.
    """
    places = [F.expand_dims(down, axis=2), F.expand_dims(across, axis=1)]
    if rows is not None:
        places.insert(0, F.expand_dims(rows, axis=(1, 2)))
    whole = [F.cast(p, dtype="int64") for p in places]
    zero = (whole[-2] + whole[-1]) * 0
    index = F.stack([p + zero for p in whole], axis=-1)
    return F.gather_nd(x, index, batch_dims=0 if rows is not None else 1)


def neighbours(point: Tensor, size: int) -> tuple[tuple[Tensor, Tensor], ...]:
    """Return the two pixel positions around a fractional position along one axis, each paired with
    its weight for linear interpolation. Positions are clipped to the picture.
    """
    first = F.floor(point)
    share = point - first
    before = F.clip_by_value(first, min=0.0, max=size - 1.0)
    after = F.clip_by_value(first + 1, min=0.0, max=size - 1.0)
    return (before, 1 - share), (after, share)


def between(x: Tensor, rows: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Sample pictures bilinearly at fractional rows and columns. Arguments are the same as for
    `at_points`.
    """
    height, width = known_sizes(x.type, 1, 2)
    total = None
    for row, high in neighbours(down, height):
        for column, wide in neighbours(across, width):
            weight = F.expand_dims(
                F.expand_dims(high, axis=2) * F.expand_dims(wide, axis=1), axis=3
            )
            term = at_points(x, rows, row, column) * weight
            total = term if total is None else total + term
    assert total is not None
    return total


def in_frame(down: Tensor, across: Tensor, inside: Any) -> Tensor:
    """Return (n, height, width, 1): true where both coordinates are inside the picture."""
    both = F.logical_and(
        F.expand_dims(inside(down, 1), axis=2), F.expand_dims(inside(across, 2), axis=1)
    )
    return F.expand_dims(both, axis=3)


@register
class CropAndResize(Picture):
    """Boxes of pictures, resized to one size."""

    id = "crop_and_resize"
    keywords = ("roi pooling", "region of interest", "object detection", "zoom", "resized crop")
    doc = (
        "Boxes cut out of pictures and resized to one size.\n\nx is "
        "(rows, height, width, channels). boxes (n, 4) are y1, x1, y2, x2, where 0 is the first "
        "pixel and 1 the last. box_ind (n,) is the row of each box. The result is "
        "(n, height, width, channels) of crop_size. A box with y1 > y2 is flipped. Places outside "
        "the picture get the extrapolation_value. Integers become float32. Gradient: to the "
        "pixels and, if bilinear, to the boxes."
    )
    inputs = (
        Port("x", "Pictures.", NUMBERS),
        Port("boxes", "y1, x1, y2, x2 of each box.", FLOATS),
        Port("box_ind", "Row of each box.", INDICES),
    )
    attrs = (
        Attr("crop_size", "ints", (14, 14), "New height and width, or one number for both."),
        Attr("method", "choice", "bilinear", "Linear between pixels, or the nearest.",
             choices=("bilinear", "nearest")),
        Attr("extrapolation_value", "float", 0.0, "Value outside the picture."),
    )  # fmt: skip

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, boxes, rows = types
        check_picture(x, rank=4)
        if 0 in known_sizes(x, 1, 2):
            raise ShapeError(f"pictures of shape {shape_text(x.shape)} have no pixels", port="x")
        count = check_boxes(boxes, rows)
        out = x if x.is_float else x.with_dtype("float32")
        return out.with_shape((count, *pair("crop_size", attrs["crop_size"]), x.shape[3]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, boxes, rows = inputs
        out = x.dtype if x.type.is_float else "float32"
        if x.dtype in HALVES or not x.type.is_float:  # half floats cannot address single pixels
            x = F.cast(x, dtype="float32")
        boxes = boxes if boxes.dtype == x.dtype else F.cast(boxes, dtype=x.dtype)
        height, width = known_sizes(x.type, 1, 2)
        y1, x1, y2, x2 = F.split(boxes, parts=4, axis=1)
        new = pair("crop_size", attrs["crop_size"])
        down = self.places(y1, y2, height, new[0])
        across = self.places(x1, x2, width, new[1])

        def inside(place: Tensor, axis: int) -> Tensor:
            return F.logical_and(place >= 0, place <= (height, width)[axis - 1] - 1)

        if attrs["method"] == "bilinear":
            found = between(x, rows, down, across)
        else:
            whole = [
                F.clip_by_value(F.floor(place + 0.5), min=0.0, max=size - 1.0)
                for place, size in ((down, height), (across, width))
            ]
            found = at_points(x, rows, *whole)
        cut = F.where(in_frame(down, across, inside), found, attrs["extrapolation_value"])
        return cut if cut.dtype == out else F.cast(cut, dtype=out)

    def places(self, begin: Tensor, end: Tensor, old: int, new: int) -> Tensor:
        """Return the positions (n, new) of the sampled rows or columns of n boxes, evenly spaced
        from ``begin`` to ``end`` (n, 1), which are fractions of the picture with ``old`` pixels.
        """
        if new == 1:
            return (begin + end) * (0.5 * (old - 1))
        step = np.arange(new).astype(begin.dtype) * ((old - 1) / (new - 1))
        return begin * (old - 1) + (end - begin) * step

    def samples(self) -> Iterator[Sample]:
        boxes = np.array([[0.1, 0.23, 0.7, 0.9], [0.85, -0.2, 0.07, 0.6], [0.3, 0.4, 0.3, 1.3]])
        for kind in INDICES:
            arrays = values((2, 4, 5, 3)), boxes, np.array([1, 0, 1], kind)
            yield Sample(arrays, {"crop_size": (3, 2), "extrapolation_value": 2.0}, smooth=True)
        for dtype in NUMBERS:
            x = values((2, 4, 5, 3), dtype)
            attrs = {"crop_size": (2,), "method": "nearest"}
            yield Sample((x, boxes.astype("float32"), np.array([1, 0, 1])), attrs)
        yield Sample((values((2, 3, 1, 2)), boxes[:1], np.array([1])), {"crop_size": (1, 4)})
        yield Sample((values((1, 3, 2, 4)), np.zeros((0, 4)), np.zeros(0, "int32")))
        one = {"crop_size": (1,)}
        yield Sample((values((1, 1, 1, 1)), boxes[:1], np.array([0])), one)


@register
class RoiAlign(Picture):
    """Means over parts of boxes."""

    id = "roi_align"
    keywords = ("region of interest", "object detection", "mask r-cnn", "RoIAlign", "pooling")
    doc = (
        "The mean, or the maximum, of sampled points in each part of boxes.\n\nx is "
        "(rows, channels, height, width). boxes (n, 4) are x1, y1, x2, y2, in pixels after "
        "multiplication by spatial_scale. box_ind (n,) is the row of each box. The result is "
        "(n, channels, output_size...). Each part has sampling_ratio times sampling_ratio evenly "
        "spaced points, read linearly between pixels; points outside are 0. `aligned` shifts "
        "boxes by half a pixel, the correct position. As in PyTorch and ONNX. Gradient: to the "
        "pixels and to the boxes. He and others, 2017."
    )
    inputs = (
        Port("x", "Pictures, channels first.", FLOATS),
        Port("boxes", "x1, y1, x2, y2 of each box.", FLOATS),
        Port("box_ind", "Row of each box.", INDICES),
    )
    attrs = (
        Attr("output_size", "ints", (7, 7), "Parts down and across, or one number for both."),
        Attr("sampling_ratio", "int", 2, "Points in each part, along each axis.", minimum=1),
        Attr("spatial_scale", "float", 1.0, "Factor of the boxes."),
        Attr("mode", "choice", "avg", "Mean or maximum.", choices=("avg", "max")),
        Attr("aligned", "bool", True, "Pixel centres are at a half."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, boxes, rows = types
        check_picture(x, rank=4)
        if 0 in known_sizes(x, 2, 3):
            raise ShapeError(f"pictures of shape {shape_text(x.shape)} have no pixels", port="x")
        count = check_boxes(boxes, rows)
        return x.with_shape((count, x.shape[1], *pair("output_size", attrs["output_size"])))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, boxes, rows = inputs
        boxes = boxes if boxes.dtype == x.dtype else F.cast(boxes, dtype=x.dtype)
        last = F.transpose(x, perm=(0, 2, 3, 1))
        sizes = known_sizes(last.type, 1, 2)
        shift = 0.5 if attrs["aligned"] else 0.0
        x1, y1, x2, y2 = F.split(boxes * attrs["spatial_scale"] - shift, parts=4, axis=1)
        parts, points = pair("output_size", attrs["output_size"]), attrs["sampling_ratio"]
        places = []
        for begin, end, count in ((y1, y2, parts[0]), (x1, x2, parts[1])):
            span = end - begin if attrs["aligned"] else F.maximum(end - begin, 1)
            share = (np.arange(count * points) + 0.5) / (count * points)
            places.append(begin + span * share.astype(x.dtype))

        def inside(place: Tensor, axis: int) -> Tensor:
            return F.logical_and(place >= -1, place <= sizes[axis - 1])

        held = [
            F.clip_by_value(place, min=0.0, max=size - 1.0)
            for place, size in zip(places, sizes, strict=True)
        ]
        found = between(last, rows, *held)
        found = F.where(in_frame(places[0], places[1], inside), found, 0)
        channels = -1 if x.shape[1] is None else x.shape[1]
        count = F.size(boxes, axis=0, dtype="int64") if boxes.shape[0] is None else boxes.shape[0]
        split = F.reshape(found, [count, parts[0], points, parts[1], points, channels])
        reduced = (F.reduce_mean if attrs["mode"] == "avg" else F.reduce_max)(split, axis=(2, 4))
        return F.transpose(reduced, perm=(0, 3, 1, 2))

    def samples(self) -> Iterator[Sample]:
        boxes = np.array([[0.3, 0.2, 2.9, 3.3], [-0.4, 1.2, 5.1, 1.7], [1.3, 1.1, 4.2, 9.2]])
        for kind in INDICES:
            for dtype in FLOATS:
                x = values((2, 3, 4, 5), dtype)
                arrays = x, boxes.astype(dtype), np.array([1, 0, 1], kind)
                for aligned in (False, True):
                    attrs = {"output_size": (2, 3), "aligned": aligned}
                    yield Sample(arrays, attrs, smooth=dtype == "float64")
        attrs = {"output_size": (2,), "sampling_ratio": 1, "spatial_scale": 0.5, "mode": "max"}
        yield Sample((values((2, 3, 4, 5)), boxes, np.array([1, 0, 1])), attrs, smooth=True)
        yield Sample((values((1, 3, 2, 4)), np.zeros((0, 4)), np.zeros(0, "int32")))
        one = {"output_size": (1,)}
        yield Sample((values((1, 1, 1, 1)), boxes[:1], np.array([0])), one)


NOISE = ("uniform", "gaussian", "zero")


@register
class ExtractGlimpse(Picture):
    """Windows of pictures around points."""

    id = "extract_glimpse"
    random = True
    keywords = ("attention", "window", "recurrent attention", "crop", "fovea")
    doc = (
        "A window of each picture around a point.\n\nx (rows, height, width, channels) and "
        "offsets (rows, 2), the centre of the window (down, across), give "
        "(rows, size..., channels). Offsets are fractions of the picture if `normalized`, "
        "otherwise pixels. If `centered`, they are halved and count from the middle of the "
        "picture, otherwise from its top left corner. Pixels outside the picture are noise: "
        "uniform from 0 to 1, gaussian with the mean and deviation of the picture, or zero. "
        "Gradient: to the pixels. Mnih and others, 2014."
    )
    inputs = (
        Port("x", "Pictures.", FLOATS, "T"),
        Port("offsets", "Centre of the window (down, across), for each row.", FLOATS, "T"),
    )
    attrs = (
        Attr("size", "ints", (8, 8), "Height and width of the window, or one number."),
        Attr("centered", "bool", True, "Offsets are relative to the middle."),
        Attr("normalized", "bool", True, "Offsets are fractions of the picture."),
        Attr("noise", "choice", "uniform", "Values outside the picture.", choices=NOISE),
        SEED,
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x, offsets = types
        check_picture(x, rank=4)
        if 0 in known_sizes(x, 1, 2):
            raise ShapeError(f"pictures of shape {shape_text(x.shape)} have no pixels", port="x")
        if offsets.rank != 2 or not compatible(offsets.shape, (x.shape[0], 2)):
            raise ShapeError(
                f"offsets {shape_text(offsets.shape)} must be (rows, 2)", port="offsets"
            )
        rows = offsets.shape[0] if x.shape[0] is None else x.shape[0]
        return x.with_shape((rows, *pair("size", attrs["size"]), x.shape[3]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, offsets = inputs
        sizes, window = known_sizes(x.type, 1, 2), pair("size", attrs["size"])
        places = []
        parts = F.split(offsets, parts=2, axis=1)
        for offset, size, count in zip(parts, sizes, window, strict=True):
            middle = offset * size if attrs["normalized"] else offset
            if attrs["centered"]:
                middle = middle * 0.5 + size / 2
            begin = middle - count / 2
            whole = F.cast(F.cast(begin, dtype="int64"), dtype=x.dtype)  # truncates towards 0
            places.append(whole + np.arange(count).astype(x.dtype))
        held = [
            F.clip_by_value(place, min=0.0, max=size - 1.0)
            for place, size in zip(places, sizes, strict=True)
        ]
        found = at_points(x, None, *held)

        def inside(place: Tensor, axis: int) -> Tensor:
            return F.logical_and(place >= 0, place <= sizes[axis - 1] - 1)

        return F.where(in_frame(places[0], places[1], inside), found, self.around(x, found, attrs))

    def around(self, x: Tensor, found: Tensor, attrs: dict[str, Any]) -> Any:
        """Return the values that fill places outside the picture."""
        if attrs["noise"] == "zero":
            return 0
        how = {"dtype": x.dtype, "seed": attrs["seed"], "name": "drawn"}
        if attrs["noise"] == "uniform":
            return F.random_uniform_like(found, **how)
        still = F.stop_gradient(x)
        mean = F.reduce_mean(still, axis=(1, 2, 3), keepdims=True)
        squares = F.reduce_mean(F.square(still - mean), axis=(1, 2, 3), keepdims=True)
        return F.random_normal(sizes_of(found), **how) * F.sqrt(squares) + mean

    def samples(self) -> Iterator[Sample]:
        offsets = np.array([[0.1, -0.3], [0.6, 0.9]])
        for dtype in FLOATS:
            for noise in NOISE:
                arrays = values((2, 5, 6, 3), dtype), offsets.astype(dtype)
                smooth = dtype == "float64" and noise == "zero"
                yield Sample(arrays, {"size": (3, 4), "noise": noise}, smooth=smooth)
        x, pixels = values((2, 5, 6, 1)), np.array([[1.5, -2.5], [3.5, 2.2]])
        for centered in (False, True):
            for normalized in (False, True):
                attrs = {"centered": centered, "normalized": normalized, "noise": "zero"}
                yield Sample((x, pixels), {**attrs, "size": (2,)}, smooth=True)
        yield Sample((values((0, 2, 3, 4)), np.zeros((0, 2))))
        yield Sample((values((1, 1, 1, 1)), np.zeros((1, 2))), {"size": (1,)})
