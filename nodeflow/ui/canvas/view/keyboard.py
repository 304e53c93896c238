"""What keys do on the canvas: those of the window's actions that a canvas can do by itself.

A canvas has the declared keys until it is given others, so that one without a window, and the one
that shows derived nodes, understand the same. ``Keying`` is part of the canvas (``CanvasView``
inherits it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QKeySequence

from nodeflow.ui.actions.key_text import is_plain, native, portable
from nodeflow.ui.actions.specs import ACTIONS, DIRECTIONS

if TYPE_CHECKING:
    from nodeflow.ui.canvas.view.view import CanvasView

HELD = "pan_hold"
"""The action whose key acts while it is held."""

COMMANDS: dict[str, Callable[[CanvasView], object]] = {
    "copy": lambda view: view.copy(),
    "cut": lambda view: view.cut(),
    "paste": lambda view: view.paste(),
    "duplicate": lambda view: view.duplicate(),
    "delete": lambda view: view.delete_selection(),
    "select_all": lambda view: view.select_all(),
    "undo": lambda view: view.document.undo(),
    "redo": lambda view: view.document.redo(),
    "zoom_in": lambda view: view.zoom_in(),
    "zoom_out": lambda view: view.zoom_out(),
    "fit": lambda view: view.fit_all(),
    "fit_selection": lambda view: view.fit_selection(),
    "search": lambda view: view.ask_search(view.pointer_place(), None),
    "rename": lambda view: view.rename_selected(),
    "edit_selected": lambda view: view.edit_selected(),
    "cancel": lambda view: view.cancel(),
    HELD: lambda view: view.hold_space(not view.is_space_held),
}
for _name, (_dx, _dy) in DIRECTIONS.items():
    COMMANDS[f"walk_{_name}"] = lambda view, x=_dx, y=_dy: view.walk(x, y)
    COMMANDS[f"extend_{_name}"] = lambda view, x=_dx, y=_dy: view.walk(x, y, extend=True)
    COMMANDS[f"pan_{_name}"] = lambda view, x=_dx, y=_dy: view.pan_step(x, y)
    COMMANDS[f"move_{_name}"] = lambda view, x=_dx, y=_dy: view.move_step(x, y)
    COMMANDS[f"move_far_{_name}"] = lambda view, x=_dx, y=_dy: view.move_step(x, y, far=True)
    COMMANDS[f"frame_{_name}"] = lambda view, x=_dx, y=_dy: view.resize_step(x, y)

END_GESTURES = {
    *("copy", "cut", "paste", "select_all", "undo", "redo", "zoom_in", "zoom_out", "duplicate"),
}
"""Commands before which a running drag is cancelled."""


class CanvasKeys:
    """Which action a key means, the same for every canvas of a window."""

    def __init__(self) -> None:
        self.use({spec.id: spec.shortcuts for spec in ACTIONS})

    def use(self, keys: Mapping[str, Sequence[str]]) -> None:
        """Actions have these keys from now on."""
        self._keys = {action: tuple(given) for action, given in keys.items()}
        self._actions = {
            portable(key): action for action in COMMANDS for key in self._keys.get(action, ())
        }

    def action(self, event: QKeyEvent) -> str:
        """The id of the action that a canvas does when this key is pressed; empty if none."""
        pressed = event.keyCombination()
        real = pressed.keyboardModifiers() & ~Qt.KeyboardModifier.KeypadModifier
        keys = QKeySequence(event.key() | real.value)
        return self._actions.get(keys.toString(QKeySequence.SequenceFormat.PortableText), "")

    def text(self, action: str) -> str:
        """The key of an action to name on a canvas, as this platform writes it; empty if none."""
        keys = self._keys.get(action, ())
        return native(next(filter(is_plain, keys), keys[0])) if keys else ""


class CanvasActions:
    """Functions ``do_ID`` of the actions that a canvas does by itself.

    Args:
        canvas: returns the one that is looked at.
    """

    def __init__(self, canvas: Callable[[], CanvasView]) -> None:
        for action in COMMANDS:
            setattr(self, f"do_{action}", partial(self._do, canvas, action))

    @staticmethod
    def _do(canvas: Callable[[], CanvasView], action: str) -> None:
        canvas().run(action)


class Keying:
    """Keys of the canvas; ``self`` is a CanvasView."""

    keys: CanvasKeys
    _held_key = 0

    def run(self: CanvasView, action: str) -> None:
        """Do one of ``COMMANDS``; what the document refuses is said."""
        if action in END_GESTURES:
            self.cancel_gesture()
        with self.reporting():
            COMMANDS[action](self)

    def keyPressEvent(self: CanvasView, event: QKeyEvent) -> None:
        action = self.keys.action(event)
        if action == HELD:
            self._held_key = event.key()
            self.hold_space(True)
        elif action == "delete" and self.document.locked and event.key() == Qt.Key.Key_Backspace:
            self.cancel()  # where nothing can be deleted it means "back"
        elif action:
            self.run(action)
        else:
            event.ignore()

    def keyReleaseEvent(self: CanvasView, event: QKeyEvent) -> None:
        if self._held_key and event.key() == self._held_key and not event.isAutoRepeat():
            self._held_key = 0
            self.hold_space(False)
            return
        event.ignore()

    # ---- what only keys ask for -------------------------------------------------------------

    def cancel(self: CanvasView) -> None:
        """Stop the running gesture, else select nothing, else leave the subgraph."""
        if self.is_space_held:
            self.hold_space(False)
        if self.cancel_gesture():
            return
        nothing = not self.selected_ids() and self.selected_wire is None
        if self.document.locked:
            self.leave_requested.emit()
            return
        self.selected_wire = None
        self.select([])
        if nothing and self.document.scope:
            self.leave_requested.emit()

    def rename_selected(self: CanvasView) -> None:
        """Edit the name of the selected frame, or of the only selected node."""
        chosen = self.selected_nodes()
        if self.selected_frame in self.document.frames:
            self.rename_frame(self.selected_frame)
        elif len(chosen) == 1:
            self.rename_node(chosen[0])

    def edit_selected(self: CanvasView) -> None:
        """Ask for the inspector to edit the only selected node, or the selected frame."""
        chosen = self.selected_nodes()
        if len(chosen) == 1:
            self.edit_wanted.emit(chosen[0])
        elif self.selected_frame in self.document.frames:
            self.edit_wanted.emit(self.selected_frame)
