"""Checks that TensorFlow 1 has besides comparisons: finite values, shapes, dtypes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import DtypeError, GraphError, ShapeError, a_type
from nodeflow.graph.graph import Node, Tensor, get_default_graph
from nodeflow.graph.types import FLOATS, dtype_name, shape_text
from nodeflow.number_text import counted
from nodeflow.ops import functions as F
from nodeflow.ops.graph_building import group
from nodeflow.ops.program.initialize import report_uninitialized_variables

__all__ = [
    "add_check_numerics_ops",
    "assert_proper_iterable",
    "assert_same_float_dtype",
    "assert_shapes",
    "assert_variables_initialized",
    "is_tensor",
    "verify_tensor_all_finite",
]


def is_tensor(x: Any) -> bool:
    """Return whether an object is a tensor of a graph; variables are."""
    return isinstance(x, Tensor)


def verify_tensor_all_finite(
    t: Any = None,
    msg: str | None = None,
    name: str | None = None,
    x: Any = None,
    message: str | None = None,
) -> Tensor:
    """Return the tensor. End the run with an error if a value is infinite or NaN.

    Args:
        t, msg: the tensor and the text of the error; newer programs call them ``x`` and
            ``message``.

    Raises:
        GraphError: there is no tensor.
    """
    value, text = (x if t is None else t), (message if msg is None else msg)
    if value is None:
        raise GraphError("verify_tensor_all_finite needs a tensor")
    return F.check_numerics(value, message=text or "", name=name or "VerifyFinite")


def add_check_numerics_ops() -> Node:
    """Add a node that checks all float tensors that the default graph has so far.

    Fetch it along with others: the run ends with an error at the first tensor with an infinite
    value or NaN.
    """
    graph = get_default_graph()
    floats = [
        tensor
        for node in list(graph.nodes)
        if not node.op.macro and not node.op.stateful
        for tensor in node.outputs
        if tensor.dtype in FLOATS
    ]
    with graph.name_scope("check_numerics"):
        checks = [F.check_numerics(t, message=t.name).node for t in floats]
        return group(checks, name="all")


def assert_proper_iterable(values: Any) -> None:
    """Raise an error unless the values are a list of tensors; a tensor, text or number is none.

    Raises:
        GraphError: the values are no list of tensors.
    """
    if isinstance(values, (Tensor, np.ndarray, str, bytes)) or not isinstance(values, Iterable):
        raise GraphError(f"{a_type(values)} is not a list of tensors", hint="Write [x].")


def assert_same_float_dtype(tensors: Sequence[Any] | None = None, dtype: Any = None) -> str:
    """Return the common float dtype of tensors; float32 by default.

    Raises:
        DtypeError: they differ from each other or from ``dtype``, or are no floats.
    """
    found = [t for t in tensors or () if t is not None]
    kinds = {str(F.graph_of([t]).as_tensor(t).dtype) for t in found}
    kinds |= {dtype_name(dtype)} if dtype is not None else set()
    if len(kinds) > 1:
        raise DtypeError(f"the dtypes differ: {', '.join(sorted(kinds))}", hint="Cast to one.")
    (kind,) = kinds or {"float32"}
    if kind not in FLOATS:
        raise DtypeError(f"{kind} is not a float dtype", hint="Cast to float32.")
    return kind


def assert_variables_initialized(var_list: Iterable[Tensor] | None = None) -> Any:
    """Return a query for the names of variables without a value, to be fetched."""
    return report_uninitialized_variables(var_list, "assert_variables_initialized")


def assert_shapes(
    shapes: Mapping[Any, Any] | Sequence[tuple[Any, Any]],
    data: Sequence[Any] | None = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Node:
    """Add a node that ends the run unless tensors have the given shapes, by number or letter.

    Known sizes are checked now. ``[(x, ("N", 3)), (y, ("N",))]`` requires that x has 3 columns, and
    as many rows as y has elements.

    Args:
        shapes: pairs of a tensor and its sizes, or a dictionary. A size is a number, a name that
            stands for the same size everywhere, or None or "." for any size; "..." or ``...`` in
            front allows any leading axes.
        data, summarize: accepted for TensorFlow 1.
        message: text in front of the error.

    Raises:
        ShapeError: a known size differs.
    """
    pairs = list(shapes.items() if isinstance(shapes, Mapping) else shapes)
    graph = F.graph_of([t for t, _ in pairs])
    seen: dict[Any, tuple[int | None, Tensor | None, str]] = {}
    checks: list[Node] = []
    front = f"{message}: " if message else ""
    with graph, graph.name_scope(name or "assert_shapes"):
        for value, spec in pairs:
            tensor = graph.as_tensor(value)
            for size, wanted, axis in _sizes(tensor, _listed(spec), front):
                checks += _check(tensor, axis, size, wanted, seen, front)
        return group(checks, name="all")


def _listed(spec: Any) -> list[Any]:
    return list(spec) if isinstance(spec, (list, tuple, str)) else [spec]


def _sizes(tensor: Tensor, spec: list[Any], front: str) -> list[tuple[int | None, Any, int]]:
    """Return (size, requirement, axis) for each axis of a tensor that a shape specification
    restricts.

    Raises:
        ShapeError: the rank differs.
    """
    rank = tensor.type.rank
    open_front = bool(spec) and spec[0] in (..., "...")
    spec = spec[1:] if open_front else spec
    if rank < len(spec) or (rank > len(spec) and not open_front):
        raise ShapeError(
            f"{front}it must have {counted(len(spec), 'axis', 'axes')}, and is "
            f"{shape_text(tensor.shape)}",
            node=tensor.name,
        )
    axes = range(rank - len(spec), rank)
    return [
        (tensor.shape[a], s, a) for a, s in zip(axes, spec, strict=True) if s not in (None, ".")
    ]


def _check(
    tensor: Tensor,
    axis: int,
    size: int | None,
    wanted: Any,
    seen: dict[Any, tuple[int | None, Tensor | None, str]],
    front: str,
) -> list[Node]:
    """Check that the size of one axis equals the size that a shape specification requires.

    Return the nodes that compare the sizes in a run; none if they could be compared now.

    Args:
        size: the size, or None if it is known only in a run.
        wanted: the required number, or a name that stands for the same size everywhere.
        seen: the first size for each name, which is completed.
        front: the beginning of the error's text.

    Raises:
        ShapeError: the sizes differ.
    """
    if isinstance(wanted, (int, np.integer)) or (isinstance(wanted, str) and wanted.isdecimal()):
        known: tuple[int | None, Tensor | None, str] = (int(wanted), None, str(wanted))
    elif wanted in seen:
        known = seen[wanted]
    else:
        own = F.size(tensor, axis=axis) if size is None else None
        seen[wanted] = (size, own, f"that of {tensor.name}")
        return []
    if size is not None and known[0] is not None:
        if size != known[0]:
            raise ShapeError(
                f"{front}axis {axis} has size {size}, and {known[2]} is expected", node=tensor.name
            )
        return []
    here = F.size(tensor, axis=axis)
    there = known[1] if known[1] is not None else known[0]
    text = f"{front}axis {axis} of {tensor.name} has size {{}}, and {known[2]} is expected"
    return [F.assert_true(F.equal(here, there), here, message=text).node]
