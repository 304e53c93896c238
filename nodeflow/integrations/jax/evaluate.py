"""Computes one op in JAX: by its own rule, or by the rule of its lowering.

Half floats are widened before an op and rounded after it, as in
`nodeflow.graph.reference_evaluation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
from jax import lax

from nodeflow.errors import NodeflowError, RunError
from nodeflow.graph.graph import Node
from nodeflow.graph.inference.infer_types import infer_types
from nodeflow.graph.op import Op
from nodeflow.graph.reference_evaluation import evaluate
from nodeflow.graph.types import HALVES, TensorType, numpy_dtype
from nodeflow.integrations.jax.failures import Failures
from nodeflow.integrations.jax.host import by_reference
from nodeflow.integrations.jax.refused import REFUSED
from nodeflow.integrations.jax.registry import Lowered, rule_of_lowering, rule_of_op
from nodeflow.integrations.jax.streams import Stream
from nodeflow.ops.control_flow.scan_body import parse
from nodeflow.ops.lowering import Composite
from nodeflow.ops.runtime_attributes import RuntimeAttributes

Types = Sequence[TensorType]


def apply_node(
    node: Node,
    arrays: Sequence[Any],
    inputs: Types,
    outputs: Types,
    stream: Stream | None,
    failures: Failures,
    length: Any = None,
) -> tuple[Any, ...]:
    """Return the outputs of a node as traced arrays. See `Lowered` for the arguments.

    Raises:
        NotOnJax: there is no rule, or a size is not known; the error names the node.
    """
    op, attrs = node.op, node.attrs
    return apply(node.name, op, attrs, arrays, inputs, outputs, stream, failures, length)


def apply(
    name: str,
    op: Op,
    attrs: Mapping[str, Any],
    arrays: Sequence[Any],
    inputs: Types,
    outputs: Types,
    stream: Stream | None,
    failures: Failures,
    length: Any = None,
) -> tuple[Any, ...]:
    """Return the outputs of an op as traced arrays, with exactly the types in ``outputs``."""
    if not outputs and op.id == "group":
        return ()
    known = [t.array for t in outputs if t.value is not None]  # shapes, and what follows from them
    if outputs and len(known) == len(outputs) and all(array is not None for array in known):
        return tuple(jnp.asarray(array) for array in known)
    if not arrays and outputs and not op.random and not op.stateful:
        made = evaluate(op, (), attrs)
        made = made if isinstance(made, (tuple, list)) else (made,)
        return tuple(_exactly(jnp.asarray(m), t) for m, t in zip(made, outputs, strict=True))
    own = tuple(t if t.value is None else t.with_value(None) for t in outputs)
    node = Lowered(name, op, attrs, tuple(inputs), own, None, stream, length, failures)
    _check_sizes(node)
    try:
        if op.widens and any(t.dtype in HALVES for t in inputs):
            made = _rounded(node, arrays)
        else:
            made = _computed(node, arrays)
        if len(made) != len(outputs):
            raise node.refuse(f"the rule of {op.id} gives {len(made)} values, not {len(outputs)}")
        return tuple(_exactly(m, t) for m, t in zip(made, own, strict=True))
    except NodeflowError as error:
        raise error.at(name) from error.__cause__
    except Exception as error:
        line = str(error).partition("\n")[0]
        raise RunError(f"{op.id} failed on JAX: {line}", node=name) from error


def _check_sizes(node: Lowered) -> None:
    """Raise NotOnJax if a size of the node's outputs depends on values."""
    if node.op.id in REFUSED:
        why, instead = REFUSED[node.op.id]
        raise node.refuse(f"JAX cannot compute {node.op.id}: {why}", instead)
    for type_ in node.outputs:
        if not type_.is_static:
            raise node.refuse(
                f"{node.op.id} finds out a size when it runs, from the values of {type_}, and JAX "
                "compiles for sizes that are known before",
                "Give the size as an attribute, or use nodeflow's own engine for this graph.",
            )


