"""The command palette: every action of the window, found by a few letters."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QTimer

from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.popups.search.fuzzy_match import best_score
from nodeflow.ui.popups.search.quick_pick import QuickPick, Row

MINE = "command_palette"
WHOLE = 0.6
"""Minimum score of each word, if a query has several. Scattered letters do not count as a word."""


class CommandPalette:
    """A list over the window with all actions, most recently used first."""

    def __init__(self, popup: QuickPick, actions: ActionSet) -> None:
        self._popup, self._actions = popup, actions
        self._recent: list[str] = []

    def open(self) -> None:
        """Let the user pick an action, and run it.

        If the action is blocked, show the reason and stay open.
        """
        self._actions.refresh()
        self._popup.open(
            self.rows,
            self._picked,
            title="Commands",
            hint="Type a command",
            nothing="No command of this name.",
        )

    def rows(self, query: str) -> Sequence[Row]:
        """Return the actions that match a query, best first."""
        scored = []
        for place, spec in enumerate(self._actions.specs):
            if spec.id == MINE:
                continue
            row = self._row(spec.id)
            value = _score(query, (row.title, spec.id), spec.tip)
            if value <= 0:
                continue
            habit = self._recent.index(spec.id) if spec.id in self._recent else 1000
            blocked = 0 if row.enabled else 0.1
            scored.append((-(value - blocked), habit, place, row))
        return [row for *_, row in sorted(scored, key=lambda item: item[:3])]

    def _row(self, action_id: str) -> Row:
        spec, action = self._actions.spec(action_id), self._actions[action_id]
        blocked = self._actions.blocked(action_id)
        title = action.text().replace("&", "")
        if spec.checkable and action.isChecked():
            title += "  ✓"
        return Row(
            title,
            blocked.reason if blocked else spec.tip,
            self._actions.shortcut_text(action_id),
            action_id,
            spec.icon or "chevron-right",
            enabled=blocked is None or bool(blocked.fix),
        )

    def _picked(self, row: Row) -> None:
        self._recent = [row.data, *(i for i in self._recent if i != row.data)][:20]
        # The action runs after the popup has handled its event, because it may open a dialog.
        QTimer.singleShot(0, self._popup, lambda: self._actions.trigger(row.data))


def _score(query: str, names: tuple[str, ...], tip: str) -> float:
    """Return how well an action matches a query as a whole, or its words in any order."""
    whole, words = best_score(query, names, (tip,)), query.split()
    if len(words) < 2:
        return whole
    least = min(best_score(word, names, (tip,)) for word in words)
    return max(whole, 0.85 * least if least >= WHOLE else 0.0)
