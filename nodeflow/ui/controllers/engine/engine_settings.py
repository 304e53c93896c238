"""The user's settings of the engine. Each setting has a module."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.controllers.engine.live_value_settings import LiveValueSettings
from nodeflow.ui.controllers.engine.memory_settings import MemorySettings
from nodeflow.ui.controllers.engine.thread_settings import ThreadSettings
from nodeflow.ui.controllers.training.backend_choice import BackendChoice
from nodeflow.ui.controllers.training.live_edits_choice import LiveEdits
from nodeflow.ui.core.engine_link.engine_link import EngineLink
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.user_messages import Messages


def add_engine_settings(
    window: QWidget,
    link: EngineLink,
    settings: Settings,
    messages: Messages,
    actions: ActionSet,
) -> None:
    """Add the actions that open the dialogs of the settings.

    Send the stored settings to the engine.
    """
    ThreadSettings(window, link, settings, actions)
    MemorySettings(window, link, settings, actions)
    LiveValueSettings(window, link, settings, actions)
    LiveEdits(window, link, settings, actions)
    BackendChoice(window, link, settings, messages, actions)
