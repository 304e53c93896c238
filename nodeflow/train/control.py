"""The control of a training that runs in another thread: pause, single steps, stop, edits."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from nodeflow.train.pace import Pace

WAIT_SECONDS = 0.02


class Offered(Protocol):
    """An edit that is ready to take effect (`edits.variant`)."""

    at_epoch: bool


class Control:
    """The controls of a training loop. Any thread may call every method.

    Args:
        idle: called repeatedly on the loop's thread while the loop waits.

    Attributes:
        most: the largest number of steps that may run without an event; None for no limit.
    """

    def __init__(self, idle: Callable[[], None] = lambda: None) -> None:
        self._idle = idle
        self._condition = threading.Condition()
        self._paused = False
        self._stopped = False
        self._steps = 0
        self._single_steps = False
        self._numbers: deque[tuple[str, str, float]] = deque()
        self._variables: dict[str, np.ndarray] = {}
        self._variant: Offered | None = None
        self._prepares = self._waits = False
        self._pace: Pace | None = None
        self.most: int | None = None

    def set_number(self, node: str, attr: str, value: float) -> None:
        """Set a number of an optimizer, such as a learning rate, from the next step on (see
        `numbers.Numbers`).

        An unknown number, or one out of range, is ignored.
        """
        self._numbers.append((node, attr, value))

    def take_numbers(self) -> Iterator[tuple[str, str, float]]:
        """Yield the changes of optimizer numbers, such as the learning rate, that the user
        requested since the last call: node, attribute and value. The training loop calls this.
        """
        while self._numbers:
            yield self._numbers.popleft()

    def set_variable(self, name: str, value: np.ndarray) -> None:
        """Set a variable before the next step, even while the training is paused.

        An unknown variable, or a value that does not fit, is ignored.
        """
        with self._condition:
            self._variables[name] = value
            self._condition.notify_all()

    def take_variables(self) -> dict[str, np.ndarray]:
        """Return the values of variables that the user set since the last call, by name. The
        training loop calls this.
        """
        with self._condition:
            found, self._variables = self._variables, {}
            return found

    def offer(self, variant: Offered | None) -> Any:
        """Pass the user's latest edit to the training loop. It takes effect between two steps, as
        soon as possible.

        Args:
            variant: the edited training; None to withdraw the last one.

        Returns:
            The previous edit, if the loop has not taken it.
        """
        with self._condition:
            before, self._variant = self._variant, variant
            self._condition.notify_all()
            return before

    def take_variant(self, begins: bool) -> Any:
        """Return the user's latest edit if it can take effect now, else None. The training loop
        calls this between steps.

        Args:
            begins: whether an epoch begins here.
        """
        with self._condition:
            found = self._variant
            if not self._suits(begins):
                return None
            self._variant = None
            return found

    def prepare(self, on: bool) -> None:
        """Set whether an edit is being prepared. If it is, the first step after a pause waits
        for it.
        """
        with self._condition:
            self._prepares = on
            self._waits = self._waits and on
            self._condition.notify_all()

    @property
    def speed(self) -> float | None:
        """The speed at which the training is watched, in steps per second; None for full speed."""
        return None if self._pace is None else self._pace.speed

    @speed.setter
    def speed(self, speed: float | None) -> None:
        if speed != self.speed:
            with self._condition:
                self._pace = None if speed is None else Pace(speed)
                self._condition.notify_all()

    def pause(self) -> None:
        with self._condition:
            self._paused = True

    def resume(self) -> None:
        with self._condition:
            self._waits = self._paused and self._prepares
            self._paused = False
            self._steps = 0
            self._condition.notify_all()

    def step(self, count: int = 1) -> None:
        """Run ``count`` steps, then pause again."""
        with self._condition:
            self._paused = True
            self._steps += count
            self._condition.notify_all()

    def stop(self) -> None:
        with self._condition:
            self._stopped = True
            self._condition.notify_all()

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def stopped(self) -> bool:
        return self._stopped

    @property
    def ends_wait(self) -> bool:
        """True if the loop must stop waiting for the compiler, because the user has stopped or
        paused the training. A pause does not count while the user makes single steps.
        """
        return self._stopped or (self._paused and not self._single_steps)

    def allow(self, wanted: int, begins: bool = False) -> int:
        """Return how many of ``wanted`` steps may run now, after a wait if paused or slowed down.

        Return 0 after a stop, or if an edit or a value of a variable must be taken first.

        Args:
            begins: whether an epoch begins with these steps.
        """
        if self.most is not None:
            wanted = min(wanted, self.most)
        while (granted := self._grant(wanted, begins)) is None:
            self._idle()
        return granted

    def _suits(self, begins: bool) -> bool:
        found = self._variant
        return found is not None and (begins or not found.at_epoch)

    def _grant(self, wanted: int, begins: bool) -> int | None:
        """Return how many of ``wanted`` steps may run now, or None if the caller must ask again.

        Before None is returned, wait briefly for the user to continue a paused training. Return 0
        if the loop must first do something else, such as stop or take an edit.

        Args:
            begins: whether an epoch begins with these steps.
        """
        with self._condition:
            if self._stopped or self._variables or self._suits(begins):
                return 0
            if self._prepares and (self._paused or self._waits):
                self._condition.wait(WAIT_SECONDS)
                return None
            if not self._paused:
                self._single_steps = False
                return self._paced(wanted)
            if not self._steps:
                self._condition.wait(WAIT_SECONDS)
                return None
            granted = min(wanted, self._steps)
            self._steps -= granted
            self._single_steps = True
            return granted

    def _paced(self, wanted: int) -> int | None:
        """Return the number of steps that may run now at the speed that the user chose. If none may
        run yet, wait briefly and return None.
        """
        if self._pace is None:
            return wanted
        wait = self._pace.wait(time.monotonic())
        if wait:
            self._condition.wait(min(wait, WAIT_SECONDS))
            return None
        return self._pace.grant(wanted, time.monotonic())
