"""Patches extracted from pictures, and pictures assembled from patches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import DTYPES, FLOATS, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.images.pictures import Picture, along, check_picture, known_sizes, sizes_of, times
from nodeflow.ops.samples import values
from nodeflow.ops.sliding_windows import PADDING, Windows, pair


@register
class ImagePatches(Picture):
    """Patches of pictures as channels."""

    id = "image_patches"
    keywords = (
        "extract_image_patches",
        "im2col",
        "unfold",
        "windows",
        "patch embedding",
        "vision transformer",
        "tiles",
    )
    doc = (
        "The pixels of each sliding window over pictures, as channels.\n\nx "
        "(rows, height, width, channels) gives (rows, windows down, windows across, height * "
        "width * channels of a window). `rates` is the distance between the pixels of a window. "
        'Padding "same" adds zeros around. Height and width must be known. Gradient: added up at '
        "pixels that occur in several windows."
    )
    inputs = (Port("x", "Pictures.", DTYPES),)
    attrs = (
        Attr("ksizes", "ints", (3, 3), "Height and width of a window, or one number."),
        Attr("strides", "ints", (1, 1), "Steps between windows."),
        Attr("rates", "ints", (1, 1), "Distance between the pixels of a window."),
        PADDING,
    )

    def windows(self, attrs: dict[str, Any]) -> Windows:
        kernel = pair("ksizes", attrs["ksizes"])
        rates = pair("rates", attrs["rates"])
        return Windows.of(kernel, {**attrs, "dilations": rates})

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        check_picture(x, rank=4)
        kernel = pair("ksizes", attrs["ksizes"])
        height, width = known_sizes(x, 1, 2)
        counts = self.windows(attrs).counts(height, width)
        return x.with_shape((x.shape[0], *counts, times(*kernel, x.shape[3])))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        windows, sizes = self.windows(attrs), known_sizes(x.type, 1, 2)
        axes = (windows.height, windows.width)
        pads = [axis.pads(size) for axis, size in zip(axes, sizes, strict=True)]
        if any(map(any, pads)):
            x = F.pad(x, paddings=[(0, 0), *pads, (0, 0)])
        counts = [axis.count(size) or 0 for axis, size in zip(axes, sizes, strict=True)]
        for place, axis in ((1, axes[0]), (3, axes[1])):
            first = np.arange(counts[place // 2])[:, None] * axis.stride
            x = F.gather(x, first + np.arange(axis.kernel) * axis.dilation, axis=place)
        rows, *_, channels = sizes_of(inputs[0])
        moved = F.transpose(x, perm=(0, 1, 3, 2, 4, 5))
        depth = axes[0].kernel * axes[1].kernel * channels
        return F.reshape(moved, [rows, *counts, depth])

    def samples(self) -> Iterator[Sample]:
        small = {"ksizes": (2, 3), "padding": "valid"}
        for dtype in DTYPES:
            yield Sample((values((2, 4, 5, 3), dtype),), small, smooth=dtype == "float64")
        yield Sample((values((2, 4, 5, 1)),), {"strides": (2, 1)}, smooth=True)
        attrs = {**small, "rates": (2, 1), "strides": (1, 2)}
        yield Sample((values((1, 5, 6, 2)),), attrs, smooth=True)
        yield Sample((values((0, 4, 3, 2)),), smooth=True)
        yield Sample((values((1, 1, 1, 1)),), {"ksizes": (1,)}, smooth=True)


@register
class Fold(Picture):
    """Pictures assembled from windows."""

    id = "fold"
    keywords = ("col2im", "patches", "unfold", "overlap add", "windows", "Fold")
    doc = (
        "Pictures assembled from windows: each pixel is the sum of all windows that cover it.\n\n"
        "x (rows, channels * window..., windows) gives (rows, channels, image_shape...), for any "
        "number of axes. Windows are ordered row by row. `pads` [before, after] of each axis are "
        "cut off. As PyTorch's Fold and ONNX's Col2Im. Gradient: the pixels that each window "
        "covers."
    )
    inputs = (Port("x", "Windows: (rows, channels * window, windows).", FLOATS),)
    attrs = (
        Attr("image_shape", "ints", (4, 4), "Sizes of a picture."),
        Attr("block_shape", "ints", (2, 2), "Sizes of a window."),
        Attr("strides", "ints", None, "Steps between windows; none: 1.", optional=True),
        Attr("dilations", "ints", None, "Steps within a window; none: 1.", optional=True),
        Attr("pads", "literal", None, "[before, after] per axis; none: 0.", optional=True),
    )

    def axes(self, attrs: dict[str, Any]) -> list[np.ndarray]:
        """Return, for each axis, an array (windows, window elements) of the image positions of all
        window elements. Positions in the padding are negative or too large.

        Raises:
            AttributeProblem: the sizes do not fit each other.
        """
        image, block = attrs["image_shape"], attrs["block_shape"]
        count = len(image)
        strides, dilations = (attrs[n] or (1,) * count for n in ("strides", "dilations"))
        pads = attrs["pads"] if attrs["pads"] is not None else [[0, 0]] * count
        lists = {"block_shape": block, "strides": strides, "dilations": dilations}
        for name, numbers in lists.items():
            if len(numbers) != count or min(numbers, default=1) < 1:
                raise AttributeProblem(
                    f"{name} must have a number of 1 or more for each of {count} axes", port=name
                )
        if np.shape(pads) != (count, 2) or np.min(pads, initial=0) < 0:
            raise AttributeProblem("pads must be [before, after] for each axis", port="pads")
        found = []
        for size, k, s, d, (before, after) in zip(
            image, block, strides, dilations, pads, strict=True
        ):
            whole = (size + before + after - (k - 1) * d - 1) // s + 1
            if size < 0 or whole < 0:
                raise AttributeProblem(
                    f"a window of {k} does not fit into {size}", port="block_shape"
                )
            found.append(np.arange(whole)[:, None] * s + np.arange(k) * d - before)
        return found

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        axes = self.axes(attrs)
        windows = int(np.prod([len(places) for places in axes]))
        block = int(np.prod(attrs["block_shape"]))
        if x.rank != 3 or x.shape[2] not in (windows, None) or (x.shape[1] or 0) % block:
            raise ShapeError(
                f"windows {shape_text(x.shape)} must be (rows, a multiple of {block}, {windows})",
                port="x",
            )
        channels = None if x.shape[1] is None else x.shape[1] // block
        return x.with_shape((x.shape[0], channels, *attrs["image_shape"]))

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x, axes = inputs[0], self.axes(attrs)
        block, count = attrs["block_shape"], len(axes)
        rows, depth, _ = sizes_of(x)
        counts = [len(places) for places in axes]
        out = F.reshape(x, [rows, depth // int(np.prod(block)), *block, *counts])
        # for each spatial axis, an axis of windows beside the axis of window elements
        mixed = [axis for i in range(count) for axis in (2 + count + i, 2 + i)]
        out = F.transpose(out, perm=(0, 1, *mixed))
        rows, depth = sizes_of(out)[:2]
        sizes = [places.size for places in axes]
        out = F.reshape(out, [rows, depth, *sizes])
        for i, (places, size) in enumerate(zip(axes, attrs["image_shape"], strict=True)):
            matrix = (np.arange(size)[:, None] == places.ravel()).astype("float64")
            out = along(out, matrix, 2 + i)
        return out

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((2, 8, 9), dtype),), smooth=dtype == "float64")
        attrs = {
            "image_shape": (3, 5), "block_shape": (1, 2), "strides": (2, 1), "dilations": (1, 2),
            "pads": [[1, 0], [0, 2]],
        }  # fmt: skip
        yield Sample((values((2, 6, 10)),), attrs, smooth=True)
        line = {"image_shape": (5,), "block_shape": (2,)}
        yield Sample((values((3, 2, 4)),), line, smooth=True)
        yield Sample((values((0, 4, 9)),))
        one = {"image_shape": (1,), "block_shape": (1,)}
        yield Sample((values((1, 1, 1)),), one, smooth=True)
