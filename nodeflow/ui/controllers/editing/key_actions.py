"""The user's keys and pointer settings, the context menu key, and the list of shortcuts."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication, QWidget

from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.keymap import Keymap
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.popups.dialogs.confirmation_dialogs import ShortcutsDialog
from nodeflow.ui.popups.dialogs.shortcut_editor import ShortcutEditor


class KeyActions(QObject):
    """The actions that configure keys. They apply the user's keys to actions and canvas."""

    def __init__(
        self, window: QWidget, canvas: CanvasView, settings: Settings, actions: ActionSet
    ) -> None:
        super().__init__(window)
        self._window, self._canvas = window, canvas
        self._settings, self._actions = settings, actions
        self.keymap = Keymap(settings, actions.specs)
        canvas.mouse.set_preset(settings.pointer)
        actions.keys_changed.connect(canvas.keyboard.keys.use)
        actions.apply_keymap(self.keymap.keys)
        actions.bind(
            {
                "keymap": Binding(self._edit_keymap),
                "shortcuts": Binding(self._list_shortcuts),
                "context_menu": Binding(self._open_context_menu),
            }
        )

    def _edit_keymap(self) -> None:
        dialog = ShortcutEditor(self._window, self._actions, self.keymap)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        index = dialog.pointer.findData(self._settings.pointer)
        dialog.pointer.setCurrentIndex(max(index, 0))
        dialog.pointer.currentIndexChanged.connect(
            lambda _: self._set_pointer(dialog.pointer.currentData())
        )
        dialog.open()

    def _set_pointer(self, name: str) -> None:
        self._settings.pointer = name
        self._canvas.mouse.set_preset(name)

    def _list_shortcuts(self) -> None:
        ShortcutsDialog(self._window, self._actions).open()

    def _open_context_menu(self) -> None:
        """Open the context menu of the focused widget, as a menu key does."""
        widget = self._window.focusWidget()
        if widget is not None:
            middle = widget.rect().center()
            reason = QContextMenuEvent.Reason.Keyboard
            event = QContextMenuEvent(reason, middle, widget.mapToGlobal(middle))
            QApplication.sendEvent(widget, event)
