"""The dialog that changes keys: a table of actions, and one editor for the chosen action."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QPushButton,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.key_text import native
from nodeflow.ui.actions.keymap import Keymap
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.canvas.gestures.navigation_presets import PRESETS
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.anchored_tips import CutTextDelegate
from nodeflow.ui.core.widgets.common_widgets import label, restyle
from nodeflow.ui.popups.search.fuzzy_match import best_score

ID_ROLE = Qt.ItemDataRole.UserRole
WALKING = ("Tab", "Return", "Esc")
"""Keys that keep their usual meaning in the dialog. To assign them, users choose them from a
menu.
"""
BARE = (Qt.Key.Key_Shift, Qt.Key.Key_Control, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr)


class KeyField(QLineEdit):
    """A field that shows the keys pressed in it. Escape and Tab keep their usual meaning."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("keyField")
        self.setReadOnly(True)
        self.setPlaceholderText("Press the new keys")
        self.setAccessibleName("New keys")
        self.keys = ""

    def show_keys(self, keys: str) -> None:
        self.keys = keys
        self.setText(native(keys))

    def event(self, event: QEvent) -> bool:
        """Accept keys that would otherwise trigger shortcuts of the window."""
        if event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = event.modifiers() == Qt.KeyboardModifier.NoModifier
        if plain and event.key() in (Qt.Key.Key_Escape, Qt.Key.Key_Tab, Qt.Key.Key_Return):
            event.ignore()
        elif event.key() not in BARE:
            sequence = QKeySequence(event.keyCombination())
            self.show_keys(sequence.toString(QKeySequence.SequenceFormat.PortableText))
            self.textEdited.emit(self.text())


