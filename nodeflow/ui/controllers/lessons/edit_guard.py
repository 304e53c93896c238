"""Edits that a lesson refuses, such as a change of a given node, are taken back."""

from __future__ import annotations

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from nodeflow.document.model.records import Change
from nodeflow.lessons.rules import refusal
from nodeflow.ui.controllers.lessons.lesson_steps import LessonSteps
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages


class EditGuard(QObject):
    """Takes refused edits back, and says why.

    Signals:
        allowed: an edit that may change the values of the answer stays.
    """

    allowed = Signal()

    def __init__(
        self, parent: QObject, steps: LessonSteps, workspace: Workspace, messages: Messages
    ) -> None:
        super().__init__(parent)
        self._steps, self._workspace, self._messages = steps, workspace, messages
        workspace.edited.connect(self._on_edited)

    @Slot(object)
    def _on_edited(self, change: Change) -> None:
        running = self._steps.running
        if running is None:
            return
        why = refusal(running.lesson, running.start, change)
        if why:
            QTimer.singleShot(0, self, self._take_back)  # the change is still being announced
            self._messages.show(why, "warning")
        elif not change.only_moves:
            self.allowed.emit()

    @Slot()
    def _take_back(self) -> None:
        self._workspace.root.undo()
