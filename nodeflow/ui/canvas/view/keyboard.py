"""The keys of a canvas, and the actions that it carries out by itself.

A canvas has the declared default keys until it is given others. So a canvas outside of a
window, and the canvas of generated nodes, have the same keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

from nodeflow.ui.actions.key_text import is_plain, native, portable
from nodeflow.ui.actions.specs import ACTIONS, DIRECTIONS
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.canvas.signals import CanvasSignals
from nodeflow.ui.canvas.view.clipboard_edits import ClipboardEdits
from nodeflow.ui.canvas.view.graph_edits import GraphEdits
from nodeflow.ui.canvas.view.inline_editor import Rename
from nodeflow.ui.canvas.view.keyboard_navigation import KeyboardNavigation
from nodeflow.ui.canvas.view.mouse import Mouse

HELD = "pan_hold"
"""The action that lasts as long as its key is held."""

COMMANDS: dict[str, Callable[[Keyboard], object]] = {
    "copy": lambda keyboard: keyboard.clipboard.copy(),
    "cut": lambda keyboard: keyboard.clipboard.cut(),
    "paste": lambda keyboard: keyboard.clipboard.paste(),
    "duplicate": lambda keyboard: keyboard.clipboard.duplicate(),
    "delete": lambda keyboard: keyboard.edits.delete(),
    "select_all": lambda keyboard: keyboard.selection.select_all(),
    "undo": lambda keyboard: keyboard.scene.document.undo(),
    "redo": lambda keyboard: keyboard.scene.document.redo(),
    "zoom_in": lambda keyboard: keyboard.viewport.zoom_in(),
    "zoom_out": lambda keyboard: keyboard.viewport.zoom_out(),
    "fit": lambda keyboard: keyboard.viewport.fit_all(),
    "fit_selection": lambda keyboard: keyboard.viewport.fit(keyboard.selection.ids()),
    "search": lambda keyboard: keyboard.edits.search(keyboard.mouse.position(), None),
    "rename": lambda keyboard: keyboard.rename.selected(),
    "edit_selected": lambda keyboard: keyboard.edit_selected(),
    "cancel": lambda keyboard: keyboard.cancel(),
    HELD: lambda keyboard: keyboard.mouse.hold_space(not keyboard.mouse.is_space_held),
}
"""The function of each canvas action, by the action's id."""
for _name, (_dx, _dy) in DIRECTIONS.items():
    COMMANDS |= {
        f"walk_{_name}": lambda keyboard, x=_dx, y=_dy: keyboard.navigation.walk(x, y),
        f"extend_{_name}": lambda keyboard, x=_dx, y=_dy: keyboard.navigation.walk(
            x, y, extend=True
        ),
        f"pan_{_name}": lambda keyboard, x=_dx, y=_dy: keyboard.viewport.pan_step(x, y),
        f"move_{_name}": lambda keyboard, x=_dx, y=_dy: keyboard.edits.move_step(x, y),
        f"move_far_{_name}": lambda keyboard, x=_dx, y=_dy: keyboard.edits.move_step(
            x, y, far=True
        ),
        f"frame_{_name}": lambda keyboard, x=_dx, y=_dy: keyboard.edits.resize_step(x, y),
    }

END_GESTURES = {
    *("copy", "cut", "paste", "select_all", "undo", "redo", "zoom_in", "zoom_out", "duplicate"),
}
"""Actions that first cancel a running drag."""


class CanvasKeys:
    """The action of each key, the same for every canvas of a window."""

    def __init__(self) -> None:
        self.use({spec.id: spec.shortcuts for spec in ACTIONS})

    def use(self, keys: Mapping[str, Sequence[str]]) -> None:
        """Assign keys to actions."""
        self._keys = {action: tuple(given) for action, given in keys.items()}
        self._actions = {
            portable(key): action for action in COMMANDS for key in self._keys.get(action, ())
        }

    def action(self, event: QKeyEvent) -> str:
        """Return the id of the canvas action that a pressed key has; empty if none."""
        pressed = event.keyCombination()
        real = pressed.keyboardModifiers() & ~Qt.KeyboardModifier.KeypadModifier
        keys = QKeySequence(event.key() | real.value)
        return self._actions.get(keys.toString(QKeySequence.SequenceFormat.PortableText), "")

    def text(self, action: str) -> str:
        """Return the key of an action as written on this platform; empty if none."""
        keys = self._keys.get(action, ())
        return native(next(filter(is_plain, keys), keys[0])) if keys else ""


class Keyboard:
    """The part of a canvas that carries out actions when their keys are pressed."""

    def __init__(
        self,
        keys: CanvasKeys,
        scene: SceneModel,
        viewport: Viewport,
        selection: Selection,
        signals: CanvasSignals,
        mouse: Mouse,
        navigation: KeyboardNavigation,
        edits: GraphEdits,
        clipboard: ClipboardEdits,
        rename: Rename,
    ) -> None:
        self.keys = keys
        self.scene, self.viewport, self.selection = scene, viewport, selection
        self.mouse, self.navigation = mouse, navigation
        self.edits, self.clipboard, self.rename = edits, clipboard, rename
        self._signals = signals
        self._held_key = 0

    def run(self, action: str) -> None:
        """Carry out one of `COMMANDS`. If the document raises an error, show it as a message."""
        if action in END_GESTURES:
            self.mouse.cancel_gesture()
        with self._signals.reporting():
            COMMANDS[action](self)

    def press(self, event: QKeyEvent) -> None:
        action, locked = self.keys.action(event), self.scene.document.locked
        if action == HELD:
            self._held_key = event.key()
            self.mouse.hold_space(True)
        elif action == "delete" and locked and event.key() == Qt.Key.Key_Backspace:
            self.cancel()  # where nothing can be deleted, Backspace means "back"
        elif action:
            self.run(action)
        else:
            event.ignore()

    def release(self, event: QKeyEvent) -> None:
        if self._held_key and event.key() == self._held_key and not event.isAutoRepeat():
            self._held_key = 0
            self.mouse.hold_space(False)
            return
        event.ignore()

    def cancel(self) -> None:
        """Cancel the running gesture, else clear the selection, else leave the subgraph."""
        if self.mouse.is_space_held:
            self.mouse.hold_space(False)
        if self.mouse.cancel_gesture():
            return
        selection, document = self.selection, self.scene.document
        if document.locked:
            self._signals.leave_requested.emit()
            return
        is_empty = not selection.ids() and selection.wire is None
        selection.wire = None
        selection.select([])
        if is_empty and document.scope:
            self._signals.leave_requested.emit()

    def edit_selected(self) -> None:
        """Edit the only selected node, or the selected frame, in the inspector."""
        chosen = self.selection.ids()
        if len(chosen) == 1:
            self._signals.edit_requested.emit(chosen[0])
