"""`tf.contrib.framework.arg_scope`: default arguments of functions inside a block."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

from nodeflow.errors import GraphError

__all__ = ["add_arg_scope", "arg_scope", "current_arg_scope", "has_arg_scope"]

Defaults = Mapping[Callable[..., Any], Mapping[str, Any]]
"""Function, without its wrappers -> its arguments."""

_local = threading.local()


def current_arg_scope() -> Defaults:
    """Return the default arguments that `arg_scope` has set at this point of the program, for a
    later `arg_scope`.
    """
    return getattr(_local, "defaults", {})


def add_arg_scope(func: Callable[..., Any]) -> Callable[..., Any]:
    """Let `arg_scope` give arguments to a function."""

    @wraps(func)
    def call(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **{**current_arg_scope().get(func, {}), **kwargs})

    call.__arg_scope__ = True  # type: ignore[attr-defined]
    return call


def has_arg_scope(func: Callable[..., Any]) -> bool:
    """Return whether `arg_scope` can give arguments to a function."""
    while not hasattr(func, "__arg_scope__") and hasattr(func, "__wrapped__"):
        func = func.__wrapped__
    return hasattr(func, "__arg_scope__")


@contextmanager
def arg_scope(
    list_ops_or_scope: Sequence[Callable[..., Any]] | Defaults, **kwargs: Any
) -> Iterator[Defaults]:
    """Return a context manager. Inside it, the given functions take ``kwargs`` as default
    arguments.

    Args:
        list_ops_or_scope: functions, or the result of an earlier ``with ... as`` to enter again.
        kwargs: the default arguments; arguments of a call take precedence.

    Raises:
        GraphError: a function takes no arguments from scopes, or a scope is entered with arguments.
    """
    before = current_arg_scope()
    if isinstance(list_ops_or_scope, Mapping):
        if kwargs:
            raise GraphError("a scope that is entered again takes no more arguments")
        inside = list_ops_or_scope
    else:
        for func in list_ops_or_scope:
            if not has_arg_scope(func):
                name = getattr(func, "__name__", func)
                hint = "Decorate it with add_arg_scope."
                raise GraphError(f"{name} takes no arguments from arg_scope", hint=hint)
        plain = [inspect.unwrap(func) for func in list_ops_or_scope]
        inside = {**before, **{func: {**before.get(func, {}), **kwargs} for func in plain}}
    _local.defaults = inside
    try:
        yield inside
    finally:
        _local.defaults = before
