"""Checks of ranks and dtypes, which are decided while the graph is built."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from nodeflow.errors import DtypeError, NodeflowError, ShapeError
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import FLOATS, INTEGERS, dtype_name, shape_text
from nodeflow.ops import functions as F


def assert_rank(
    x: Any,
    rank: int,
    data: Sequence[Any] | None = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Node:
    """A node that does nothing; an error now unless ``x`` has this rank.

    Args:
        data, summarize: accepted for TensorFlow 1.
        message: text in front of the error.

    Raises:
        ShapeError: it has another rank.
    """
    return assert_rank_in(x, (rank,), data, summarize, message, name or "assert_rank")


def assert_rank_in(
    x: Any,
    ranks: Collection[int],
    data: Sequence[Any] | None = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Node:
    """A node that does nothing; an error now unless ``x`` has one of these ranks.

    Raises:
        ShapeError: it has another rank.
    """
    tensor = F.graph_of([x]).as_tensor(x)
    wanted = " or ".join(map(str, ranks))
    return _check(tensor, _rank(tensor) in ranks, f"rank {wanted}", message, name, "assert_rank_in")


def assert_rank_at_least(
    x: Any,
    rank: int,
    data: Sequence[Any] | None = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Node:
    """A node that does nothing; an error now unless ``x`` has at least this rank.

    Raises:
        ShapeError: its rank is smaller.
    """
    tensor = F.graph_of([x]).as_tensor(x)
    holds = _rank(tensor) >= rank
    return _check(tensor, holds, f"rank {rank} or more", message, name, "assert_rank_at_least")


def assert_scalar(tensor: Any, name: str | None = None, message: str | None = None) -> Tensor:
    """The tensor itself; an error now unless it has rank 0.

    Raises:
        ShapeError: it has another rank.
    """
    tensor = F.graph_of([tensor]).as_tensor(tensor)
    assert_rank(tensor, 0, message=message, name=name)
    return tensor


def assert_type(
    tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None
) -> Node:
    """A node that does nothing; an error now unless the tensor has this dtype.

    Raises:
        DtypeError: it has another one.
    """
    tensor = F.graph_of([tensor]).as_tensor(tensor)
    wanted = dtype_name(tf_type)
    return _check(tensor, tensor.dtype == wanted, wanted, message, name, "assert_type", DtypeError)


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Node:
    """A node that does nothing; an error now unless ``x`` holds integers.

    Raises:
        DtypeError: it does not.
    """
    tensor = F.graph_of([x]).as_tensor(x)
    holds = tensor.dtype in INTEGERS
    return _check(tensor, holds, "integers", message, name, "assert_integer", DtypeError)


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether something is a tensor of numbers."""
    return isinstance(tensor, Tensor) and tensor.dtype in FLOATS + INTEGERS


def _rank(tensor: Tensor) -> int:
    return tensor.type.rank


def _check(
    tensor: Tensor,
    holds: bool,
    wanted: str,
    message: str | None,
    name: str | None,
    default: str,
    error: type[NodeflowError] = ShapeError,
) -> Node:
    if not holds:
        text = f"it must have {wanted}, and it is {tensor.dtype} {shape_text(tensor.shape)}"
        raise error(f"{message}: {text}" if message else text, node=tensor.name)
    return tensor.graph.add_node("group", name=name or default)
