"""The toolbar, the menu bar and the status bar of the window."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QMenu, QToolBar, QWidget

from nodeflow.ui.actions.action_set import build_menus, build_toolbar
from nodeflow.ui.actions.menus import DATA_CHOOSER, NEEDED
from nodeflow.ui.window.data_chooser import DataChooser
from nodeflow.ui.window.needed_buttons import NeededButtons
from nodeflow.ui.window.run_bar import RunBar
from nodeflow.ui.window.statusbar import StatusBar

if TYPE_CHECKING:
    from nodeflow.ui.window.main_window import MainWindow


class Bars:
    """The bars of a window, made after its actions, controllers and docks.

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
