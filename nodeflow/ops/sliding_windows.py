"""Sliding windows over images: their geometry, and numpy views of the windows.

Arrays here are (rows, one or more spatial axes, channels). ``layout`` moves the channels of
callers' arrays.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr
from nodeflow.graph.types import Dim, Shape, TensorType, shape_text

PADDING = Attr(
    "padding", "choice", "same", "Zeros around that keep the sizes (same), or none (valid).",
    choices=("same", "valid"),
)  # fmt: skip
PADS = Attr(
    "pads", "literal", None, "Border of each spatial axis: [before, after], or one number for "
    "both; a single number is for all axes; none: as padding says.", optional=True, advanced=True
)  # fmt: skip
LAYOUT = Attr(
    "layout", "choice", "NHWC", "Position of the channels: last (NHWC) or after the rows (NCHW).",
    choices=("NHWC", "NCHW"), advanced=True
)  # fmt: skip
LAYOUT_3D = Attr(
    "layout", "choice", "NDHWC", "Position of the channels: last (NDHWC) or after the rows "
         "(NCDHW).",
    choices=("NDHWC", "NCDHW"), advanced=True
)  # fmt: skip


def per_axis(name: str, numbers: Sequence[int], axes: int) -> tuple[int, ...]:
    """Return one number for each spatial axis. A single number is repeated for all axes.

    Raises:
        AttributeProblem: there is neither one number nor one per axis, or a number is not positive.
    """
    if len(numbers) not in (1, axes) or min(numbers) < 1:
        count = {1: "one positive number", 2: "one or two positive numbers"}
        names = {1: "", 2: "height and width", 3: "depth, height and width"}
        raise AttributeProblem(
            f"{name} {list(numbers)} is not {count.get(axes, f'one or {axes} positive numbers')}",
            port=name,
            hint=f"Give {names[axes]}, or one number for all." if names.get(axes) else None,
        )
    return tuple(numbers) * axes if len(numbers) == 1 else tuple(numbers)


def pair(name: str, numbers: Sequence[int]) -> tuple[int, int]:
    """Return height and width from one number for both, or two.

    Raises:
        AttributeProblem: not one or two positive numbers are given.
    """
    height, width = per_axis(name, numbers, 2)
    return height, width


def explicit_pads(pads: Any, axes: int) -> tuple[tuple[int, int], ...]:
    """Return the borders before and after each spatial axis.

    Raises:
        AttributeProblem: neither a number, nor one or a pair of numbers for each axis is given.
    """
    each = [pads] * axes if isinstance(pads, (int, float)) else list(pads)
    pairs = [tuple(p) if isinstance(p, (list, tuple)) else (p, p) for p in each]
    whole = all(isinstance(n, int) and n >= 0 for pair in pairs for n in pair)
    if len(pairs) != axes or not whole or any(len(pair) != 2 for pair in pairs):
        raise AttributeProblem(
            f"pads {pads} must be {axes} pair{'s' * (axes > 1)} [before, after]",
            port="pads",
            hint=f"For a border of one element write {[[1, 1]] * axes}.",
        )
    return tuple((int(before), int(after)) for before, after in pairs)


@dataclass(frozen=True)
class Axis:
    """The arrangement of windows along one axis. A kernel of 0 is unknown.

    Attributes:
        same: whether there are size / stride windows, rounded up, in a border of fitting size.
        around: the border before and after, without ``same``.
        ceil: whether a last window that begins within the border may end beyond it.
    """

    kernel: int
    stride: int
    dilation: int
    same: bool
    around: tuple[int, int] = (0, 0)
    ceil: bool = False

    @property
    def reach(self) -> int:
        """The number of elements that a sliding window spans, including the gaps of a dilation."""
        return (self.kernel - 1) * self.dilation + 1

    def count(self, size: Dim, port: str = "x") -> Dim:
        """Return the number of sliding windows along an axis of a size; None if it is unknown.

        Raises:
            ShapeError: the axis is shorter than one window.
        """
        if size is None:
            return None
        if self.same:
            return -(-size // self.stride)
        if not self.kernel:
            return None
        free = size + sum(self.around) - self.reach
        count = (-(-free // self.stride) if self.ceil else free // self.stride) + 1
        if self.ceil and (count - 1) * self.stride >= size + self.around[0]:
            count -= 1
        if count < 1 or (free < 0 and not self.ceil):
            raise ShapeError(
                f"a window of {self.reach} does not fit into an axis of size "
                f"{size + sum(self.around)}",
                port=port,
                hint="Use padding 'same', or a smaller window.",
            )
        return count

    def uncounted(self, count: Dim) -> Dim:
        """Return a size that an axis with ``count`` sliding windows can have.

        Several sizes may have the same number of windows. Return None if the size is unknown.

        Raises:
            ShapeError: the border is larger than the windows cover.
        """
        if count is None:
            return None
        if self.same:
            return count * self.stride
        if not self.kernel:
            return None
        size = (count - 1) * self.stride + self.reach - sum(self.around) if count else 0
        if size < 0:
            raise ShapeError(
                f"a border of {sum(self.around)} removes all {size + sum(self.around)} elements",
                port="pads",
            )
        return size

    def pads(self, size: int) -> tuple[int, int]:
        """Return how many elements of border are added before and after an axis of a size.

        If padding is "same" and the total is odd, the end gets one element more.
        """
        if self.same:
            total = max((-(-size // self.stride) - 1) * self.stride + self.reach - size, 0)
            return total // 2, total - total // 2
        before, after = self.around
        if self.ceil:
            end = ((self.count(size) or 1) - 1) * self.stride + self.reach
            after = max(after, end - size - before)
        return before, after

    def inside(self, offset: int, size: int, count: int) -> tuple[slice, slice]:
        """Select element number ``offset`` from each of ``count`` sliding windows, if it lies
        inside an axis of a size.

        Return two slices: the places of these elements on the axis, and the windows that they
        belong to. Both are empty if no window has this element inside the axis.
        """
        start = offset * self.dilation - self.pads(size)[0]
        first = max(0, -(start // self.stride))
        last = min(count, -((start - size) // self.stride))
        if first >= last:
            return slice(0, 0), slice(0, 0)
        place = first * self.stride + start
        end = place + (last - first - 1) * self.stride + 1
        return slice(place, end, self.stride), slice(first, last)

    def places(self, offset: int, count: int) -> slice:
        """Return a slice of the padded axis that selects element number ``offset`` from each of
        ``count`` sliding windows.
        """
        start = offset * self.dilation
        return slice(start, start + (count - 1) * self.stride + 1, self.stride)

    def seen(self, size: int, border: bool = False) -> np.ndarray:
        """Return for each sliding window how many of its elements lie inside the axis. With
        ``border``, elements of the border count as well.
        """
        before = self.pads(size)[0]
        starts = np.arange(self.count(size) or 0) * self.stride - before
        places = starts[:, None] + np.arange(self.kernel) * self.dilation
        first, end = self.region(size, border)
        return ((places >= first) & (places < end)).sum(1)

    def region(self, size: int, border: bool) -> tuple[int, int]:
        """Return the range of elements that count in a sliding window: the first index and the end.
        With ``border``, it includes the border around the axis.

        Elements beyond the border never count, even if windows reach there.
        """
        if not border:
            return 0, size
        before, after = self.pads(size) if self.same else self.around
        return -before, size + after


@dataclass(frozen=True)
class Windows:
    """Windows over the spatial axes."""

    axes: tuple[Axis, ...]

    @classmethod
    def of(cls, kernel: Sequence[int], attrs: Any) -> Windows:
        """Create the description of an op's sliding windows.

        Args:
            kernel: the size of a window along each spatial axis.
            attrs: the op's attributes: strides, dilations, padding, pads and ceil_mode.

        Raises:
            AttributeProblem: a setting does not have one number per axis.
        """
        count = len(kernel)
        strides = per_axis("strides", attrs["strides"], count)
        dilations = per_axis("dilations", attrs.get("dilations", (1,)), count)
        pads, ceil = attrs.get("pads"), bool(attrs.get("ceil_mode"))
        same = attrs["padding"] == "same" and pads is None
        around = ((0, 0),) * count if pads is None else explicit_pads(pads, count)
        each = zip(kernel, strides, dilations, around, strict=True)
        return cls(tuple(Axis(k, s, d, same, border, ceil) for k, s, d, border in each))

    @property
    def height(self) -> Axis:
        return self.axes[-2]

    @property
    def width(self) -> Axis:
        return self.axes[-1]

    @property
    def kernel(self) -> tuple[int, ...]:
        return tuple(axis.kernel for axis in self.axes)

    def counts(self, *sizes: Dim, port: str = "x") -> tuple[Dim, ...]:
        """Return the number of windows along each axis."""
        return tuple(axis.count(size, port) for axis, size in zip(self.axes, sizes, strict=True))

    def uncounted(self, counts: Sequence[Dim]) -> tuple[Dim, ...]:
        """Return for each axis a size that has the given number of sliding windows.

        Other sizes may have the same number, because windows with a stride need not reach the end
        of the axis.
        """
        return tuple(axis.uncounted(n) for axis, n in zip(self.axes, counts, strict=True))

    def pads(self, sizes: Sequence[int]) -> tuple[tuple[int, int], ...]:
        return tuple(axis.pads(size) for axis, size in zip(self.axes, sizes, strict=True))

    def padded(self, x: np.ndarray, value: float = 0.0) -> np.ndarray:
        """Return ``x`` with a border of one value."""
        pads = self.pads(x.shape[1:-1])
        if not any(map(any, pads)):
            return x
        return np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=value)

    def unpadded(self, x: np.ndarray, sizes: Sequence[int]) -> np.ndarray:
        """Remove the border of a padded array."""
        pairs = zip(self.pads(sizes), sizes, strict=True)
        return x[(slice(None), *(slice(before, before + size) for (before, _), size in pairs))]

    def padded_sizes(self, sizes: Sequence[int]) -> tuple[int, ...]:
        return tuple(size + sum(pads) for size, pads in zip(sizes, self.pads(sizes), strict=True))

    def elements(self) -> Iterator[tuple[int, ...]]:
        """Yield the elements of a window, row by row."""
        return np.ndindex(*self.kernel)

    def view(self, x: np.ndarray, value: float = 0.0) -> np.ndarray:
        """Return all sliding windows of the array ``x``, padded with ``value``, as a read-only
        view: (rows, windows along each axis, sizes of a window, channels).

        Elements that belong to several windows appear several times.
        """
        counts = known(self.counts(*x.shape[1:-1]))
        whole = self.padded(x, value)
        n, *steps, c = whole.strides
        pairs = list(zip(steps, self.axes, strict=True))
        return as_strided(
            whole,
            (x.shape[0], *counts, *self.kernel, x.shape[-1]),
            (n, *(s * a.stride for s, a in pairs), *(s * a.dilation for s, a in pairs), c),
            writeable=False,
        )

    def gather_back(self, seen: np.ndarray, shape: Sequence[int]) -> np.ndarray:
        """Add the elements of all sliding windows to the places that they were taken from. This is
        the adjoint (transpose) of ``view``.

        Args:
            seen: the windows, in the layout that ``view`` returns.
            shape: the shape of the result.
        """
        n, *sizes, c = shape
        counts = seen.shape[1 : 1 + len(self.axes)]
        every = (slice(None),) * (1 + len(self.axes))
        whole = np.zeros((n, *self.padded_sizes(sizes), c), seen.dtype)
        if all(counts):
            for element in self.elements():
                each = zip(self.axes, element, counts, strict=True)
                places = tuple(axis.places(k, count) for axis, k, count in each)
                whole[(slice(None), *places)] += seen[(*every, *element)]
        return np.ascontiguousarray(self.unpadded(whole, sizes))

    def seen_counts(self, sizes: Sequence[int], border: bool = False) -> np.ndarray:
        """Return how many elements of each sliding window lie inside the array, (1, windows along
        each axis, 1). With ``border``, elements of the border count as well.
        """
        seen = [axis.seen(size, border) for axis, size in zip(self.axes, sizes, strict=True)]
        product = reduce(np.multiply, np.ix_(*seen))
        return product.astype("float64")[None, ..., None]


# ---- layouts ----------------------------------------------------------------------------------


def is_channels_first(layout: str) -> bool:
    return layout[1] == "C"


def channels_last(x: np.ndarray, layout: str) -> np.ndarray:
    return np.moveaxis(x, 1, -1) if is_channels_first(layout) else x


def as_layout(x: np.ndarray, layout: str) -> np.ndarray:
    """Convert a channels-last array to the caller's layout, contiguous."""
    return np.ascontiguousarray(np.moveaxis(x, -1, 1) if is_channels_first(layout) else x)


def shape_last(shape: Shape, layout: str) -> Shape:
    return (shape[0], *shape[2:], shape[1]) if is_channels_first(layout) else shape


def layout_shape(shape: Shape, layout: str) -> Shape:
    return (shape[0], shape[-1], *shape[1:-1]) if is_channels_first(layout) else shape


def check_picture(type_: TensorType, layout: str, port: str = "x") -> Shape:
    """Return the shape with channels last.

    Raises:
        ShapeError: the rank is not the layout's.
    """
    if type_.rank != len(layout):
        words = {3: "three axes", 4: "four axes", 5: "five axes"}
        raise ShapeError(
            f"expected {', '.join(layout)}, {words[len(layout)]}, not shape "
            f"{shape_text(type_.shape)}",
            port=port,
            hint="Insert a reshape; one image is a batch of 1.",
        )
    return shape_last(type_.shape, layout)


def known(shape: Sequence[Dim]) -> tuple[int, ...]:
    """Return a shape with 0 in place of each unknown size. The shape of an actual array stays
    unchanged, because it has no unknown size.
    """
    return tuple(d or 0 for d in shape)
