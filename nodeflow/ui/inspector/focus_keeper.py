"""Keeps the keyboard focus while widgets are replaced.

If a field is rebuilt while the user types, the typed text must not be lost. Nor may the next
letters reach another widget: on the canvas they would run as commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from PySide6.QtGui import QTextCursor
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget

from nodeflow.ui.inspector.editors.committed_edit import CommittedEdit, Field


@dataclass
class _Cursor:
    """The cursor position, the selection and the uncommitted text of a field."""

    anchor: int
    position: int
    pending: str | None = None


@dataclass
class _Place:
    """The place of the focused widget on a page: its kind, its name, and its index among
    widgets with both equal.
    """

    kind: type
    name: str
    number: int
    cursor: _Cursor | None


@contextmanager
def kept_focus(within: Callable[[], QWidget | None], fallback: QWidget) -> Iterator[None]:
    """Restore the focus after the code inside the context has replaced widgets.

    The focus goes to the widget that corresponds to the one focused before.

    Args:
        within: returns the page whose widgets are replaced, before and after.
        fallback: takes the focus if there is no corresponding widget.
    """
    page, focus = within(), fallback.window().focusWidget()
    if page is None or focus is None or not page.isAncestorOf(focus):
        yield
        return
    place = _place_of(page, focus)
    is_pending = place.cursor is not None and place.cursor.pending is not None
    _abandon(focus)  # hiding a field would leave it, and commit half a text
    yield
    now = within()
    if now is page and page.isAncestorOf(focus) and focus.isVisibleTo(page):
        if is_pending:
            _begin(focus)
        return
    found = None if now is None else _find(now, place)
    (found or fallback).setFocus()
    if found is not None:
        _restore(found, place.cursor)


def _place_of(page: QWidget, focus: QWidget) -> _Place:
    alike = _alike(page, type(focus), focus.accessibleName())
    return _Place(type(focus), focus.accessibleName(), alike.index(focus), _cursor_of(focus))


def _find(page: QWidget, place: _Place) -> QWidget | None:
    alike = [w for w in _alike(page, place.kind, place.name) if w.isEnabledTo(page)]
    return alike[min(place.number, len(alike) - 1)] if alike else None


def _alike(page: QWidget, kind: type, name: str) -> list[QWidget]:
    return [w for w in page.findChildren(kind) if w.accessibleName() == name]


def _cursor_of(widget: QWidget) -> _Cursor | None:
    if isinstance(widget, QLineEdit):
        position = widget.cursorPosition()
        start, end = widget.selectionStart(), widget.selectionEnd()
        anchor = position if start < 0 else start if position == end else end
        text = widget.text()
    elif isinstance(widget, QPlainTextEdit):
        cursor, text = widget.textCursor(), widget.toPlainText()
        anchor, position = cursor.anchor(), cursor.position()
    else:
        return None
    pending = any(edit.is_pending for edit in _edits(widget))
    return _Cursor(anchor, position, text if pending else None)


def _restore(widget: QWidget, cursor: _Cursor | None) -> None:
    if cursor is None or not isinstance(widget, Field):
        return
    if isinstance(widget, QLineEdit):
        if cursor.pending is not None:
            widget.setText(cursor.pending)
        length = len(widget.text())
        anchor, position = min(cursor.anchor, length), min(cursor.position, length)
        widget.setSelection(anchor, position - anchor)
        if anchor == position:
            widget.setCursorPosition(position)
    else:
        if cursor.pending is not None:
            widget.setPlainText(cursor.pending)
        length = len(widget.toPlainText())
        made = widget.textCursor()
        made.setPosition(min(cursor.anchor, length))
        made.setPosition(min(cursor.position, length), QTextCursor.MoveMode.KeepAnchor)
        widget.setTextCursor(made)
    if cursor.pending is not None:
        _begin(widget)


def _edits(widget: QWidget) -> list[CommittedEdit]:
    return widget.findChildren(CommittedEdit)


def _abandon(widget: QWidget) -> None:
    for edit in _edits(widget):
        edit.abandon()


def _begin(widget: QWidget) -> None:
    for edit in _edits(widget):
        edit.begin()
