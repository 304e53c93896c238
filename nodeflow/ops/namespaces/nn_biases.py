"""Biases of `nn`, and its dense layers as functions."""

from __future__ import annotations

from typing import Any

from nodeflow.errors import ShapeError
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import shape_text
from nodeflow.ops import functions as F
from nodeflow.ops.namespaces.arguments import is_channels_first, scoped, tensor


def bias_add(
    value: Any, bias: Any, data_format: str | None = None, name: str | None = None
) -> Tensor:
    """Return value + bias, with one bias per channel.

    Raises:
        ShapeError: the bias is not a vector with one number per channel.
    """
    x = tensor(value)
    b = tensor(bias, x)
    if len(b.shape) != 1:
        raise ShapeError(f"the bias must have one axis, not shape {shape_text(b.shape)}")
    if is_channels_first(data_format):
        rest = [1] * (len(x.shape) - 2)
        b = F.reshape(b, shape=[-1 if b.shape[0] is None else b.shape[0], *rest])
    return F.add(x, b, name=name)


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """Return x @ weights + biases."""
    with scoped(name, "xw_plus_b", [x, weights, biases]):
        return F.matmul(x, weights) + biases


def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Tensor:
    """Return relu(x @ weights + biases)."""
    with scoped(name, "relu_layer", [x, weights, biases]):
        return F.relu(F.matmul(x, weights) + biases)
