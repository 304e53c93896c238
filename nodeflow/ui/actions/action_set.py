"""The actions of `action_list` as QActions, and the menus and the toolbar that show them.

An action that cannot run says why. Where there is a remedy it stays clickable, and the window then
offers the remedy instead of doing nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QSizePolicy, QToolBar, QToolButton, QWidget

from nodeflow.ui.actions.key_text import is_plain, native
from nodeflow.ui.actions.specs import (
    ACTIONS,
    MENUS,
    SEPARATOR,
    SPACER,
    TOOLBAR,
    TOOLBAR_TEXT,
    ActionSpec,
)
from nodeflow.ui.core.theme import Theme, icon
from nodeflow.ui.core.theme_manager import ThemeManager


@dataclass(frozen=True)
class Blocked:
    """Why an action cannot run now, and the action that would help (its id), if there is one."""

    reason: str
    fix: str = ""


class ActionSet(QObject):
    """QActions made from `ACTIONS`. The first of ``targets`` with a method ``do_ID`` does it, and
    ``when_ID`` of the same object, if it has one, says whether it can be done.

    ``explain(spec, blocked)`` is called instead when somebody triggers a blocked action.
    ``keys_changed`` carries the keys of every action by its id.
    """

    keys_changed = Signal(object)

    def __init__(
        self,
        window: QWidget,
        canvas: QWidget,
        targets: Sequence[object],
        explain: Callable[[ActionSpec, Blocked], None],
        themes: ThemeManager,
    ) -> None:
        super().__init__(window)
        self._window, self._canvas = window, canvas
        self._explain = explain
        self._theme = themes.theme
        self._specs = {spec.id: spec for spec in ACTIONS}
        self._do: dict[str, Callable[[], object]] = {}
        self._when: dict[str, Callable[[], Blocked | None]] = {}
        for spec in ACTIONS:
            owner = next(t for t in targets if hasattr(t, f"do_{spec.id}"))
            self._do[spec.id] = getattr(owner, f"do_{spec.id}")
            self._when[spec.id] = getattr(owner, f"when_{spec.id}", _always)
        self._blocked: dict[str, Blocked | None] = {}
        self._keys = {spec.id: spec.shortcuts for spec in ACTIONS}
        self._icons: dict[str, str] = {spec.id: spec.icon for spec in ACTIONS}
        self._actions = {spec.id: self._make(spec) for spec in ACTIONS}
        themes.follow(self.set_theme)

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def spec(self, action_id: str) -> ActionSpec:
        return self._specs[action_id]

    def blocked(self, action_id: str) -> Blocked | None:
        """Why an action cannot run now, as of the last ``refresh``."""
        return self._blocked.get(action_id)

    def set_theme(self, theme: Theme) -> None:
        """Draw the icons in another theme's ink."""
        self._theme = theme
        for spec in ACTIONS:
            self._draw_icon(spec)

    def apply_keymap(self, keys: Callable[[ActionSpec], tuple[str, ...]]) -> None:
        """Give every action the keys that ``keys(spec)`` says, and show them in its tooltip."""
        for spec in ACTIONS:
            wanted = keys(spec)
            if wanted != self._keys[spec.id]:
                self._keys[spec.id] = wanted
                self._actions[spec.id].setShortcuts(_heard_by_qt(spec, wanted))
                self._describe(spec)
        self.keys_changed.emit(self._keys)

    def shortcut_text(self, action_id: str) -> str:
        """The first key of an action as this platform writes it."""
        keys = self._keys[action_id]
        return native(keys[0]) if keys else ""

    def all_keys_text(self, action_id: str) -> str:
        """All keys of an action as this platform writes them."""
        return ", ".join(map(native, self._keys[action_id]))

    def refresh(self, ids: Collection[str] | None = None) -> None:
        """Ask every action, or some, whether it can run, and say so in its tooltip."""
        for spec in ACTIONS if ids is None else map(self.spec, ids):
            blocked = self._when[spec.id]()
            if spec.id in self._blocked and self._blocked[spec.id] == blocked:
                continue
            self._blocked[spec.id] = blocked
            self._actions[spec.id].setEnabled(blocked is None or bool(blocked.fix))
            self._describe(spec)
            self._draw_icon(spec)

    def set_text(self, action_id: str, text: str, icon_name: str = "") -> None:
        """Change what an action is called: Pause becomes Resume, Undo names what it undoes."""
        action = self._actions[action_id]
        if action.text() != text:
            action.setText(text)
            _set_icon_text(action)
            self._icons[action_id] = icon_name or self._icons[action_id]
            self._describe(self._specs[action_id])
            self._draw_icon(self._specs[action_id])

    def trigger(self, action_id: str) -> None:
        """Do it, or say why not, as a click would."""
        spec = self._specs[action_id]
        blocked = self._when[action_id]()
        if blocked is not None:
            self._explain(spec, blocked)
        else:
            self._do[action_id]()

    def _make(self, spec: ActionSpec) -> QAction:
        action = QAction(spec.text, self._window)
        action.setObjectName(spec.id)
        _set_icon_text(action)
        action.setCheckable(spec.checkable)
        action.setShortcuts(_heard_by_qt(spec, spec.shortcuts))
        context = Qt.ShortcutContext
        action.setShortcutContext(
            context.WidgetShortcut if spec.on_canvas else context.WindowShortcut
        )
        action.triggered.connect(self._on_triggered)
        (self._canvas if spec.on_canvas else self._window).addAction(action)
        return action

    def _on_triggered(self) -> None:
        self.trigger(self.sender().objectName())

    def _describe(self, spec: ActionSpec) -> None:
        action = self._actions[spec.id]
        title = action.text().replace("&", "").rstrip("…")
        keys = self.all_keys_text(spec.id)
        lines = [f"<b>{title}</b>{f'&nbsp;&nbsp;{keys}' if keys else ''}"]
        if spec.tip:
            lines.append(spec.tip)
        blocked = self._blocked.get(spec.id)
        if blocked:
            lines.append(f"<i>{blocked.reason}</i>")
        action.setToolTip("<br>".join(lines))
        action.setStatusTip(blocked.reason if blocked else spec.tip)
        _speak(action)

    def _draw_icon(self, spec: ActionSpec) -> None:
        name = self._icons[spec.id]
        if name:
            role = "accent" if spec.id in TOOLBAR_TEXT else "ink"
            role = "ink_faint" if self._blocked.get(spec.id) else role
            self._actions[spec.id].setIcon(icon(name, self._theme, role))


