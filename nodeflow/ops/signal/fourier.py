"""Discrete Fourier transforms along the last axes, by scipy's FFT."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.shapes import Dim
from nodeflow.graph.types import COMPLEX, TensorType, shape_text
from nodeflow.number_text import counted
from nodeflow.ops.math.complex_numbers import PART, WHOLE
from nodeflow.ops.samples import values

CATEGORY = "Signal"
LENGTH = Attr(
    "fft_length", "sizes", None,
    "Sizes of the signal along the last axes, to which it is cut or zero-padded; none: unchanged.",
    optional=True,
)  # fmt: skip
_NAMES = {1: "", 2: "2d", 3: "3d"}
_KEYWORDS = ("fourier", "transform", "frequency", "spectrum", "DFT", "signal")


class Fourier(Op):
    """The base class of transforms of the last ``axes`` axes."""

    category = CATEGORY
    hint_without_gradient = "Complex numbers have no gradients yet. Insert stop_gradient before it."

    def __init__(self, op_id: str, doc: str, axes: int, inverse: bool) -> None:
        self.id, self.doc, self.axes, self.inverse = op_id, doc, axes, inverse
        self.everyday = axes == 1
        self.keywords = (*_KEYWORDS, "inverse") if inverse else _KEYWORDS

    def check(self, x: TensorType) -> None:
        """Raise ShapeError if there are too few axes."""
        if x.rank < self.axes:
            raise ShapeError(
                f"{self.id} needs {counted(self.axes, 'axis', 'axes')}, not {shape_text(x.shape)}",
                port="x",
            )

    def refuse_nothing(self, sizes: Sequence[int]) -> None:
        """Raise RunError if an axis to be transformed has size 0."""
        if 0 in sizes:
            raise RunError(
                f"{self.id} of nothing", port="x", hint="Feed at least one element along each axis."
            )


class ComplexFourier(Fourier):
    """A transform between complex numbers."""

    inputs = (Port("x", dtypes=COMPLEX),)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        self.check(types[0])
        return types[0]

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        # 0.2 of the time of numpy's FFT, for a few rows at a time
        from scipy.fft import fftn, ifftn

        x = arrays[0]
        self.refuse_nothing(x.shape[-self.axes :])
        function = ifftn if self.inverse else fftn
        result = np.asarray(function(x, axes=range(-self.axes, 0)))
        return result.astype(x.dtype, copy=False)

    def samples(self) -> Iterator[Sample]:
        for dtype in COMPLEX:
            yield Sample((values((2, 3, 4, 5), dtype),))
        yield Sample((values((8, 4, 6)[-self.axes :], "complex128"),))
        yield Sample((values((0, 2, 3, 4), "complex64"),))
        yield Sample((values((1, 1, 1), "complex64"),))


class RealFourier(Fourier):
    """A transform between real numbers and half of their spectrum; the other half is its
    conjugate.
    """

    attrs = (LENGTH,)

    def __init__(self, op_id: str, doc: str, axes: int, inverse: bool) -> None:
        super().__init__(op_id, doc, axes, inverse)
        self.inputs = (Port("x", dtypes=COMPLEX if inverse else tuple(WHOLE)),)

    def lengths(self, x: TensorType, attrs: dict[str, Any]) -> list[Dim]:
        """Return the size of the real signal along each transformed axis: ``fft_length`` if it is
        given, else as the shape of the input implies. None is an unknown size.
        """
        given = attrs["fft_length"]
        if given is None:
            sizes = list(x.shape[-self.axes :])
            if self.inverse and sizes[-1] is not None:
                sizes[-1] = 2 * (sizes[-1] - 1)
            return sizes
        found: list[Dim] = [given] if isinstance(given, int) else list(given)
        if len(found) != self.axes or any(n is not None and n < 1 for n in found):
            raise AttributeProblem(
                f"fft_length must be {self.axes} positive sizes, not {given}", port="fft_length"
            )
        return found

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        self.check(x)
        sizes = self.lengths(x, attrs)
        if not self.inverse and sizes[-1] is not None:
            sizes[-1] = sizes[-1] // 2 + 1 if sizes[-1] else 0
        dtype = (PART if self.inverse else WHOLE)[x.dtype]
        sizes = [None if n is None else max(n, 0) for n in sizes]
        return TensorType(dtype, (*x.shape[: -self.axes], *sizes))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        from scipy.fft import irfftn, rfftn

        x = arrays[0]
        sizes = self.lengths(TensorType(x.dtype.name, x.shape), attrs)
        self.refuse_nothing((*x.shape[-self.axes :], *(max(n or 0, 0) for n in sizes)))
        function = irfftn if self.inverse else rfftn
        result = np.asarray(function(x, s=sizes, axes=range(-self.axes, 0)))
        return result.astype((PART if self.inverse else WHOLE)[x.dtype.name], copy=False)

    def samples(self) -> Iterator[Sample]:
        for dtype in self.inputs[0].dtypes:
            yield Sample((values((2, 3, 4, 5), dtype),))
            yield Sample((values((2, 4, 6), dtype),), {"fft_length": (3, 8, 5)[-self.axes :]})
        first = self.inputs[0].dtypes[0]
        yield Sample((values((0, 2, 3, 4), first),))
        yield Sample((values((1, 1, 1), first),), {"fft_length": (1, 1, 1)[-self.axes :]})


def _register(axes: int) -> None:
    name = _NAMES[axes]
    along = "the last axis" if axes == 1 else f"the last {axes} axes"
    for inverse in (False, True):
        what = "inverse discrete Fourier transform" if inverse else "discrete Fourier transform"
        prefix = "i" if inverse else ""
        divided = " Divided by the size, to invert the forward transform." if inverse else ""
        REGISTRY.register(
            ComplexFourier(
                f"{prefix}fft{name}",
                f"The {what} along {along}.\n\nFor complex numbers.{divided} No gradient yet.",
                axes,
                inverse,
            )
        )
        doc = (
            f"The signal along {along} with this half spectrum.\n\nThe inverse of rfft{name}. The "
            "last size of the signal is 2 (n - 1), unless fft_length sets it. No gradient yet."
            if inverse
            else f"The {what} of real numbers along {along}.\n\nReturns only the first n / 2 + 1 "
            "frequencies of the last axis, because the others are their conjugates. fft_length "
            "cuts or zero-pads the signal first. No gradient yet."
        )
        REGISTRY.register(RealFourier(f"{prefix}rfft{name}", doc, axes, inverse))


for _axes in _NAMES:
    _register(_axes)
