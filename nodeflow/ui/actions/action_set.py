"""The QActions of `specs`, and the menus and the toolbar that show them.

A blocked action shows the reason. If another action would remove the obstacle, the blocked
action stays enabled, and triggering it emits `refused`, so that the window can offer that other
action.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from html import escape
from typing import Any

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QMenuBar, QSizePolicy, QToolBar, QToolButton, QWidget

from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.actions.key_text import is_plain, native
from nodeflow.ui.actions.menus import (
    ACCENTED,
    MENUS,
    PLACE,
    SEPARATOR,
    SPACER,
    TOOLBAR,
    TOOLBAR_TEXT,
)
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.core.theming.theme import Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager

REFRESH_MS = 30
"""Milliseconds without edits after which actions check again whether they can run."""


class ActionError(LookupError):
    """An error in the bindings: an action without a binding, bound twice, or not declared in
    `specs`.
    """


class ActionSet(QObject):
    """The QActions made from specs.

    The window binds each action once while it is constructed; ``complete`` raises an error if one
    is missing.

    Args:
        window: the widget that owns the actions; their keys work everywhere in it.
        canvas: the widget of the actions whose keys work only while it has the focus.

    Signals:
        refreshing(): listeners set texts and check marks to the current state.
        refreshed(): `blocked` describes the current state.
        triggering(): an action is about to run; listeners commit the text being typed.
        refused(ActionSpec, Blocked): a blocked action was triggered.
        keys_changed(keys of every action by its id)
        tip_outdated(text): a status tip changed; the status bar may still show this old text.
    """

    refreshing = Signal()
    refreshed = Signal()
    triggering = Signal()
    refused = Signal(object, object)
    keys_changed = Signal(object)
    tip_outdated = Signal(str)

    def __init__(
        self,
        window: QWidget,
        canvas: QWidget,
        specs: Sequence[ActionSpec],
        themes: ThemeManager,
    ) -> None:
        super().__init__(window)
        self._window, self._canvas = window, canvas
        self.specs = tuple(specs)
        self._specs = {spec.id: spec for spec in self.specs}
        self._bindings: dict[str, Binding] = {}
        self._blocked: dict[str, Blocked | None] = {}
        self._keys = {spec.id: spec.shortcuts for spec in self.specs}
        self._icons: dict[str, str] = {spec.id: spec.icon for spec in self.specs}
        self._tips: dict[str, str] = {spec.id: spec.tip for spec in self.specs}
        self._actions = {spec.id: self._make(spec) for spec in self.specs}
        self._timer = QTimer(self, singleShot=True, interval=REFRESH_MS)
        self._timer.timeout.connect(self.refresh_now)
        self._theme = themes.theme  # the first refresh draws the icons
        themes.changed.connect(self.set_theme)

    # ---- binding ----------------------------------------------------------------------------

    def bind(self, bindings: Mapping[str, Binding]) -> None:
        """Bind functions to actions.

        Raises:
            ActionError: no spec declares an id, or it is bound already.
        """
        self.require(bindings)
        for action_id, binding in bindings.items():
            if action_id in self._bindings:
                raise ActionError(f"the action {action_id} is bound twice")
            self._bindings[action_id] = binding

    def complete(self) -> None:
        """Check that every action is bound.

        Raises:
            ActionError: names the unbound actions.
        """
        missing = sorted(set(self._specs) - set(self._bindings))
        if missing:
            raise ActionError(f"actions without a binding: {', '.join(missing)}")

    def require(self, action_ids: Collection[str]) -> None:
        """Check that specs declare all these actions.

        Raises:
            ActionError: names the undeclared ids.
        """
        unknown = sorted(set(action_ids) - set(self._specs))
        if unknown:
            raise ActionError(f"no spec declares {', '.join(unknown)}")

    # ---- reading ----------------------------------------------------------------------------

    def __getitem__(self, action_id: str) -> QAction:
        return self._actions[action_id]

    def spec(self, action_id: str) -> ActionSpec:
        return self._specs[action_id]

    def blocked(self, action_id: str) -> Blocked | None:
        """Return why an action cannot run, as of the last ``refresh``; None if it can."""
        return self._blocked.get(action_id)

    def reason(self, action_id: str) -> str:
        """Return why an action cannot run at this moment; empty if it can."""
        blocked = self._bindings[action_id].when()
        return blocked.reason if blocked is not None else ""

    def set_theme(self, theme: Theme) -> None:
        """Redraw the icons in the theme's colour for icons."""
        self._theme = theme
        for spec in self.specs:
            self._draw_icon(spec)

    def apply_keymap(self, keys: Callable[[ActionSpec], tuple[str, ...]]) -> None:
        """Give every action the keys that ``keys(spec)`` returns, and show them in its tooltip."""
        for spec in self.specs:
            wanted = keys(spec)
            if wanted != self._keys[spec.id]:
                self._keys[spec.id] = wanted
                self._actions[spec.id].setShortcuts(_qt_sequences(spec, wanted))
                self._describe(spec)
        self.keys_changed.emit(self._keys)

    def shortcut_text(self, action_id: str) -> str:
        """Return an action's first key sequence in this platform's notation."""
        keys = self._keys[action_id]
        return native(keys[0]) if keys else ""

    def all_keys_text(self, action_id: str) -> str:
        """Return all key sequences of an action in this platform's notation."""
        return ", ".join(map(native, self._keys[action_id]))

    def refresh(self, ids: Collection[str] | None = None) -> None:
        """Update which actions can run, and their tooltips.

        Args:
            ids: the actions to update; None for all.
        """
        for spec in self.specs if ids is None else map(self.spec, ids):
            blocked = self._bindings[spec.id].when()
            if spec.id in self._blocked and self._blocked[spec.id] == blocked:
                continue
            self._blocked[spec.id] = blocked
            self._actions[spec.id].setEnabled(blocked is None or bool(blocked.fix))
            self._describe(spec)
            self._draw_icon(spec)

    def refresh_now(self) -> None:
        """Update the texts, the check marks and the enabled state of all actions."""
        self.refreshing.emit()
        self.refresh()
        self.refreshed.emit()

    def refresh_soon(self, *_: object) -> None:
        """Refresh all actions `REFRESH_MS` after the last call."""
        self._timer.start()

    def set_text(self, action_id: str, text: str, icon_name: str = "", tip: str = "") -> None:
        """Rename an action: Train becomes Restart, Undo names the command to undo.

        An empty ``icon_name`` or ``tip`` keeps the one before.
        """
        action = self._actions[action_id]
        if tip and self._tips[action_id] != tip:
            self._tips[action_id] = tip
            self._describe(self._specs[action_id])
        if action.text() != text:
            action.setText(text)
            _name_buttons(action)
            _set_icon_text(action)
            self._icons[action_id] = icon_name or self._icons[action_id]
            self._describe(self._specs[action_id])
            self._draw_icon(self._specs[action_id])

    def trigger(self, action_id: str) -> None:
        """Run an action, or report why it cannot run, exactly like a click."""
        self.triggering.emit()
        spec = self._specs[action_id]
        binding = self._bindings[action_id]
        blocked = binding.when()
        if blocked is not None:
            self.refresh([action_id])  # emits `tip_outdated` if the reason changed
            self.refused.emit(spec, blocked)
        else:
            binding.do()

    def lend(self, action_id: str, widget: QWidget) -> None:
        """Let the keys of an action of the canvas work in another widget and its children, too.

        Text fields still take the keys for typing, because Qt asks the focused widget first.
        """
        action = self._actions[action_id]
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        widget.addAction(action)

    def _make(self, spec: ActionSpec) -> QAction:
        action = QAction(spec.text, self._window)
        action.setObjectName(spec.id)
        _set_icon_text(action)
        action.setCheckable(spec.checkable)
        action.setShortcuts(_qt_sequences(spec, spec.shortcuts))
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
        lines = [f"<b>{escape(title, quote=False)}</b>{f'&nbsp;&nbsp;{keys}' if keys else ''}"]
        tip = self._tips[spec.id]
        if tip:
            lines.append(escape(tip, quote=False))
        blocked = self._blocked.get(spec.id)
        if blocked:
            lines.append(f"<i>{escape(blocked.reason, quote=False)}</i>")
        action.setToolTip("<br>".join(lines))
        self._set_status_tip(action, blocked.reason if blocked else tip)
        _describe_to_readers(action)

    def _set_status_tip(self, action: QAction, text: str) -> None:
        before = action.statusTip()
        action.setStatusTip(text)
        if before and before != text:
            self.tip_outdated.emit(before)

    def _draw_icon(self, spec: ActionSpec) -> None:
        name = self._icons[spec.id]
        if name:
            role = "accent" if spec.id in ACCENTED else "ink"
            role = "ink_faint" if self._blocked.get(spec.id) else role
            self._actions[spec.id].setIcon(icon(name, self._theme, role))


