"""The view of one kept run, in a row with other runs."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QStackedWidget, QWidget

from nodeflow.drawing.views.view import ShownView
from nodeflow.host.run_views.run_view_messages import RunView
from nodeflow.number_text import count, number
from nodeflow.run_store.run_records import Run
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, column, label, row
from nodeflow.ui.panels.predictions import figures
from nodeflow.ui.panels.trainings.run_table import swatch
from nodeflow.ui.panels.value_views.sample_grid import SampleGrid
from nodeflow.ui.panels.value_views.view_page import ViewCanvas

SAMPLES = "predictions"
"""The kind of view that is a page of samples. All other kinds are drawn."""
NARROWEST = 250
WAITS = "Computing…"


class RunCell(QWidget):
    """A run's name and results above its view."""

    def __init__(self, themes: ThemeManager) -> None:
        super().__init__()
        self.run: Run | None = None
        self._kind = ""
        self.sign = QLabel()
        self.name = ElidedLabel("", "strong")
        self.facts = ElidedLabel("", "caption")
        self.text = label("", "muted", wrap=True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.canvas = ViewCanvas(themes)
        self.figures = ElidedLabel("")
        self.grid = SampleGrid(themes)
        scroll = QScrollArea()
        scroll.setWidget(self.grid)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        samples = QWidget()
        inner = column(self.figures, gap=1)
        inner.addWidget(scroll, 1)
        samples.setLayout(inner)
        self._pages = QStackedWidget()
        for page in (self.text, self.canvas, samples):
            self._pages.addWidget(page)
        head = row(self.sign, gap=2)
        head.addWidget(self.name, 1)
        layout = column(head, self.facts, gap=1)
        layout.addWidget(self._pages, 1)
        layout.setContentsMargins(0, 0, SPACE[2], 0)
        self.setLayout(layout)
        self.setMinimumWidth(NARROWEST)

    def begin(self, run: Run, color: str) -> None:
        """Show the name of a run while its view is being computed."""
        if self.run is None or self.run.id != run.id:
            self.say(WAITS)
        self.run = run
        self.sign.setPixmap(swatch(color).pixmap(12, 12))
        self.sign.setVisible(bool(color))
        self.name.setText(run.name)
        self._describe("")

    def await_view(self, kind: str) -> None:
        """Hide the current view, because a view of another kind is awaited."""
        if kind != self._kind:
            self._kind = kind
            self.say(WAITS)

    def say(self, text: str) -> None:
        """Show a sentence instead of the view."""
        self.text.setText(text)
        self._pages.setCurrentIndex(0)

    def show_view(self, answer: RunView) -> None:
        """Show the view, or the reason why there is nothing to show."""
        self._describe(answer.note)
        value = answer.value
        if value.data is None:
            self.say(value.error)
        elif value.spec.kind == SAMPLES:
            self.figures.setText(figures(value.data))
            self.grid.show_page(value.data)
            self._pages.setCurrentIndex(2)
        else:
            self.canvas.show_view(ShownView(value.spec.kind, value))
            self.canvas.setAccessibleName(f"View of {self.name.text()}")
            self._pages.setCurrentIndex(1)

    def _describe(self, note: str) -> None:
        run = self.run
        assert run is not None
        parts = [f"{name} {number(value, 3)}" for name, value in list(run.metrics.items())[:2]]
        if run.loss is not None:
            parts.append(f"loss {number(run.loss, 3)}")
        parts.append(f"{count(run.steps)} steps")
        self.facts.setText(", ".join([*parts, note] if note else parts))
