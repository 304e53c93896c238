"""The default session of a thread, for ``tensor.eval()`` and ``node.run()``."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from nodeflow.errors import RunError


class Runs(Protocol):
    """The methods of a session that a graph uses."""

    def run(self, fetches: Any, feed_dict: Any = None) -> Any: ...


_local = threading.local()


def _stack() -> list[Any]:
    if not hasattr(_local, "sessions"):
        _local.sessions = []
    return _local.sessions


def get_default_session() -> Any:
    """Return the innermost session that this thread has entered, or None."""
    return _stack()[-1] if _stack() else None


def enter(session: Runs) -> None:
    """Make a session the default session of this thread."""
    _stack().append(session)


def leave(session: Runs) -> None:
    """Undo the last `enter` of a session. If the session was not entered, do nothing."""
    stack = _stack()
    for index in range(len(stack) - 1, -1, -1):
        if stack[index] is session:
            del stack[index]
            return


def is_entered(session: Runs) -> bool:
    """Return whether this thread has entered a session, even if another one was entered after
    it.
    """
    return any(s is session for s in _stack())


@contextmanager
def default_session(session: Runs) -> Iterator[Any]:
    """Make a session the default session of this thread in this block."""
    enter(session)
    try:
        yield session
    finally:
        leave(session)


def session_for(session: Any, name: str, method: str) -> Any:
    """Return the given session, else the default one.

    Raises:
        RunError: there is no default session either.
    """
    session = session if session is not None else get_default_session()
    if session is None:
        raise RunError(
            f"there is no default session to {method} it in",
            node=name,
            hint=f"Write `with nf.Session():` around it, or {method}(session=...).",
        )
    if not hasattr(session, "run"):
        raise RunError(f"{type(session).__name__} is not a session", node=name)
    return session
