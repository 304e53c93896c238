"""Small functions of TensorFlow 1's programs: conversion to tensors, placeholders, ordering."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.errors import DtypeError, GraphError, a_type
from nodeflow.graph.graph import Node, Tensor, get_default_graph
from nodeflow.graph.types import compatible, dtype_name, shape_text
from nodeflow.ops import functions as F
from nodeflow.ops import graph_building


def convert_to_tensor(
    value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None
) -> Tensor:
    """Return a tensor unchanged, or a constant from a number, array or list.

    Args:
        dtype: required dtype.
        preferred_dtype: dtype of a number or list, if the conversion is exact.

    Raises:
        DtypeError: a tensor has another dtype.
        LiteralError: the value cannot become a tensor.
    """
    if isinstance(value, (Tensor, Node)):
        tensor = value.graph.as_tensor(value)
        if dtype is not None and tensor.dtype != dtype_name(dtype):
            raise DtypeError(
                f"{tensor.name} is {tensor.dtype}, not {dtype_name(dtype)}",
                node=tensor.name,
                hint=f"Cast it: nf.cast(x, {dtype_name(dtype)!r}).",
            )
        return tensor
    if isinstance(value, Sequence) and any(isinstance(v, Tensor) for v in value):
        return F.graph_of(list(value)).apply("stack", list(value), name=name)
    if dtype is None and preferred_dtype is not None:
        try:
            return graph_building.constant(value, preferred_dtype, name=name)
        except GraphError:
            pass  # the dtype is only preferred
    return graph_building.constant(value, dtype, name=name or "Const")


def placeholder_with_default(
    input: Any, shape: Sequence[int | None] | int | None = None, name: str | None = None
) -> Tensor:
    """Add a placeholder that has a default value.

    Args:
        input: the default: a number, list, array or constant, or any other tensor, whose value in
            the run is used.
        shape: sizes that may be fed, None for a size known only in a run; None alone means any
            shape.

    Raises:
        GraphError: the default does not fit the shape, or a computed default has another shape.
    """
    name = name or "PlaceholderWithDefault"
    if isinstance(input, Tensor) and input.node.op.id != "constant":
        sizes = [shape] if isinstance(shape, int) else shape
        if sizes is not None and not compatible(input.shape, (*sizes,)):
            raise GraphError(
                f"a default of shape {shape_text(input.shape)} does not fit the shape {shape}",
                node=input.name,
                hint="Give a shape that fits the default.",
            )
        return F.identity(input, name=name)
    if isinstance(input, Tensor):
        value, dtype = input.node.attrs["value"], input.dtype
    else:
        value, dtype = graph_building.value_and_dtype(input, None)
    return graph_building.placeholder(dtype, shape, name=name, sample=value)


def no_op(name: str | None = None) -> Node:
    """Add a node that does nothing, to collect control dependencies."""
    return get_default_graph().add_node("group", name=name or "no_op")


def tuple(
    tensors: Sequence[Tensor | None],
    name: str | None = None,
    control_inputs: Sequence[Node | Tensor] | None = None,
) -> list[Tensor | None]:
    """Return the tensors. Each gets its value only after all of them are computed.

    Args:
        tensors: tensors; None stays None.
        control_inputs: nodes that must run before as well.

    Raises:
        GraphError: an entry of the list is no tensor, or there is none.
    """
    if not isinstance(tensors, Sequence) or isinstance(tensors, str):
        raise GraphError(f"tensors is {a_type(tensors)}, not a list", hint="Write tuple([a, b]).")
    given = [t for t in tensors if t is not None]
    if not given:
        raise GraphError("tuple needs at least one tensor")
    graph = F.graph_of(given)
    with graph.name_scope(name or "tuple"):
        gate = graph_building.group(given, list(control_inputs or ()), name="group_deps")
        with graph.control_dependencies([gate]):
            return [
                t if t is None else graph.apply("identity", t, name="control_dependency")
                for t in tensors
            ]


def set_random_seed(seed: int) -> None:
    """Seed all random numbers of the default graph, as TensorFlow 1's graph-level seed.

    It is the run seed of sessions without their own. Seeds of ops are combined with it; without it,
    they are used alone.

    Raises:
        GraphError: the seed is no whole number.
    """
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise GraphError(f"a seed must be a whole number, not {seed!r}")
    get_default_graph().seed = seed
