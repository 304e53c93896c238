"""The user's choice of theme: light, dark, or the system's theme, which may change."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication

from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.core.state.user_settings import THEME_CHOICES, Settings
from nodeflow.ui.core.theming.theme import THEMES, Theme, system_theme
from nodeflow.ui.core.theming.theme_manager import ThemeManager


def chosen_theme(settings: Settings) -> Theme:
    """Return the theme that the user chose. If that is the system's, return the current one."""
    return THEMES.get(settings.theme) or system_theme()


class ThemeActions(QObject):
    """The actions of the Theme menu, stored in the settings."""

    def __init__(self, settings: Settings, themes: ThemeManager, actions: ActionSet) -> None:
        super().__init__(themes)
        self._settings, self._themes, self._actions = settings, themes, actions
        choices = {f"theme_{name}": Binding(partial(self._choose, name)) for name in THEME_CHOICES}
        actions.bind({"theme": Binding(self._toggle), **choices})
        actions.refreshing.connect(self._check)
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._follow_system)

    def _toggle(self) -> None:
        self._choose("light" if self._themes.theme.is_dark else "dark")

    def _choose(self, choice: str) -> None:
        self._settings.theme = choice
        self._themes.set_theme(chosen_theme(self._settings))
        self._actions.refresh_now()

    def _follow_system(self) -> None:
        if self._settings.theme == "system":
            self._themes.set_theme(system_theme())

    def _check(self) -> None:
        for name in THEME_CHOICES:
            self._actions[f"theme_{name}"].setChecked(self._settings.theme == name)
