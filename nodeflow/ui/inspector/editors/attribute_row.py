"""A row of the inspector: label, editor, error message, menu, and a button to restore the
default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal, Slot
from PySide6.QtGui import QContextMenuEvent, QEnterEvent, QMouseEvent
from PySide6.QtWidgets import (
    QGridLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QToolButton,
    QWidget,
)

from nodeflow.document.model.records import plain, same
from nodeflow.graph.declaration import Attr
from nodeflow.number_text import number
from nodeflow.sweeps.value_specs import words as words_of
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.widgets.common_widgets import button, label, restyle
from nodeflow.ui.core.widgets.plain_tips import plain_tip
from nodeflow.ui.inspector.editors.attribute_editor import Editor, words
from nodeflow.ui.inspector.editors.bound_input_field import GivenField
from nodeflow.ui.inspector.editors.editors_by_kind import make_editor

LABEL_WIDTH = 84
VARY = "Vary in a sweep…"
ON_STAGE, OFF_STAGE = "Put on the stage", "Take off the stage"
MOST_TEXT = 26
"""Maximum length of the text below an editor that lists the values that a sweep tries."""


class RowLabel(QLabel):
    """The name of an attribute. A click opens the menu of its row.

    ``menu_wanted(place)``: the user clicked the label; ``place`` is a position on the screen.
    """

    menu_wanted = Signal(QPoint)

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("role", "muted")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        if event.button() == Qt.MouseButton.LeftButton and self.rect().contains(at):
            self.menu_wanted.emit(self.mapToGlobal(self.rect().bottomLeft()))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.menu_wanted.emit(event.globalPos())


class AttrRow(QWidget):
    """A row with the editor of one attribute.

    Args:
        title: the shown name; by default made from the attribute's name.

    Signals:
        edited(name, value): the user entered a valid new value.
        reset(name): the user wants the default value.
        finished: the next edit is another undo step.
        vary_wanted(name): the user wants to edit the values that a sweep tries.
        stage_wanted(name): the user wants to put the attribute on the stage, or to take it off.
        source_wanted: the user wants to see the node whose wire sets the attribute.
    """

    edited = Signal(str, object)
    reset = Signal(str)
    finished = Signal()
    vary_wanted = Signal(str)
    stage_wanted = Signal(str)
    source_wanted = Signal()

    def __init__(
        self, attr: Attr, theme: Theme, editor: Editor | None = None, title: str = ""
    ) -> None:
        super().__init__()
        self.attr = attr
        self.editor = editor or make_editor(attr, theme)
        self._refused = ""
        self._problem = ""
        self.title = title or attr.label or words(attr.name)
        self.label = RowLabel(self.title)
        self.label.setBuddy(self.editor.focus_widget())
        for widget in (self.label, self.editor):
            widget.setToolTip(_tooltip(attr, "Click for its menu" if widget is self.label else ""))
            widget.setAccessibleDescription(attr.doc)
        self.editor.focus_widget().setAccessibleName(self.title)
        self.editor.focus_widget().setAccessibleDescription(attr.doc)
        self._reset = QToolButton()
        self._reset.setIcon(icon("rotate-ccw", theme, "ink_faint", 13))
        self._reset.setIconSize(QSize(13, 13))
        self._reset.setToolTip("Back to the default")
        self._reset.setAccessibleName(f"Reset {self.title}")
        self._reset.setFixedSize(20, 20)
        policy = self._reset.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self._reset.setSizePolicy(policy)
        self._reset.hide()
        self._message = label("", "error", wrap=True)
        self._message.hide()
        self._is_set = self._is_under_pointer = False
        self.given = GivenField(theme)
        self.given.setAccessibleName(self.title)
        self.given.setAccessibleDescription(attr.doc)
        self.given.clicked.connect(self.source_wanted)
        self.given.hide()
        self.can_vary = False
        self.is_staged: Callable[[], bool] | None = None
        """Returns whether the attribute is on the stage; None if it cannot be."""
        self._stays = False
        """Whether an advanced row stays visible while *More* is closed, so that it does not
        vanish under the pointer.
        """
        self.varied = button("", "link", self._on_vary)
        self.varied.setProperty("flush", "true")
        self.varied.hide()
        self._place()
        self.editor.edited.connect(self._on_edited)
        self.editor.refused.connect(self._on_refused)
        self.editor.finished.connect(self.finished)
        self._reset.clicked.connect(self._on_reset)
        self.label.menu_wanted.connect(self._open_menu)
        field = self.editor.focus_widget()
        field.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        field.customContextMenuRequested.connect(self._open_field_menu)

    @property
    def message(self) -> str:
        """The shown error about the value; empty if it is valid."""
        return self._refused or self._problem

    def set_value(self, value: Any, is_set: bool = False) -> None:
        """Show a value.

        Args:
            is_set: whether the document stores the value; otherwise it is the default.
        """
        self.editor.set_value(value)
        default = None if self.attr.required else self.attr.default
        self._is_set = is_set and not self.attr.required and not same(plain(value), plain(default))
        restyle(self.label, "role", "" if self._is_set else "muted")
        self._show_reset()

    def _show_reset(self) -> None:
        """Show the button that restores the default while the pointer is on the row."""
        self._reset.setVisible(self._is_set and not self.is_given and self._is_under_pointer)

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self._is_under_pointer = True
        self._show_reset()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._is_under_pointer = False
        self._show_reset()

    def set_problem(self, text: str) -> None:
        """Show the problem that the analysis found in this attribute; empty for none."""
        self._problem = text
        self._show_message()

    @property
    def is_given(self) -> bool:
        """Return whether a wire sets the attribute."""
        return not self.given.isHidden()

    @property
    def focus_widget(self) -> QWidget:
        """Return the widget that takes the keyboard focus."""
        return self.given if self.is_given else self.editor.focus_widget()

    def set_source(self, name: str, value: str = "") -> None:
        """Show the node whose wire sets the attribute, and the value.

        An empty name means no wire.
        """
        self.given.show_source(name, value)
        if bool(name) == self.is_given:
            return
        self.editor.setHidden(bool(name))
        self.given.setVisible(bool(name))
        self._show_reset()

    def fold(self, is_open: bool) -> bool:
        """Hide an advanced attribute while *More* is closed, unless the row has something to show.

        That is a value other than the default, a wire, an error message, or values of a sweep.
        Return whether the row is shown.
        """
        needed = self._is_set or self.is_given or bool(self.message) or bool(self.varied.text())
        self._stays = not is_open and (self._stays or needed)
        shown = is_open or self._stays or not self.attr.advanced
        self.setVisible(shown)
        return shown

    def unfold(self) -> None:
        """Show the row even while *More* is closed, because another part of the window led the
        user to it.
        """
        self._stays = True
        self.show()

    def offer_vary(self) -> None:
        """Add to the row's menu the command that lets sweeps vary the attribute."""
        self.can_vary = True

    def fill_menu(self, menu: QMenu) -> None:
        """Add the entries of the row to a menu: sweep, stage, restore the default."""
        if self.can_vary and not self.is_given:
            menu.addAction(VARY, self._on_vary)
        if self.is_staged is not None and not self.is_given:
            menu.addAction(OFF_STAGE if self.is_staged() else ON_STAGE, self._on_stage)
        menu.addAction("Back to the default", self._on_reset).setEnabled(
            self._is_set and not self.is_given
        )

    @Slot(QPoint)
    def _open_menu(self, place: QPoint) -> None:
        self._pop_up(QMenu(self), place)

    @Slot(QPoint)
    def _open_field_menu(self, at: QPoint) -> None:
        """Open the editor's own menu, if it has one, together with the entries of the row."""
        field = self.editor.focus_widget()
        has_menu = isinstance(field, (QLineEdit, QPlainTextEdit))
        menu = field.createStandardContextMenu() if has_menu else QMenu(self)
        if has_menu:
            menu.addSeparator()
        self._pop_up(menu, field.mapToGlobal(at))

    def _pop_up(self, menu: QMenu, place: QPoint) -> None:
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fill_menu(menu)
        menu.popup(place)

    def show_varied(self, text: str) -> None:
        """Show the values that sweeps try for the attribute; empty if no sweep varies it."""
        if not self.can_vary:
            return
        tried = words_of(text)
        short = tried if len(tried) <= MOST_TEXT else f"{tried[: MOST_TEXT - 1]}…"
        self.varied.setText(f"Sweep: {short}" if text else "")
        self.varied.setToolTip(plain_tip(tried))
        self.varied.setVisible(bool(text))

    def _on_vary(self) -> None:
        self.vary_wanted.emit(self.attr.name)

    def _on_stage(self) -> None:
        self.stage_wanted.emit(self.attr.name)

    def _place(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(SPACE[1])
        grid.setVerticalSpacing(SPACE[1])
        if self.editor.wide:
            grid.addWidget(self.label, 0, 0)
            grid.addWidget(self._reset, 0, 1, Qt.AlignmentFlag.AlignLeft)
            grid.addWidget(self.editor, 1, 0, 1, 2)
            grid.addWidget(self.given, 2, 0, 1, 2)
            grid.addWidget(self._message, 3, 0, 1, 2)
            grid.addWidget(self.varied, 4, 0, 1, 2, Qt.AlignmentFlag.AlignLeft)
            grid.setColumnStretch(1, 1)
            return
        top = Qt.AlignmentFlag.AlignVCenter
        self.label.setFixedWidth(LABEL_WIDTH)
        self.label.setWordWrap(True)
        grid.addWidget(self.label, 0, 0, top)
        grid.addWidget(self._reset, 0, 1)
        grid.addWidget(self.editor, 0, 2)
        grid.addWidget(self.given, 0, 2)
        grid.addWidget(self._message, 1, 2)
        grid.addWidget(self.varied, 2, 0, 1, 4, Qt.AlignmentFlag.AlignRight)
        grid.setColumnStretch(2, 1)

    def _on_edited(self, value: Any) -> None:
        self.edited.emit(self.attr.name, value)

    def _on_refused(self, text: str) -> None:
        self._refused = text
        self._show_message()

    def _on_reset(self) -> None:
        self.reset.emit(self.attr.name)

    def _show_message(self) -> None:
        self._message.setText(self.message)
        self._message.setVisible(bool(self.message))


def _tooltip(attr: Attr, hint: str) -> str:
    doc = attr.doc or attr.label or words(attr.name)
    limits = []
    note = f"<br><i>{hint}</i>" if hint else ""
    if attr.minimum is not None:
        limits.append(f"at least {number(attr.minimum)}")
    if attr.maximum is not None:
        limits.append(f"at most {number(attr.maximum)}")
    more = f"<br><i>{' and '.join(limits)}</i>" if limits else ""
    text = doc.replace("&", "&amp;").replace("<", "&lt;")
    return f"<div style='width:240px'>{text}{more}{note}</div>"
