"""Evaluates the scalar formula of an elementwise lowering on traced arrays.

As in compiled kernels, literals and attributes take the dtype of the last input, so that they
do not widen the result. The result is cast to the declared dtype.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import jax.numpy as jnp

from nodeflow.graph.types import numpy_dtype
from nodeflow.integrations.jax.scalar_functions import cast, function_of

Check = Callable[[str, list[Any]], None]

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Eq: operator.eq, ast.NotEq: operator.ne,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip


def evaluate_formula(
    expression: str,
    operands: Mapping[str, Any],
    attrs: Mapping[str, Any],
    dtype: str,
    out_dtype: str,
    check: Check = lambda name, args: None,
) -> Any:
    """Evaluate an elementwise formula on JAX arrays that broadcast, and return the result.

    Args:
        dtype: the dtype of literals and attributes.
        check: called before each function of the formula, with its name and arguments.

    Raises:
        ValueError: the formula uses something that is not allowed, which is a bug of the op.
    """
    evaluator = _Evaluator(operands, attrs, dtype, out_dtype, check)
    value = evaluator.visit(_parse(expression))
    return value if value.dtype == numpy_dtype(out_dtype) else cast(value, out_dtype)


@cache
def _parse(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


class _Evaluator:
    """The visitor that evaluates one formula."""

    def __init__(
        self,
        operands: Mapping[str, Any],
        attrs: Mapping[str, Any],
        dtype: str,
        out_dtype: str,
        check: Check,
    ) -> None:
        self.operands, self.attrs = operands, attrs
        self.dtype, self.out_dtype, self.check = dtype, out_dtype, check

    def visit(self, item: ast.expr) -> Any:
        method = getattr(self, f"_{type(item).__name__.lower()}", None)
        if method is None:
            raise ValueError(f"formulas cannot use {ast.unparse(item)!r}")
        return method(item)

    def _literal(self, value: Any) -> Any:
        target = numpy_dtype(self.dtype)
        if target.kind == "b":
            return jnp.asarray(bool(value))
        if target.kind in "iu":
            value = int(value) & ((1 << 8 * target.itemsize) - 1)
            unsigned = jnp.asarray(value, f"uint{8 * target.itemsize}")
            return unsigned.astype(target)
        return jnp.asarray(value, target)

    def _name(self, item: ast.Name) -> Any:
        if item.id in self.operands:
            return self.operands[item.id]
        if item.id in self.attrs:
            return self._literal(self.attrs[item.id])
        raise ValueError(f"the formula names {item.id}, which is no input and no attribute")

    def _constant(self, item: ast.Constant) -> Any:
        return self._literal(item.value)

    def _unaryop(self, item: ast.UnaryOp) -> Any:
        if isinstance(item.op, ast.USub) and isinstance(item.operand, ast.Constant):
            return self._literal(-item.operand.value)  # type: ignore[operator]
        value = self.visit(item.operand)
        return jnp.logical_not(value) if isinstance(item.op, ast.Not) else -value

    def _binop(self, item: ast.BinOp) -> Any:
        return _OPERATORS[type(item.op)](self.visit(item.left), self.visit(item.right))

    def _boolop(self, item: ast.BoolOp) -> Any:
        join = jnp.logical_and if isinstance(item.op, ast.And) else jnp.logical_or
        value = self.visit(item.values[0])
        for other in item.values[1:]:
            value = join(value, self.visit(other))
        return value

    def _compare(self, item: ast.Compare) -> Any:
        sign = _OPERATORS[type(item.ops[0])]
        return sign(self.visit(item.left), self.visit(item.comparators[0]))

    def _call(self, item: ast.Call) -> Any:
        assert isinstance(item.func, ast.Name)
        args = [self.visit(a) for a in item.args]
        self.check(item.func.id, args)
        return function_of(item.func.id, self.out_dtype)(*args)
