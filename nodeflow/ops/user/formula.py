"""The scalar formula of a user's op, compared with its function when it is declared.

Kernels inline the formula (see ``nodeflow.ops.elementwise`` for its names). If it differed from the
function, a graph would give other numbers once it is compiled.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.errors import UserOpError
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import FLOATS
from nodeflow.ops.samples import values

_SAME = (
    "exp log log1p expm1 sin cos tan tanh sqrt rsqrt erf erfc sigmoid softplus sign floor ceil "
    "floor_divide modulo minimum maximum clip asin acos atan atan2 sinh cosh asinh acosh atanh "
    "log2 log10 exp2 cbrt hypot"
)
_ALIKE = {name: name for name in _SAME.split()}
_ALIKE |= {"abs_": "abs", "round_half_even": "round", "pow": "power"}
"""Functions of formulas -> ops with the same reference."""
_OWN: dict[str, Callable[..., Any]] = {"where": np.where, "cast": lambda x: x}
_NODES = (
    *(ast.Expression, ast.Name, ast.Load, ast.Constant, ast.Call),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.UnaryOp, ast.USub, ast.Not),
    *(ast.BoolOp, ast.And, ast.Or, ast.Compare),
    *(ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE),
)


def functions() -> list[str]:
    """Return the names that a formula can call."""
    return sorted([*(name for name, op in _ALIKE.items() if op in REGISTRY), *_OWN])


def check_formula(
    formula: str, function: Callable[..., Any], ports: Sequence[Port], attrs: Sequence[Attr]
) -> None:
    """Raise an error for a formula that kernels cannot inline, or that differs from its function.

    Raises:
        UserOpError: names the unsupported part, or a place where it differs from the function.
    """
    if any(port.variadic or port.optional for port in ports) or not ports:
        raise UserOpError("a formula needs a fixed number of tensors, at least one")
    tree = _parse(formula, {p.name for p in ports} | {a.name for a in attrs})
    if all(attr.required is False for attr in attrs) and set(FLOATS) & set(ports[0].dtypes):
        _compare(tree, formula, function, ports, {a.name: a.default for a in attrs})


def _parse(formula: str, names: set[str]) -> ast.Expression:
    try:
        tree = ast.parse(formula, mode="eval")
    except SyntaxError as error:
        raise UserOpError(f"the formula {formula!r} cannot be read: {error.msg}") from None
    called = {item.func for item in ast.walk(tree) if isinstance(item, ast.Call)}
    for item in ast.walk(tree):
        if not isinstance(item, _NODES) or (isinstance(item, ast.Compare) and len(item.ops) > 1):
            used = ast.unparse(item) or type(item).__name__
            raise UserOpError(
                f"the formula uses {used}, which kernels do not support",
                hint=f"It can use + - * /, comparisons, and {', '.join(functions())}.",
            )
        if isinstance(item, ast.Name) and item not in called and item.id not in names:
            raise UserOpError(f"the formula names {item.id!r}, which is not a tensor or attribute")
    for item in called:
        if not isinstance(item, ast.Name) or item.id not in functions():
            raise UserOpError(
                f"the formula calls {ast.unparse(item)!r}",
                hint=f"It can call {', '.join(functions())}.",
            )
    return tree


def _compare(
    tree: ast.Expression,
    formula: str,
    function: Callable[..., Any],
    ports: Sequence[Port],
    attrs: Mapping[str, Any],
) -> None:
    """Raise an error unless the formula of a user's op and its Python function give the same
    results for the same numbers.
    """
    dtype = "float64" if "float64" in ports[0].dtypes else "float32"
    arrays = [
        values((64,), dtype if dtype in p.dtypes else p.dtypes[0], start=1 + 7 * i)
        for i, p in enumerate(ports)
    ]
    names = {p.name: a for p, a in zip(ports, arrays, strict=True)}
    with np.errstate(all="ignore"):
        wanted = np.asarray(function(*arrays, **attrs))
        settings = {name: np.float64(value) for name, value in attrs.items()}
        found = np.broadcast_to(_evaluate(tree.body, {**names, **settings}), wanted.shape)
    if np.allclose(found, wanted, rtol=1e-4, atol=1e-5, equal_nan=True):
        return
    at = int(np.argmin(np.isclose(found, wanted, rtol=1e-4, atol=1e-5, equal_nan=True)))
    where = ", ".join(f"{name} = {array[at]:g}" for name, array in names.items())
    raise UserOpError(
        f"the formula {formula!r} gives {found[at]:g} where the function gives {wanted[at]:g} "
        f"({where})",
        hint="Both must compute the same.",
    )


def _evaluate(item: ast.expr, names: Mapping[str, Any]) -> Any:
    if isinstance(item, ast.Name):
        return names[item.id]
    if isinstance(item, ast.Constant):
        return np.float64(item.value)  # type: ignore[arg-type]  # literals take the dtype of the inputs
    if isinstance(item, ast.Call):
        assert isinstance(item.func, ast.Name)
        args = [_evaluate(arg, names) for arg in item.args]
        own = _OWN.get(item.func.id)
        if own is not None:
            return own(*args)
        op = REGISTRY.lookup(_ALIKE[item.func.id])
        if item.func.id == "clip":
            return np.clip(*args)
        return op.reference(*np.broadcast_arrays(*args))
    if isinstance(item, ast.BinOp):
        return _BINARY[type(item.op)](_evaluate(item.left, names), _evaluate(item.right, names))
    if isinstance(item, ast.Compare):
        left, right = _evaluate(item.left, names), _evaluate(item.comparators[0], names)
        return _BINARY[type(item.ops[0])](left, right)
    if isinstance(item, ast.BoolOp):
        parts = [_evaluate(part, names) for part in item.values]
        combine = np.logical_and if isinstance(item.op, ast.And) else np.logical_or
        return combine.reduce(np.broadcast_arrays(*parts))
    assert isinstance(item, ast.UnaryOp)
    operand = _evaluate(item.operand, names)
    return np.logical_not(operand) if isinstance(item.op, ast.Not) else np.negative(operand)


_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide,
    ast.Eq: np.equal, ast.NotEq: np.not_equal, ast.Lt: np.less, ast.LtE: np.less_equal,
    ast.Gt: np.greater, ast.GtE: np.greater_equal,
}  # fmt: skip