def _rounded(node: Lowered, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """Compute a node that has half-float inputs or outputs: convert the inputs to float32, and
    round the outputs. Return the outputs.
    """
    attrs = dict(node.attrs)
    if attrs.get("dtype") in HALVES:
        attrs["dtype"] = "float32"
    wide = replace(
        node,
        attrs=attrs,
        inputs=tuple(map(_wide, node.inputs)),
        outputs=tuple(map(_wide, node.outputs)),
    )
    given = [a.astype(numpy_dtype(t.dtype)) for a, t in zip(arrays, wide.inputs, strict=True)]
    made = _computed(wide, given)
    return tuple(m.astype(numpy_dtype(t.dtype)) for m, t in zip(made, node.outputs, strict=True))


def _wide(type_: TensorType) -> TensorType:
    return type_.with_dtype("float32") if type_.dtype in HALVES else type_


def _computed(node: Lowered, arrays: Sequence[Any]) -> tuple[Any, ...]:
    op, rule = node.op, rule_of_op(node.op.id)
    if rule is not None:
        if isinstance(op, RuntimeAttributes):
            node = replace(node, attrs=op.bound(node.inputs, node.attrs))
        return _as_tuple(rule(node, *arrays))
    lowering = op.lower(node.inputs, node.outputs, **node.attrs)
    if lowering is None and op.own and not op.stateful:
        return by_reference(node, *arrays)
    if lowering is None:
        raise node.refuse(f"{op.id} cannot be computed by JAX")
    return compute_lowering(replace(node, lowering=lowering), arrays)


def compute_lowering(node: Lowered, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """Compute a node in JAX from its lowering, and return its outputs. A composite lowering is
    computed part by part.
    """
    lowering = node.lowering
    assert lowering is not None
    if isinstance(lowering, Composite):
        return _composite(node, lowering, arrays)
    rule = rule_of_lowering(lowering)
    if rule is None:
        raise node.refuse(f"{node.op.id} cannot be computed by JAX: {type(lowering).__name__}")
    return _as_tuple(rule(node, *arrays))


def _composite(node: Lowered, lowering: Composite, arrays: Sequence[Any]) -> tuple[Any, ...]:
    values = dict(zip(lowering.inputs, arrays, strict=True))
    types = dict(zip(lowering.inputs, node.inputs, strict=True))
    for part in lowering.parts:
        written = ((part.name, part.type), *part.more)
        read = tuple(types[name] for name in part.inputs)
        outs = tuple(type_ for _, type_ in written)
        inner = replace(node, lowering=part.lowering, inputs=read, outputs=outs)
        made = compute_lowering(inner, [values[name] for name in part.inputs])
        for (name, type_), value in zip(written, made, strict=False):  # the rest is working memory
            values[name], types[name] = _exactly(value, type_), type_
    return tuple(values[name] for name in lowering.outputs)


def _as_tuple(made: Any) -> tuple[Any, ...]:
    return tuple(made) if isinstance(made, (tuple, list)) else (made,)


def _exactly(value: Any, type_: TensorType) -> Any:
    """Return a rule's result after checking that it has exactly the declared type.

    A weakly typed JAX value becomes strongly typed.

    Raises:
        TypeError: the shape or dtype differs.
    """
    if tuple(value.shape) != type_.shape or value.dtype != numpy_dtype(type_.dtype):
        raise TypeError(f"the rule gives {value.dtype} {value.shape}, and {type_} is declared")
    return lax.convert_element_type(value, numpy_dtype(type_.dtype))


# ---- pieces of graph ---------------------------------------------------------------------------


def apply_body(
    text: str,
    arrays: Sequence[Any],
    types: Types,
    stream: Stream | None,
    iteration: Any,
    owner: str,
    failures: Failures,
) -> tuple[list[Any], list[TensorType]]:
    """Trace the body of a loop or branch in JAX. Return its outputs and their types, like
    `scan_body.run_body`.

    Args:
        stream: the random stream of the node that has the body.
        iteration: the number of the iteration, traced or not.
        owner: the name of that node.
    """
    body = parse(text)
    types = [t.with_value(None) for t in types]  # what is carried changes
    values: list[Sequence[Any]] = []
    known: list[Types] = []
    for op, attrs, sources, name, own in body.nodes:
        given = [arrays[i] if n < 0 else values[n][i] for n, i in sources]
        read = [types[i] if n < 0 else known[n][i] for n, i in sources]
        full = f"{owner}/{name or op.short_id}"
        outs = infer_types(op, read, attrs, full)
        inner = None
        if op.random and stream is not None:
            inner = stream.inside(own or op.id, iteration, attrs.get("seed"))
        values.append(apply(full, op, attrs, given, read, outs, inner, failures))
        known.append(outs)
    outputs = body.outputs
    return (
        [arrays[i] if n < 0 else values[n][i] for n, i in outputs],
        [types[i] if n < 0 else known[n][i] for n, i in outputs],
    )
