"""``@nodeflow.op``: the decorator that turns a function into an op."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from nodeflow.errors import AttributeProblem, NodeflowError, UserOpError
from nodeflow.graph.declaration import Port
from nodeflow.graph.graph import Tensor
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.types import DTYPES, FLOATS, dtype_name
from nodeflow.ops.functions import make_function
from nodeflow.ops.user.formula import check_formula
from nodeflow.ops.user.user_op import ELEMENTWISE, SAME, Declaration, UserOp

CATEGORY = "Own ops"
TAKEN = ("dataset", "reroute", "subgraph", "subgraph_inputs", "subgraph_outputs")
"""Ids of nodes that are not ops."""

_collected: ContextVar[list[UserOp] | None] = ContextVar("collected", default=None)


@contextmanager
def collecting() -> Iterator[list[UserOp]]:
    """Collect the ops declared in this block instead of registering them one by one.

    A plugin file is registered as a whole.
    """
    found: list[UserOp] = []
    token = _collected.set(found)
    try:
        yield found
    finally:
        _collected.reset(token)


def op(
    function: Callable[..., Any] | None = None,
    *,
    id: str | None = None,
    category: str = CATEGORY,
    doc: str | None = None,
    keywords: Sequence[str] = (),
    dtypes: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
    outputs: Sequence[str] = ("out",),
    choices: Mapping[str, Sequence[str]] | None = None,
    infer: str | Callable[..., Any] | None = None,
    gradient: Callable[..., Any] | None = None,
    formula: str | None = None,
    pure: bool = True,
) -> Any:
    """Turn a function of numpy arrays into an op, which can be connected, fetched and saved.

    Parameters without annotation or default are tensors; all others are attributes.

    Args:
        id: the name in files and formulas; default: the name of the function.
        doc: documentation; default: the function's docstring.
        dtypes: dtypes that the tensors may have, for all or by name. Default: floats if ``infer``
            is "elementwise" or a ``formula`` is given, else every dtype.
        outputs: names of the outputs; with several, the function returns a tuple.
        choices: values that a text attribute can take.
        infer: type of the output: "elementwise" (the inputs broadcast and have one dtype), "same as
            x", or ``infer(*types, **attributes)`` that returns a TensorType or ``(dtype, shape)``.
            Default: the function is run on small arrays to find out.
        gradient: ``gradient(g, inputs, output, **attributes)`` returns the gradient of each input
            as tensors made of ops; ``g`` is the gradient of the output.
        formula: the same function for one element, such as ``"where(x > 0, x, slope * x)"``.
            Compiled kernels inline it instead of calling the function.
        pure: False if equal inputs may give different results, for example from a clock or a file.

    Returns:
        A function that adds a node if it is called with a tensor, and computes otherwise.

    Raises:
        UserOpError: the declaration is invalid; the error says why.
    """

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        code = getattr(function, "__code__", None)
        if code is None:
            raise UserOpError(f"{function!r} is not a function written in Python")
        op_id = id or function.__name__
        rule = ELEMENTWISE if formula is not None and infer is None else infer
        alike = rule == ELEMENTWISE
        try:
            inputs, attrs = _parts(function, dtypes, choices, alike)
            declared = Declaration(
                id=_checked_id(op_id),
                doc=(doc or function.__doc__ or f"{op_id}: an op of your own.").strip(),
                category=category,
                keywords=tuple(keywords),
                inputs=inputs,
                outputs=tuple(Port(name) for name in outputs),
                attrs=attrs,
                infer=_checked_rule(rule, inputs, outputs),
                gradient=gradient,
                formula=formula,
                pure=pure,
                file=code.co_filename,
                line=code.co_firstlineno,
            )
            if formula is not None:
                if not alike:
                    raise UserOpError("a formula works element by element: leave infer out")
                check_formula(formula, function, inputs, attrs)
        except (UserOpError, AttributeProblem) as error:
            raise UserOpError(f"{op_id}: {error.message}", hint=error.hint) from None
        return _take(UserOp(function, declared))

    return declare if function is None else declare(function)


def _parts(function: Any, dtypes: Any, choices: Any, alike: bool) -> Any:
    from nodeflow.ops.user.signature import read_signature

    default = FLOATS if alike else DTYPES
    given = dtypes if isinstance(dtypes, Mapping) else {"": dtypes or default}
    try:
        accepted = {name: tuple(map(dtype_name, some)) for name, some in given.items()}
    except NodeflowError as error:
        raise UserOpError(error.message, hint=error.hint) from None
    return read_signature(
        function, {"": default, **accepted}, "T" if alike else None, choices or {}
    )


def _checked_id(op_id: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", op_id):
        raise UserOpError(f"{op_id!r} is not an id", hint="Use letters, digits and _.")
    known = REGISTRY.lookup(op_id) if op_id in REGISTRY else None
    if op_id in TAKEN or (known is not None and not known.own):
        raise UserOpError("nodeflow has an op of this name", hint="Choose another with id=.")
    return op_id


def _checked_rule(rule: Any, inputs: Sequence[Port], outputs: Sequence[str]) -> Any:
    if rule is None or callable(rule):
        return rule
    names = [port.name for port in inputs if not (port.variadic or port.optional)]
    known = [ELEMENTWISE, *(SAME + name for name in names)]
    if rule not in known:
        raise UserOpError(f"infer cannot be {rule!r}", hint=f"Use {' or '.join(known)}.")
    if len(outputs) != 1 or not names:
        raise UserOpError(f"infer={rule!r} needs an input and one output")
    return rule


def _take(op: UserOp) -> Callable[..., Any]:
    found = _collected.get()
    if found is None:
        REGISTRY.put(op)
    else:
        found.append(op)
    apply = make_function(op)

    @wraps(apply)
    def call(*args: Any, **kwargs: Any) -> Any:
        if _has_tensor([*args, *kwargs.values()]):
            return apply(*args, **kwargs)
        return op.function(*args, **kwargs)

    call.op = op  # type: ignore[attr-defined]
    return call


def _has_tensor(values: Sequence[Any]) -> bool:
    return any(
        isinstance(v, Tensor) or (isinstance(v, (list, tuple)) and _has_tensor(v)) for v in values
    )
