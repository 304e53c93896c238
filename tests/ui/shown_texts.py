"""What the program's widgets show, found by walking all of them, so that a new panel is walked too.

`faults` lists each text that Qt would not show as it is written: HTML where text from a file
stands, an ampersand that would become a key, a picture or link in a document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyqtgraph
from PySide6.QtCore import QAbstractItemModel, QAbstractListModel, QModelIndex, QObject, Qt
from PySide6.QtGui import QAction, QTextDocument
from PySide6.QtGui import Qt as GuiQt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QGraphicsTextItem,
    QGraphicsView,
    QGroupBox,
    QHeaderView,
    QLabel,
    QMainWindow,
    QMenu,
    QPlainTextEdit,
    QTabBar,
    QTabWidget,
    QTextEdit,
    QWidget,
)

MARK = "EVIL"
"""Stands in every hostile text."""
MOST_ROWS = 400
LONGEST = 4000
"""Characters that a label, tooltip or button may have."""
_TIPS = (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.WhatsThisRole, Qt.ItemDataRole.StatusTipRole)


def faults() -> list[str]:
    """What is not shown as it is written, in all widgets, actions and models that exist."""
    found: dict[str, None] = {}
    for widget in QApplication.allWidgets():
        for fault in _of_widget(widget):
            found[f"{_path(widget)}: {fault}"] = None
    return list(found)


def texts() -> str:
    """Every text that the widgets hold."""
    return "\n".join(text for widget in QApplication.allWidgets() for text in _texts(widget))


def _of_widget(widget: QWidget) -> Iterator[str]:
    for tip in (widget.toolTip(), widget.whatsThis(), widget.statusTip()):
        yield from _as_tip(tip, "tooltip")
    for action in widget.actions():
        yield from _of_action(action)
    if isinstance(widget, QLabel):
        yield from _as_label(widget.text(), widget.textFormat(), widget.wordWrap())
        if widget.buddy() is not None:
            yield from _as_mnemonic(widget.text(), "label with a buddy")
    elif isinstance(widget, (QAbstractButton, QGroupBox)):
        title = widget.title() if isinstance(widget, QGroupBox) else widget.text()
        yield from _as_mnemonic(title, "button")
    elif isinstance(widget, QMenu):
        yield from _as_mnemonic(widget.title(), "menu")
    elif isinstance(widget, QTextEdit):
        yield from _as_document(widget.document(), "text field")
    elif isinstance(widget, QComboBox):
        yield from _of_model(widget.model())
    elif isinstance(widget, (QTabBar, QTabWidget)):
        for i in range(widget.count()):
            yield from _as_mnemonic(widget.tabText(i), "tab")
            yield from _as_tip(widget.tabToolTip(i), "tooltip of a tab")
    elif isinstance(widget, QGraphicsView) and widget.scene() is not None:
        for item in widget.scene().items():
            yield from _as_tip(item.toolTip(), "tooltip in a plot")
            if isinstance(item, QGraphicsTextItem):
                yield from _as_document(item.document(), "text in a plot")
            elif isinstance(item, pyqtgraph.LabelItem):
                yield from _as_document(item.item.document(), "label in a plot")
    if _has_model(widget):
        yield from _of_model(widget.model())
    if isinstance(widget, QMainWindow) and "[*]" in widget.windowTitle().replace("[*][*]", ""):
        yield f"a mark of changes in the title {widget.windowTitle()[:80]!r}"
    if len(widget.windowTitle()) > LONGEST:
        yield "a title without end"


def _has_model(widget: QWidget) -> bool:
    """Whether a model is to be walked for it; a header's is that of its view."""
    if isinstance(widget, QHeaderView) and isinstance(view := widget.parent(), QAbstractItemView):
        return widget.model() is not view.model()
    return isinstance(widget, QAbstractItemView) and widget.model() is not None


def _of_action(action: QAction) -> Iterator[str]:
    yield from _as_mnemonic(action.text(), "entry")
    # unless it was set, Qt makes it of the entry's text
    yield from _as_tip(action.toolTip(), "tooltip of an entry")


def _of_model(model: QAbstractItemModel) -> Iterator[str]:
    for index in _indexes(model, QModelIndex(), [MOST_ROWS]):
        for role in _TIPS:
            yield from _as_tip(index.data(role), "tooltip of an item")
    for section in range(_columns(model, QModelIndex())):
        for role in _TIPS:
            tip = model.headerData(section, Qt.Orientation.Horizontal, role)
            yield from _as_tip(tip, "tooltip of a header")


def _indexes(model: QAbstractItemModel, parent: QModelIndex, left: list[int]) -> Iterator:
    for row in range(model.rowCount(parent)):
        for column in range(_columns(model, parent)):
            left[0] -= 1
            if left[0] < 0:
                return
            index = model.index(row, column, parent)
            yield index
            if column == 0 and model.rowCount(index):
                yield from _indexes(model, index, left)


def _columns(model: QAbstractItemModel, parent: QModelIndex) -> int:
    one = isinstance(model, QAbstractListModel)  # which keeps the count to itself
    return 1 if one else min(model.columnCount(parent), 50)


def _as_tip(text: object, what: str) -> Iterator[str]:
    if isinstance(text, str) and MARK in text:
        yield from _as_label(text, Qt.TextFormat.AutoText, True, what)


def _as_label(
    text: str, how: Qt.TextFormat, wraps: bool = False, what: str = "label"
) -> Iterator[str]:
    if MARK not in text:
        return
    if len(text) > LONGEST:
        yield f"{what} without end: {text[:40]!r}"
    rich = how in (Qt.TextFormat.RichText, Qt.TextFormat.MarkdownText)
    if rich or (how == Qt.TextFormat.AutoText and GuiQt.mightBeRichText(text)):
        document = QTextDocument()
        document.setHtml(text)
        yield from _as_document(document, what)


def _as_document(document: QTextDocument, what: str) -> Iterator[str]:
    """A document shows what files wrote if its plain text has all of the marks with their tags."""
    shown = document.toPlainText()
    block = document.begin()
    while block.isValid():
        it = block.begin()
        while not it.atEnd():
            form = it.fragment().charFormat()
            if form.isImageFormat():
                yield f"{what} with a picture: {document.toHtml()[-300:]!r}"
            if form.isAnchor() and MARK in form.anchorHref():
                yield f"{what} with a link of a file: {form.anchorHref()!r}"
            it += 1
        block = block.next()
    html = document.toHtml()
    if MARK in html and MARK not in shown:
        yield f"{what} that hides text: {html[-200:]!r}"


def _as_mnemonic(text: str, what: str) -> Iterator[str]:
    if MARK not in text:
        return
    if len(text) > LONGEST:
        yield f"{what} without end: {text[:40]!r}"
    if re.search(r"(?<!&)&(?!&)", text.replace("&&", "")):
        yield f"{what} with a key of a file: {text[:80]!r}"


def _texts(widget: QWidget) -> Iterator[str]:
    yield widget.toolTip()
    yield widget.windowTitle()
    if isinstance(widget, (QLabel, QAbstractButton)):
        yield widget.text()
    if isinstance(widget, (QTextEdit, QPlainTextEdit)):
        yield widget.toPlainText()
    if _has_model(widget):
        for index in _indexes(widget.model(), QModelIndex(), [MOST_ROWS]):
            yield str(index.data() or "")


def _path(widget: QObject) -> str:
    """Where a widget is: the classes and names of what it lies in, from the inside."""
    steps = []
    while widget is not None and len(steps) < 6:
        steps.append(widget.objectName() or type(widget).__name__)
        widget = widget.parent()
    return " in ".join(steps)
