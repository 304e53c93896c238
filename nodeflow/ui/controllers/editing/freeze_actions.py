"""Freeze and Thaw: the choice whether training may change the selection's variables."""

from __future__ import annotations

from PySide6.QtCore import QObject

from nodeflow.document.analysis.frozen_weights import is_frozen
from nodeflow.document.edit.freezing import freezable, set_trainable
from nodeflow.number_text import counted
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages


class FreezeActions(QObject):
    """The actions Freeze and Thaw. Training does not change frozen variables.

    They apply to the selected variables, or else to the variables that the selection depends on.
    """

    def __init__(
        self, workspace: Workspace, canvas: CanvasView, messages: Messages, actions: ActionSet
    ) -> None:
        super().__init__(canvas)
        self._workspace, self._canvas, self._messages = workspace, canvas, messages
        actions.bind(
            {
                "freeze": Binding(self._freeze, self._freeze_blocked),
                "thaw": Binding(self._thaw, self._thaw_blocked),
            }
        )

    def _freeze(self) -> None:
        self._set(False, "Froze")

    def _thaw(self) -> None:
        self._set(True, "Thawed")

    def _set(self, trainable: bool, verb: str) -> None:
        with self._canvas.signals.reporting():
            chosen = self._workspace.selection
            count = set_trainable(self._workspace.document, chosen, trainable)
            self._messages.show_status(f"{verb} the weights of {counted(count, 'node')}")

    def _freeze_blocked(self) -> Blocked | None:
        return self._blocked(False, "All variables of the selection are frozen already.")

    def _thaw_blocked(self) -> Blocked | None:
        return self._blocked(True, "No variable of the selection is frozen.")

    def _blocked(self, trainable: bool, done: str) -> Blocked | None:
        chosen = self._workspace.selection
        if not chosen:
            return Blocked("Select variables, layers or their dependents.")
        found = freezable(self._workspace.document, chosen)
        if not found:
            return Blocked("The selection depends on no variables.")
        if all(is_frozen(*place) != trainable for place in found):
            return Blocked(done)
        return None
