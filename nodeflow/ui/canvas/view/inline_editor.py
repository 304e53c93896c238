"""Renaming nodes and frames in place, with a line editor over the title."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from nodeflow.document.analysis.node_flags import bounds_text, read_bounds
from nodeflow.document.edit import commands
from nodeflow.document.edit.node_value import set_value, value_of
from nodeflow.document.edit.set_flags import set_bounds, set_slider
from nodeflow.document.model.errors import BadValue
from nodeflow.graph.types import FLOATS
from nodeflow.number_text import number, plain
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport
from nodeflow.ui.canvas.signals import CanvasSignals
from nodeflow.ui.core.theming import theme

BOUNDS_WIDTH = 240
"""Width of the editor of bounds in pixels, so that its hint fits."""


class InlineEditor(QLineEdit):
    """An editor of one text in place.

    Enter and losing the focus accept the text, Escape discards it.
    """

    def __init__(
        self,
        canvas: QWidget,
        rect: QRectF,
        scale: float,
        text: str,
        accept: Callable[[str], None],
    ) -> None:
        super().__init__(text, canvas)
        self.setObjectName("inlineEditor")
        self.setAccessibleName("Name")
        self._text, self._accept, self._open = text, accept, True
        self.setFont(theme.font(max(13.0, min(13 * scale, 26.0)), 600))
        area = rect.toRect()
        area.setWidth(max(area.width(), 140))
        area.setHeight(max(area.height(), 26))
        self.setGeometry(area)
        self.selectAll()
        self.show()
        self.setFocus(Qt.FocusReason.PopupFocusReason)

    def finish(self, accept: bool) -> None:
        """Close the editor. ``accept`` tells whether its text takes effect."""
        if not self._open:
            return
        self._open = False
        view, text = self.parentWidget(), self.text().strip()
        if accept and text != self._text:
            self._accept(text)
        self.hide()
        self.deleteLater()
        if view is not None:
            view.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.finish(False)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.finish(True)
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.finish(True)


def read_value(text: str, dtype: str) -> float | int | bool:
    """Parse a number or truth value that a person typed.

    Raises:
        BadValue: the text is neither.
    """
    words = {"true": True, "false": False}
    typed = plain(text.strip())
    if typed.lower() in words:
        return words[typed.lower()]
    try:
        value = float(typed)
    except ValueError:
        raise BadValue(f"{text!r} is not a number", hint="Write a number such as 0.5.") from None
    return value if dtype in FLOATS or value != int(value) else int(value)


def read_ends(text: str) -> tuple[float, float] | None:
    """Parse the ends of a slider: ``0 to 1``; None for an empty text.

    Raises:
        BadValue: it is not two numbers.
    """
    parts = [part for part in re.split(r"\s*(?:to|,|;|\.\.|…|\s)\s*", text.strip()) if part]
    if not parts:
        return None
    try:
        low, high = map(float, parts)
    except ValueError:
        raise BadValue(f"{text!r} is not a range", hint="Write two numbers: 0 to 1.") from None
    return low, high


def _range_text(low: float, high: float) -> str:
    return f"{plain(number(low))} to {plain(number(high))}"


class Rename:
    """The actions that open the inline editor for names, values and titles on a canvas."""

    def __init__(
        self,
        canvas: QWidget,
        scene: SceneModel,
        viewport: Viewport,
        selection: Selection,
        signals: CanvasSignals,
    ) -> None:
        self._canvas, self._scene, self._viewport = canvas, scene, viewport
        self._selection, self._signals = selection, signals
        self.editor: InlineEditor | None = None
        """The editor that was opened last, or None."""

    def selected(self) -> None:
        """Rename the selected frame, or the only selected node."""
        chosen = self._selection.ids()
        if self._selection.is_frame:
            self.frame(chosen[0])
        elif len(chosen) == 1:
            self.node(chosen[0])

    def node(self, node_id: str) -> None:
        """Edit a node's name on its card."""
        record = self._scene.document.nodes.get(node_id)
        if record is None or self._refuses():
            return

        def accept(name: str) -> None:
            with self._signals.reporting():
                commands.rename(self._scene.document, node_id, name)

        self._open(self._viewport.header_rect(node_id), record.name, accept)

    def value(self, node_id: str) -> None:
        """Edit a node's number on its card."""
        document = self._scene.document
        found = value_of(document, node_id)
        if found is None or self._refuses():
            return

        def accept(text: str) -> None:
            with self._signals.reporting():
                set_value(document, node_id, read_value(text, found.dtype))

        value = str(found.value).lower() if isinstance(found.value, bool) else str(found.value)
        self._open(self._viewport.value_rect(node_id), value, accept)
        assert self.editor is not None
        self.editor.setAccessibleName("Value")

    def slider(self, node_id: str) -> None:
        """Edit the ends of a node's slider on its card. An empty text removes the slider."""
        document = self._scene.document
        found = value_of(document, node_id)
        if found is None or self._refuses():
            return
        usual = (0.0, max(1.0, 2 * abs(float(found.value))))
        low, high = found.slider or usual

        def accept(text: str) -> None:
            with self._signals.reporting():
                set_slider(document, node_id, read_ends(text))

        area = self._viewport.value_rect(node_id)
        area = self._viewport.node_rect(node_id) if area.isEmpty() else area
        self._open(area, "" if found.slider is None else _range_text(low, high), accept)
        assert self.editor is not None
        self.editor.setText(_range_text(low, high))
        self.editor.selectAll()
        self.editor.setAccessibleName("Slider from and to")

    def bounds(self, node_ids: Sequence[str]) -> None:
        """Edit the bounds of nodes, on the card of the first. An empty text removes the bounds."""
        document = self._scene.document
        if self._refuses():
            return
        shown = bounds_text(document.nodes[node_ids[0]])

        def accept(text: str) -> None:
            with self._signals.reporting():
                set_bounds(document, node_ids, *read_bounds(text))

        area = self._viewport.header_rect(node_ids[0])
        area.setWidth(max(area.width(), BOUNDS_WIDTH))
        self._open(area, shown, accept)
        assert self.editor is not None
        self.editor.setPlaceholderText("-1 to 1, at least 0, at most 100")
        self.editor.setAccessibleName("Allowed range")

    def frame(self, frame_id: str) -> None:
        """Edit a frame's title."""
        if self._refuses():
            return
        frame, camera = self._scene.document.frames[frame_id], self._viewport.camera
        x, y, width, _ = frame.rect
        rect = self._viewport.kept_inside(camera.rect_to_view(QRectF(x, y, width - 24, 30)))
        rect.moveTo(camera.to_view(QPointF(x + 12, y + 6)))

        def accept(title: str) -> None:
            with self._signals.reporting():
                commands.set_frame(self._scene.document, frame_id, title=title)

        self._open(rect, frame.title, accept)

    def _open(self, rect: QRectF, text: str, accept: Callable[[str], None]) -> None:
        scale = self._viewport.camera.scale
        self.editor = InlineEditor(self._canvas, rect, scale, text, accept)

    def _refuses(self) -> bool:
        """Return whether the document is read-only. If so, show the reason."""
        locked = self._scene.document.locked
        if locked:
            self._signals.message.emit(locked)
        return bool(locked)
