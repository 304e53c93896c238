"""A field over a list, to pick one of many things by a few typed letters.

The command palette, search to add, finding a node and wiring by keyboard use it, each with its
own rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QRectF, QSize, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPen
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from nodeflow.ui.canvas.paint import op_icon_painter
from nodeflow.ui.core.painting import text_metrics
from nodeflow.ui.core.theming import theme as themes
from nodeflow.ui.core.theming.theme import Theme, draw_icon
from nodeflow.ui.core.widgets.common_widgets import fit_rows

WIDTH = 460
ROW_HEIGHT = 44
ROWS_SHOWN = 8
ROW_ROLE = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class Row:
    """One thing to pick: its texts, and `data` for the caller.

    `icon` names an icon; `op` and `category` draw an op's icon instead. If a row cannot be
    picked, `detail` contains the reason.
    """

    title: str
    detail: str = ""
    aside: str = ""
    data: Any = None
    icon: str = ""
    op: str = ""
    category: str = ""
    enabled: bool = True
    good: bool | None = None


Finder = Callable[[str], Sequence[Row]]


class RowModel(QAbstractListModel):
    """The list model of the rows that a search has found."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.rows: list[Row] = []

    def show(self, rows: Sequence[Row]) -> None:
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self.rows[index.row()]
        if role == ROW_ROLE:
            return row
        if role == Qt.ItemDataRole.AccessibleTextRole:
            parts = (row.title, row.aside, row.detail, "" if row.enabled else "unavailable")
            return ", ".join(part for part in parts if part)
        return row.title if role == Qt.ItemDataRole.DisplayRole else None


class RowDelegate(QStyledItemDelegate):
    """A painter of rows: icon, title and a remark on one line, and details below."""

    def __init__(self, theme: Theme, parent: QObject) -> None:
        super().__init__(parent)
        self.theme = theme

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(WIDTH - 20, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        row: Row = index.data(ROW_ROLE)
        theme, rect = self.theme, QRectF(option.rect).adjusted(2, 1, -2, -1)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(theme.color("accent"), 1))
            painter.setBrush(theme.color("accent_soft"))
            painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), 8, 8)
        left = self._paint_sign(painter, row, rect)
        ink = theme.color("ink" if row.enabled else "ink_faint")
        right, room = rect.right() - 12, rect.right() - 12 - left
        if row.aside:
            style = text_metrics.CAPTION
            muted = theme.color("ink_muted")
            middle = rect.center().y() + (4 if not row.detail else -4)
            text_metrics.draw(painter, right, middle, row.aside, style, muted, align="right")
            room -= text_metrics.width(row.aside, style) + 12
        down = 18 if row.detail else rect.height() / 2 + 4.5
        title = text_metrics.elide(row.title, text_metrics.TITLE, room)
        text_metrics.draw(painter, left, rect.top() + down, title, text_metrics.TITLE, ink)
        if row.detail:
            detail = text_metrics.elide(row.detail, text_metrics.CAPTION, right - left)
            muted = theme.color("ink_muted")
            text_metrics.draw(painter, left, rect.top() + 34, detail, text_metrics.CAPTION, muted)
        painter.restore()

    def _paint_sign(self, painter: QPainter, row: Row, rect: QRectF) -> float:
        """Draw the icon at the left. Return the left edge of the text."""
        box = QRectF(rect.left() + 8, rect.center().y() - 13, 26, 26)
        if row.op:
            color = self.theme.category(row.category)
            op_icon_painter.tile(painter, box, color, 7)
            op_icon_painter.draw_op_icon(painter, row.op, row.category, box, color)
        elif row.good is not None:
            name, role = ("circle-check", "ok") if row.good else ("circle-x", "error")
            draw_icon(painter, name, box.adjusted(5, 5, -5, -5), self.theme.color(role))
        elif row.icon:
            role = "ink_muted" if row.enabled else "ink_faint"
            draw_icon(painter, row.icon, box.adjusted(5, 5, -5, -5), self.theme.color(role))
        return box.right() + 10


