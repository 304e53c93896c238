"""The chooser in the toolbar: the data whose values nodes show, with arrows to other rows."""

from __future__ import annotations

from html import escape

from PySide6.QtCore import Qt, QTimer, Slot
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMenu,
    QSpinBox,
    QToolButton,
    QWidget,
    QWidgetAction,
)

from nodeflow.number_text import count
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.core.state.data_selection import DataSelection
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import label, padded

MENU_INDENT = 36
"""Distance of texts from the left edge of the menu, in pixels."""


class DataChooser(QWidget):
    """A menu button like ``Showing: test rows 1–100`` between two arrows."""

    def __init__(self, data: DataSelection, actions: ActionSet, themes: ThemeManager) -> None:
        super().__init__()
        self._data = data
        self._place: QAction | None = None
        self.setObjectName("dataChooser")
        self.button = QToolButton()
        self.button.setObjectName("shownData")
        self.button.setAccessibleName("Data that nodes show")
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setMenu(self._make_menu(actions))
        self.previous, self.next = QToolButton(), QToolButton()
        self.previous.setDefaultAction(actions["data_previous"])
        self.next.setDefaultAction(actions["data_next"])
        for arrow, name in ((self.previous, "data_previous"), (self.next, "data_next")):
            arrow.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
            arrow.setAccessibleName(actions.spec(name).text)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE[2], 0, SPACE[2], 0)
        layout.setSpacing(0)
        for part in (self.previous, self.button, self.next):
            layout.addWidget(part)
        data.changed.connect(self.show_choice)
        themes.follow(self.set_theme)
        self.show_choice()

    def set_place(self, place: QAction) -> None:
        """Store the toolbar's action, which shows and hides this widget."""
        self._place = place
        self.show_choice()

    def _make_menu(self, actions: ActionSet) -> QMenu:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        for name in ("data_test", "data_validation", "data_train"):
            menu.addAction(actions[name])
        menu.addSeparator()
        menu.addAction(actions["data_single"])
        self._row_action = QWidgetAction(menu)
        self._row_action.setDefaultWidget(self._make_row())
        menu.addAction(self._row_action)
        menu.addSeparator()
        menu.addAction(actions["sketch"])
        menu.aboutToShow.connect(self._fill_row)
        return menu

    def _make_row(self) -> QWidget:
        """Return the field for a row number; Enter shows only that row."""
        self.row = padded(QSpinBox())
        self.row.setAccessibleName("Row to show alone")
        self.row.setMinimum(1)
        self.row.setKeyboardTracking(False)
        self.row.lineEdit().returnPressed.connect(self._on_row)
        self._of: QLabel = label("", "muted")
        line = QWidget()
        layout = QHBoxLayout(line)
        layout.setContentsMargins(MENU_INDENT, SPACE[1], SPACE[3], SPACE[1])
        layout.setSpacing(SPACE[2])
        layout.addWidget(label("Row"))
        layout.addWidget(self.row, 1)
        layout.addWidget(self._of)
        return line

    @Slot()
    def open_row(self) -> None:
        """Open the menu and focus the field for a row number."""
        QTimer.singleShot(0, self.row, self.row.setFocus)
        self.button.showMenu()

    @Slot()
    def show_choice(self) -> None:
        """Describe the displayed data on the button and in its tooltip."""
        data = self._data
        if self._place is not None:
            self._place.setVisible(data.shown is not None)
        text = data.text
        self.button.setText(f" Showing {text[:1].lower()}{text[1:]}")
        title = data.shown.name if data.shown is not None else ""
        of = f" of {title}" if title and not data.is_by_hand else ""
        rows = escape(str(data.shown.rows)) if data.shown else "nothing"
        tip = "Losses and metrics in the training panel come from other rows."
        self.button.setToolTip(f"<b>Nodes show {rows}{escape(of)}.</b><br>{tip}")

    @Slot()
    def _fill_row(self) -> None:
        data = self._data
        rows = data.rows_in(data.split)
        self.row.setMaximum(max(1, rows))
        self.row.setValue(data.choice.first + 1)
        self.row.selectAll()
        self._of.setText(f"of {count(rows)}")

    @Slot()
    def _on_row(self) -> None:
        self.row.interpretText()
        self.button.menu().close()
        self._data.show_row(self._data.split, self.row.value() - 1)

    def set_theme(self, theme: Theme) -> None:
        self.button.setIcon(icon("database", theme, "ink_muted", 16))
