"""Small widgets that all panels share, so that gaps, headings and messages look the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QAction, QPainter, QPixmap, QResizeEvent
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLayoutItem,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from nodeflow.drawing.message_text import plain
from nodeflow.resources import resource
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.plain_tips import plain_tip

Box = TypeVar("Box", bound=QAbstractSpinBox)
PADDING = 5
"""Pixels before the text of a spin box, besides Qt's own two."""


def label(text: str = "", role: str = "", wrap: bool = False) -> QLabel:
    """Return a label in a style sheet role. A wrapped label may break long words anywhere."""
    result = QLabel(text)
    result.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        result.setProperty("role", role)
    if wrap:
        result.setWordWrap(True)
        result.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return result


def button(text: str, kind: str = "", slot: Callable[[], object] | None = None) -> QPushButton:
    """Return a push button; ``kind`` is ``primary``, ``link`` or empty."""
    result = QPushButton(text)
    if kind:
        result.setProperty("kind", kind)
    if kind == "link":
        result.setCursor(Qt.CursorShape.PointingHandCursor)
    if slot is not None:
        result.clicked.connect(slot)
    return result


def tool(sign: str, text: str, theme: Theme, role: str = "ink_muted") -> QToolButton:
    """Return a small icon button; ``text`` names its function in the tooltip."""
    result = QToolButton()
    result.setIcon(icon(sign, theme, role, 14))
    result.setIconSize(QSize(14, 14))
    result.setFixedSize(20, 20)
    result.setToolTip(plain_tip(text))
    result.setAccessibleName(text)
    return result


def switch(widget: QWidget | QAction, why: str, tip: str = "") -> None:
    """Disable a widget with the reason as its tooltip, or enable it with its usual tooltip.

    Args:
        why: the reason why it cannot be used; empty if it can.
        tip: the tooltip while it can be used.
    """
    widget.setEnabled(not why)
    widget.setToolTip(plain_tip(why or tip))


def logo(size: int) -> QPixmap:
    """Return the program's logo as a picture."""
    pixmap = QPixmap(QSize(size, size) * 2)
    pixmap.setDevicePixelRatio(2)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(str(resource("icons/nodeflow.svg"))).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap


def line() -> QFrame:
    """Return a thin line between two sections."""
    result = QFrame()
    result.setObjectName("line")
    return result


def column(*items: QWidget | QLayout | int | None, margins: int = 0, gap: int = 2) -> QVBoxLayout:
    """Return a column of widgets and layouts.

    A number is a gap of the spacing scale; None stretches.
    """
    layout = QVBoxLayout()
    _fill(layout, items, margins, gap)
    return layout


def row(*items: QWidget | QLayout | int | None, margins: int = 0, gap: int = 2) -> QHBoxLayout:
    """Return a row of widgets and layouts.

    A number is a gap of the spacing scale; None stretches.
    """
    layout = QHBoxLayout()
    _fill(layout, items, margins, gap)
    return layout


def _fill(layout: QVBoxLayout | QHBoxLayout, items: tuple, margins: int, gap: int) -> None:
    pad = SPACE[margins]
    layout.setContentsMargins(pad, pad, pad, pad)
    layout.setSpacing(SPACE[gap])
    for item in items:
        if item is None:
            layout.addStretch(1)
        elif isinstance(item, int):
            layout.addSpacing(SPACE[item])
        elif isinstance(item, QWidget):
            layout.addWidget(item)
        else:
            layout.addLayout(item)


def clear(layout: QLayout) -> None:
    """Remove and delete everything in a layout."""
    while layout.count():
        item = layout.takeAt(0)
        if item is None:
            return
        widget, inner = item.widget(), item.layout()
        if widget is not None:
            discard(widget)
        elif inner is not None:
            clear(inner)


def discard(widget: QWidget) -> None:
    """Remove a widget from its parent, and delete it once its current event is handled."""
    widget.hide()
    widget.setParent(None)
    widget.deleteLater()


