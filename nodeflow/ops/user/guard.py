"""Runs a user's code so that its mistakes stay its own: where it failed, and an end to loops.

An op's function runs in the window too, to find its types, and a plugin file runs whenever it is
saved. A loop that never ends must not hang the window, so both have a limit.
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
    """The user's code ran longer than it may; not an Exception, so that it cannot be swallowed."""


FAILURES = (Exception, SystemExit)
MISTAKES = (*FAILURES, TooSlow)
"""What a user's code may raise; KeyboardInterrupt is the person at the keyboard."""


def raise_in(thread: threading.Thread, error: type[BaseException]) -> None:
    """Raise an error in another thread, between two steps of Python code."""
    if thread.ident is not None and thread.is_alive():
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(error)
        )


@contextlib.contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raises TooSlow in the block if it takes longer (between two steps of Python code)."""
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
        if state["struck"]:  # one that has not come yet must not come later
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)


def describe(error: BaseException) -> str:
    """An exception in one line: ``ValueError: text``, or the text of one of ours."""
    from nodeflow.errors import NodeflowError

    if isinstance(error, NodeflowError):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    text = str(error)
    name = "" if isinstance(error, TooSlow) else type(error).__name__
    return f"{name}: {text}" if name and text else name or text


def line_in(error: BaseException, path: str) -> int | None:
    """The line of a file that an exception comes from: the innermost one that is in this file."""
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
    """``leaky.py, line 7``; the folder is left out."""
    name = os.path.basename(path)
    return f"{name}, line {line}" if line else name
