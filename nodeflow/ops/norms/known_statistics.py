"""Scaling with known statistics: to mean 0 and deviation 1, or back to the original units.

The statistics are attributes, so they stay in the file. A raw row then gives the same prediction in
the window, on the command line and after export.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.op import Sample
from nodeflow.graph.types import FLOATS, TensorType, numpy_dtype
from nodeflow.ops import functions as F
from nodeflow.ops.base import register
from nodeflow.ops.composed import Composed
from nodeflow.ops.norms.batch_and_layer import check_broadcast
from nodeflow.ops.samples import values


class MissingStatistics(UserWarning):
    """The error that a normalize node has neither mean nor deviation."""


@register
class Normalize(Composed):
    """Features scaled to mean 0 and standard deviation 1 by statistics of the training data."""

    id = "normalize"
    category = "Neural network"
    keywords = ("standardize", "scale", "rescale", "z-score", "denormalize", "unscale", "units")
    doc = (
        "(x - mean) / deviation of each feature, with the statistics of the training data.\n\n"
        "`mean` and `deviation` are a number, or a list with one number per feature, and "
        "broadcast to x. A deviation of 0, as of a constant feature, counts as 1. `inverse` "
        "converts scaled values back to their original units: x * deviation + mean. Without "
        "statistics, values do not change."
    )
    inputs = (Port("x", "Input.", FLOATS, "T"),)
    attrs = (
        Attr("mean", "literal", None, "Mean of each feature; none: 0."),
        Attr("deviation", "literal", None, "Standard deviation of each feature; none: 1."),
        Attr("inverse", "bool", False, "Convert scaled values back to their original units."),
    )

    def infer(self, *types: TensorType, **attrs: Any) -> TensorType:
        x = types[0]
        for name in ("mean", "deviation"):
            value = statistic(name, attrs[name], x.dtype)
            if value is None:
                continue
            try:
                check_broadcast(name, x.with_shape(value.shape), x)
            except ShapeError as error:
                size = x.shape[-1] if x.shape else None
                error.hint = f"x has {size} features." if size is not None else None
                raise
        return x

    def compose(self, *inputs: Tensor, **attrs: Any) -> Tensor:
        x = inputs[0]
        given = {name: statistic(name, attrs[name], x.dtype) for name in ("mean", "deviation")}
        mean, deviation = (
            None
            if value is None
            else x.graph.apply("constant", value=value, dtype=x.dtype, name=name)
            for name, value in given.items()
        )
        if attrs["inverse"]:
            out = x if deviation is None else x * deviation
            out = out if mean is None else out + mean
        else:
            out = x if mean is None else x - mean
            out = out if deviation is None else out / deviation
        if out is x:
            warnings.warn(
                "mean and deviation are not set, so values pass unchanged",
                MissingStatistics,
                stacklevel=2,
            )
            return F.identity(x)
        return out

    def samples(self) -> Iterator[Sample]:
        mean, deviation = [1.0, -0.5, 3.0], [2.0, 0.0, 0.25]
        for dtype in FLOATS:
            x, smooth = values((2, 3), dtype), dtype == "float64"
            for inverse in (False, True):
                both = {"mean": mean, "deviation": deviation, "inverse": inverse}
                yield Sample((x,), both, smooth=smooth)
                yield Sample((x,), {"deviation": 3.0, "inverse": inverse}, smooth=smooth)
                yield Sample((x,), {"mean": [0.1, 0.2, 0.3], "inverse": inverse}, smooth=smooth)
        yield Sample((values((2, 3, 2)),), {"mean": [[1.0], [2.0], [3.0]]}, smooth=True)
        yield Sample((values(()),), {"mean": 1.0, "deviation": 2.0}, smooth=True)
        yield Sample((values((0, 3)),), {"mean": mean, "deviation": deviation})
        yield Sample((np.array([[np.nan, np.inf, -0.0]]),), {"mean": mean, "deviation": deviation})


def statistic(name: str, value: Any, dtype: str) -> np.ndarray | None:
    """Convert a mean or deviation, given as an attribute, to an array. Return None if it is not
    set. Deviations of 0 become 1, so that they can be divided by.

    Raises:
        AttributeProblem: the value is not made of finite numbers, or a deviation is negative.
    """
    if value is None:
        return None
    try:
        array = np.array(value, numpy_dtype(dtype))
    except (TypeError, ValueError):
        raise AttributeProblem(
            f"{name} must be a number or a list with one number for each feature", port=name
        ) from None
    if not np.isfinite(array).all():
        raise AttributeProblem(f"{name} must be finite in {dtype}, not {value!r}", port=name)
    if name == "deviation":
        if (array < 0).any():
            raise AttributeProblem(f"{name} must not be negative", port=name)
        array = np.where(array == 0, array.dtype.type(1), array)
    return array
