"""Conversion of node inputs: tensors of the graph, arrays and literals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from nodeflow.errors import DtypeError, GraphError, LiteralError, NodeflowError
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.graph.inference.literal_dtypes import group_dtypes, has_dtype, port_dtype
from nodeflow.graph.tensor_methods.inspect_and_run import NodeMethods, TensorMethods
from nodeflow.graph.types import default_dtype, dtype_name, literal


def as_inputs(
    graph: Any, op: NodeDeclaration, given: list[Any], name: str, attrs: Mapping[str, Any]
) -> tuple[Any, ...]:
    """Return the input tensors of a new node called ``name``, variadic ones flattened.

    A literal takes the dtype of the tensors in its port's group. None at a port with a stand-in
    creates the stand-in from the node's attributes.

    Raises:
        GraphError: a value cannot be a tensor of the graph; the error names the port.
    """
    fixed = len(op.inputs) - op.variadic
    if op.variadic and len(given) == fixed + 1 and isinstance(given[-1], (list, tuple)):
        given = [*given[:-1], *given[-1]]
    while given and given[-1] is None:
        given.pop()
    dtypes = group_dtypes(op, given)
    for index, value in enumerate(given[: len(op.inputs)]):
        stand_in = op.inputs[index].stand_in
        if value is None and stand_in is not None:
            with graph.deriving(name), graph.name_scope(name):
                given[index] = stand_in.make(graph, attrs)
    return tuple(_as_tensor_at(graph, op, i, v, dtypes) for i, v in enumerate(given))


def _as_tensor_at(
    graph: Any, op: NodeDeclaration, index: int, value: Any, dtypes: dict[str, str]
) -> Any:
    if not op.inputs or (index >= len(op.inputs) and not op.variadic):
        raise GraphError(f"{op.short_id} takes {len(op.inputs)} inputs", hint="Remove the others.")
    port = op.input_port(index)
    if isinstance(value, bool) and not port.accepts_bool:
        raise GraphError(
            f"{port.name} is Python's {value}, not a tensor",
            port=op.input_name(index),
            hint="== and != between tensors compare identity: use nf.equal or nf.not_equal. "
            f"For a constant condition write nf.constant({value}).",
        )
    wanted = dtypes.get(port.group or "")
    if wanted and isinstance(value, np.ndarray) and dtype_name(value.dtype) != wanted:
        raise DtypeError(
            f"{op.input_name(index)!r} is an array of {dtype_name(value.dtype)} where {wanted} is "
            "needed; nodeflow does not cast silently",
            port=op.input_name(index),
            hint=f"Give array.astype({wanted!r}).",
        )
    try:
        return graph.as_tensor(value, wanted or port_dtype(port, value))
    except NodeflowError as error:
        raise error.at(None, op.input_name(index)) from None


def as_tensor(graph: Any, value: Any, dtype: str | None = None) -> Any:
    """Return a value as a tensor of a graph; `Graph.as_tensor` describes the arguments."""
    if isinstance(value, TensorMethods):
        if value.node.op.transparent and value.node.alias:
            value = value.node.alias[value.index]
            assert value is not None
        if value.graph is not graph:
            if value.graph.outer is not None:
                raise GraphError(
                    f"{value.name} belongs to the body of a loop or branch",
                    hint="Return it from the function, and use the result.",
                )
            raise GraphError(
                f"{value.name} belongs to another graph",
                hint="Build both in one graph.",
            )
        return value
    if isinstance(value, NodeMethods):
        raise GraphError(f"{value.name} has no output tensor")
    if has_dtype(value) or (isinstance(value, np.generic) and dtype is None):
        array = np.asarray(value)
        return graph.apply("constant", value=array, dtype=dtype_name(array.dtype))
    packed = _packed(graph, value, dtype) if isinstance(value, (list, tuple)) else None
    if packed is not None:
        return packed
    if not isinstance(value, (bool, int, float, complex, list, tuple)):
        raise LiteralError(
            f"{type(value).__name__} is not a tensor",
            hint="Give a tensor, a numpy array, or numbers.",
        )
    dtype = dtype or default_dtype(value)
    literal(value, dtype)
    value = float(value) if isinstance(value, np.generic) else value
    return graph.apply("constant", value=value, dtype=dtype)


def _packed(graph: Any, values: Iterable[Any], dtype: str | None) -> Any:
    """Return a list that contains tensors as one tensor, as in TensorFlow 1; None for other
    lists.
    """
    found = []
    for value in values:
        nested = _packed(graph, value, dtype) if isinstance(value, (list, tuple)) else None
        found.append(value if nested is None else nested)
    kind = next((v.type.dtype for v in found if isinstance(v, TensorMethods)), None)
    if kind is None:
        return None
    parts = [graph.as_tensor(v, kind) for v in found]
    return graph.apply("concat", [graph.apply("expand_dims", p, axis=0) for p in parts], axis=0)
