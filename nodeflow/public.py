"""Functions of the public API: a wrong argument raises a nodeflow error, never a raw exception.

The annotations of a function declare its arguments. The arguments are compared with them only after
the function has raised a raw exception, so a correct call costs nothing, and the error names the
wrong argument. An exception of a user's own function, called back from here, passes unchanged.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np

from nodeflow.errors import ArgumentProblem, NodeflowError, a_type
from nodeflow.foreign_names.arguments import here

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")

_LIBRARIES = frozenset({"site-packages", "dist-packages"})
_RAW = (TypeError, ValueError, AttributeError, LookupError, ArithmeticError, RecursionError)


def public(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap a function to raise `ArgumentProblem` for wrong arguments. Return a class unchanged."""
    if not inspect.isfunction(function) or hasattr(function, "__public__"):
        return function

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except NodeflowError:
            raise
        except _RAW as error:
            if _of_the_user(error):
                raise
            raise _explained(function, args, kwargs, error) from error

    call.__public__ = True  # type: ignore[attr-defined]
    return call


def publish(names: dict[str, Any], shown: Iterable[str]) -> None:
    """Make the listed functions of a module public: ``publish(globals(), __all__)``.

    `dir` of the module lists only these names, and not its imports.
    """
    listed = sorted(shown)
    for name in listed:
        if name in names:
            names[name] = public(names[name])
    names.setdefault("__dir__", lambda: list(listed))


def public_methods(*names: str) -> Callable[[type[C]], type[C]]:
    """Return a class decorator that makes the methods with these names public."""

    def decorate(cls: type[C]) -> type[C]:
        for name in names:
            setattr(cls, name, public(getattr(cls, name)))
        return cls

    return decorate


def _of_the_user(error: BaseException) -> bool:
    """Return whether an error passed through code outside nodeflow and libraries."""
    import sysconfig  # slow to import, and needed only here

    own = (str(Path(__file__).parent), sysconfig.get_path("stdlib"), "<frozen", "<__array")
    trace = error.__traceback__.tb_next if error.__traceback__ is not None else None
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        # Libraries may lie in several folders: per user, system-wide, and for lib64.
        if not file.startswith(own) and not _LIBRARIES.intersection(Path(file).parts):
            return True
        trace = trace.tb_next
    return False


def _explained(
    function: Callable[..., Any], args: tuple, kwargs: dict[str, Any], error: Exception
) -> ArgumentProblem:
    """Return the error for a wrong call, found from the function's signature."""
    name = function.__name__
    try:
        bound = inspect.signature(function).bind(*args, **kwargs)
    except TypeError as problem:
        hint = _renamed(function, kwargs) or f"Call {name}{_shown(function)}."
        return ArgumentProblem(f"{name}: {problem}", hint=hint)
    try:
        hints = typing.get_type_hints(function)
    except (NameError, TypeError):  # names that are imported only for type checkers
        hints = {}
    for parameter, value in bound.arguments.items():
        hint = hints.get(parameter, Any)
        many = inspect.signature(function).parameters[parameter].kind
        if many in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            continue
        if not fits(value, hint):
            text = function.__annotations__.get(parameter, "another type")
            return ArgumentProblem(
                f"{name}: {parameter} must be {text}, not {a_type(value)}", port=parameter
            )
    return ArgumentProblem(f"{name} cannot take these arguments: {error}")


def _renamed(function: Callable[..., Any], given: Mapping[str, Any]) -> str | None:
    """Return a hint for a wrong call if one of its arguments is named as in another library, such
    as TensorFlow or PyTorch: how it is called here. Otherwise return None.
    """
    known = [name for name in inspect.signature(function).parameters if name not in given]
    pairs = ((name, here(name, known)) for name in given)
    return next((f"It is called {own} here." for name, own in pairs if own != name), None)


def _shown(function: Callable[..., Any]) -> str:
    """Return the parameters of a function without annotations: ``(x, axis=None)``."""
    given = inspect.signature(function).parameters.values()
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in given]
    return str(inspect.Signature(plain))


def fits(value: Any, hint: Any) -> bool:
    """Return whether a value fits an annotation. Parts that the annotation leaves open always fit.

    >>> from collections.abc import Sequence
    >>> fits(1, float), fits("a", int | None), fits([1, "a"], list[int]), fits("ab", Sequence[int])
    (True, False, False, False)
    """
    if hint is Any or isinstance(hint, (str, TypeVar)):
        return True
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in inner)
    if origin is typing.Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if hint is None or hint is type(None):
        return value is None
    if hint is float:
        return isinstance(value, (int, float, np.integer, np.floating))
    if hint is int:
        return isinstance(value, (int, np.integer))
    kind = origin or hint
    if not isinstance(kind, type):
        return True
    if not isinstance(value, kind):
        return False
    is_list = kind not in (str, tuple) and issubclass(kind, Collection) and len(inner) == 1
    if is_list and not issubclass(kind, Mapping):
        is_text = isinstance(value, str) and inner[0] is not str
        return not is_text and all(fits(one, inner[0]) for one in value)
    return True
