"""The toolbar buttons that run and train. Only the usable ones are shown."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, QTimer, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QToolBar

from nodeflow.ui.actions.action_set import ActionSet, add_button
from nodeflow.ui.actions.usable_training import applying
from nodeflow.ui.controllers.training.unfinished_training import UnfinishedTraining
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.workspace import Workspace

LONG_MS = 400
"""Milliseconds before the Stop button appears for a run or for the preparation of a training.

Buttons would flicker for a shorter run. For the same time, Stop does not replace Train, because
the second click of a double click on Train must not stop the training.
"""
BRIEF = ("running", "preparing")
TRAIN = "Train", "graduation-cap", "From the initial values"
RESTART = (
    *("Restart", "rotate-ccw"),
    "Begin again from the initial values. Undo brings back the learned values",
)
"""Text, icon and tip of the action that trains from the initial values.

Restart asks no question, because Undo restores the learned values.
"""


class RunBar(QObject):
    """The buttons that run and train, updated to the engine's state.

    Args:
        before: the toolbar action before which the buttons are inserted.
    """

    def __init__(
        self,
        bar: QToolBar,
        before: QAction,
        actions: ActionSet,
        link: EngineLink,
        workspace: Workspace,
        unfinished: UnfinishedTraining,
    ) -> None:
        super().__init__(bar)
        self._bar, self._before, self._actions, self._link = bar, before, actions, link
        self._unfinished = unfinished
        unfinished.changed.connect(self.update)
        self.shown: tuple[str, ...] = ()
        self._timer = QTimer(self, singleShot=True, interval=LONG_MS)
        self._timer.timeout.connect(self.update)
        self._workspace = workspace
        actions.refreshing.connect(self.update)
        for signal in (link.state_changed, link.training, link.done, link.died, workspace.replaced):
            signal.connect(self.update)
        self.update()

    @Slot()
    def update(self, *_: object) -> None:
        """Show the usable buttons.

        Train becomes Restart when it would replace learned values.
        """
        state = self._link.state
        learned = self._link.has_trained or self._unfinished.step > 0
        self._actions.set_text("train", *(RESTART if learned else TRAIN))
        self._describe()
        if state in (*BRIEF, "training") and self._timer.isActive():
            return
        if state in BRIEF and "stop" not in self.shown and self.sender() is not self._timer:
            self._timer.start()
            return
        self._timer.stop()
        wanted = applying(state, learned, bool(self._workspace.root.nodes))
        if wanted != self.shown:
            self._show(wanted)
            self._actions.refresh_soon()

    @Slot()
    def _describe(self) -> None:
        """Show in the tooltip of Continue where it would continue, because an edit may have
        changed that.
        """
        if self._link.has_trained or self._unfinished.step or self._link.state == "paused":
            self._actions.set_text("continue", "Continue", tip=self._unfinished.tip)

    def _show(self, wanted: Sequence[str]) -> None:
        for action in self.shown:
            self._bar.removeAction(self._actions[action])
        for action in wanted:
            add_button(self._bar, self._actions, action, self._before)
        self.shown = tuple(wanted)
