"""Clipping to a range, with bounds that are attributes or tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, LiteralError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import NUMBERS, TensorType, literal
from nodeflow.ops import functions as F
from nodeflow.ops import lowering
from nodeflow.ops.composed import Composed
from nodeflow.ops.elementwise import Elementwise, define
from nodeflow.ops.math.arithmetic import larger, smaller
from nodeflow.ops.samples import values

KEYWORDS = ("clamp", "limit", "range", "hardtanh", "relu6", "saturate")


def _clip(x: np.ndarray, min: float | None, max: float | None) -> np.ndarray:
    if min is not None:
        x = larger(x, x.dtype.type(min))
    return np.array(x) if max is None else smaller(x, x.dtype.type(max))


def _inside(x: Tensor, min: float | None, max: float | None) -> Tensor | None:
    tests = [x >= min] if min is not None else []
    tests += [x <= max] if max is not None else []
    return F.logical_and(*tests) if len(tests) == 2 else tests[0] if tests else None


def _gradient(g: Tensor, x: Tensor, out: Tensor, **bounds: Any) -> tuple[Tensor]:
    inside = _inside(x, **bounds)
    return (g if inside is None else F.where(inside, g, 0),)


class ClipByValue(Elementwise):
    """An elementwise op that clips to a range; its dtype must hold both bounds exactly."""

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        low, high = attrs["min"], attrs["max"]
        if low is not None and high is not None and not low <= high:
            raise AttributeProblem(
                f"min {low:g} is above max {high:g}", port="min", hint="Swap min and max."
            )
        if not types[0].is_float:
            for name in ("min", "max"):
                try:
                    if attrs[name] is not None:
                        literal(attrs[name], types[0].dtype)
                except LiteralError as error:
                    raise error.at(None, name) from None
        return types[0]

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        bounds = {name: value for name, value in attrs.items() if value is not None}
        formula = {
            (): "x", ("min",): "maximum(x, min)", ("max",): "minimum(x, max)",
            ("min", "max"): "clip(x, min, max)",
        }[tuple(sorted(bounds, reverse=True))]  # fmt: skip
        return lowering.Elementwise(formula, ("x",), bounds)

    def for_edits(self, inputs: Sequence[Tensor | None], attrs: Mapping[str, Any]) -> Op:
        given = inputs[0].type.is_float if inputs and inputs[0] is not None else False
        bounds = {**{attr.name: attr.default for attr in self.attrs}, **attrs}
        return CLIP_FOR_EDITS if given and None not in bounds.values() else self

    def samples(self) -> Iterator[Sample]:
        yield from super().samples()
        for min, max in ((None, 0.5), (-0.5, None), (None, None)):
            yield Sample((values((2, 3)),), {"min": min, "max": max}, smooth=True)
        yield Sample((np.array([2**53 - 1, 2**53, 2**53 + 1]),), {"min": 0, "max": 2**53 + 1})


CLIP_BY_VALUE = REGISTRY.register(
    ClipByValue(
        "clip_by_value",
        "x limited to the range from min to max.\n\nNaN stays NaN. If the bounds are tensors, use "
        "clip. Gradient: 1 inside the range and at its bounds, 0 outside.",
        _clip,
        "clip(x, min, max)",
        attrs=(
            Attr("min", "number", 0.0, "Lower bound; none: no bound.", optional=True),
            Attr("max", "number", 1.0, "Upper bound; none: no bound.", optional=True),
        ),
        gradient=_gradient,
        keywords=KEYWORDS,
    )
)


class ClipForEdits(Composed):
    """Clipping with bit-identical results, whose bounds can change during a training."""

    id = CLIP_BY_VALUE.id
    doc, category, keywords = CLIP_BY_VALUE.doc, CLIP_BY_VALUE.category, KEYWORDS
    inputs, attrs = CLIP_BY_VALUE.inputs, CLIP_BY_VALUE.attrs
    run_time = ("min", "max")

    def infer(self, *types: TensorType, **attrs: Any) -> Any:
        return CLIP_BY_VALUE.infer(*types, **attrs)

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        (x,) = inputs
        low, high = (
            x.graph.apply("constant", value=value, dtype=x.dtype, name=name)
            for name, (_, value) in self.constants(attrs).items()
        )
        return F.clip(x, low, high)


CLIP_FOR_EDITS = ClipForEdits()
define(
    "clip",
    "x limited to the range from low to high, which are tensors.\n\nThe three shapes broadcast as "
    "in numpy. Where low is above high, the result is high. NaN stays NaN. Gradient: to x inside "
    "the range and at its bounds, to the bound outside.",
    lambda x, low, high: smaller(larger(x, low), high),
    "minimum(maximum(x, low), high)",
    ports=(
        Port("x", dtypes=NUMBERS, group="T"),
        Port("low", "Smallest value of the result.", NUMBERS, "T"),
        Port("high", "Largest value of the result.", NUMBERS, "T"),
    ),
    gradient=lambda g, x, low, high, out: (
        F.where(F.logical_and(x >= low, F.maximum(x, low) <= high), g, 0),
        F.where(F.logical_and(x < low, low <= high), g, 0),
        F.where(F.maximum(x, low) > high, g, 0),
    ),
    keywords=KEYWORDS,
    domain={"low": (-1.0, -0.5), "high": (0.5, 1.0)},
)
