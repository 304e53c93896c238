"""The check of the conditions of ``case``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import RunError, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import BOOL, TensorType, unify_shapes
from nodeflow.ops.base import register


@register
class CaseCheck(Op):
    """The first condition of ``case``, passed on after checking the rules for all conditions."""

    id = "case_check"
    category = "Internal"
    hidden = True
    doc = (
        "Checks all conditions and returns the first one.\n\nA run fails if `exclusive` and "
        "several are true, or `total` and none is true."
    )
    stateful = True
    inputs = (Port("preds", "Conditions.", BOOL, variadic=True),)
    attrs = (
        Attr("exclusive", "bool", False, "At most one may be true."),
        Attr("total", "bool", False, "At least one must be true."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        shape = types[0].shape
        for index, type_ in enumerate(types):
            try:
                shape = unify_shapes(shape, type_.shape)
            except ShapeError as error:
                raise error.at(None, f"preds.{index}") from None
        return types[0].with_shape(shape)

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        count = np.sum(arrays, axis=0)
        true = [str(i) for i, a in enumerate(arrays) if a.any()]
        if attrs["exclusive"] and (count > 1).any():
            raise RunError(f"conditions {' and '.join(true)} are true, and case is exclusive")
        if attrs["total"] and (count == 0).any():
            raise RunError(
                "no condition of case is true, and it has no default", hint="Give it a default."
            )
        return arrays[0].copy()

    def samples(self) -> Iterator[Sample]:
        yes, no = np.ones((2, 3), bool), np.zeros((2, 3), bool)
        for flags in (False, True):
            for arrays in ((yes, no), (no, yes, no), (yes[:1, :1],), (yes[:0], no[:0])):
                yield Sample(arrays, {"exclusive": flags, "total": flags})
