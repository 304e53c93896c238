"""The toolbar, the menu bar and the status bar of the window, and the contents of the status
bar.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSize, Qt, Slot
from PySide6.QtWidgets import QMenu, QToolBar, QWidget

from nodeflow.number_text import counted
from nodeflow.ui.actions.action_set import build_menus, build_toolbar
from nodeflow.ui.actions.menus import DATA_CHOOSER, NEEDED
from nodeflow.ui.window.data_chooser import DataChooser
from nodeflow.ui.window.needed_buttons import NeededButtons
from nodeflow.ui.window.run_bar import RunBar
from nodeflow.ui.window.statusbar import StatusBar

if TYPE_CHECKING:
    from nodeflow.ui.window.main_window import MainWindow


class Bars:
    """The bars of a window. They are made after its actions, controllers and docks.

    Attributes:
        toolbar: the toolbar below the menus.
        chooser: the chooser of the displayed data, in the toolbar.
        run_bar: shows the usable actions among those that run or train.
        needed: shows further buttons while they are needed.
        status: the status bar.
    """

    def __init__(self, window: MainWindow) -> None:
        actions = window.actions_
        toolbar = self.toolbar = QToolBar("Toolbar")
        toolbar.setObjectName("toolbar")
        toolbar.setMovable(False)
        toolbar.setIconSize(QSize(18, 18))
        toolbar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.chooser = DataChooser(window.data, actions, window.themes)
        end = QWidget()
        places = build_toolbar(toolbar, actions, {DATA_CHOOSER: self.chooser, NEEDED: end})
        self.chooser.set_place(places[DATA_CHOOSER])
        self.run_bar = RunBar(
            toolbar,
            places[DATA_CHOOSER],
            actions,
            window.link,
            window.workspace,
            window.unfinished,
        )
        self.needed = NeededButtons(toolbar, places[NEEDED], actions, window.workspace)
        window.data_actions.row_requested.connect(self.chooser.open_row)
        window.addToolBar(toolbar)
        build_menus(window.menuBar(), actions, self._submenus(window))
        self.status = StatusBar(window.themes)
        window.setStatusBar(self.status)

    @staticmethod
    def _submenus(window: MainWindow) -> dict[str, QMenu]:
        """Return the menus that are filled when they open."""
        recent, examples = QMenu(window), QMenu(window)
        recent.setToolTipsVisible(True)
        recent.aboutToShow.connect(partial(window.files.fill_recent, recent))
        examples.aboutToShow.connect(partial(window.files.fill_examples, examples))
        return {
            "recent_menu": recent,
            "examples_menu": examples,
            "panels_menu": window.docking.menu,
        }


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
        window.lesson_panel.finished.connect(status.show_text)

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
