"""What the functions of `nf.layers` share: activations and initializers as Python gives them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nodeflow.errors import AttributeProblem
from nodeflow.graph.graph import Graph, Tensor, get_default_graph
from nodeflow.ops.layers.layer import ACTIVATIONS

Activation = str | Callable[[Tensor], Tensor] | None
Initializer = str | Mapping[str, Any] | None
GLOROT = {"op": "glorot_uniform"}
HE = {"op": "he_normal"}
ORTHOGONAL = {"op": "orthogonal"}


def layer(kind: str, inputs: Any, activation: Activation, **attrs: Any) -> Any:
    """One layer node, and what is applied after it if its activation is a function of the user."""
    named = activation_name(activation)
    out = graph_of(inputs).apply(f"layers/{kind}", inputs, activation=named or "linear", **attrs)
    return out if named is not None or not callable(activation) else activation(out)


def recurrent(kind: str, given: Mapping[str, Any], more: Mapping[str, Any]) -> Any:
    """A recurrent layer from a function's arguments: its value, or that and the last states."""
    state = given["initial_state"]
    states = (state,) if isinstance(state, Tensor) else tuple(state or ())
    passed = ("units", "return_sequences", "reverse", "use_bias", "trainable", "name")
    out, *last = graph_of(given["inputs"]).apply(
        f"layers/{kind}",
        given["inputs"],
        *states,
        kernel_initializer=initializer(given["kernel_initializer"], GLOROT),
        recurrent_initializer=initializer(given["recurrent_initializer"], ORTHOGONAL),
        **{name: given[name] for name in passed},
        **more,
    )
    return (out, *last) if given["return_state"] else out


def graph_of(inputs: Any) -> Graph:
    return inputs.graph if isinstance(inputs, Tensor) else get_default_graph()


def pool(
    op: str, inputs: Any, size: int | Sequence[int], strides: Any, padding: str, name: str | None
) -> Tensor:
    """A pooling op: it has no variables, so it is no layer of its own."""
    attrs = {"size": size, "strides": strides, "padding": padding.lower()}
    return graph_of(inputs).apply(op, inputs, name=name, **attrs)


def activation_name(activation: Activation) -> str | None:
    """The name that a layer's attribute has for an activation; None for a function of the user."""
    if activation is None:
        return "linear"
    if isinstance(activation, str):
        return activation
    from nodeflow.ops import functions

    name = getattr(activation, "__name__", "")
    known = name in ACTIVATIONS and activation is getattr(functions, name, None)
    if not known and not callable(activation):
        raise AttributeProblem(
            f"activation must be a function or its name, not {type(activation).__name__}",
            port="activation",
            hint='Give nf.relu or "relu".',
        )
    return name if known else None


def initializer(given: Initializer, default: Mapping[str, Any]) -> dict[str, Any]:
    """What a node stores for an initializer: its op and parameters."""
    if given is None:
        return dict(default)
    return {"op": given} if isinstance(given, str) else dict(given)
