"""The conversion of arguments of `nf.layers` functions to nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nodeflow.errors import AttributeProblem
from nodeflow.graph.graph import Graph, Tensor, get_default_graph
from nodeflow.graph.registry import REGISTRY
from nodeflow.ops.layers.functions.layer_objects import MADE, OWNER
from nodeflow.ops.layers.functions.variable_scopes import add_activity, make_or_share
from nodeflow.ops.layers.layer import ACTIVATIONS, Layer
from nodeflow.ops.namespaces.arguments import is_channels_first, layout, padding_name, spatial
from nodeflow.ops.variables.store import Reuse as ReuseMode
from nodeflow.ops.variables.store import store_of

Activation = str | Callable[[Tensor], Tensor] | None
Initializer = str | Mapping[str, Any] | type | None
Reuse = bool | ReuseMode | None


def layer(kind: str, arguments: Mapping[str, Any], *states: Any) -> Any:
    """Add a layer to the graph, given all arguments that a layer function such as ``dense``
    received.

    Args:
        arguments: ``inputs``, optional ports by name, attributes, and arguments that only
            TensorFlow 1 has: regularizers, ``reuse``, ``data_format``. An initializer of None is
            the variable scope's or the op's own.
        states: inputs of further ports, after ``inputs``, that are not among the arguments.
    """
    given, op = dict(arguments), REGISTRY.lookup(f"layers/{kind}")
    x, name = given.pop("inputs"), given.pop("name")
    regularizers = _taken(given, "_regularizer")
    activity, reuse = regularizers.pop("activity", None), given.pop("reuse", None)
    for key, constraint in _taken(given, "_constraint").items():
        if constraint is not None:
            raise AttributeProblem(
                f"{key}_constraint is not supported", hint="Apply it to the variable by assign."
            )
    first = is_channels_first(given.pop("data_format", None))
    graph = graph_of(x)
    fallback = store_of(graph).scope.initializer
    for key in [k for k in given if k.endswith("_initializer") and given[k] is None]:
        given[key] = fallback
        if fallback is None:
            del given[key]
    wired = [given.pop(port.name) for port in op.inputs[1:] if port.name in given]
    given["padding"] = padding_name(given.get("padding"))
    if given["padding"] is None:
        del given["padding"]
    if "activation" in given:
        given["activation"] = activation_name(given["activation"]) or given["activation"]
    if first:
        x = channels_last(graph.as_tensor(x))
    inputs = [x, *states, *wired]
    while inputs[-1] is None:
        inputs.pop()
    if not isinstance(op, Layer) or not op.can_share:
        return graph.apply(op, *inputs, name=name, **given)
    owner, made = OWNER.get(), MADE.get()
    out = make_or_share(
        graph, op.id, inputs, given, name=name, reuse=reuse, regularizers=regularizers, owner=owner
    )
    if made is not None:
        made.append(out if isinstance(out, Tensor) else out[0])
    if not isinstance(out, Tensor):
        return out
    return add_activity(channels_first(out) if first else out, activity)


def refuse(kind: str, **settings: Any) -> None:
    """Raise AttributeProblem for an argument that no layer supports, unless it is None or False."""
    for name, value in settings.items():
        if value is not None and value is not False:
            raise AttributeProblem(
                f"{kind} has no {name}", port=name, hint="Leave it out, or compute it by ops."
            )


def is_fused(x: Tensor, axis: int, fused: bool | None) -> bool:
    """Return whether TensorFlow 1 would use its fused kernel for the normalization.

    Raises:
        AttributeProblem: the fused kernel is requested but impossible.
    """
    can = x.type.has_rank and len(x.shape) == 4 and axis in (1, 3, -1, -3)
    if fused and not can:
        raise AttributeProblem(
            "fused is for inputs of rank 4, with features on axis 1 or 3", port="fused",
            hint="Leave fused out.",
        )  # fmt: skip
    return can and fused is not False


def _taken(given: dict[str, Any], suffix: str) -> dict[str, Any]:
    """Remove the arguments whose names end in a suffix, and return them by names without the
    suffix.
    """
    names = [name for name in given if name.endswith(suffix)]
    return {name.removesuffix(suffix): given.pop(name) for name in names}


def channels_last(x: Tensor) -> Tensor:
    """Transpose (rows, channels, ...) to (rows, ..., channels)."""
    rank = len(x.shape)
    return x.graph.apply("transpose", x, perm=(0, *range(2, rank), 1), name="channels_last")


def channels_first(x: Tensor) -> Tensor:
    """Transpose (rows, ..., channels) to (rows, channels, ...)."""
    rank = len(x.shape)
    perm = (0, rank - 1, *range(1, rank - 1))
    return x.graph.apply("transpose", x, perm=perm, name="channels_first")


def activated(kind: str, arguments: Mapping[str, Any]) -> Any:
    """Add a layer like `layer`, and apply a custom activation function after the node."""
    activation = arguments["activation"]
    if activation_name(activation) is not None:
        return layer(kind, arguments)
    return activation(layer(kind, {**arguments, "activation": "linear"}))


def recurrent(kind: str, arguments: Mapping[str, Any]) -> Any:
    """Add a recurrent layer, and return its output. With ``return_state``, return a tuple of the
    output and the final states.
    """
    given = dict(arguments)
    state, return_state = given.pop("initial_state"), given.pop("return_state")
    states = (state,) if isinstance(state, Tensor) else tuple(state or ())
    out, *last = layer(kind, given, *states)
    return (out, *last) if return_state else out


def graph_of(inputs: Any) -> Graph:
    return inputs.graph if isinstance(inputs, Tensor) else get_default_graph()


def pool(
    op: str, inputs: Any, size: Any, strides: Any, padding: Any, data_format: str, name: str | None
) -> Tensor:
    """Add a pooling op. It has no variables, so there is no separate layer."""
    axes = int(op[-2])
    attrs = {
        "size": spatial("pool_size", size, axes, data_format),
        "strides": spatial("strides", strides, axes, data_format),
        "padding": padding_name(padding),
        "layout": layout(data_format, axes),
    }
    return graph_of(inputs).apply(op, inputs, name=name, **attrs)


def activation_name(activation: Activation) -> str | None:
    """Return the name of an activation as a layer's attribute; None for a custom function."""
    if activation is None:
        return "linear"
    if isinstance(activation, str):
        return activation
    name = getattr(activation, "__name__", "")
    known = name in ACTIVATIONS and activation.__module__.startswith("nodeflow.ops.")
    if not known and not callable(activation):
        raise AttributeProblem(
            f"activation must be a function or its name, not {type(activation).__name__}",
            port="activation",
            hint='Give nf.relu or "relu".',
        )
    return name if known else None
