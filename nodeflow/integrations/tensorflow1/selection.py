"""`tf.where`, whose condition may select whole rows."""

from __future__ import annotations

from typing import Any

from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F
from nodeflow.ops.dynamic import dynamic_functions
from nodeflow.ops.namespaces.arguments import scoped
from nodeflow.ops.namespaces.maths import pair
from nodeflow.public import publish

__all__ = ["where"]


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """Select from x or y by element, or by row for a vector. Without x and y, find the true
    elements.

    Args:
        condition: bool: a vector that selects whole rows of x or y, or a tensor of their shape.
        x: taken where the condition is true.
        y: taken where it is false.

    Returns:
        Without x and y the indices (n, rank) of the n true elements, int64.

    Raises:
        GraphError: only one of x and y is given, or they do not fit.
    """
    if x is None or y is None:
        return dynamic_functions.where(condition, x, y, name)
    chosen = F.graph_of([condition, x, y]).as_tensor(condition)
    x, y = pair(x, y)
    if chosen.type.has_rank and chosen.type.rank != 1:
        return F.where(chosen, x, y, name=name)
    if chosen.type.has_rank and x.type.has_rank and x.type.rank < 2:
        return F.where(chosen, x, y, name=name)
    with scoped(name, "where", [chosen, x]):
        return F.where(F.reshape(chosen, shape=_rows(chosen, x)), x, y, name="rows")


def _rows(condition: Tensor, x: Tensor) -> Any:
    """Return the shape of a condition, with sizes of 1 appended up to the rank of x."""
    if condition.type.has_rank and x.type.has_rank:
        return [-1, *(1 for _ in x.shape[1:])]
    missing = F.rank(x) - F.rank(condition)
    ones = F.fill(F.expand_dims(missing, axis=0), x.graph.as_tensor(1, "int32"))
    return F.concat([F.shape(condition), ones], axis=0)


publish(globals(), __all__)
