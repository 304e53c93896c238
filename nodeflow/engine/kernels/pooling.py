"""Pooling and its adjoints: windows of images, all channels of a position at a time.

Small windows inside the image are unrolled, so that one loop over the channels reads each
element once. Other windows are processed element by element with a few vectors of memory. Ties
and NaN are treated as in the reference: the first of the largest elements counts, and NaN is
larger than all numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.kernels.expressions import numpy_name, typed_literal
from nodeflow.engine.kernels.kernel import (
    Array,
    CallKernel,
    KernelCall,
    UnitsPerTask,
    picture_bands,
    sizes_of,
)
from nodeflow.engine.kernels.registry import handles
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.ops.lowering import Pool

WRITTEN_OUT = 9
"""Maximum number of elements of a window that is unrolled."""
CHUNK = 64
"""Number of channels that are computed at a time in other windows."""
INPUTS = {"max": 1, "mean": 1, "put": 2, "take": 2, "share": 1}
SPREADS = ("put", "share")
"""Kinds whose output is the image."""


@handles(Pool)
class PoolKernel(CallKernel[Pool]):
    """The kernel of pooling. A unit of work is an image, or a strip of its windows."""

    label = "pooling"
    by_reference = 20.0

    def calls(self, lowering: Pool, types: Sequence[TensorType]) -> list[KernelCall]:
        rows, columns = lowering.windows.height, lowering.windows.width
        spreads = lowering.kind in SPREADS
        picture = types[-1] if spreads else types[0]
        n, height, width, channels = (d or 0 for d in picture.shape)
        down, across = (count or 0 for count in lowering.windows.counts(height, width))
        top, left = rows.pads(height)[0], columns.pads(width)[0]
        apart = rows.reach <= rows.stride
        dilated = (rows.dilation, columns.dilation) != (1, 1)
        strips = down if apart or not spreads else 1
        tiled = _is_tiled(lowering, picture)
        kernel = (rows.kernel, columns.kernel)
        small = kernel[0] * kernel[1] <= WRITTEN_OUT
        source = pool_source(
            lowering.kind, picture.dtype, kernel if small and not dilated else None,
            tiled and small, lowering.border, dilated,
        )  # fmt: skip
        arrays = map(Array, range(len(types)))
        args = (n, height, width, channels, down, across, *kernel, rows.stride, columns.stride,
                top, left, max(strips, 1), UnitsPerTask(), *arrays)  # fmt: skip
        if lowering.border:
            args += (rows.region(height, True)[1], columns.region(width, True)[1])
        elif dilated:
            args += (height, width)
        if dilated:
            args += (rows.dilation, columns.dilation)
        elements = n * down * across * channels * kernel[0] * kernel[1]
        work = elements * (0.15 if small else 0.4) + n * down * across * 20
        return [KernelCall(source, args, n * max(strips, 1), work)]

    def leading_rows(self, actions: Actions, group: Group, lowering: Pool) -> frozenset[int]:
        """Return into how many parts the pooling can be divided: the number of pictures, and finer
        divisions into bands of lines if no window overlaps two bands.
        """
        action = group.actions[0]
        slot = action.outputs[0] if lowering.kind in SPREADS else action.inputs[0]
        n, height, width, channels = sizes_of(actions.types[slot])
        down, across = lowering.windows.counts(height, width)
        bands = picture_bands((n, down, across, channels))
        return frozenset({n}) | (bands if _is_tiled(lowering, actions.types[slot]) else frozenset())


def _is_tiled(lowering: Pool, picture: TensorType) -> bool:
    """Return whether the pooling windows tile the image: each element is in exactly one window."""
    rows, columns = lowering.windows.height, lowering.windows.width
    _, height, width, _ = sizes_of(picture)
    down, across = (count or 0 for count in lowering.windows.counts(height, width))
    return (
        (rows.kernel, columns.kernel) == (rows.stride, columns.stride)
        and (rows.dilation, columns.dilation) == (1, 1)
        and (rows.pads(height)[0], columns.pads(width)[0]) == (0, 0)
        and (down * rows.kernel, across * columns.kernel) == (height, width)
    )


@cache
def pool_source(
    kind: str,
    dtype: str,
    window: tuple[int, int] | None,
    tiled: bool,
    border: bool = False,
    dilated: bool = False,
) -> str:
    """Return the source of a pooling kernel. ``kind`` is a mean, a maximum, or the gradient of one
    of them.

    Kernel arguments: images, height, width, channels, rows and columns of windows, height and width
    of a window, strides, border above and on the left, strips of an image, strips of a task; inputs
    and output; with ``border`` or ``dilated``, the row and the column where counted elements end;
    with ``dilated``, the steps between the elements of a window.

    Args:
        window: size of a window that is unrolled where it lies inside the image.
        tiled: whether each element of the image is in exactly one window, so that gradients need
            not add.
        border: whether a mean counts the zeros of the border.
        dilated: whether elements of a window are not neighbours.
    """
    return _Writer(kind, dtype, window, tiled, border, dilated).source()


class _Writer:
    def __init__(
        self,
        kind: str,
        dtype: str,
        window: tuple[int, int] | None,
        tiled: bool,
        border: bool,
        dilated: bool,
    ) -> None:
        self.kind = kind
        self.name = numpy_name(dtype)
        self.size = numpy_dtype(dtype).itemsize
        self.zero = typed_literal(0, dtype)
        self.lowest = typed_literal(float("-inf"), dtype)
        self.window = window
        self.tiled = tiled
        self.border = border
        self.dilated = dilated
        self.counted = "counted" if border else "number"

    def source(self) -> str:
        arrays = ("x", "g")[: INPUTS[self.kind]] if self.kind != "share" else ("g",)
        lines = [
            "import numpy as np",
            "from nodeflow.engine.devicelib.arithmetic import select, settled",
            "from nodeflow.engine.devicelib.intrinsics import independent, local_array",
            "from nodeflow.engine.devicelib.intrinsics import slot, view1",
            "from nodeflow.engine.devicelib.vector_reduce import max_of",
            "",
            "",
            "def kernel(args, task, ntasks):",
            "    n, height, width = slot(args, 0), slot(args, 1), slot(args, 2)",
            "    channels, down, across = slot(args, 3), slot(args, 4), slot(args, 5)",
            "    kh, kw, sh, sw = slot(args, 6), slot(args, 7), slot(args, 8), slot(args, 9)",
            "    top, left, strips = slot(args, 10), slot(args, 11), slot(args, 12)",
            *(f"    p{name} = slot(args, {14 + i})" for i, name in enumerate((*arrays, "y"))),
            f"    largest = local_array({CHUNK}, {self.name})",
            f"    free = local_array({CHUNK}, np.bool_)",
            "    units, share = n * strips, slot(args, 13)",
            "    for unit in range(share * task, min(units, share * (task + 1))):",
            "        image = unit // strips",
            "        strip = unit - image * strips",
            "        first, last = down * strip // strips, down * (strip + 1) // strips",
        ]
        if self.kind in SPREADS and not self.tiled:
            lines += self._clear()
        lines += [
            "        for oy in range(first, last):",
            "            upper = oy * sh - top",
            "            i0, i1 = max(np.int64(0), upper), min(height, upper + kh)",
            "            for ox in range(across):",
            "                leftmost = ox * sw - left",
            "                j0, j1 = max(np.int64(0), leftmost), min(width, leftmost + kw)",
            "                number = (i1 - i0) * (j1 - j0)",
            "                above = (image * height + i0) * width",
            f"                corner = {self.size} * (above + j0) * channels",
            f"                line = {self.size} * width * channels",
            f"                column = {self.size} * channels",
            f"                place = {self.size} * ((image * down + oy) * across + ox) * channels",
        ]
        more = 15 + len(arrays)
        if self.dilated:
            lines += self._indent(self._steps(more), 16)
        elif self.border:
            lines += [
                f"                low = min(slot(args, {more}), upper + kh)",
                f"                right = min(slot(args, {more + 1}), leftmost + kw)",
                "                counted = (low - upper) * (right - leftmost)",
            ]
        if self.window is None:
            return "\n".join([*lines, *self._indent(self._any_window(), 16), ""])
        elements = self.window[0] * self.window[1]
        return "\n".join(
            [
                *lines,
                f"                if number == {elements}:",
                *self._indent(self._whole_window(), 20),
                "                else:",
                *self._indent(self._any_window(), 20),
                "",
            ]
        )

    @staticmethod
    def _indent(lines: Sequence[str], by: int) -> list[str]:
        return [" " * by + line for line in lines]

    def _clear(self) -> list[str]:
        """Return kernel statements that set a part of a pooling gradient to zero: the rows that
        belong to a strip, from its first window to the next strip's.
        """
        return [
            "        begin = np.int64(0) if strip == 0 else first * sh - top",
            "        end = height if strip == strips - 1 else last * sh - top",
            "        begin, end = max(np.int64(0), begin), min(height, end)",
            "        wide = width * channels",
            f"        start = py + {self.size} * (image * height + begin) * wide",
            f"        empty = view1(start, max(np.int64(0), end - begin) * wide, {self.name})",
            "        for i in range(empty.size):",
            f"            empty[i] = {self.zero}",
        ]

    def _steps(self, more: int) -> list[str]:
        """Return kernel statements that find out which elements of a dilated pooling window lie
        inside the image: rows i0 to i1, columns j0 to j1, and their number.
        """
        return [
            f"end, edge = slot(args, {more}), slot(args, {more + 1})",
            f"down_by, right_by = slot(args, {more + 2}), slot(args, {more + 3})",
            "i0, j0 = max(np.int64(0), -(upper // down_by)), "
            "max(np.int64(0), -(leftmost // right_by))",
            "i1 = max(i0, min(kh, -((upper - height) // down_by)))",
            "j1 = max(j0, min(kw, -((leftmost - width) // right_by)))",
            "number = (i1 - i0) * (j1 - j0)",
            "counted = min(kh, -((upper - end) // down_by))",
            "counted = counted * min(kw, -((leftmost - edge) // right_by))",
            "above = (image * height + upper + i0 * down_by) * width",
            f"corner = {self.size} * (above + leftmost + j0 * right_by) * channels",
            f"line, column = {self.size} * down_by * width * channels, "
            f"{self.size} * right_by * channels",
        ]

    def _view(self, name: str, address: str, length: str = "channels") -> str:
        return f"{name} = view1({address}, {length}, {self.name})"

    # ---- windows that are written out ---------------------------------------------------------

    def _whole_window(self) -> list[str]:
        assert self.window is not None
        height, width = self.window
        places = [
            f"corner + {i} * line + {j} * column" for i in range(height) for j in range(width)
        ]
        numbers = range(len(places))
        lines = []
        if self.kind != "share":
            lines += [self._view(f"x{k}", f"px + {at}") for k, at in enumerate(places)]
        if self.kind == "take":
            lines += [self._view(f"g{k}", f"pg + {at}") for k, at in enumerate(places)]
        if self.kind in SPREADS:
            lines.append(self._view("g", "pg + place"))
            lines += [self._view(f"y{k}", f"py + {at}") for k, at in enumerate(places)]
            lines.append("for c in range(independent(g.size)):")
        else:
            lines.append(self._view("y", "py + place"))
            lines.append("for c in range(independent(y.size)):")
        return lines + self._indent(self._whole_body(numbers), 4)

    def _whole_body(self, numbers: range) -> list[str]:
        if self.kind == "mean":
            return [
                "total = x0[c]",
                *(f"total = {self.name}(total + x{k}[c])" for k in numbers[1:]),
                f"y[c] = {self.name}(total / {self.name}({len(numbers)}))",
            ]
        if self.kind == "share":
            lines = [f"part = {self.name}(g[c] / {self.name}({len(numbers)}))"]
            return lines + [self._put(f"y{k}", "part") for k in numbers]
        lines = ["best = x0[c]", *(f"best = max_of(best, x{k}[c])" for k in numbers[1:])]
        if self.kind == "max":
            return [*lines, "y[c] = best"]
        lines += ["left_over = True", f"value = {self.zero if self.kind == 'take' else 'g[c]'}"]
        for k in numbers:
            lines.append(f"hit{k} = left_over & ((x{k}[c] == best) | (x{k}[c] != x{k}[c]))")
            lines.append(f"left_over = left_over & (not hit{k})")
            if self.kind == "take":
                lines.append(f"value = select(hit{k}, g{k}[c], value)")
            else:
                lines.append(self._put(f"y{k}", f"select(hit{k}, value, {self.zero})"))
        return lines if self.kind == "put" else [*lines, "y[c] = value"]

    def _put(self, array: str, value: str) -> str:
        if self.tiled:
            return f"{array}[c] = {value}"
        return f"{array}[c] = {self.name}({array}[c] + {value})"

    # ---- any window ---------------------------------------------------------------------------

    def _any_window(self) -> list[str]:
        """Return kernel statements that pool a window of any size and position, a few channels at a
        time and element by element.
        """
        inner = {
            "max": [*self._find_largest(), *self._copy_largest()],
            "put": [*self._find_largest(), *self._at_largest()],
            "take": [*self._find_largest(), *self._at_largest()],
            "mean": self._mean(),
            "share": self._share(),
        }[self.kind]
        return [
            f"for begin_c in range(0, channels, {CHUNK}):",
            f"    size = min(np.int64({CHUNK}), channels - begin_c)",
            f"    skip = {self.size} * begin_c",
            *self._indent(inner, 4),
        ]

    def _each(self, views: Sequence[str], body: Sequence[str]) -> list[str]:
        """Return kernel source of three nested loops: over the rows and columns of the pooling
        window, and over the channels with ``body`` inside.
        """
        return [
            "for i in range(i1 - i0):",
            "    for j in range(j1 - j0):",
            "        at = skip + corner + i * line + j * column",
            *self._indent(views, 8),
            "        for c in range(independent(size)):",
            *self._indent(body, 12),
        ]

    def _find_largest(self) -> list[str]:
        return [
            "for c in range(independent(size)):",
            f"    largest[c] = {self.lowest}",
            "    free[c] = True",
            *self._each(
                [self._view("x", "px + at", "size")], ["largest[c] = max_of(largest[c], x[c])"]
            ),
        ]

    def _copy_largest(self) -> list[str]:
        return [
            self._view("y", "py + place + skip", "size"),
            "for c in range(independent(size)):",
            "    y[c] = largest[c]",
        ]

    def _at_largest(self) -> list[str]:
        takes = self.kind == "take"
        near, far = ("y", "g") if takes else ("g", "y")
        start = ["for c in range(independent(size)):", f"    y[c] = {self.zero}"] if takes else []
        move = (
            "y[c] = select(hit, g[c], settled(y[c]))"
            if takes
            else f"y[c] = {self.name}(y[c] + select(hit, g[c], {self.zero}))"
        )
        return [
            self._view(near, f"p{near} + place + skip", "size"),
            *start,
            *self._each(
                [
                    self._view("x", "px + at", "size"),
                    self._view(far, f"p{far} + at", "size"),
                ],
                [
                    "hit = free[c] & ((x[c] == largest[c]) | (x[c] != x[c]))",
                    "free[c] = free[c] & (not hit)",
                    move,
                ],
            ),
        ]

    def _mean(self) -> list[str]:
        return [
            self._view("y", "py + place + skip", "size"),
            "for c in range(independent(size)):",
            f"    y[c] = {self.zero}",
            *self._each([self._view("x", "px + at", "size")], [f"y[c] = {self.name}(y[c] + x[c])"]),
            "for c in range(independent(size)):",
            f"    y[c] = {self.name}(y[c] / {self.name}({self.counted}))",
        ]

    def _share(self) -> list[str]:
        return [
            self._view("g", "pg + place + skip", "size"),
            *self._each(
                [self._view("y", "py + at", "size")],
                [f"y[c] = {self.name}(y[c] + {self.name}(g[c] / {self.name}({self.counted})))"],
            ),
        ]
