"""The discrete cosine transforms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, TensorType
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.samples import values

TRANSPOSED = {"1": "1", "2": "3", "3": "2", "4": "4"}


@register
class DCT(Op):
    """A cosine transform of the last axis."""

    id = "dct"
    category = "Signal"
    everyday = False
    keywords = ("cosine transform", "frequency", "compression", "cepstrum", "DCT", "IDCT")
    doc = (
        "The discrete cosine transform of the last axis.\n\nTypes 1 to 4 are numbered and scaled "
        "as in scipy and TensorFlow. Type 3 is the inverse of type 2 up to scale, and exactly "
        "with norm ortho. Gradient: the transposed transform."
    )
    differentiable = True
    inputs = (Port("x", dtypes=FLOATS),)
    attrs = (
        Attr("type", "choice", "2", "Type of the transform.", choices=("1", "2", "3", "4")),
        Attr("norm", "choice", None, "ortho: an orthonormal transform, which keeps lengths.",
             choices=("ortho",),
             optional=True),
    )  # fmt: skip

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        if not x.rank:
            raise ShapeError("dct needs an axis, not a single number", port="x")
        if attrs["type"] == "1" and attrs["norm"] is not None:
            raise AttributeProblem("type 1 has no norm", port="norm", hint="Leave norm out.")
        if attrs["type"] == "1" and x.shape[-1] in (0, 1):
            raise ShapeError("type 1 needs at least two numbers along the last axis", port="x")
        return x.with_shape(x.shape)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        from scipy.fft import dct

        x, type_ = arrays[0], int(attrs["type"])
        if x.shape[-1] < (2 if type_ == 1 else 1):
            raise RunError(
                "dct of too few numbers", port="x", hint="Feed more along the last axis."
            )
        return np.asarray(dct(x, type_, norm=attrs["norm"])).astype(x.dtype, copy=False)

    def gradient(self, node: Node, *grads: Tensor) -> Sequence[Tensor | None]:
        g, type_, norm = grads[0], node.attrs["type"], node.attrs["norm"]
        if norm is not None:
            return (F.dct(g, type=TRANSPOSED[type_], norm=norm),)
        first = F.equal(F.positions(g, axis=-1), 0)
        if type_ == "2":
            return (F.dct(F.where(first, g * 2, g), type="3"),)
        if type_ == "3":
            slopes = F.dct(g, type="2")
            return (F.where(first, slopes * 0.5, slopes),)
        if type_ == "1":  # the transform is symmetric except at its ends, which count once
            last = F.equal(F.reverse(F.positions(g, axis=-1), axis=-1), 0)
            ends = F.logical_or(first, last)
            slopes = F.dct(F.where(ends, g, g * 0.5), type="1")
            return (F.where(ends, slopes, slopes * 2),)
        return (F.dct(g, type="4"),)

    def samples(self) -> Iterator[Sample]:
        for dtype in FLOATS:
            yield Sample((values((2, 5), dtype),), smooth=dtype == "float64")
        for type_ in TRANSPOSED:
            yield Sample((values((2, 3, 4)),), {"type": type_}, smooth=True)
            if type_ != "1":
                yield Sample((values((3, 5)),), {"type": type_, "norm": "ortho"}, smooth=True)
        yield Sample((values((0, 3)),))
        yield Sample((values((1, 1)),), smooth=True)