class ShortcutEditor(QDialog):
    """A dialog with all actions and their keys.

    It refuses conflicting keys and shows the reason.
    """

    def __init__(self, parent: QWidget, actions: ActionSet, keymap: Keymap) -> None:
        super().__init__(parent)
        self.setObjectName("shortcutEditor")
        self.setWindowTitle("Keys and pointer")
        self.resize(620, 640)
        self._actions, self._keymap = actions, keymap
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Search actions or keys")
        self.filter.setAccessibleName("Search actions")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._show_matching)
        self.table = QTreeWidget()
        self.table.setItemDelegate(CutTextDelegate(self.table))
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setHeaderLabels(["Action", "Keys"])
        self.table.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.table.header().setStretchLastSection(False)
        self.table.setColumnWidth(1, 200)
        self.table.setAccessibleName("Actions and their keys")
        self.table.currentItemChanged.connect(self._on_current)
        self.field = KeyField()
        self.field.textEdited.connect(self._on_keys)
        self.set_button = QPushButton("Use these keys")
        self.set_button.setProperty("kind", "primary")
        self.set_button.clicked.connect(self._on_set)
        self.more_keys = QToolButton()
        self.more_keys.setText("…")
        self.more_keys.setAccessibleName("Tab, Enter or Escape")
        self.more_keys.setToolTip("Tab, Enter or Escape, which cannot be pressed here")
        self.more_keys.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(self.more_keys)
        for key in WALKING:
            menu.addAction(native(key), partial(self._choose_key, key))
        self.more_keys.setMenu(menu)
        self.add_button = QPushButton("Also these")
        self.add_button.setToolTip("Keep the current keys")
        self.add_button.clicked.connect(self._on_add)
        self.clear_button = QPushButton("No keys")
        self.clear_button.clicked.connect(self._on_clear)
        self.default_button = QPushButton("Default")
        self.default_button.clicked.connect(self._on_default)
        self.note = label("", "muted", wrap=True)
        self.note.setMinimumHeight(34)
        self.pointer = QComboBox()
        self.pointer.setAccessibleName("Pointer")
        for name, text in PRESETS.items():
            self.pointer.addItem(text, name)
        self._lay_out()
        self._fill()

    def _lay_out(self) -> None:
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        everything = QPushButton("All defaults")
        everything.clicked.connect(self._on_all_defaults)
        buttons.addButton(everything, QDialogButtonBox.ButtonRole.ResetRole)
        buttons.rejected.connect(self.reject)
        for each in (self.set_button, everything, *buttons.buttons()):
            if isinstance(each, QPushButton):
                each.setAutoDefault(False)
        edit = QHBoxLayout()
        edit.setSpacing(SPACE[2])
        edit.addWidget(self.field, 1)
        edit.addWidget(self.more_keys)
        for each in (self.set_button, self.add_button, self.clear_button, self.default_button):
            each.setAutoDefault(False)
            edit.addWidget(each)
        pointer = QHBoxLayout()
        pointer.addWidget(label("Wheel and drag"))
        pointer.addWidget(self.pointer, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(SPACE[4], SPACE[4], SPACE[4], SPACE[4])
        layout.setSpacing(SPACE[3])
        layout.addWidget(self.filter)
        layout.addWidget(self.table, 1)
        layout.addLayout(edit)
        layout.addWidget(self.note)
        layout.addLayout(pointer)
        layout.addWidget(buttons)

    def _fill(self) -> None:
        self.table.clear()
        for spec in self._actions.specs:
            item = QTreeWidgetItem([_title(spec), ""])
            item.setData(0, ID_ROLE, spec.id)
            item.setToolTip(0, spec.tip)
            self.table.addTopLevelItem(item)
            self._show_keys(item)
        self.table.setCurrentItem(self._items()[0])

    def choose(self, action_id: str) -> None:
        """Select an action in the list, to edit its keys."""
        for item in self._items():
            if item.data(0, ID_ROLE) == action_id:
                self.table.setCurrentItem(item)

    # ---- signals ----------------------------------------------------------------------------

    def _items(self) -> list[QTreeWidgetItem]:
        found = [self.table.topLevelItem(i) for i in range(self.table.topLevelItemCount())]
        return [item for item in found if item is not None]

    def _show_matching(self, query: str) -> None:
        for item in self._items():
            texts = (item.text(0), item.text(1))
            item.setHidden(bool(query) and best_score(query, texts) < 0.5)
        shown = [item for item in self._items() if not item.isHidden()]
        if shown and self._current().isHidden():
            self.table.setCurrentItem(shown[0])

    def _current(self) -> QTreeWidgetItem:
        """Return the item that is edited. There always is one."""
        item = self.table.currentItem()
        assert item is not None
        return item

    def _spec(self) -> ActionSpec:
        return self._actions.spec(self._current().data(0, ID_ROLE))

    def _show_keys(self, item: QTreeWidgetItem) -> None:
        spec = self._actions.spec(item.data(0, ID_ROLE))
        keys = self._keymap.keys(spec)
        item.setText(1, ",  ".join(map(native, keys)))
        shown = item.font(1)
        shown.setBold(self._keymap.is_changed(spec))
        item.setFont(1, shown)

    def _on_current(self, item: QTreeWidgetItem | None, _: QObject | None = None) -> None:
        if item is not None:
            keys = self._keymap.keys(self._spec())
            self.field.show_keys(keys[0] if keys else "")
            self._say("")

    def _on_keys(self) -> None:
        self._say(self._keymap.refusal(self._spec(), self.field.keys))

    def _choose_key(self, keys: str) -> None:
        self.field.show_keys(keys)
        self._on_keys()

    def _say(self, problem: str) -> None:
        self.note.setText(problem)
        restyle(self.note, "role", "error" if problem else "muted")
        restyle(self.field, "invalid", "true" if problem else "false")
        self.set_button.setEnabled(not problem)
        self.add_button.setEnabled(not problem)

    def _on_set(self) -> None:
        self._give((self.field.keys,))

    def _on_add(self) -> None:
        self._give(tuple(dict.fromkeys((*self._keymap.keys(self._spec()), self.field.keys))))

    def _give(self, keys: tuple[str, ...]) -> None:
        spec = self._spec()
        problem = self._keymap.refusal(spec, self.field.keys)
        self._say(problem)
        if not problem:
            self._bind(spec, keys)

    def _on_clear(self) -> None:
        self._bind(self._spec(), ())
        self.field.show_keys("")

    def _on_default(self) -> None:
        spec = self._spec()
        problems = [self._keymap.refusal(spec, keys) for keys in spec.shortcuts]
        problem = next((p for p in problems if p), "")
        if not problem:
            self._bind(spec, spec.shortcuts)
            self._on_current(self._current())
        self._say(problem)

    def _on_all_defaults(self) -> None:
        self._keymap.reset()
        self._actions.apply_keymap(self._keymap.keys)
        for item in self._items():
            self._show_keys(item)
        self._on_current(self._current())

    def _bind(self, spec: ActionSpec, keys: tuple[str, ...]) -> None:
        self._keymap.bind(spec, keys)
        self._actions.apply_keymap(self._keymap.keys)
        self._show_keys(self._current())


def _title(spec: ActionSpec) -> str:
    return spec.text.replace("&", "").rstrip("…")