def _set_icon_text(action: QAction) -> None:
    """Set the text of a toolbar button to the text of its action.

    A space before the text widens Qt's narrow gap to the icon.
    """
    action.setIconText(" " + action.text().replace("&", "").rstrip("…"))


def _qt_sequences(spec: ActionSpec, keys: Sequence[str]) -> list[QKeySequence]:
    """Return the keys to register as Qt shortcuts.

    Two kinds of keys are left out, because the canvas handles them: keys of the canvas's own
    actions, and plain keys of actions that work everywhere.
    """
    if spec.by_canvas:
        return []
    return [QKeySequence(k) for k in keys if spec.on_canvas or not is_plain(k)]


def action_ids(items: tuple[Any, ...]) -> Iterator[str]:
    """Yield the ids in the items of a menu and its submenus."""
    for item in items:
        if isinstance(item, str):
            if item not in (SEPARATOR, SPACER) and not item.startswith(PLACE):
                yield item
        elif not isinstance(item[1], str):
            yield from action_ids(item[1])


def build_menus(bar: QMenuBar, actions: ActionSet, submenus: dict[str, QMenu]) -> None:
    """Fill the menu bar.

    Args:
        submenus: menus, by name, that the window fills itself.
    """
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
        elif isinstance(item, str) and item.startswith(PLACE):
            for spec in actions.specs:
                if f"{PLACE}{spec.place}" == item:
                    menu.addAction(actions[spec.id])
        elif isinstance(item, str):
            menu.addAction(actions[item])
        elif isinstance(item[1], str):
            submenu = submenus[item[1]]
            submenu.setTitle(item[0])
            menu.addMenu(submenu)
        else:
            fill_menu(menu.addMenu(item[0]), item[1], actions, submenus)


