"""The colours that a frame can have."""

from __future__ import annotations

from typing import Any

from nodeflow.graph.declaration import Attr
from nodeflow.ui.canvas.paint.background_layer import frame_color
from nodeflow.ui.core.theming.theme import Theme, dot
from nodeflow.ui.inspector.editors.attribute_editor import Editor
from nodeflow.ui.inspector.editors.editors_by_kind import QuietCombo

FRAME_COLORS = {
    "": "Standard",
    "data": "Blue",
    "math": "Teal",
    "neural network": "Green",
    "metric": "Olive",
    "reduction": "Amber",
    "training": "Orange",
    "loss": "Red",
    "comparison": "Pink",
    "matrix": "Purple",
    "utility": "Grey",
}
"""The colours by their stored name. Each has a category whose colour suits both themes, and a
title.
"""


class FrameColorEditor(Editor):
    """A choice of colour, with a sample of it.

    Colours in a file that are not among the choices are kept.
    """

    def __init__(self, attr: Attr, theme: Theme) -> None:
        super().__init__(attr, theme)
        self.field = QuietCombo()
        for stored, words in FRAME_COLORS.items():
            self._add(stored, words)
        self.field.activated.connect(self._on_chosen)
        self._layout.addWidget(self.field)
        self.setFocusProxy(self.field)

    def set_value(self, value: Any) -> None:
        index = self.field.findData(value)
        if index < 0:
            index = self.field.count()
            self._add(value, value.capitalize())
        self.field.setCurrentIndex(index)

    def _add(self, stored: str, words: str) -> None:
        self.field.addItem(dot(frame_color(self.theme, stored)), words, stored)

    def _on_chosen(self, index: int) -> None:
        self.submit(self.field.itemData(index))
        self.finished.emit()
