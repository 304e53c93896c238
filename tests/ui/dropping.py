"""Files that a desktop drags into a window and lets go."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QApplication


def files(*paths: Path | str) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(p)) if isinstance(p, Path) else QUrl(p) for p in paths])
    return mime


def drop(widget, mime: QMimeData, at: QPoint = QPoint(600, 400)) -> None:  # noqa: B008
    """Drag something into a widget, and let it go where it is accepted."""
    copy, left = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    keys = Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPointF(at), copy, mime, left, keys)
    QApplication.sendEvent(widget, enter)
    assert enter.isAccepted(), "the drag would be refused without a word"
    event = QDropEvent(QPointF(at), copy, mime, left, keys)
    QApplication.sendEvent(widget, event)
    assert event.isAccepted()


def texts(window) -> list[str]:
    """What the window's messages say, from now on."""
    said: list[str] = []
    window.messages.message_shown.connect(lambda text, *_: said.append(text))
    return said
