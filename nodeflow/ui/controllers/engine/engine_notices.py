"""The notices shown when the engine process does not answer or has ended."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Slot

from nodeflow.host import protocol as p
from nodeflow.ops.user import PLUGINS
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.controllers.engine.plugin_watcher import PluginWatcher
from nodeflow.ui.controllers.training.learned_weights import LearnedWeights
from nodeflow.ui.controllers.training.unfinished_training import UnfinishedTraining
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.user_messages import Messages

RESTART = "restart_engine"
SAFE = "safe_start"
CRASHES = 2
"""Number of successive crashes after which a start without the user's own ops is offered."""
AGAIN_MS = 30_000
"""Milliseconds until the question is repeated, if the user chose to wait."""


class EngineNotices(QObject):
    """The notices about the engine, shown over the canvas. None blocks the window.

    Args:
        weights: knows whether there is a copy of the trained weights for a new engine.
        plugins: loads the user's own ops, or leaves them out.
        unfinished: knows whether a training can be resumed.
    """

    def __init__(
        self,
        parent: QObject,
        link: EngineLink,
        messages: Messages,
        weights: LearnedWeights,
        plugins: PluginWatcher,
        unfinished: UnfinishedTraining,
        actions: ActionSet,
    ) -> None:
        super().__init__(parent)
        self._link, self._messages, self._weights = link, messages, weights
        self._plugins, self._unfinished = plugins, unfinished
        actions.bind(
            {
                RESTART: Binding(link.restart),
                SAFE: Binding(self._start_safely, self._safe_blocked),
            }
        )
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
        text += f"Your graph is safe, even if you restart the engine{self._of_variables(', and ')}."
        choices = [("", "Wait"), (RESTART, "Restart")]
        self._messages.show(text, "warning", choices=choices)
        self._again.start()

    @Slot(object, bool)
    def _on_died(self, message: p.Died, again: bool) -> None:
        while_doing = f" while it computed {message.doing}" if message.doing else ""
        text = f"The engine stopped unexpectedly{while_doing}. "
        text += f"Your graph is untouched{self._of_variables('; ')}."
        goes_on = self._unfinished.look()
        if again:
            text, level = f"{text} It is restarting.", "warning"
        else:
            text += " It stopped several times in a row, so it does not restart automatically."
            level = "error"
        if self._link.crashes < CRASHES or self._safe_blocked() is not None:
            fix, words = ("", "") if again else (RESTART, "Restart the engine")
            if again and goes_on:
                fix, words = "continue", self._unfinished.text
            self._messages.show(text, level, fix, words)
        else:
            choices = [(SAFE, "Start without own ops"), (RESTART, "Restart the engine")]
            self._messages.show(text, level, choices=choices[: 1 if again else 2])

    def _safe_blocked(self) -> Blocked | None:
        if self._plugins.is_safe:
            return Blocked("Own ops are already disabled.", "reload_plugins")
        if not PLUGINS.ops:
            return Blocked("There are no ops of your own.")
        return None

    def _start_safely(self) -> None:
        """Start another engine without the user's own ops. Nodes of these ops stay unchanged."""
        self._plugins.go_safe()
        self._link.restart()
        self.show_safe_start()

    def show_safe_start(self) -> None:
        """Show a notice if the user's own ops are left out."""
        if not self._plugins.is_safe:
            return
        text = "Your own ops are disabled; their nodes stay. Fix the ops, then load them again."
        self._messages.show(text, "info", "reload_plugins", "Load own ops")
        self._messages.show_status("Started without own ops")

    def _of_variables(self, joined: str) -> str:
        """Return a clause about the variables' values in a restarted engine."""
        if self._weights.are_kept:
            return f"{joined}variables will be restored from their last copy"
        return f"{joined}variables will get their initial values" if self._link.has_trained else ""
