"""The value of a node on the stage: pictures if the tensor consists of pictures, otherwise
numbers.
"""

from __future__ import annotations

from PySide6.QtCore import QTimer, Slot
from PySide6.QtWidgets import QStackedWidget

from nodeflow.host import protocol as p
from nodeflow.host.picture_arrangement import measured
from nodeflow.ui.core.painting.heat_map_image import HeatScale
from nodeflow.ui.core.user_messages import sentence
from nodeflow.ui.core.widgets.common_widgets import label
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.panels.value_views import picture_options
from nodeflow.ui.panels.value_views.picture_view import PictureView
from nodeflow.ui.panels.value_views.table_and_histogram import TableView

PAUSE_MS = 250
"""Minimum milliseconds between requests for the whole value."""


class ValuePage(QStackedWidget):
    """The value of one tensor. It is requested whenever it changes, one request at a time."""

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._link = context.engine.link
        self.name = ""
        self._asked: int | None = None
        self._stale = False
        self.words = label("", "muted", wrap=True)
        self.table, self.pictures = TableView(), PictureView(context.look.themes)
        for page in (self.words, self.table, self.pictures):
            self.addWidget(page)
        self._timer = QTimer(self, singleShot=True, interval=PAUSE_MS)
        self._timer.timeout.connect(self._ask)
        self._link.tensor.connect(self._on_tensor)
        self._link.failed.connect(self._on_failed)
        self._link.past.chosen.connect(self._on_step)
        context.engine.values.changed.connect(self._on_values)

    def show_tensor(self, name: str) -> None:
        """Show a tensor from now on. An empty name stops all requests."""
        if name == self.name:
            return
        self.name, self._asked = name, None
        self._stale = bool(name)
        if name:
            self._say(f"Computing {name}…")
            self._timer.start(0)
        else:
            self._timer.stop()

    @Slot(object)
    def _on_values(self, names: tuple[str, ...]) -> None:
        if self.name and self.name in names:
            self._stale = True
            if not self._timer.isActive():
                self._timer.start(PAUSE_MS)

    @Slot()
    def _on_step(self) -> None:
        """Request the value at another step. The pending request will not be answered."""
        if self.name:
            self._asked, self._stale = None, True
            self._timer.start(0)

    @Slot()
    def _ask(self) -> None:
        if self.name and self._stale and self._asked is None and self._link.is_up:
            self._stale = False
            self._asked = self._link.fetch(self.name)

    @Slot(object)
    def _on_tensor(self, message: p.TensorValue) -> None:
        if message.request != self._asked:
            return
        self._asked = None
        ways = picture_options.ways(
            measured(message.array), message.image_shape, message.column_shape
        )
        if ways and (ways[0].is_natural or message.array.ndim > 1):
            numbers = measured(message.array)
            drawn = picture_options.drawn(
                numbers, ways[0], 0, message.image_shape, message.column_shape
            )
            self.pictures.show_drawn(drawn, ways[0].each, HeatScale.of_array(numbers))
            self.setCurrentWidget(self.pictures)
        else:
            self.table.show_array(message.array, ())
            self.setCurrentWidget(self.table)
        if self._stale:
            self._timer.start(PAUSE_MS)

    @Slot(object)
    def _on_failed(self, message: p.Failed) -> None:
        if message.request == self._asked:
            self._asked = None
            self._say(sentence(message.error))

    def _say(self, text: str) -> None:
        self.words.setText(text)
        self.setCurrentWidget(self.words)