def _set_icon_text(action: QAction) -> None:
    """What a toolbar shows beside the icon: Qt leaves too little room between them."""
    action.setIconText(" " + action.text().replace("&", "").rstrip("…"))


def _heard_by_qt(spec: ActionSpec, keys: Sequence[str]) -> list[QKeySequence]:
    """The keys that are shortcuts to Qt. The canvas hears the others itself: those of what it alone
    does, and plain keys of an action that has keys everywhere."""
    if spec.by_canvas:
        return []
    return [QKeySequence(k) for k in keys if spec.on_canvas or not is_plain(k)]


def _always() -> None:
    return None


def build_menus(bar: QMenuBar, actions: ActionSet, submenus: dict[str, QMenu]) -> None:
    """Fill the menu bar; ``submenus`` are those that the window fills itself."""
    for title, items in MENUS:
        menu = bar.addMenu(title)
        menu.setToolTipsVisible(True)
        fill_menu(menu, items, actions, submenus)


def fill_menu(
    menu: QMenu, items: tuple[Any, ...], actions: ActionSet, submenus: dict[str, QMenu]
) -> None:
    for item in items:
        if item == SEPARATOR:
            menu.addSeparator()
        elif isinstance(item, str):
            menu.addAction(actions[item])
        elif isinstance(item[1], str):
            submenu = submenus[item[1]]
            submenu.setTitle(item[0])
            menu.addMenu(submenu)
        else:
            fill_menu(menu.addMenu(item[0]), item[1], actions, submenus)


def _speak(action: QAction) -> None:
    """Say to screen readers what the tooltip shows: they would read its layout's marks, too."""
    for bar in action.associatedObjects():
        if isinstance(bar, QToolBar):
            said = action.statusTip() or action.iconText().strip()
            bar.widgetForAction(action).setAccessibleDescription(said)


def build_toolbar(bar: QToolBar, actions: ActionSet) -> None:
    """Fill the toolbar; Run and Train show their text."""
    for item in TOOLBAR:
        if item == SEPARATOR:
            bar.addSeparator()
            continue
        if item == SPACER:
            space = QWidget()
            space.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            bar.addWidget(space)
            continue
        bar.addAction(actions[item])
        button = bar.widgetForAction(actions[item])
        button.setAccessibleName(actions.spec(item).text)
        _speak(actions[item])
        if isinstance(button, QToolButton) and item in TOOLBAR_TEXT:
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setProperty("kind", "text")
