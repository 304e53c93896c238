"""Checks of ranks and dtypes while the graph is built. A rank that is unknown then is checked in
a run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

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
    """Add a node that ends the run unless ``x`` has this rank. A known rank is checked now.

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
    """Add a node that ends the run unless ``x`` has one of these ranks.

    If the rank of ``x`` is already known, check it now.

    Raises:
        ShapeError: the known rank is not among ``ranks``.
    """
    tensor = F.graph_of([x]).as_tensor(x)
    wanted = f"rank {' or '.join(map(str, ranks))}"
    if tensor.type.has_rank:
        holds = tensor.type.rank in ranks
        return _check(tensor, holds, wanted, message, name, "assert_rank_in")
    with tensor.graph.name_scope(name or "assert_rank_in") as scope:
        rank = F.rank(tensor)
        fits = F.reduce_any(F.equal(rank, np.array(list(ranks), rank.dtype)))
    return _when_run(tensor, rank, fits, wanted, message, scope)


def assert_rank_at_least(
    x: Any,
    rank: int,
    data: Sequence[Any] | None = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Node:
    """Add a node that ends the run unless ``x`` has at least this rank; check a known one now.

    Raises:
        ShapeError: its rank is smaller.
    """
    tensor = F.graph_of([x]).as_tensor(x)
    wanted = f"rank {rank} or more"
    if tensor.type.has_rank:
        holds = tensor.type.rank >= rank
        return _check(tensor, holds, wanted, message, name, "assert_rank_at_least")
    with tensor.graph.name_scope(name or "assert_rank_at_least") as scope:
        found = F.rank(tensor)
        fits = F.greater_equal(found, rank)
    return _when_run(tensor, found, fits, wanted, message, scope)


def assert_scalar(tensor: Any, name: str | None = None, message: str | None = None) -> Tensor:
    """Return the tensor after checking, now or in the run, that it has rank 0.

    Raises:
        ShapeError: it has another rank.
    """
    tensor = F.graph_of([tensor]).as_tensor(tensor)
    checked = assert_rank(tensor, 0, message=message, name=name)
    if tensor.type.has_rank:
        return tensor
    with tensor.graph.control_dependencies([checked]):
        scalar = F.identity(tensor)
    scalar.set_shape(())
    return scalar


def assert_type(
    tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None
) -> Node:
    """Check now that the tensor has this dtype. Return a node that does nothing.

    Raises:
        DtypeError: it has another one.
    """
    tensor = F.graph_of([tensor]).as_tensor(tensor)
    wanted = dtype_name(tf_type)
    return _check(tensor, tensor.dtype == wanted, wanted, message, name, "assert_type", DtypeError)


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Node:
    """Check now that ``x`` has an integer dtype. Return a node that does nothing.

    Raises:
        DtypeError: it does not.
    """
    tensor = F.graph_of([x]).as_tensor(x)
    holds = tensor.dtype in INTEGERS
    return _check(tensor, holds, "integers", message, name, "assert_integer", DtypeError)


def is_numeric_tensor(tensor: Any) -> bool:
    """Return whether something is a tensor of numbers."""
    return isinstance(tensor, Tensor) and tensor.dtype in FLOATS + INTEGERS


def _when_run(
    tensor: Tensor, rank: Tensor, fits: Tensor, wanted: str, message: str | None, scope: str
) -> Node:
    """Add a node that checks a rank in each run."""
    text = f"{tensor.name} must have {wanted}, and has rank {{}}"
    attrs = {"message": f"{message}: {text}" if message else text}
    return tensor.graph.add_node("assert_true", [fits, rank], attrs, name=scope)


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
