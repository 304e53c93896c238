"""Triangles and bands of matrices."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import DTYPES, TensorType, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.indexing.diagonals import OFFSET
from nodeflow.ops.math.running import positions_along
from nodeflow.ops.samples import values


class Masked(Composed):
    """The base class of ops that keep elements by distance from the diagonal and zero the
    others.
    """

    category = "Matrix"
    inputs = (Port("x", dtypes=DTYPES),)
    attrs = (OFFSET,)

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        if types[0].rank < 2:
            raise ShapeError(f"{shape_text(types[0].shape)} is not a matrix", port="x")
        return types[0]

    def keep(self, above: Tensor, **attrs: Any) -> Tensor | None:
        """Return a bool mask of the elements that the op keeps, from each element's distance above
        the diagonal (column - row). Return None if all are kept.
        """
        raise NotImplementedError

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        kept = self.keep(positions_along(x, -1) - positions_along(x, -2), **attrs)
        none = False if x.dtype == "bool" else 0
        return F.identity(x) if kept is None else F.where(kept, x, none)

    def variants(self) -> Iterator[dict[str, Any]]:
        yield {"offset": 1}
        yield {"offset": -2}

    def samples(self) -> Iterator[Sample]:
        for dtype in DTYPES:
            yield Sample((values((2, 3, 4), dtype),), smooth=dtype == "float64")
        for attrs in self.variants():
            yield Sample((values((4, 3)),), attrs, smooth=True)
            yield Sample((values((3, 5), "int32"),), attrs)
        yield Sample((values((0, 3)),), smooth=True)
        yield Sample((values((1, 1)),), smooth=True)


@register
class Tril(Masked):
    """The lower triangle."""

    id = "tril"
    everyday = False
    keywords = ("lower triangle", "triangular", "trilu", "causal")
    doc = (
        "The matrix with zeros above a diagonal.\n\nAxes before the last two are batches. "
        "Gradient: to the elements that are kept."
    )

    def keep(self, above: Tensor, **attrs: Any) -> Tensor:
        return above <= attrs["offset"]


@register
class Triu(Masked):
    """The upper triangle."""

    id = "triu"
    everyday = False
    keywords = ("upper triangle", "triangular", "trilu")
    doc = (
        "The matrix with zeros below a diagonal.\n\nAxes before the last two are batches. "
        "Gradient: to the elements that are kept."
    )

    def keep(self, above: Tensor, **attrs: Any) -> Tensor:
        return above >= attrs["offset"]


@register
class MatrixBandPart(Masked):
    """A band around the diagonal."""

    id = "matrix_band_part"
    everyday = False
    keywords = ("band", "diagonal", "triangular", "tril", "triu")
    doc = (
        "The matrix with zeros outside a band around the diagonal.\n\n(-1, 0) keeps the lower "
        "triangle, (0, -1) the upper one. Gradient: to the elements that are kept."
    )
    attrs = (
        Attr("num_lower", "int", 0, "Diagonals kept below the main one; -1 keeps all."),
        Attr("num_upper", "int", 0, "Diagonals kept above the main one; -1 keeps all."),
    )

    def keep(self, above: Tensor, **attrs: Any) -> Tensor | None:
        lower, upper = attrs["num_lower"], attrs["num_upper"]
        tests = [above >= -lower] if lower >= 0 else []
        tests += [above <= upper] if upper >= 0 else []
        return F.logical_and(*tests) if len(tests) == 2 else tests[0] if tests else None

    def variants(self) -> Iterator[dict[str, Any]]:
        for lower, upper in ((-1, 0), (0, -1), (1, 2), (-1, -1)):
            yield {"num_lower": lower, "num_upper": upper}
