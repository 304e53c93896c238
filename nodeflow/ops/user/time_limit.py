"""The time limit of user code.

An op's function also runs in the window, to find its types, and a plugin file runs whenever it is
saved. An endless loop must not block the window, so both have a time limit.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Iterator

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
    """Raise TooSlow in the managed block once it has run for ``seconds``.

    The exception arrives between two Python bytecodes; a long call into C is not interrupted.
    """
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