def _name_buttons(action: QAction) -> None:
    """Set the action's text as the accessible name of its buttons."""
    for bar in action.associatedObjects():
        if isinstance(bar, QToolBar):
            bar.widgetForAction(action).setAccessibleName(action.text().replace("&", ""))


def _describe_to_readers(action: QAction) -> None:
    """Set the tooltip without markup as the accessible description of the action's buttons."""
    for bar in action.associatedObjects():
        if isinstance(bar, QToolBar):
            text = action.statusTip() or action.iconText().strip()
            bar.widgetForAction(action).setAccessibleDescription(text)


def build_toolbar(
    bar: QToolBar, actions: ActionSet, widgets: Mapping[str, QWidget]
) -> dict[str, QAction]:
    """Fill the toolbar, except for the buttons that run and train.

    Args:
        widgets: widgets to place among the actions, by the item of `TOOLBAR`.

    Returns:
        The actions that show and hide these widgets.
    """
    places = {}
    for item in TOOLBAR:
        if item in widgets:
            places[item] = bar.addWidget(widgets[item])
            continue
        if item == SEPARATOR:
            bar.addSeparator()
            continue
        if item == SPACER:
            space = QWidget()
            space.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            bar.addWidget(space)
            continue
        add_button(bar, actions, item)
    return places


def add_button(
    bar: QToolBar, actions: ActionSet, action_id: str, before: QAction | None = None
) -> None:
    """Add an action to a toolbar, at its end or before another action."""
    action = actions[action_id]
    bar.insertAction(before, action) if before is not None else bar.addAction(action)
    button = bar.widgetForAction(action)
    button.setAccessibleName(action.text().replace("&", "").rstrip("…"))
    _describe_to_readers(action)
    if isinstance(button, QToolButton) and action_id in TOOLBAR_TEXT:
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setProperty("kind", "text")
