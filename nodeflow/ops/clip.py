"""Limiting values to a range that attributes give."""

from __future__ import annotations

from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, LiteralError
from nodeflow.graph.declaration import Attr
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import TensorType, literal
from nodeflow.ops import functions as F
from nodeflow.ops.elementwise import Elementwise


class ClipByValue(Elementwise):
    """Elementwise, with limits that must be exact in the tensor's dtype."""

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        low, high = attrs["min"], attrs["max"]
        if not low <= high:
            raise AttributeProblem(
                f"min {low:g} is above max {high:g}", port="min", hint="Swap min and max."
            )
        if not types[0].is_float:
            for name in ("min", "max"):
                try:
                    literal(attrs[name], types[0].dtype)
                except LiteralError as error:
                    raise error.at(None, name) from None
        return types[0]


REGISTRY.register(
    ClipByValue(
        "clip_by_value",
        "x limited to the range from min to max.\n\nNaN stays NaN. Gradient: 1 inside the range "
        "and at its bounds, 0 outside.",
        lambda x, min, max: np.minimum(np.maximum(x, x.dtype.type(min)), x.dtype.type(max)),
        "clip(x, min, max)",
        attrs=(
            Attr("min", "float", 0.0, "Smallest value let through."),
            Attr("max", "float", 1.0, "Largest value let through."),
        ),
        gradient=lambda g, x, out, min, max: (F.where(F.logical_and(x >= min, x <= max), g, 0),),
        keywords=("clamp", "limit", "range"),
    )
)
