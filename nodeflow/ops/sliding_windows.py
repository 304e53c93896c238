"""Windows that slide over images: their geometry, and numpy views of what each one sees.

Arrays here are (rows, height, width, channels); ``layout`` moves the channels of callers' arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import Dim, Shape, TensorType, shape_text

PADDING = Attr(
    "padding", "choice", "same", "Zeros around, so that sizes stay (same), or none (valid).",
    choices=("same", "valid"),
)  # fmt: skip
LAYOUT = Attr(
    "layout", "choice", "NHWC", "Where the channels are: last (NHWC) or after the rows (NCHW).",
    choices=("NHWC", "NCHW"),
)  # fmt: skip


def pair(name: str, numbers: Sequence[int]) -> tuple[int, int]:
    """Height and width from one number for both, or two.

    Raises:
        AttributeProblem: not one or two positive numbers.
    """
    if len(numbers) not in (1, 2) or min(numbers) < 1:
        raise AttributeProblem(
            f"{name} {list(numbers)} is not one or two positive numbers",
            port=name,
            hint="Give height and width, or one number for both.",
        )
    return numbers[0], numbers[-1]


@dataclass(frozen=True)
class Axis:
    """How windows lie along one axis; a kernel of 0 stands for an unknown one."""

    kernel: int
    stride: int
    dilation: int
    same: bool

    @property
    def reach(self) -> int:
        """Elements from the first to the last that a window sees."""
        return (self.kernel - 1) * self.dilation + 1

    def count(self, size: Dim, port: str = "x") -> Dim:
        """How many windows there are.

        Raises:
            ShapeError: the axis is shorter than one window.
        """
        if size is None:
            return None
        if self.same:
            return -(-size // self.stride)
        if not self.kernel:
            return None
        if size < self.reach:
            raise ShapeError(
                f"a window of {self.reach} does not fit into an axis of size {size}",
                port=port,
                hint="Use padding 'same', or a smaller window.",
            )
        return (size - self.reach) // self.stride + 1

    def uncounted(self, count: Dim) -> Dim:
        """The natural size of an axis that has this many windows."""
        if count is None:
            return None
        if self.same:
            return count * self.stride
        if not self.kernel:
            return None
        return (count - 1) * self.stride + self.reach if count else 0

    def pads(self, size: int) -> tuple[int, int]:
        """Zeros before and after; the odd one is after."""
        if not self.same:
            return 0, 0
        total = max((-(-size // self.stride) - 1) * self.stride + self.reach - size, 0)
        return total // 2, total - total // 2

    def inside(self, offset: int, size: int, count: int) -> tuple[slice, slice]:
        """Where the windows' element ``offset`` lies within an axis of ``size``, and of which of
        ``count`` windows it does; both are empty if it is always in the border."""
        start = offset * self.dilation - self.pads(size)[0]
        first = max(0, -(start // self.stride))
        last = min(count, -((start - size) // self.stride))
        if first >= last:
            return slice(0, 0), slice(0, 0)
        place = first * self.stride + start
        end = place + (last - first - 1) * self.stride + 1
        return slice(place, end, self.stride), slice(first, last)

    def places(self, offset: int, count: int) -> slice:
        """Where the windows' element ``offset`` lies in the padded axis."""
        start = offset * self.dilation
        return slice(start, start + (count - 1) * self.stride + 1, self.stride)


@dataclass(frozen=True)
class Windows:
    """Windows over height and width."""

    height: Axis
    width: Axis

    @classmethod
    def of(cls, kernel: Sequence[int], attrs: Any) -> Windows:
        """From the sizes of a window and an op's strides, dilations (if any) and padding."""
        strides = pair("strides", attrs["strides"])
        dilations = pair("dilations", attrs.get("dilations", (1,)))
        same = attrs["padding"] == "same"
        axes = (Axis(*each, same) for each in zip(kernel, strides, dilations, strict=True))
        return cls(*axes)

    def counts(self, height: Dim, width: Dim, port: str = "x") -> tuple[Dim, Dim]:
        return self.height.count(height, port), self.width.count(width, port)

    def padded(self, x: np.ndarray, value: float = 0.0) -> np.ndarray:
        """``x`` with its border."""
        pads = self.height.pads(x.shape[1]), self.width.pads(x.shape[2])
        if pads == ((0, 0), (0, 0)):
            return x
        return np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=value)

    def unpadded(self, x: np.ndarray, height: int, width: int) -> np.ndarray:
        """What remains of a padded array without its border."""
        top, left = self.height.pads(height)[0], self.width.pads(width)[0]
        return x[:, top : top + height, left : left + width]

    def padded_sizes(self, height: int, width: int) -> tuple[int, int]:
        return height + sum(self.height.pads(height)), width + sum(self.width.pads(width))

    def view(self, x: np.ndarray, value: float = 0.0) -> np.ndarray:
        """What each window sees: (rows, windows down, windows across, kernel, kernel, channels).

        A read-only view of the padded array; its elements appear several times.
        """
        down, across = self.counts(x.shape[1], x.shape[2])
        whole = self.padded(x, value)
        n, h, w, c = whole.strides
        rows, columns = self.height, self.width
        return as_strided(
            whole,
            (x.shape[0], down or 0, across or 0, rows.kernel, columns.kernel, x.shape[3]),
            (n, h * rows.stride, w * columns.stride, h * rows.dilation, w * columns.dilation, c),
            writeable=False,
        )

    def gather_back(self, seen: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """The adjoint of ``view``: what each window has, added up where it was seen."""
        n, height, width, c = shape
        _, down, across = seen.shape[:3]
        whole = np.zeros((n, *self.padded_sizes(height, width), c), seen.dtype)
        if down and across:
            for i in range(self.height.kernel):
                rows = self.height.places(i, down)
                for j in range(self.width.kernel):
                    whole[:, rows, self.width.places(j, across)] += seen[:, :, :, i, j]
        return np.ascontiguousarray(self.unpadded(whole, height, width))


# ---- layouts ----------------------------------------------------------------------------------


def channels_last(x: np.ndarray, layout: str) -> np.ndarray:
    return np.moveaxis(x, 1, 3) if layout == "NCHW" else x


def as_layout(x: np.ndarray, layout: str) -> np.ndarray:
    """A channels-last array as the caller wants it, contiguous."""
    return np.ascontiguousarray(np.moveaxis(x, 3, 1) if layout == "NCHW" else x)


def shape_last(shape: Shape, layout: str) -> Shape:
    return (shape[0], *shape[2:], shape[1]) if layout == "NCHW" else shape


def layout_shape(shape: Shape, layout: str) -> Shape:
    return (shape[0], shape[3], *shape[1:3]) if layout == "NCHW" else shape


def check_picture(type_: TensorType, layout: str, port: str = "x") -> Shape:
    """The shape with channels last.

    Raises:
        ShapeError: not of rank 4.
    """
    if type_.rank != 4:
        raise ShapeError(
            f"expected {', '.join(layout)}, four axes, not shape {shape_text(type_.shape)}",
            port=port,
            hint="Insert a reshape; one image is a batch of 1.",
        )
    return shape_last(type_.shape, layout)


def known(shape: Shape) -> tuple[int, ...]:
    """A shape without unknown sizes, as arrays have."""
    return tuple(d or 0 for d in shape)
