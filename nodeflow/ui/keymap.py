"""Which keys do what: the declared shortcuts, changed by the user, never in conflict.

Also how the pointer moves the view: three presets, for a mouse, a touchpad, and the space bar.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from PySide6.QtGui import QKeySequence

from nodeflow.ui.action_list import ACTIONS, ActionSpec
from nodeflow.ui.settings import Settings

ARROWS = ("Left", "Right", "Up", "Down")
CANVAS_KEYS = {
    "Tab": "search and add a node",
    "Esc": "cancel",
    "Return": "edit the selected node",
    "Enter": "edit the selected node",
    "Space": "pan while it is held",
    "F": "fit the selection",
    "Home": "fit everything",
    "Left": "go to the source of a wire",
    "Right": "go to a consumer",
    "Up": "go to the node above",
    "Down": "go to the node below",
    **{f"Shift+{key}": "add a neighbour to the selection" for key in ARROWS},
    **{f"Ctrl+{key}": "pan" for key in ARROWS},
    "Alt+Left": "move the selected nodes",
    "Alt+Right": "move the selected nodes",
    "Alt+Up": "move the selected nodes",
    "Alt+Down": "move the selected nodes",
    "Backspace": "delete",
}
"""Keys that the canvas itself understands, and what for."""

MODIFIERS = ("Ctrl", "Alt", "Meta")


class Keymap:
    """The shortcuts in force. Only what differs from the declaration is stored, per user."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._own: dict[str, tuple[str, ...]] = {}
        known = {spec.id for spec in ACTIONS}
        try:
            stored = json.loads(settings.shortcuts or "{}")
        except ValueError:
            stored = {}
        for action, keys in stored.items() if isinstance(stored, dict) else ():
            if action in known and isinstance(keys, list) and all(isinstance(k, str) for k in keys):
                self._own[action] = tuple(keys)

    def keys(self, spec: ActionSpec) -> tuple[str, ...]:
        """The key sequences of an action, the one to show first."""
        return self._own.get(spec.id, spec.shortcuts)

    def is_changed(self, spec: ActionSpec) -> bool:
        return spec.id in self._own

    def refusal(self, spec: ActionSpec, keys: str) -> str:
        """Why an action cannot have these keys; empty if it can."""
        sequence = _portable(keys)
        if not sequence:
            return "These are no keys."
        for other in ACTIONS:
            if other.id != spec.id and sequence in map(_portable, self.keys(other)):
                return f"{_shown(sequence)} is “{_title(other)}”. Take it from there first."
        if sequence in map(_portable, CANVAS_KEYS):
            use = next(CANVAS_KEYS[key] for key in CANVAS_KEYS if _portable(key) == sequence)
            return f"{_shown(sequence)} on the canvas means: {use}."
        first = sequence.split(", ")[0]
        typing = not any(f"{m}+" in first for m in MODIFIERS) and not _is_function_key(first)
        if typing and not spec.on_canvas:
            return f"{_shown(sequence)} alone is needed for typing. Add Ctrl or Alt."
        return ""

    def bind(self, spec: ActionSpec, keys: Iterable[str]) -> None:
        """Give an action these keys, and remember them. Ask ``refusal`` first."""
        new = tuple(_portable(k) for k in keys)
        if new == tuple(map(_portable, spec.shortcuts)):
            self._own.pop(spec.id, None)
        else:
            self._own[spec.id] = new
        self._save()

    def reset(self) -> None:
        """Every action has its declared keys again."""
        self._own.clear()
        self._save()

    def _save(self) -> None:
        self._settings.shortcuts = json.dumps(self._own) if self._own else ""
        self._settings.sync()


def _portable(keys: str) -> str:
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.PortableText)


def _shown(keys: str) -> str:
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)


def _title(spec: ActionSpec) -> str:
    return spec.text.replace("&", "").rstrip("…")


def _is_function_key(keys: str) -> bool:
    last = keys.rsplit("+", 1)[-1]
    return last[:1] == "F" and last[1:].isdigit()
