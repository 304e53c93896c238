"""What the functions of `nf.layers` share: how their arguments become nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nodeflow.errors import AttributeProblem
from nodeflow.graph.graph import Graph, Tensor, get_default_graph
from nodeflow.graph.registry import REGISTRY
from nodeflow.ops.layers.layer import ACTIVATIONS

Activation = str | Callable[[Tensor], Tensor] | None
Initializer = str | Mapping[str, Any] | None


def layer(kind: str, arguments: Mapping[str, Any], *states: Any) -> Any:
    """One layer node, from all arguments of its function.

    Args:
        arguments: ``inputs``, optional ports by name, and attributes. An initializer that is None
            is the op's own.
        states: ports after ``inputs`` that have no names among the arguments.
    """
    given = {n: v for n, v in arguments.items() if not (v is None and n.endswith("_initializer"))}
    x = given.pop("inputs")
    ports = REGISTRY.lookup(f"layers/{kind}").inputs[1:]
    wired = [given.pop(port.name) for port in ports if port.name in given]
    if isinstance(padding := given.get("padding"), str):
        given["padding"] = padding.lower()
    if "activation" in given:
        given["activation"] = activation_name(given["activation"]) or given["activation"]
    return graph_of(x).apply(f"layers/{kind}", x, *states, *wired, **given)


def activated(kind: str, arguments: Mapping[str, Any]) -> Any:
    """As `layer`; an activation that is none of nodeflow's is applied after the node."""
    activation = arguments["activation"]
    if activation_name(activation) is not None:
        return layer(kind, arguments)
    return activation(layer(kind, {**arguments, "activation": "linear"}))


def recurrent(kind: str, arguments: Mapping[str, Any]) -> Any:
    """As `layer`: the value of a recurrent layer, or that and the last states."""
    given = dict(arguments)
    state, return_state = given.pop("initial_state"), given.pop("return_state")
    states = (state,) if isinstance(state, Tensor) else tuple(state or ())
    out, *last = layer(kind, given, *states)
    return (out, *last) if return_state else out


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
