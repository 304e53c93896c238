"""Moving the focus to the next visible pane: the page in the middle, a lesson, then the panels."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QMainWindow, QWidget

from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.pages.page_stack import PageStack
from nodeflow.ui.window.docking import Docking


class PaneActions(QObject):
    """The actions Next pane and Previous pane."""

    def __init__(
        self,
        window: QMainWindow,
        pages: PageStack,
        docking: Docking,
        lesson: QWidget,
        actions: ActionSet,
    ) -> None:
        super().__init__(window)
        self._lesson = lesson
        self._window, self._pages, self._docking = window, pages, docking
        actions.bind(
            {
                "next_pane": Binding(partial(self._step, 1)),
                "previous_pane": Binding(partial(self._step, -1)),
            }
        )

    def _step(self, step: int) -> None:
        stage = self._pages.stage_area
        middle = dict.fromkeys([self._pages.focus_area, *([stage] if stage else [])])
        lesson = [self._lesson] if self._lesson.isVisible() else []
        panes = [*middle, *lesson, *self._docking.visible_panels()]
        focus = self._window.focusWidget()
        inside = [i for i, p in enumerate(panes) if focus and (p is focus or p.isAncestorOf(focus))]
        at = inside[-1] if inside else 0  # the lesson lies in the page of the canvas
        for offset in range(1, len(panes) + 1):
            target = _first_stop(panes[(at + step * offset) % len(panes)])
            if target is not None:
                target.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return


def _first_stop(pane: QWidget) -> QWidget | None:
    """Return the first widget of a pane that can take the keyboard focus."""
    for widget in (pane, *pane.findChildren(QWidget)):
        takes = bool(widget.focusPolicy().value & Qt.FocusPolicy.TabFocus.value)
        if takes and widget.isVisible() and widget.isEnabled():
            return widget
    return None
