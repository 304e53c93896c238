"""Small functions and classes with TensorFlow 1's names, such as `Dimension`, `TensorShape`,
`timestamp` and `hessians`.
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from nodeflow.errors import GraphError, ShapeError
from nodeflow.graph import shapes
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import shape_text
from nodeflow.ops import functions as F
from nodeflow.ops import graph_building
from nodeflow.ops.program.py_func import py_func
from nodeflow.ops.variables.scope import variable_scope

__all__ = [
    "AggregationMethod",
    "Dimension",
    "TensorShape",
    "UnconnectedGradients",
    "count_up_to",
    "dimension_at_index",
    "dimension_value",
    "hessians",
    "no_regularizer",
    "op_scope",
    "timestamp",
    "variable_op_scope",
]


class AggregationMethod:
    """TensorFlow 1's methods of adding gradients. Here they are always added in sequence."""

    ADD_N = 0
    DEFAULT = ADD_N
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


class UnconnectedGradients:
    """Results of `nf.gradients` for an x that nothing depends on."""

    NONE = "none"
    ZERO = "zero"


def no_regularizer(_: Any) -> None:
    """Return no regularization term. This overrides the regularizer of a variable scope."""


def dimension_value(dimension: Any) -> int | None:
    """Return a size as a number; None if it is unknown."""
    return None if dimension is None else int(dimension)


def dimension_at_index(shape: Any, index: int) -> Any:
    """Return the size of an axis; None if it is unknown."""
    found = TensorShape(shape)
    return None if found.ndims is None else found[index]


def Dimension(value: int | None) -> Any:
    """Return a size of a shape as a `Dimension`, which has the attribute `value`. Return None for
    an unknown size.
    """
    return None if value is None else shapes.Dimension(value)


def TensorShape(dims: Any) -> shapes.TensorShape:
    """Return a shape: a tuple of sizes with `as_list()` and similar methods.

    Args:
        dims: sizes, None for an unknown one; None alone is a shape of unknown rank.

    Raises:
        GraphError: an entry is no size.
    """
    if dims is None or dims is shapes.UNKNOWN:
        return shapes.UNKNOWN
    sizes = list(dims) if isinstance(dims, (list, tuple)) else [dims]
    for size in sizes:
        if size is not None and (not isinstance(size, (int, np.integer)) or size < 0):
            raise GraphError(f"{size!r} is not a size", hint="Write [None, 784].")
    return shapes.TensorShape(None if size is None else int(size) for size in sizes)


def op_scope(
    values: Any, name: str | None, default_name: str | None = None
) -> AbstractContextManager[str]:
    """Call `name_scope` with the old order of its arguments."""
    return graph_building.name_scope(name, default_name, values)


def variable_op_scope(
    values: Any, name_or_scope: Any, default_name: str | None = None, **rest: Any
) -> AbstractContextManager[Any]:
    """Call `variable_scope` with the old order of its arguments."""
    return variable_scope(name_or_scope, default_name, values, **rest)


def timestamp(name: str | None = None) -> Tensor:
    """Return the seconds since 1970 at the time of the run: float64."""
    found = py_func(lambda: np.float64(time.time()), [], "float64", name=name or "timestamp")
    found.set_shape(())
    return found


def count_up_to(ref: Tensor, limit: int, name: str | None = None) -> Tensor:
    """Add a node that raises an integer variable by 1 and returns its previous value.

    The run ends with an error once the variable has reached the limit.
    """
    with ref.graph.name_scope(name or "CountUpTo"):
        before = F.identity(ref)
        text = f"the variable has reached its limit of {limit}: {{}}"
        checked = F.assert_true(F.less(before, limit), before, message=text)
        with ref.graph.control_dependencies([checked]):
            raised = ref.graph.apply("assign", ref, before + 1)
        with ref.graph.control_dependencies([raised]):
            return F.identity(before)


def hessians(
    ys: Any,
    xs: Any,
    name: str = "hessians",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: Any = None,
) -> list[Tensor]:
    """Return the second derivatives of the sum of ys, for each x: (d, d) for x of shape (d,).

    For an x of higher rank, the shape of x occurs twice. One gradient is computed per element of x.

    Raises:
        ShapeError: only a run knows a size of an x.
        GradientError: ys do not depend on an x.
    """
    targets = list(ys) if isinstance(ys, (list, tuple)) else [ys]
    wanted = list(xs) if isinstance(xs, (list, tuple)) else [xs]
    graph = F.graph_of([*targets, *wanted])
    with graph, graph.name_scope(name):
        total = F.reduce_sum(targets[0])
        for other in targets[1:]:
            total = total + F.reduce_sum(other)
        return [_hessian(total, x) for x in wanted]


def _hessian(y: Tensor, x: Tensor) -> Tensor:
    if not x.type.is_static:
        raise ShapeError(f"hessians need a known shape, not {shape_text(x.shape)}", node=x.name)
    slope = graph_building.gradients(y, [x])[0]
    if slope is None:
        raise GraphError(f"ys do not depend on {x.name}")
    flat = F.reshape(slope, shape=[-1])
    rows = []
    for place in range(x.type.size or 0):
        row = graph_building.gradients(flat[place], [x])[0]
        rows.append(F.zeros_like(x) if row is None else row)
    return F.reshape(F.stack(rows), shape=[*x.shape, *x.shape])
