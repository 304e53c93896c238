"""Asks the engine for live values once edits and view changes pause, one request at a time."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Slot

from nodeflow.host import protocol as p
from nodeflow.ui.core.engine_link.channel import EngineChannel
from nodeflow.ui.core.engine_link.unsent_choices import Choice, Showing
from nodeflow.ui.core.state.workspace import Workspace

DEBOUNCE_MS = 40
"""Pause after an edit before values are asked for, so that a slider drag makes one request."""
LOOK_MS = 30
"""Pause after a view change before newly visible values are asked for."""
PATIENCE_MS = 4000
"""Milliseconds after which an unanswered request no longer delays the next one."""


def _everything() -> None:
    """Return None, which means all nodes."""
    return None


class LiveValues(QObject):
    """The state of the live values: which tensors are shown, up to date, and requested.

    Attributes:
        names: returns the names of the shown tensors, or None for all.
    """

    def __init__(self, workspace: Workspace, channel: EngineChannel, parent: QObject) -> None:
        super().__init__(parent)
        self._workspace, self._channel = workspace, channel
        self.names: Callable[[], tuple[str, ...] | None] = _everything
        self._asked: tuple[int, float] | None = None
        self._current: set[str] | None = None  # names with current values; None after an edit
        self._showing = Showing()
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._ask)

    # ---- timing -----------------------------------------------------------------------------

    @Slot()
    def look(self) -> None:
        """Ask soon for values of nodes that came into view."""
        if self._current is not None:
            self._start_unless_active()

    def refresh_soon(self) -> None:
        """Ask for values again once edits pause."""
        self._current = None
        if self._channel.is_up:
            self._timer.start(DEBOUNCE_MS)

    def choose(self, choice: Choice) -> None:
        """Choose other data or other overrides, and ask soon for the values.

        While a request is unanswered, only the last choice is kept, so that drawing never waits
        for outdated values.
        """
        if self._showing.choose(choice):
            self.outdate()

    def outdate(self) -> None:
        """Mark the shown values as outdated, and ask soon for new ones."""
        self._current = None
        self._start_unless_active()

    def ask_now(self) -> None:
        """Ask at once, even if an earlier request is unanswered."""
        self._asked = self._current = None
        if self._channel.is_up:
            self._timer.start(0)

    def _start_unless_active(self) -> None:
        if self._channel.is_up and not self._timer.isActive():
            self._timer.start(LOOK_MS)

    @Slot()
    def _ask(self) -> None:
        now, root = time.monotonic(), self._workspace.root
        if self._asked and now - self._asked[1] < PATIENCE_MS / 1000:
            self._timer.start(DEBOUNCE_MS)
            return
        if not self._channel.is_up or not root.nodes:
            return
        names = self.names()
        if self._current is not None and self._current.issuperset(names or ()):
            return
        self.send_choices()
        request = self._channel.next()
        self._asked = (request, now)
        self._current = set(names or ())
        self._channel.send(p.Evaluate(root.revision, request, names, follow=True))

    def send_choices(self) -> None:
        """Send the engine the choice of data and overrides, before a request that depends on it."""
        for choice in self._showing.take():
            self._channel.send(choice)

    # ---- answers ----------------------------------------------------------------------------

    @property
    def is_awaited(self) -> bool:
        """Whether a request is unanswered."""
        return self._asked is not None

    def answered(self, request: int) -> None:
        """Note that a request was answered, with or without values."""
        if self._asked and request == self._asked[0]:
            self._asked = None
            if self._showing and self._timer.isActive():
                self._timer.start(0)  # another choice was made meanwhile

    def on_trained(self, names: tuple[str, ...] | None) -> None:
        """Note that a training sent values of these tensors. All others are outdated now."""
        if self._current is not None and names is not None:
            self._current &= set(names)

    def forget(self) -> None:
        """Forget the unanswered request, so that the next one need not wait."""
        self._asked = None

    def stop(self) -> None:
        """Cancel the planned request for values."""
        self._timer.stop()

    def begin_again(self) -> None:
        """Note that the engine or its document is new and does not know the chosen data and
        overrides.
        """
        self._showing.begin_again()
