"""Messages to the user, and the signals that carry them to the status bar and the message bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import QObject, Signal

from nodeflow.document.model.problems import Problem
from nodeflow.drawing.message_text import plain
from nodeflow.errors import NodeflowError, Surface, said


class HasText(Protocol):
    """An object with a message text: an error or a problem."""

    def text(self, surface: Surface) -> str: ...


def sentence(error: HasText) -> str:
    """Return the text of an error or problem, with place and hint, in the words of the window."""
    return plain(error.text("window"))


def remark(error: NodeflowError | Problem) -> str:
    """Return message and hint without the place, to be shown beside the field that caused the
    error.
    """
    return ". ".join(filter(None, (in_window(error.message), in_window(error.hint))))


def in_window(text: str | None) -> str:
    """Return a message or hint in the words of the window; empty for None."""
    return plain(said(text, "window")) if text else ""


def listed(names: Sequence[str], most: int = 4) -> str:
    """Join names to a phrase.

    Args:
        most: the maximum number of names; the others are counted.

    >>> listed(["x", "y", "z"])
    'x, y and z'
    >>> listed(["a", "b", "c", "d"], most=2)
    'a, b and 2 more'
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


class Messages(QObject):
    """The signals that carry messages from the controllers to the widgets.

    Signals:
        status_text(text): for the status bar.
        choices_offered(pairs): ids of fixes and their texts, for the message that was just shown.
        message_shown(text, level, fix, fix_text): for the bar over the canvas. ``level`` is
            ``info``, ``warning`` or ``error``; ``fix`` is the id of an action or ``node:PATH``.
        message_retracted(fix): the message that offers this fix is no longer true.
        dismissed(): the subject of the shown message no longer exists.
    """

    status_text = Signal(str)
    message_shown = Signal(str, str, str, str)
    choices_offered = Signal(object)
    message_retracted = Signal(str)
    dismissed = Signal()

    def show_status(self, text: str) -> None:
        self.status_text.emit(text)

    def show(
        self,
        text: str,
        level: str = "info",
        fix: str = "",
        fix_text: str = "",
        choices: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Show a message over the canvas, with one fix, or with several fixes as ``choices``."""
        self.message_shown.emit(text, level, fix, fix_text)
        if choices:
            self.choices_offered.emit(tuple(choices))
