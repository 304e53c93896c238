"""The user's choice whether edits of an optimizer's numbers take effect in the running training."""

from __future__ import annotations

from PySide6.QtCore import QObject

from nodeflow.host.protocol import FollowEdits
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.user_settings import Settings


class LiveEdits(QObject):
    """The choice, sent to the engine at the start and at every change."""

    def __init__(
        self, parent: QObject, link: EngineLink, settings: Settings, actions: ActionSet
    ) -> None:
        super().__init__(parent)
        self._link, self._settings, self._actions = link, settings, actions
        actions.bind({"follow_edits": Binding(self._toggle)})
        self._show()
        if not settings.edits_reach_training:
            link.set(FollowEdits(False))

    def _toggle(self) -> None:
        self._settings.edits_reach_training = not self._settings.edits_reach_training
        self._link.set(FollowEdits(self._settings.edits_reach_training))
        self._show()

    def _show(self) -> None:
        self._actions["follow_edits"].setChecked(self._settings.edits_reach_training)
