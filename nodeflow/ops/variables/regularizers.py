"""Regularizers: functions of a variable that return a penalty to add to the loss.

Formulas and arguments are as in `tf.contrib.layers`. Each adds one node, `l1_regularization` or
`l2_regularization`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nodeflow.errors import AttributeProblem
from nodeflow.graph.graph import Tensor, get_default_graph
from nodeflow.ops import functions as F
from nodeflow.ops.variables.collections import GraphKeys

Regularizer = Callable[[Tensor], Tensor | None]


def l1_regularizer(scale: float, scope: str | None = None) -> Regularizer:
    """Return scale * sum(abs(weights)), which makes weights exactly 0; no term for a scale of 0.

    Raises:
        AttributeProblem: the scale is negative, or no float.
    """
    return _regularizer("l1", _checked(scale), 1.0, scope)


def l2_regularizer(scale: float, scope: str | None = None) -> Regularizer:
    """Return scale * sum(weights ** 2) / 2, which keeps weights small; no term for a scale of 0.

    Raises:
        AttributeProblem: the scale is negative, or no float.
    """
    return _regularizer("l2", _checked(scale), 0.5, scope)


def l1_l2_regularizer(
    scale_l1: float = 1.0, scale_l2: float = 1.0, scope: str | None = None
) -> Regularizer:
    """Return the sum of `l1_regularizer(scale_l1)` and `l2_regularizer(scale_l2)`."""
    both = l1_regularizer(scale_l1), l2_regularizer(scale_l2)
    return sum_regularizer(both, scope or "l1_l2_regularizer")


def sum_regularizer(regularizers: Sequence[Regularizer], scope: str | None = None) -> Regularizer:
    """Return the sum of the terms of several regularizers."""

    def total(weights: Tensor) -> Tensor | None:
        with weights.graph.name_scope(scope or "sum_regularizer"):
            terms = [term for r in regularizers if (term := r(weights)) is not None]
            return _added(terms)

    return total


def apply_regularization(
    regularizer: Regularizer, weights_list: Sequence[Tensor] | None = None
) -> Tensor:
    """Add a regularizer's terms of several variables to the regularization losses. Return the sum.

    Args:
        weights_list: the variables; None: those in the collection `GraphKeys.WEIGHTS`.
    """
    graph = get_default_graph()
    if weights_list is None:
        weights_list = graph.get_collection(GraphKeys.WEIGHTS)
    terms = [term for w in weights_list if (term := regularizer(w)) is not None]
    total = _added(terms)
    if total is None:
        total = graph.apply("constant", value=0.0, dtype="float32", name="no_penalty")
    graph.add_to_collection(GraphKeys.REGULARIZATION_LOSSES, total)
    return total


def _regularizer(kind: str, scale: float, factor: float, scope: str | None) -> Regularizer:
    def penalty(weights: Tensor) -> Tensor | None:
        if scale == 0:
            return None
        name = scope or f"{kind}_regularizer"
        op = getattr(F, f"{kind}_regularization")
        return op(weights, strength=scale * factor, name=name)

    return penalty


def _added(terms: Sequence[Tensor]) -> Tensor | None:
    total = terms[0] if terms else None
    for term in terms[1:]:
        total = total + term  # type: ignore[operator]
    return total


def _checked(scale: Any) -> float:
    if isinstance(scale, int) or (not isinstance(scale, (float,)) and not hasattr(scale, "dtype")):
        raise AttributeProblem(
            f"scale must be a number with a fraction, not {scale!r}",
            port="scale",
            hint=f"Write {float(scale)}." if isinstance(scale, int) else None,
        )
    if scale < 0:
        raise AttributeProblem(f"scale must be 0 or more, not {scale}", port="scale")
    return float(scale)
