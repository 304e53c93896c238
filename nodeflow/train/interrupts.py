"""Signals that end a training between two steps, so that its state can be kept."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from nodeflow.train.control import Control

STOPPING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@dataclass
class Caught:
    """The number of the signal that arrived; 0 for none."""

    number: int = 0

    @property
    def name(self) -> str:
        return signal.Signals(self.number).name if self.number else ""


@contextmanager
def stops_on_signals(control: Control, *, others: bool = True) -> Iterator[Caught]:
    """Stop the training after the current step on Ctrl-C, SIGTERM and SIGHUP.

    A second signal acts at once. Outside the main thread, nothing changes.

    Args:
        others: whether to also replace handlers that the program has set, not only Python's own.
    """
    caught = Caught()
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return

    def stop(number: int, _: object) -> None:
        if caught.number:
            signal.signal(number, previous.get(number) or signal.SIG_DFL)
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            signal.raise_signal(number)
        caught.number = number
        control.stop()

    own = (signal.SIG_DFL, signal.default_int_handler)
    previous = {number: signal.getsignal(number) for number in STOPPING}
    taken = [
        number
        for number, handler in previous.items()
        if handler is not signal.SIG_IGN and (others or handler in own)
    ]
    for number in taken:
        signal.signal(number, stop)
    try:
        yield caught
    finally:
        for number in taken:
            signal.signal(number, previous[number] or signal.SIG_DFL)
