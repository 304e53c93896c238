"""The functions of `devicelib` that kernels call, as syntax trees that `frontend` translates.

numba would send each function through its whole pipeline, which takes longer than compiling the
kernels.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections import ChainMap, Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import FunctionType
from typing import Any

from numba.core.dispatcher import Dispatcher

HOME = "nodeflow.engine.devicelib."


@dataclass(frozen=True)
class Helper:
    """A Python function whose text is known.

    Attributes:
        names: values of the names that it does not define itself.
        inlined: whether it is inlined into its caller, regardless of its length.
    """

    item: ast.FunctionDef
    names: Mapping[str, Any]
    inlined: bool


def helper_for(function: Any, types: Sequence[Any]) -> Helper | None:
    """Return the Python source of a helper function for arguments of these types, which our front
    end translates. Return None if numba must compile the function.
    """
    inlined = getattr(function, "is_inlined", False)
    if isinstance(function, Dispatcher):
        function = function.py_func
    choose = getattr(function, "implementation_for", None)
    if choose is not None:
        if any(each != types[0] for each in types[1:]):
            return None
        function = choose(types[0])
    if not isinstance(function, FunctionType) or not function.__module__.startswith(HOME):
        return None
    if function.__closure__ or function.__defaults__:
        return None
    item = _definition(function)
    if item is None or len(item.args.args) != len(types):
        return None
    inlined = inlined or getattr(function, "is_inlined", False)
    return Helper(item, ChainMap(function.__globals__, builtins.__dict__), inlined)


def _definition(function: FunctionType) -> ast.FunctionDef | None:
    return _definitions(function.__module__).get(
        (function.__name__, function.__code__.co_firstlineno)
    )


@cache
def _definitions(module: str) -> dict[tuple[str, int], ast.FunctionDef]:
    """Return the top-level functions of a module, by name and first line, including decorated ones.

    Lambdas that are on a line of their own are found as well.
    """
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    found = {
        (item.name, min([item.lineno, *(d.lineno for d in item.decorator_list)])): item
        for item in tree.body
        if isinstance(item, ast.FunctionDef)
    }
    nameless = [item for item in ast.walk(tree) if isinstance(item, ast.Lambda)]
    lines = Counter(item.lineno for item in nameless)
    for item in nameless:
        if lines[item.lineno] == 1:
            body: list[ast.stmt] = [ast.Return(item.body)]
            found["<lambda>", item.lineno] = ast.FunctionDef("nameless", item.args, body, [])
    return found