class QuickPick(QFrame):
    """The popup with a field and a list, a child of the widget below it.

    ``open(finder, picked, ...)`` shows it. `finder(query)` returns the rows, best first.
    `picked(row)` is called once, after the popup has closed. Escape closes it and restores the
    focus.
    """

    widest = WIDTH

    def __init__(self, parent: QWidget, theme: Theme) -> None:
        super().__init__(parent)
        self.setObjectName("pickList")
        self.theme = theme
        self._finder: Finder = lambda _: ()
        self._picked: Callable[[Row], None] = lambda _: None
        self._cancelled: Callable[[], None] = lambda: None
        self._back: QWidget | None = None
        self._nothing = ""
        self.heading = QLabel(self)
        self.heading.setObjectName("pickHeading")
        self.field = QLineEdit(self)
        self.field.setObjectName("pickField")
        self.field.setAccessibleName("Search")
        self.model = RowModel(self)
        self.list = QListView(self)
        self.list.setObjectName("pickRows")
        self.list.setAccessibleName("What matches")
        self.list.setModel(self.model)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setUniformItemSizes(True)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.note = QLabel(self)
        self.note.setObjectName("pickNote")
        self.note.setWordWrap(True)
        for text in (self.heading, self.note):
            text.setTextFormat(Qt.TextFormat.PlainText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 8, 8)
        layout.setSpacing(6)
        for part in (self.heading, self.field, self.note, self.list):
            layout.addWidget(part)
        self.field.textEdited.connect(self._find)
        self.list.selectionModel().currentChanged.connect(self._speak)
        self.list.clicked.connect(self._on_clicked)
        self.field.installEventFilter(self)
        self.hide()

    # ---- opening and closing ----------------------------------------------------------------

    def open(
        self,
        finder: Finder,
        picked: Callable[[Row], None],
        *,
        title: str,
        hint: str = "",
        nothing: str = "Nothing matches.",
        heading: str = "",
        back: QWidget | None = None,
        cancelled: Callable[[], None] | None = None,
        text: str = "",
    ) -> None:
        """Let the user pick one of the finder's rows.

        Args:
            back: gets the focus afterwards.
            text: the initial text of the field, which is selected.
        """
        self._finder, self._picked, self._nothing = finder, picked, nothing
        self._cancelled = cancelled or (lambda: None)
        self._back = back or self.window().focusWidget()
        self.setAccessibleName(title)
        self.field.setAccessibleName(title)
        self.field.setPlaceholderText(hint or title)
        self.heading.setText(heading)
        self.heading.setVisible(bool(heading))
        self._dress()
        self.field.setText(text)
        self.field.selectAll()
        self._find(text)
        self.show()
        self.raise_()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def dismiss(self) -> None:
        """Close the popup without picking a row."""
        if self.isVisible():
            self._close()
            self._cancelled()

    def set_theme(self, theme: Theme) -> None:
        self.theme = theme
        self._dress()

    def _close(self) -> None:
        back, self._back = self._back, None
        self.hide()
        if back is not None:
            back.setFocus(Qt.FocusReason.PopupFocusReason)

    def _dress(self) -> None:
        theme = self.theme
        self.list.setItemDelegate(RowDelegate(theme, self.list))
        self.field.setFont(themes.font(14))
        for part in (self.note, self.heading):
            part.setFont(themes.font(12))
        self.setStyleSheet(
            f"#pickList {{ background: {theme.raised}; border: 1px solid {theme.border_strong};"
            f" border-radius: 12px; }}"
            f"#pickField {{ background: {theme.sunken}; color: {theme.ink}; border: 1px solid "
            f"{theme.border}; border-radius: 8px; padding: 7px 10px; }}"
            f"#pickField:focus {{ border: 1px solid {theme.accent}; }}"
            f"#pickRows {{ background: {theme.raised}; }}"
            f"#pickNote, #pickHeading {{ color: {theme.ink_muted}; padding: 2px 6px; }}"
        )

    # ---- finding ----------------------------------------------------------------------------

    def _find(self, query: str) -> None:
        found = list(self._finder(query.strip()))
        self.model.show(found)
        if found:
            self.list.setCurrentIndex(self.model.index(0))
        note = self.note_for(query, bool(found))
        self.note.setText(note)
        self.note.setVisible(bool(note))
        rows = min(len(found), ROWS_SHOWN)
        self.list.setFixedHeight(rows * ROW_HEIGHT)
        self.list.setVisible(rows > 0)
        self.place()

    def note_for(self, query: str, found: bool) -> str:
        """Return the text under the field; an empty text hides it."""
        return "" if found else self._nothing

    def _speak(self, index: QModelIndex) -> None:
        """Set the row that Enter picks as the field's accessible description, because screen
        readers stay at the field.
        """
        spoken = index.data(Qt.ItemDataRole.AccessibleTextRole) if index.isValid() else ""
        self.field.setAccessibleDescription(spoken or self._nothing)

    def place(self) -> None:
        """Place the popup in the upper middle of the parent."""
        parent = self.parentWidget()
        assert parent is not None
        self.fit()
        top = max(8, min(parent.height() // 8, parent.height() - self.height() - 8))
        self.move((parent.width() - self.width()) // 2, top)

    def fit(self) -> None:
        """Resize to the height that field, note and rows need."""
        parent = self.parentWidget()
        assert parent is not None
        width = min(self.widest, parent.width() - 16)
        self.resize(width, fit_rows(self, self.list, ROW_HEIGHT, width))

    # ---- choosing ---------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.KeyPress:
            assert isinstance(event, QKeyEvent)
            return self._key(event)
        if event.type() == QEvent.Type.FocusOut and self.isVisible():
            assert isinstance(event, QFocusEvent)
            if event.reason() != Qt.FocusReason.ActiveWindowFocusReason:
                self._back = None
                self.dismiss()
        return super().eventFilter(watched, event)

    def _key(self, event: QKeyEvent) -> bool:
        key, count = event.key(), self.model.rowCount()
        steps: dict[int, int] = {
            Qt.Key.Key_Down: 1,
            Qt.Key.Key_Up: -1,
            Qt.Key.Key_Tab: 1,
            Qt.Key.Key_Backtab: -1,
            Qt.Key.Key_PageDown: ROWS_SHOWN,
            Qt.Key.Key_PageUp: -ROWS_SHOWN,
        }
        if key == Qt.Key.Key_Escape:
            self.dismiss()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._accept()
        elif key in steps:
            if count:
                at = (self.list.currentIndex().row() + steps[key]) % count
                self.list.setCurrentIndex(self.model.index(at))
        else:
            return False
        return True

    def _on_clicked(self, index: QModelIndex) -> None:
        self.list.setCurrentIndex(index)
        self._accept()

    def _accept(self) -> None:
        index = self.list.currentIndex()
        if not index.isValid() or not self.model.rows:
            return
        row: Row = index.data(ROW_ROLE)
        if not row.enabled:
            self.note.setText(row.detail or "This cannot be picked now.")
            self.note.setVisible(True)
            self.place()
            return
        picked = self._picked
        self._close()
        picked(row)
