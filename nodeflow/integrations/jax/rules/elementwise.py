"""The rules of most nodes of a graph: formulas, aliases, constants, matrix products."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from nodeflow.integrations.jax import products
from nodeflow.integrations.jax.formulas import evaluate_formula
from nodeflow.integrations.jax.registry import Lowered, lowers
from nodeflow.ops.lowering import Alias, Elementwise, Known, Matmul, Permute


@lowers(Elementwise)
def elementwise(node: Lowered, *arrays: Any) -> Any:
    formula, out = node.lowering, node.outputs[0]
    assert isinstance(formula, Elementwise)
    read = node.inputs[: len(formula.names)]
    dtype = read[-1].dtype if read else out.dtype

    def check(name: str, args: list[Any]) -> None:
        if np.dtype(args[-1].dtype).kind not in "iu":
            return
        if name in ("floor_divide", "modulo"):
            node.fail_where(_used(args[1] == 0, args[0]), "integer division by zero")
        elif name == "pow" and args[1].dtype.kind == "i":
            text = "an integer to a negative power is not an integer"
            node.fail_where(_used(args[1] < 0, args[0]), text)

    operands = dict(zip(formula.names, arrays, strict=False))
    value = evaluate_formula(formula.expression, operands, formula.attrs, dtype, out.dtype, check)
    return jnp.broadcast_to(value, out.shape)


def _used(bad: Any, other: Any) -> Any:
    """Broadcast a mask of invalid elements of an operand to the shape of the result that the
    operand has together with ``other``.
    """
    return jnp.broadcast_to(bad, jnp.broadcast_shapes(bad.shape, other.shape))


@lowers(Alias)
def alias(node: Lowered, x: Any, *like: Any) -> Any:
    return x.reshape(node.outputs[0].shape)


@lowers(Known)
def known(node: Lowered, *arrays: Any) -> Any:
    assert isinstance(node.lowering, Known)
    return jnp.asarray(node.lowering.value)


@lowers(Permute)
def permute(node: Lowered, x: Any) -> Any:
    assert isinstance(node.lowering, Permute)
    return jnp.transpose(x, node.lowering.axes)


@lowers(Matmul)
def matmul(node: Lowered, x: Any, y: Any) -> Any:
    product = node.lowering
    assert isinstance(product, Matmul)
    x = jnp.swapaxes(x, -1, -2) if product.transpose_x else x
    y = jnp.swapaxes(y, -1, -2) if product.transpose_y else y
    return products.matmul(x, y).astype(node.outputs[0].dtype)
