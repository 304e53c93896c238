"""The keymap: declared shortcuts with the user's changes, without conflicts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from nodeflow.ui.actions.key_text import is_plain, native, portable
from nodeflow.ui.actions.specs import ACTIONS, ActionSpec
from nodeflow.ui.core.state.user_settings import Settings


class Keymap:
    """The shortcuts in force. Per user, only changes from the declared keys are stored."""

    def __init__(self, settings: Settings, specs: Sequence[ActionSpec] = ACTIONS) -> None:
        self._settings, self._specs = settings, specs
        self._own: dict[str, tuple[str, ...]] = {}
        known = {spec.id for spec in specs}
        try:
            stored = json.loads(settings.shortcuts or "{}")
        except ValueError:
            stored = {}
        for action, keys in stored.items() if isinstance(stored, dict) else ():
            if action in known and isinstance(keys, list) and all(isinstance(k, str) for k in keys):
                self._own[action] = tuple(keys)

    def keys(self, spec: ActionSpec) -> tuple[str, ...]:
        """Return the key sequences of an action; menus show the first."""
        return self._own.get(spec.id, spec.shortcuts)

    def is_changed(self, spec: ActionSpec) -> bool:
        return spec.id in self._own

    def refusal(self, spec: ActionSpec, keys: str) -> str:
        """Return why an action cannot have these keys; empty if it can."""
        sequence = portable(keys)
        if not sequence:
            return "This is not a key."
        for other in self._specs:
            if other.id != spec.id and sequence in map(portable, self.keys(other)):
                return f"{native(sequence)} belongs to “{_title(other)}”. Remove it there first."
        if is_plain(sequence) and not takes_plain(spec):
            return f"{native(sequence)} is needed for typing. Add Ctrl or Alt."
        return ""

    def bind(self, spec: ActionSpec, keys: Iterable[str]) -> None:
        """Set the keyboard shortcuts of an action, and store them in the user's settings.

        Call ``refusal`` first: it tells whether the keys are allowed.
        """
        new = tuple(portable(k) for k in keys)
        if new == tuple(map(portable, spec.shortcuts)):
            self._own.pop(spec.id, None)
        else:
            self._own[spec.id] = new
        self._save()

    def reset(self) -> None:
        """Restore the declared keys of every action."""
        self._own.clear()
        self._save()

    def _save(self) -> None:
        self._settings.shortcuts = json.dumps(self._own) if self._own else ""
        self._settings.sync()


def _title(spec: ActionSpec) -> str:
    return spec.text.replace("&", "").rstrip("…")


def takes_plain(spec: ActionSpec) -> bool:
    """Return whether a key without modifiers, such as a letter, may be the shortcut of an action.
    It may if the action works only on the canvas, or already has such a key.
    """
    return spec.on_canvas or any(map(is_plain, spec.shortcuts))
