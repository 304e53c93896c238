"""What the user reads, and can do, when the engine process does not answer or has ended."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Slot

from nodeflow.host import protocol as p
from nodeflow.ui.controllers.learned_weights import LearnedWeights
from nodeflow.ui.core.engine_link import EngineLink
from nodeflow.ui.core.messages import Messages

RESTART = "restart_engine"
AGAIN_MS = 30_000
"""Who chooses to wait is asked again after this long."""


class EngineNotices(QObject):
    """Shows notices over the canvas; nothing here is modal.

    Args:
        weights: knows whether there is a copy of what was learned, for an engine that starts.
    """

    def __init__(
        self,
        parent: QObject,
        link: EngineLink,
        messages: Messages,
        weights: LearnedWeights,
    ) -> None:
        super().__init__(parent)
        self._link, self._messages, self._weights = link, messages, weights
        self._again = QTimer(self, singleShot=True, interval=AGAIN_MS)
        self._again.timeout.connect(self._show_silence)
        link.watch.changed.connect(self._on_silence)
        link.died.connect(self._on_died)

    @Slot(bool)
    def _on_silence(self, silent: bool) -> None:
        if silent:
            self._show_silence()
        else:
            self._again.stop()
            self._messages.message_retracted.emit(RESTART)

    def _show_silence(self) -> None:
        doing = self._link.watch.doing
        text = f"The engine is not answering{f' while it computes {doing}' if doing else ''}. "
        text += f"Your graph is safe, also if you restart it{self._of_variables(', and ')}."
        choices = [("", "Wait"), (RESTART, "Restart")]
        self._messages.show(text, "warning", choices=choices)
        self._again.start()

    @Slot(object, bool)
    def _on_died(self, message: p.Died, again: bool) -> None:
        while_doing = f" while it computed {message.doing}" if message.doing else ""
        text = f"The engine stopped unexpectedly{while_doing}. "
        text += f"Your graph is untouched{self._of_variables('; ')}."
        if again:
            self._messages.show(f"{text} It is being started again.", "warning")
        else:
            text += " It stopped several times in a row, so it waits for you."
            self._messages.show(text, "error", RESTART, "Start it again")

    def _of_variables(self, joined: str) -> str:
        """What becomes of the variables in an engine that starts."""
        if self._weights.are_kept:
            return f"{joined}variables come back as they were kept last"
        return f"{joined}variables start afresh" if self._link.has_trained else ""
