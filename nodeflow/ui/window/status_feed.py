"""The status bar's contents from the document and the engine, and the targets of its clicks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from nodeflow.number_text import counted

if TYPE_CHECKING:
    from nodeflow.ui.window.main_window import MainWindow


class StatusFeed(QObject):
    """The connection that keeps a window's status bar up to date."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._status, self._link = window.status, window.link
        self._problems, self._breakpoints = window.problem_list, window.breakpoints
        self._navigator = window.navigator
        status, trigger = window.status, window.actions_.trigger
        run, values = window.run, window.shown_values
        window.messages.status_text.connect(status.show_text)
        window.actions_.tip_outdated.connect(status.drop_tip)
        self._problems.changed.connect(self._show_problems)
        self._show_problems()
        values.feeds_missing.connect(status.show_waiting)
        status.attach_clicked.connect(partial(trigger, "attach_data"))
        values.notices_changed.connect(status.show_notices)
        status.notice_clicked.connect(run.notices_requested)
        self._breakpoints.changed.connect(self._show_breakpoints)
        status.breakpoints_clicked.connect(self._next_breakpoint)
        status.problems_clicked.connect(partial(trigger, "show_problems"))
        status.engine_clicked.connect(partial(trigger, "show_log"))
        status.zoom_clicked.connect(partial(trigger, "fit"))
        self._link.state_changed.connect(self._show_engine)
        self._link.edits.connect(status.show_edits)
        self._link.watch.changed.connect(self._show_engine)
        window.tutorial.finished.connect(status.show_text)

    @Slot()
    def _show_engine(self) -> None:
        link = self._link
        state = "silent" if link.watch.is_silent else link.state
        detail = counted(link.threads, "thread") if state == "idle" and link.threads else ""
        self._status.show_engine(state, detail)

    @Slot()
    def _show_problems(self) -> None:
        counts = map(self._problems.count, ("error", "warning", "incomplete"))
        self._status.show_problems(*counts)

    @Slot()
    def _show_breakpoints(self) -> None:
        self._status.show_breakpoints(self._breakpoints.names)

    @Slot()
    def _next_breakpoint(self) -> None:
        path = self._breakpoints.next()
        if path is not None:
            self._navigator.show_path(path)
