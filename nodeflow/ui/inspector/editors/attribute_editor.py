"""The common base of attribute editors. They report valid values, and the reasons for refusals.

An editor knows the declaration of its attribute, but no document.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QWidget

from nodeflow.document.model.records import plain
from nodeflow.errors import NodeflowError
from nodeflow.graph.declaration import Attr
from nodeflow.ui.core.theming.theme import SPACE, Theme
from nodeflow.ui.core.user_messages import remark


def words(name: str) -> str:
    """Return an attribute's name in words: ``batch_size`` becomes ``Batch size``."""
    known = {
        "color": "Colour",
        "dtype": "Data type",
        "stddev": "Standard deviation",
        "deviation": "Standard deviation",
        "keepdims": "Keep axes",
    }
    return known.get(name) or name.replace("_", " ").capitalize()


class Editor(QWidget):
    """The base class of all editors.

    Signals:
        edited(value): a valid value, as JSON, that was chosen, or typed and committed.
        refused(text): the reason why the typed text is not a valid value; empty once it is valid.
        finished: Enter was pressed or the focus left, so that the next edit is another undo step.
    """

    edited = Signal(object)
    refused = Signal(str)
    finished = Signal()
    wide = False
    """Whether the editor needs the full width, below its label."""

    def __init__(self, attr: Attr, theme: Theme) -> None:
        super().__init__()
        self.attr = attr
        self.theme = theme
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(SPACE[1])

    def set_value(self, value: Any) -> None:
        """Show a value without emitting `edited`."""
        raise NotImplementedError

    def focus_widget(self) -> QWidget:
        """Return the widget that gets the keyboard focus for typing."""
        return self

    def submit(self, value: Any) -> None:
        """Check a value against the declaration. Report it, or the reason why it is refused."""
        try:
            self.attr.check(value)
        except NodeflowError as error:
            self.refuse(remark(error))
            return
        self.refuse("")
        self.edited.emit(plain(value))

    def refuse(self, text: str) -> None:
        self.refused.emit(text)