def restyle(widget: QWidget, name: str, value: str) -> None:
    """Set a property that the style sheet reads, and style the widget again."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class ElidedLabel(QLabel):
    """One line of text, elided if there is no room, with the whole text as tooltip."""

    def __init__(self, text: str = "", role: str = "") -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        if role:
            self.setProperty("role", role)

    def minimumSizeHint(self) -> QSize:
        return QSize(24, super().minimumSizeHint().height())

    def paintEvent(self, event: object) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        mode = Qt.TextElideMode.ElideRight
        area = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), mode, area.width())
        painter.drawText(area, int(self.alignment() | Qt.AlignmentFlag.AlignVCenter), text)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        fits = self.fontMetrics().horizontalAdvance(self.text()) <= self.width()
        self.setToolTip("" if fits else plain_tip(self.text()))


def padded(box: Box) -> Box:
    """Return a spin box with space before its text, which Qt's style sheets cannot give."""
    box.lineEdit().setTextMargins(PADDING, 0, 0, 0)
    return box


class InfoBar(QFrame):
    """A bar over the canvas that shows one message, with buttons for fixes and a close button.

    ``acted`` carries the id of the action whose button was pressed.
    """

    acted = Signal(str)

    def __init__(self, themes: ThemeManager, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("infoBar")
        self._theme = themes.theme
        self._fix = self._said = ""
        self._above: QWidget | None = None
        self._sign = QLabel()
        self._text = label(wrap=True)
        self._text.setMinimumWidth(280)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._button = button("", "primary", self._on_fix)
        self.choices: dict[str, QPushButton] = {}
        self._choices = QWidget()
        self._flow = FlowLayout(gap=2)
        self._choices.setLayout(self._flow)
        self._choices.hide()
        self._close = QToolButton()
        self._close.setAccessibleName("Dismiss")
        self._close.setToolTip("Dismiss")
        self._close.clicked.connect(self.dismiss)
        top = Qt.AlignmentFlag.AlignTop
        layout = row(gap=3)
        layout.setContentsMargins(SPACE[3], SPACE[2], SPACE[2], SPACE[2])
        layout.addWidget(self._sign, 0, top)
        layout.addLayout(column(self._text, self._choices), 1)
        layout.addWidget(self._button)
        layout.addWidget(self._close, 0, top)
        self.setLayout(layout)
        themes.follow(self.set_theme)
        self.hide()

    @property
    def text(self) -> str:
        """Return the shown message; empty if there is none."""
        return self._text.text() if not self.isHidden() else ""

    @property
    def button(self) -> QPushButton:
        return self._button

    def set_theme(self, theme: Theme) -> None:
        self._theme = theme
        self._close.setIcon(icon("x", theme, "ink_muted", 16))
        self._draw()

    def show_message(
        self, text: str, level: str = "info", fix: str = "", fix_text: str = ""
    ) -> None:
        """Show a message; ``level`` is ``info``, ``warning`` or ``error``."""
        self._fix = fix
        clear(self._flow)
        self.choices.clear()
        self._choices.hide()
        self._said = text
        self._text.setText(plain(text))
        self._button.setText(fix_text)
        self._button.setVisible(bool(fix))
        restyle(self, "level", level)
        self._draw()
        self.show()
        self.place()
        self.raise_()

    @Slot(object)
    def offer(self, choices: Sequence[tuple[str, str]]) -> None:
        """Add buttons under the shown message: ids of fixes, and their texts."""
        for number, (fix, text) in enumerate(choices):
            choice = button(text, "" if number else "primary", self._on_choice)
            self.choices[fix] = choice
            self._flow.addWidget(choice)
        self._choices.show()
        self.place()

    def dismiss(self) -> None:
        """Hide the bar. Give the focus to the parent, because Qt would give it to an arbitrary
        field.
        """
        focus, parent = self.window().focusWidget(), self.parentWidget()
        if parent is not None and focus is not None and self.isAncestorOf(focus):
            parent.setFocus()
        self.hide()

    @Slot(str)
    def retract(self, fix: str) -> None:
        """Dismiss the shown message if it offers the action ``fix``."""
        if self._fix == fix or fix in self.choices:
            self.dismiss()

    @Slot(str)
    def retract_text(self, text: str) -> None:
        """Dismiss the shown message if it has this text."""
        if self.isVisible() and self._said == text:
            self.dismiss()

    def move_to(self, parent: QWidget) -> None:
        """Show messages over another widget from now on."""
        if parent is self.parentWidget():
            return
        was_shown = not self.isHidden()
        self.setParent(parent)
        self.setVisible(was_shown)
        self.place()

    def keep_below(self, above: QWidget) -> None:
        """Stay below another bar at the top of the same parent while that bar is shown."""
        self._above = above
        above.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Show, QEvent.Type.Hide, QEvent.Type.Resize):
            self.place()
        return False

    def place(self) -> None:
        """Place the bar at the top of the parent, centred, as wide as needed."""
        parent = self.parentWidget()
        if parent is None or self.isHidden():
            return
        wanted = self.fontMetrics().horizontalAdvance(self._text.text()) + 110
        wanted += self._button.sizeHint().width() + 16 if self._fix else 0
        if self.choices:
            buttons = sum(b.sizeHint().width() + SPACE[2] for b in self.choices.values())
            wanted = max(wanted, buttons + 90)
        width = max(320, min(wanted, 720, parent.width() - 2 * SPACE[4]))
        height = self.heightForWidth(width)
        if width == wanted and not self.choices:
            height = max(height, self.sizeHint().height())
        size = QSize(width, height)
        top, above = SPACE[3], self._above
        if above is not None and above.parentWidget() is parent and not above.isHidden():
            top = above.geometry().bottom() + SPACE[2]
        self.setGeometry(QRect(QPoint((parent.width() - width) // 2, top), size))

    def _draw(self) -> None:
        level = self.property("level") or "info"
        name = {"info": "info", "warning": "triangle-alert", "error": "circle-alert"}[level]
        role = {"info": "accent", "warning": "warning", "error": "error"}[level]
        self._sign.setPixmap(icon(name, self._theme, role).pixmap(18, 18))
        self._sign.setAccessibleName({"info": "Note"}.get(level, level.capitalize()))

    def _on_choice(self) -> None:
        chosen = self.sender()
        fix = next(fix for fix, choice in self.choices.items() if choice is chosen)
        self.dismiss()
        self.acted.emit(fix)

    def _on_fix(self) -> None:
        fix = self._fix
        self.dismiss()
        self.acted.emit(fix)


def fit_rows(popup: QWidget, rows: QWidget, row_height: int, width: int) -> int:
    """Shrink the list of a popup row by row, down to two rows, until the popup fits into its
    parent.

    Returns:
        The height that the popup then needs at this width.
    """
    layout, parent = popup.layout(), popup.parentWidget()
    assert layout is not None and parent is not None
    while True:
        layout.activate()
        tall = layout.hasHeightForWidth()  # only while it shows a note, which wraps
        height = layout.totalHeightForWidth(width) if tall else layout.totalSizeHint().height()
        shown = rows.maximumHeight()
        if height <= parent.height() - 2 * SPACE[2] or shown <= 2 * row_height:
            return height
        rows.setFixedHeight(shown - row_height)


class FlowLayout(QLayout):
    """A layout that places items like words in a text: as many in a row as fit."""

    def __init__(self, gap: int = 4) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self.setSpacing(SPACE[gap])
        self.setContentsMargins(0, 0, 0, 0)

    def addItem(self, item: QLayoutItem) -> None:
        self._items.append(item)

    def count(self) -> int:
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        return self._arrange(QRect(0, 0, width, 0), move=False)

    def sizeHint(self) -> QSize:
        return self.minimumSize()

    def minimumSize(self) -> QSize:
        size = QSize()
        for item in self._items:
            size = size.expandedTo(item.minimumSize())
        return size

    def setGeometry(self, rect: QRect) -> None:
        super().setGeometry(rect)
        self._arrange(rect, move=True)

    def _arrange(self, rect: QRect, move: bool) -> int:
        x, y, height = rect.x(), rect.y(), 0
        for item in self._items:
            if item.isEmpty():
                continue
            size = item.sizeHint()
            if x + size.width() > rect.right() + 1 and x > rect.x():
                x, y, height = rect.x(), y + height + self.spacing(), 0
            if move:
                item.setGeometry(QRect(QPoint(x, y), size))
            x += size.width() + self.spacing()
            height = max(height, size.height())
        return y + height - rect.y()


class WrappingRow(FlowLayout):
    """A row that asks for its full width, and wraps if it gets less."""

    def sizeHint(self) -> QSize:
        sizes = [item.sizeHint() for item in self._items if not item.isEmpty()]
        gaps = self.spacing() * max(0, len(sizes) - 1)
        return QSize(
            sum(size.width() for size in sizes) + gaps,
            max((size.height() for size in sizes), default=0),
        )
