"""Rewrites calls of TensorFlow 1 that have another form in `nf`, because their meaning differs.

`tf.where` selects rows if its condition is a vector, so the condition is reshaped. An optimizer
whose step changes only the looked-up rows of a table gets an argument for that.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import NamedTuple

from nodeflow.integrations.tensorflow1 import optimizers

_L1_L2 = {"l1_regularization_strength": "l1", "l2_regularization_strength": "l2"}
_SUM = {"initial_accumulator_value": "initial_sum"}

OPTIMIZERS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "GradientDescent": ("gradient_descent", {}),
    "Momentum": ("momentum", {"momentum": "momentum", "use_locking": "", "name": "",
                              "use_nesterov": "nesterov"}),
    "RMSProp": ("rmsprop", {"decay": "rho", "momentum": "momentum", "epsilon": "epsilon",
                            "use_locking": "", "centered": "centered"}),
    "Adam": ("adam", {"beta1": "beta1", "beta2": "beta2", "epsilon": "epsilon"}),
    "Adagrad": ("adagrad", _SUM),
    "Adadelta": ("adadelta", {"rho": "rho", "epsilon": "epsilon"}),
    "Ftrl": ("ftrl", {"learning_rate_power": "power", **_SUM, **_L1_L2}),
    "ProximalGradientDescent": ("proximal_gradient_descent", _L1_L2),
    "ProximalAdagrad": ("proximal_adagrad", {**_SUM, **_L1_L2}),
}  # fmt: skip
"""For each optimizer, its op, and the op's attribute for each argument after the learning rate."""


class Step(NamedTuple):
    """A call ``tf.train.XOptimizer(...).minimize(loss)`` as a call of an op.

    Attributes:
        start: the text before the loss.
        loss: the loss.
        rest: the text between the loss and the closing parenthesis.
        name: the expression ``tf.train.XOptimizer``.
    """

    start: str
    loss: ast.expr
    rest: str
    name: ast.expr


def numbers_of(tree: ast.Module) -> dict[str, str]:
    """Return a dict from each name that a module assigns a number to, to the number's source text.

    Names that are assigned more than once, or are parameters, are left out.
    """
    assigned: dict[str, list[ast.expr | None]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            assigned.setdefault(node.id, []).append(None)
        elif isinstance(node, ast.arg):
            assigned.setdefault(node.arg, []).append(None)
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if len(assigned[name]) == 1 and _is_number(node.value):
                found[name] = ast.unparse(node.value)
    return found


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand)
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float))


def step_of(
    call: ast.Call, path_of: Callable[[ast.AST], str | None], numbers: Mapping[str, str]
) -> Step | None:
    """Translate ``OPTIMIZER(...).minimize(loss)`` to the call of an op of `nf`. Return None if
    there is no equivalent call.

    All settings must be numbers, because a tensor would be an input of the op.

    Args:
        path_of: returns the TensorFlow name that an expression refers to.
        numbers: names that stand for numbers.
    """
    made = call.func.value if isinstance(call.func, ast.Attribute) else None
    if not isinstance(made, ast.Call) or call.func.attr != "minimize":  # type: ignore[union-attr]
        return None
    name = (path_of(made.func) or "").removeprefix("train.").removesuffix("Optimizer")
    keywords = [k.value for k in call.keywords if k.arg == "loss"]
    losses = [*call.args, *keywords]
    if name not in OPTIMIZERS or len(losses) != 1 or len(call.keywords) != len(keywords):
        return None
    op, attributes = OPTIMIZERS[name]
    places = ["learning_rate", *attributes]
    if len(made.args) > len(places):
        return None
    given = [*zip(places, made.args, strict=False), *((k.arg, k.value) for k in made.keywords)]
    written = []
    for argument, value in given:
        attribute = {"learning_rate": "learning_rate", **attributes}.get(argument or "")
        is_number = _is_number(value) or (isinstance(value, ast.Name) and value.id in numbers)
        if argument == "use_locking":
            continue
        if not attribute or not is_number:
            return None
        written.append(f", {attribute}={ast.unparse(value)}")
    if getattr(optimizers, f"{name}Optimizer", None) is not None:
        written.append(', rows="touched"')
    return Step(f"nf.{op}(", losses[0], "".join(written), made.func)


def condition_of(call: ast.Call, path: str) -> tuple[ast.expr, str] | None:
    """Return the condition of a call of ``tf.where``, and the text that replaces it for
    ``nf.where``. Return None for other calls.

    The text broadcasts a vector condition over rows. It repeats the names of the condition and of
    the first value, so both must be plain names.
    """
    if path not in ("where", "select") or len(call.args) != 3 or call.keywords:
        return None
    condition, x = call.args[:2]
    if not isinstance(condition, ast.Name) or not isinstance(x, ast.Name):
        return None
    c = condition.id
    rows = f"nf.reshape({c}, [-1] + [1] * (len({x.id}.shape) - 1))"
    return condition, f"{rows} if len({c}.shape) == 1 else {c}"
