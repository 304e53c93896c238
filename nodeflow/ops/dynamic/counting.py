"""Ranges of numbers, with bounds that may be known only in a run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, NodeflowError, RunError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.op import Op, Sample
from nodeflow.graph.types import FLOATS, NUMBERS, TensorType, numpy_dtype
from nodeflow.ops import lowering
from nodeflow.ops.base import register
from nodeflow.ops.inputs import literal_at
from nodeflow.ops.runtime_attributes import check_rank

BOUNDS = ("start", "limit", "delta")


@register
class Range(Op):
    """Evenly spaced numbers."""

    id = "range"
    category = "Inputs"
    keywords = ("sequence", "count", "arange", "steps")
    doc = (
        "The numbers from start up to but not including limit, in steps of delta.\n\nWith start "
        "alone, it counts from 0 up to start, as Python's range. A tensor connected to start, "
        "limit or delta overrides the attribute, and sets the dtype of the numbers."
    )
    inputs = tuple(
        Port(
            name, f"{what}; overrides the attribute.", NUMBERS, "T", optional=True, gives=("dtype",)
        )
        for name, what in zip(
            BOUNDS,
            ("First number, or the limit if there is none", "End, not included", "Step"),
            strict=True,
        )
    )
    attrs = (
        Attr("start", "literal", 10, "First number, or the limit if there is none."),
        Attr("limit", "literal", None, "End, not included.", optional=True),
        Attr("delta", "literal", 1, "Step between numbers; negative counts down."),
        Attr("dtype", "dtype", "int32", "Data type.", choices=NUMBERS),
    )

    def _dtype(self, wired: Sequence[Any], attrs: Mapping[str, Any]) -> str:
        return str(wired[0].dtype) if wired else attrs["dtype"]

    def _count(
        self, arrays: Sequence[np.ndarray], attrs: Mapping[str, Any]
    ) -> tuple[Any, Any, int]:
        """Return start, delta and the number of elements."""
        dtype = self._dtype(arrays, attrs)
        given = {n: attrs[n] for n in BOUNDS if attrs[n] is not None}
        given |= dict(zip(BOUNDS, arrays, strict=False))
        numbers = {n: literal_at(n, v, dtype) for n, v in given.items()}
        for name, number in numbers.items():
            if number.shape != () or not np.isfinite(number):
                raise AttributeProblem(f"{name} must be one finite number", port=name)
        if not numbers["delta"]:
            raise AttributeProblem(
                "delta is 0", port="delta", hint="Use a positive or negative step."
            )
        start, delta = numbers["start"].item(), numbers["delta"].item()
        if "limit" not in numbers:
            start, limit = type(start)(0), start
        else:
            limit = numbers["limit"].item()
        return start, delta, max(0, math.ceil((limit - start) / delta))

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        for name, type_ in zip(BOUNDS, types, strict=False):
            check_rank(name, type_, 0)
        known = [t.array for t in types]
        dtype = self._dtype(types, attrs)
        if any(array is None for array in known):
            return TensorType(dtype, (None,))
        arrays = [array for array in known if array is not None]
        return TensorType(dtype, (self._count(arrays, attrs)[2],))

    def lower(self, types: Sequence[TensorType], outs: Sequence[TensorType], **attrs: Any) -> Any:
        arrays = [t.array for t in types if t.array is not None]
        if len(arrays) < len(types):
            return None
        names = BOUNDS[: len(types)]
        part = lowering.Part("out", lowering.Known(self.reference(*arrays, **attrs)), (), outs[0])
        return lowering.Composite(names, (part,), ("out",))

    def reference(self, *arrays: np.ndarray, **attrs: Any) -> np.ndarray:
        try:
            start, delta, count = self._count(arrays, attrs)
        except NodeflowError as error:
            raise RunError(error.message, port=error.port, hint=error.hint) from None
        dtype = self._dtype(arrays, attrs)
        kind = np.float64 if dtype in FLOATS else np.uint64 if dtype == "uint64" else np.int64
        return (start + np.arange(count, dtype=kind) * delta).astype(dtype)

    def samples(self) -> Iterator[Sample]:
        yield Sample((), {"start": 5})
        yield Sample((), {"start": 0.5, "limit": 2.0, "delta": 0.25, "dtype": "float32"})
        yield Sample((), {"start": 5, "limit": -2, "delta": -3, "dtype": "int64"})
        for dtype in NUMBERS:
            yield Sample((), {"start": 3, "limit": 9, "delta": 2, "dtype": dtype})
        yield Sample((), {"start": 3, "limit": 3, "dtype": "uint8"})
        yield Sample((), {"start": 1, "limit": 0, "delta": -0.1, "dtype": "float64"})
        for dtype in NUMBERS:
            start, limit, delta, count = np.array([1, 7, 2, 5]).astype(numpy_dtype(dtype))
            yield Sample((np.asarray(count),))
            yield Sample((np.asarray(start), np.asarray(limit), np.asarray(delta)))
        yield Sample((np.array(0, "int32"),))
