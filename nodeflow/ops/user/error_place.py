"""Errors of user code in words: what was raised, and in which file and line."""

from __future__ import annotations

import os
from types import TracebackType

from nodeflow.errors import NodeflowError
from nodeflow.ops.user.time_limit import TooSlow


def describe(error: BaseException) -> str:
    """Return an exception in one line: ``ValueError: text``, or a nodeflow error's text."""
    if isinstance(error, NodeflowError):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    text = str(error)
    name = "" if isinstance(error, TooSlow) else type(error).__name__
    return f"{name}: {text}" if name and text else name or text


def line_in(error: BaseException, path: str) -> int | None:
    """Return the innermost line of a file in an exception's traceback."""
    if isinstance(error, SyntaxError) and error.filename == path:
        return error.lineno
    found: int | None = None
    trace: TracebackType | None = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == path:
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def place_text(path: str, line: int | None) -> str:
    """Return ``leaky.py, line 7``, without the folder."""
    name = os.path.basename(path)
    return f"{name}, line {line}" if line else name
