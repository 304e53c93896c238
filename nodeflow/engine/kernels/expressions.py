"""Rendering of an elementwise op's scalar formula as typed Python for the compiler.

numba widens (uint8 + uint8 is int64, float32 * 2 is float64) and the graph never does. So every
literal and attribute is written with its dtype, and every result is cast to the declared dtype.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from nodeflow.graph.types import FLOATS, HALVES, UNSIGNED_INTEGERS

# Functions whose integer variant can fail: the condition, and the code in `abi`.
_CHECKS = {
    "floor_divide": ("({1} == 0)", "DIVISION_BY_ZERO"),
    "modulo": ("({1} == 0)", "DIVISION_BY_ZERO"),
    "pow": ("({1} < 0)", "RAISED"),
}
_OPERATORS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/",
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.And: "and", ast.Or: "or", ast.Not: "not", ast.USub: "-",
}  # fmt: skip


@dataclass
class Rendered:
    """A formula as Python text, the functions that it calls, and the conditions under which it
    fails.
    """

    text: str
    functions: set[str]
    checks: list[str]


_STORED_AS = {"bool": "np.bool_", "float16": "np.uint16", "bfloat16": "np.uint16"}
"""Names in kernels of dtypes that numba names differently, or whose values are stored as bits."""


def numpy_name(dtype: str) -> str:
    """Return a dtype as kernels write it: ``np.float32``, ``np.bool_``."""
    return _STORED_AS.get(dtype) or f"np.{dtype}"


def converted(text: str, source: str, target: str) -> tuple[str, set[str]]:
    """Return a kernel expression that converts an element to another dtype, and the names of the
    `devicelib` functions that it calls.
    """
    used = set()
    if source != target and source in HALVES:
        text, source = f"from_{source}({text})", "float32"
        used.add(text.partition("(")[0])
    if source != target and target in HALVES:
        text = f"to_{target}(np.float32({text}))"
        used.add(f"to_{target}")
    return f"{numpy_name(target)}({text})", used


def kernel_text(intrinsics: str, body: str, arithmetic: str = "") -> str:
    """Return the complete source of a kernel with the given body. It imports the named intrinsics,
    and possibly a function of `devicelib.arithmetic`.
    """
    lines = ["import numpy as np"]
    if arithmetic:
        lines.append(f"from nodeflow.engine.devicelib.arithmetic import {arithmetic}")
    lines.append(f"from nodeflow.engine.devicelib.intrinsics import {intrinsics}")
    return "\n".join([*lines, "", "", f"def kernel(args, task, ntasks):\n{body}"])


def integer_of_size(size: int) -> str:
    """Return the name of numpy's integer type with this size in bytes.

    A kernel that only moves elements uses it for any dtype.
    """
    return {1: "np.uint8", 2: "np.int16", 4: "np.int32", 8: "np.int64"}[size]


def typed_literal(value: Any, dtype: str) -> str:
    """Return the source text of an expression whose value is this number, with exactly this
    dtype.
    """
    name = numpy_name(dtype)
    if dtype == "bool":
        return f"{name}({bool(value)})"
    if dtype not in FLOATS:
        number = int(value)  # literals have 64 bits with a sign
        return f"{name}({number - (1 << 64) if number >= 1 << 63 else number})"
    number = float(value)
    if math.isnan(number):
        return f"{name}(np.nan)"
    if math.isinf(number):
        return f"{name}({'-' if number < 0 else ''}np.inf)"
    return f"{name}({number!r})"


def render(
    expression: str,
    operands: Mapping[str, str],
    attrs: Mapping[str, Any],
    in_dtypes: Sequence[str],
    out_dtype: str,
) -> Rendered:
    """Translate an elementwise formula to kernel source: insert the operands, attributes and typed
    literals, and cast the result to ``out_dtype``.

    Args:
        operands: text for each input name.
        attrs: attributes that the formula may name.
        in_dtypes: dtypes of the inputs; literals have the dtype of the last one.
        out_dtype: dtype of the result.

    Raises:
        ValueError: the formula uses something that formulas must not use, which is a bug of the op.
    """
    renderer = _Renderer(operands, attrs, (in_dtypes or [out_dtype])[-1], out_dtype)
    text = renderer.visit(_parse(expression))
    return Rendered(f"{numpy_name(out_dtype)}({text})", renderer.functions, renderer.checks)


@cache
def _parse(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


class _Renderer:
    """The visitor that renders one formula."""

    def __init__(
        self, operands: Mapping[str, str], attrs: Mapping[str, Any], dtype: str, out_dtype: str
    ) -> None:
        self.operands = operands
        self.attrs = attrs
        self.dtype = dtype
        self.out_dtype = out_dtype
        self.functions: set[str] = set()
        self.checks: list[str] = []

    def visit(self, item: ast.expr) -> str:
        method: Callable[[Any], str] | None = getattr(self, f"_{type(item).__name__.lower()}", None)
        if method is None:
            raise ValueError(f"formulas cannot use {ast.unparse(item)!r}")
        return method(item)

    def _name(self, item: ast.Name) -> str:
        if item.id in self.operands:
            return self.operands[item.id]
        if item.id in self.attrs:
            return typed_literal(self.attrs[item.id], self.dtype)
        raise ValueError(f"the formula names {item.id}, which is no input and no attribute")

    def _constant(self, item: ast.Constant) -> str:
        return typed_literal(item.value, self.dtype)

    def _unaryop(self, item: ast.UnaryOp) -> str:
        if isinstance(item.op, ast.USub) and isinstance(item.operand, ast.Constant):
            return typed_literal(-item.operand.value, self.dtype)  # type: ignore[operator]
        text = f"({_OPERATORS[type(item.op)]} {self.visit(item.operand)})"
        return text if isinstance(item.op, ast.Not) else self._narrow(text)

    def _binop(self, item: ast.BinOp) -> str:
        if type(item.op) not in _OPERATORS:
            raise ValueError(f"formulas cannot use {ast.unparse(item)!r}")
        text = f"({self.visit(item.left)} {_OPERATORS[type(item.op)]} {self.visit(item.right)})"
        return self._narrow(text)

    def _boolop(self, item: ast.BoolOp) -> str:
        # Both sides are plain values, so `&` does the same without a branch.
        sign = " & " if isinstance(item.op, ast.And) else " | "
        return "(" + sign.join(self.visit(v) for v in item.values) + ")"

    def _compare(self, item: ast.Compare) -> str:
        sign = _OPERATORS[type(item.ops[0])]
        return f"({self.visit(item.left)} {sign} {self.visit(item.comparators[0])})"

    def _call(self, item: ast.Call) -> str:
        assert isinstance(item.func, ast.Name)
        name = item.func.id
        args = [self.visit(a) for a in item.args]
        if name in _CHECKS and self.dtype not in FLOATS:
            condition, code = _CHECKS[name]
            if not (name == "pow" and self.dtype in UNSIGNED_INTEGERS):
                self.checks.append(f"{code}:{condition.format(*args)}")
        return self._function(name, args)

    def _function(self, name: str, args: list[str]) -> str:
        if name == "cast":
            name = f"to_{self.out_dtype}"
        self.functions.add(name)
        return f"{name}({', '.join(args)})"

    def _narrow(self, text: str) -> str:
        """Wrap an integer expression in a conversion to its dtype, so that it overflows at every
        step, as in numpy. Return a float expression unchanged.
        """
        return text if self.dtype in FLOATS else f"{numpy_name(self.dtype)}{text}"
