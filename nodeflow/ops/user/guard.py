"""Protection from user code: the place of its errors, and a time limit.

An op's function also runs in the window, to find its types, and a plugin file runs whenever it is
saved. An endless loop must not block the window, so both have a time limit.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator
from types import TracebackType

PROBE_SECONDS = 3.0
IMPORT_SECONDS = 30.0


class TooSlow(BaseException):
    """The error that user code exceeded its time. It is not an Exception, so user code cannot catch
    it unintentionally.
    """


FAILURES = (Exception, SystemExit)
MISTAKES = (*FAILURES, TooSlow)
"""Errors that user code may raise. KeyboardInterrupt is not one: it comes from the keyboard."""


def raise_in(thread: threading.Thread, error: type[BaseException]) -> None:
    """Raise an error in another thread, between two steps of Python code."""
    if thread.ident is not None and thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(error)
        )


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TooSlow in the block after ``seconds``, between two steps of Python code."""
    thread = ctypes.c_ulong(threading.get_ident())
    lock, state = threading.Lock(), {"over": False, "struck": False}

    def strike() -> None:
        with lock:
            if not state["over"]:
                state["struck"] = True
                ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TooSlow))

    timer = threading.Timer(seconds, strike)
    timer.daemon = True
    timer.start()
    try:
        yield
    except TooSlow:
        raise TooSlow(f"it took longer than {seconds:g} seconds") from None
    finally:
        with lock:
            state["over"] = True
        timer.cancel()
        if state["struck"]:  # a pending interruption must not strike later
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)


def describe(error: BaseException) -> str:
    """Return an exception in one line: ``ValueError: text``, or a nodeflow error's text."""
    from nodeflow.errors import NodeflowError

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
