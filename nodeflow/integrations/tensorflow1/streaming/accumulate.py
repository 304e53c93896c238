"""Functions that streaming metrics share: accumulating variables, and fitting shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import compatible, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import tensor
from nodeflow.ops.training.clipping import assign_add
from nodeflow.ops.variables.collections import GraphKeys, add_to_collections
from nodeflow.ops.variables.scope import Variable

Pair = tuple[Tensor, Tensor]
"""The value so far, and the update node that adds a batch."""

COLLECTIONS = (GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES)


def add_up(name: str, amount: Tensor, shape: Sequence[int] = ()) -> Pair:
    """Create a local variable that begins at 0, and a node that adds an amount to it."""
    zeros = np.zeros(tuple(shape), amount.dtype)
    kept = Variable(zeros, trainable=False, collections=list(COLLECTIONS), name=name)
    return kept, assign_add(kept, amount)


def result(
    compute: Callable[..., Tensor],
    pairs: Sequence[Pair],
    metrics_collections: Any,
    updates_collections: Any,
) -> Pair:
    """Compute a metric twice: its value from the stored counts, and its update from the counts that
    include the current batch. Add both to the collections and return them.

    Args:
        pairs: (stored count, updated count) of each argument of ``compute``.
    """
    with pairs[0][0].graph.name_scope("value"):
        value = compute(*(kept for kept, _ in pairs))
    with pairs[0][0].graph.name_scope("update_op"):
        update = compute(*(new for _, new in pairs))
    return collected(value, update, metrics_collections, updates_collections)


def collected(value: Tensor, update: Tensor, metrics: Any, updates: Any) -> Pair:
    """Add a metric's value tensor and update tensor to the named collections, and return both."""
    add_to_collections(metrics, value)
    add_to_collections(updates, update)
    return value, update


def as_float32(x: Any) -> Tensor:
    """Cast x to float32."""
    found = tensor(x)
    return found if found.dtype == "float32" else F.cast(found, dtype="float32")


def as_bool(x: Any) -> Tensor:
    """Cast x to bool: true where it is not 0."""
    found = tensor(x)
    return found if found.dtype == "bool" else F.cast(found, dtype="bool")


def squeezed(labels: Any, predictions: Any) -> Pair:
    """Remove the last axis of size 1 from labels or predictions if only one of them has it."""
    labels, predictions = tensor(labels, predictions), tensor(predictions, labels)
    more = len(labels.shape) - len(predictions.shape)
    if more == 1 and labels.shape[-1] in (1, None):
        return F.squeeze(labels, axis=-1), predictions
    if more == -1 and predictions.shape[-1] in (1, None):
        return labels, F.squeeze(predictions, axis=-1)
    return labels, predictions


def fitting(labels: Any, predictions: Any) -> Pair:
    """Remove a surplus last axis of size 1 from labels or predictions, then check that their shapes
    are equal. Return both.

    Raises:
        ShapeError: the shapes differ.
    """
    first, second = squeezed(labels, predictions)
    if not compatible(first.shape, second.shape):
        raise ShapeError(
            f"labels {shape_text(first.shape)} and predictions {shape_text(second.shape)} differ",
            hint="Reshape one of them.",
        )
    return first, second


def weighted(values: Tensor, weights: Any) -> tuple[Tensor, Tensor]:
    """Return values times their weights, and the weights, broadcast to one weight per value."""
    w = as_float32(weights)
    if w.shape != ():
        more = len(w.shape) - len(values.shape)
        if more == 1:
            w = F.squeeze(w, axis=-1)
        elif more == -1:
            w = F.expand_dims(w, axis=-1)
    each = w * F.cast(F.ones_like(values), dtype="float32")
    return values * (each if values.dtype == "float32" else F.cast(each, dtype=values.dtype)), each


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """Return part / whole, and 0 where the whole is not above 0."""
    return F.divide_no_nan(part, F.maximum(whole, 0))
