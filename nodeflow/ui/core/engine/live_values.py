"""Asks the engine for live values once edits and moves of the view pause: one at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Slot

from nodeflow.host import protocol as p
from nodeflow.ui.core.engine.showing import Choice, Showing
from nodeflow.ui.core.workspace import Workspace

DEBOUNCE_MS = 40
"""Pause after an edit before values are asked for: a drag of a slider is one question."""
LOOK_MS = 30
"""Pause after the view has moved before the values that have come into sight are asked for."""
PATIENCE_MS = 4000
"""An answer that took longer no longer holds back the next question."""


class Engine(Protocol):
    """What the questions go to."""

    @property
    def is_up(self) -> bool: ...

    def _next(self) -> int: ...

    def _send(self, request: p.Request) -> None: ...


def _everything() -> None:
    """All nodes are shown."""
    return None


class LiveValues(QObject):
    """Which values the window shows, which of them it has, and what it has asked for.

    Attributes:
        names: says which tensors are shown; None stands for all.
    """

    def __init__(self, workspace: Workspace, engine: Engine, parent: QObject) -> None:
        super().__init__(parent)
        self._workspace, self._engine = workspace, engine
        self.names: Callable[[], tuple[str, ...] | None] = _everything
        self._asked: tuple[int, float] | None = None
        self._current: set[str] | None = None  # names with values of now; None after an edit
        self._showing = Showing()
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._ask)

    # ---- when to ask ------------------------------------------------------------------------

    @Slot()
    def look(self) -> None:
        """Ask soon for the values of what has come into sight."""
        if self._current is not None:
            self._start_unless_active()

    def refresh_soon(self) -> None:
        """Ask when the edits pause."""
        self._current = None
        if self._engine.is_up:
            self._timer.start(DEBOUNCE_MS)

    def choose(self, choice: Choice) -> None:
        """Ask soon for values of other data, or with other values in place of some.

        While a question is unanswered only the last choice is kept, so whoever draws never waits
        for what is out of date.
        """
        if self._showing.choose(choice):
            self.outdate()

    def outdate(self) -> None:
        """Ask soon: the values that are shown are of something else."""
        self._current = None
        self._start_unless_active()

    def ask_now(self) -> None:
        """Ask at once, whatever is unanswered."""
        self._asked = self._current = None
        if self._engine.is_up:
            self._timer.start(0)

    def _start_unless_active(self) -> None:
        if self._engine.is_up and not self._timer.isActive():
            self._timer.start(LOOK_MS)

    @Slot()
    def _ask(self) -> None:
        now, root = time.monotonic(), self._workspace.root
        if self._asked and now - self._asked[1] < PATIENCE_MS / 1000:
            self._timer.start(DEBOUNCE_MS)
            return
        if not self._engine.is_up or not root.nodes:
            return
        names = self.names()
        if self._current is not None and self._current.issuperset(names or ()):
            return
        self.send_choices()
        request = self._engine._next()
        self._asked = (request, now)
        self._current = set(names or ())
        self._engine._send(p.Evaluate(root.revision, request, names, follow=True))

    def send_choices(self) -> None:
        """Let the engine know what is shown before it is asked for a value."""
        for choice in self._showing.take():
            self._engine._send(choice)

    # ---- what comes back --------------------------------------------------------------------

    @property
    def is_awaited(self) -> bool:
        """Whether a question is unanswered."""
        return self._asked is not None

    def answered(self, request: int) -> None:
        """The answer to a request has come, if only to say that there is none."""
        if self._asked and request == self._asked[0]:
            self._asked = None
            if self._showing and self._timer.isActive():
                self._timer.start(0)  # something else was drawn meanwhile

    def on_trained(self, names: tuple[str, ...] | None) -> None:
        """Values of these tensors came from a training; others are of earlier steps now."""
        if self._current is not None and names is not None:
            self._current &= set(names)

    def forget(self) -> None:
        """What has been asked is not answered any more."""
        self._asked = None

    def stop(self) -> None:
        """Ask for nothing until the next reason."""
        self._timer.stop()

    def begin_again(self) -> None:
        """The engine, or its document, is another: it knows nothing of what is shown."""
        self._showing.begin_again()
