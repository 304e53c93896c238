"""Limits for gradients, and assigns that add: TensorFlow 1's functions of these names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.errors import GraphError
from nodeflow.graph.graph import Tensor
from nodeflow.ops import functions as F


def clip_by_norm(
    t: Any, clip_norm: Any, axes: int | Sequence[int] | None = None, name: str | None = None
) -> Tensor:
    """Scale t down if its length exceeds clip_norm: t * clip_norm / max(norm, clip_norm).

    Args:
        axes: axes along which lengths are taken; None: the length of the whole tensor.

    Returns:
        A tensor like t. The gradient at t = 0 is 1.
    """
    graph = F.graph_of([t, clip_norm])
    with graph, graph.name_scope(name or "clip_by_norm"):
        t = graph.as_tensor(t)
        power = F.reduce_sum(t * t, axis=axes, keepdims=True)
        some = power > 0  # the slope of sqrt at 0 is infinite
        norm = F.where(some, F.sqrt(F.where(some, power, F.ones_like(power))), power)
        return F.divide(t * clip_norm, F.maximum(norm, clip_norm), name="clipped")


def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Tensor:
    """Scale t down if its length divided by its number of elements exceeds clip_norm."""
    graph = F.graph_of([t, clip_norm])
    with graph, graph.name_scope(name or "clip_by_average_norm"):
        t = graph.as_tensor(t)
        count = t.type.size
        elements = float(count) if count is not None else F.reduce_sum(F.ones_like(t))
        inverse = F.rsqrt(F.reduce_sum(t * t))
        limit = F.minimum(inverse * elements, 1 / clip_norm)
        return F.multiply(t * clip_norm, limit, name="clipped")


def global_norm(t_list: Sequence[Tensor | None], name: str | None = None) -> Tensor:
    """Return the length of all tensors together, sqrt(sum of all squares). None is left out.

    Raises:
        GraphError: there are no tensors.
    """
    tensors = _tensors(t_list)
    graph = F.graph_of(tensors)
    with graph, graph.name_scope(name or "global_norm"):
        squares = [F.reduce_sum(F.square(t)) for t in tensors]
        total = squares[0]
        for square in squares[1:]:
            total = total + square
        return F.sqrt(total, name="global_norm")


def clip_by_global_norm(
    t_list: Sequence[Tensor | None],
    clip_norm: Any,
    use_norm: Tensor | None = None,
    name: str | None = None,
) -> tuple[list[Tensor | None], Tensor]:
    """Scale all tensors down together if their common length exceeds clip_norm.

    Each becomes t * clip_norm / max(norm, clip_norm). If the norm is not finite they become NaN, as
    in TensorFlow 1, so that training notices.

    Args:
        t_list: for example gradients; None stays None.
        use_norm: the common length, if it is known.

    Returns:
        The scaled tensors and the length. Pascanu and others, 2013.

    Raises:
        GraphError: there are no tensors.
    """
    tensors = _tensors(t_list)
    graph = F.graph_of(tensors)
    norm = global_norm(t_list) if use_norm is None else graph.as_tensor(use_norm)
    with graph, graph.name_scope(name or "clip_by_global_norm"):
        scale = clip_norm * F.minimum(1 / norm, 1 / clip_norm) + (norm - norm)
        clipped = [None if t is None else F.multiply(t, scale, name="clipped") for t in t_list]
    return clipped, norm


def assign_add(
    ref: Tensor, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Tensor:
    """Add a node that adds to a variable and returns the new value."""
    return _changed(ref, "add", value, name or "assign_add")


def assign_sub(
    ref: Tensor, value: Any, use_locking: bool | None = None, name: str | None = None
) -> Tensor:
    """Add a node that subtracts from a variable and returns the new value."""
    return _changed(ref, "subtract", value, name or "assign_sub")


def _changed(ref: Any, op: str, value: Any, name: str) -> Tensor:
    if not isinstance(ref, Tensor):
        raise GraphError(f"{name} takes a variable, not {type(ref).__name__}")
    return ref.graph.apply("assign", ref, ref.graph.apply(op, ref, value), name=name)


def _tensors(t_list: Any) -> list[Tensor]:
    """Return the tensors of a list, without None.

    Raises:
        GraphError: it is no list, or has no tensors.
    """
    if isinstance(t_list, Tensor) or not isinstance(t_list, Sequence):
        raise GraphError("this takes a list of tensors", hint="Write [t] for one tensor.")
    tensors = [t for t in t_list if t is not None]
    if not tensors:
        raise GraphError("there is no tensor to take the norm of")
    return tensors
