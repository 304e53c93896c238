"""Toolbar buttons that are shown while they are needed: Save, Undo, Redo, and hidden panels."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QToolBar

from nodeflow.ui.actions.action_set import ActionSet, add_button
from nodeflow.ui.core.state.workspace import Workspace

BUTTONS = ("save", "undo", "redo", "order", "panel_left", "panel_bottom", "panel_right")
"""The buttons in their order, at the end of the toolbar, so that a new button moves none to its
left.
"""
EDITS = ("undo", "redo")
SIDES = ("panel_left", "panel_right")


class NeededButtons(QObject):
    """Adds and removes the buttons whenever the window refreshes its actions.

    Args:
        before: the toolbar action before which the buttons are inserted.
    """

    def __init__(
        self, bar: QToolBar, before: QAction, actions: ActionSet, workspace: Workspace
    ) -> None:
        super().__init__(bar)
        self._bar, self._before, self._actions = bar, before, actions
        self._workspace = workspace
        self.shown: tuple[str, ...] = ()
        actions.refreshed.connect(self.update)

    @Slot()
    def update(self) -> None:
        """Show the needed buttons."""
        wanted = tuple(filter(self._is_needed, BUTTONS))
        if wanted == self.shown:
            return
        for action in set(self.shown) - set(wanted):
            self._bar.removeAction(self._actions[action])
        after: QAction = self._before
        for action in reversed(wanted):
            if action not in self.shown:
                add_button(self._bar, self._actions, action, after)
            after = self._actions[action]
        self.shown = wanted

    def _is_needed(self, action: str) -> bool:
        """Return whether a button is needed.

        Save is needed while there are unsaved changes, Undo and Redo from the first edit on,
        and the order of nodes while there are nodes. The button of a side panel is needed while
        the panel is hidden; a visible panel has its own button.
        """
        blocked = self._actions.blocked
        if action == "order":
            return bool(self._workspace.root.nodes)
        if action == "save":
            return self._workspace.root.is_modified
        if action in EDITS:
            return any(blocked(each) is None for each in EDITS)
        is_open = action in SIDES and self._actions[action].isChecked()
        return blocked(action) is None and not is_open
