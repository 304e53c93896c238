"""`nf.layers`: layers as functions, with TensorFlow 1's names, argument order and defaults.

Each call makes one node, the same as in the window. A function that is not one of nodeflow's
activations is applied after the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nodeflow.errors import AttributeProblem
from nodeflow.graph.graph import Tensor, get_default_graph
from nodeflow.ops.layers.layer import ACTIVATIONS, ZEROS

Activation = str | Callable[[Tensor], Tensor] | None
Initializer = str | Mapping[str, Any] | None
GLOROT = {"op": "glorot_uniform"}


def dense(
    inputs: Any,
    units: int,
    activation: Activation = None,
    use_bias: bool = True,
    kernel_initializer: Initializer = None,
    bias_initializer: Initializer = ZEROS,
    trainable: bool = True,
    name: str | None = None,
) -> Tensor:
    """activation(inputs @ kernel + bias): a fully connected layer with variables of its own.

    Args:
        inputs: rows of features, (rows, ..., features), float.
        units: size of the result's last axis.
        activation: `nf.relu` or "relu"; None is none.
        use_bias: whether there is a bias.
        kernel_initializer: how NAME/kernel (features, units) begins; None is Glorot's, uniform.
        bias_initializer: how NAME/bias (units,) begins.
        trainable: whether optimizers change both.

    Returns:
        (rows, ..., units), of the dtype of the inputs.

    Raises:
        ShapeError: the number of features is unknown, or there is no axis of rows.
    """
    return _layer(
        "dense",
        inputs,
        activation,
        units=units,
        use_bias=use_bias,
        kernel_initializer=_initializer(kernel_initializer, GLOROT),
        bias_initializer=_initializer(bias_initializer, ZEROS),
        trainable=trainable,
        name=name,
    )


def _layer(kind: str, inputs: Any, activation: Activation, **attrs: Any) -> Any:
    """One layer node, and what is applied after it if its activation is a function of the user."""
    named = _activation_name(activation)
    graph = inputs.graph if isinstance(inputs, Tensor) else get_default_graph()
    out = graph.apply(f"layers/{kind}", inputs, activation=named or "linear", **attrs)
    return out if named is not None or not callable(activation) else activation(out)


def _activation_name(activation: Activation) -> str | None:
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


def _initializer(given: Initializer, default: Mapping[str, Any]) -> dict[str, Any]:
    """What a node stores for an initializer: its op and parameters."""
    if given is None:
        return dict(default)
    return {"op": given} if isinstance(given, str) else dict(given)
