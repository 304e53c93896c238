"""The bar over the graph while a past step is shown, with a button back to now."""

from __future__ import annotations

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel

from nodeflow.host.messages.values import SKETCH
from nodeflow.number_text import count, counted
from nodeflow.ui.core.engine_link.shown_step import ShownStep
from nodeflow.ui.core.state.override_values import Overrides
from nodeflow.ui.core.theming.theme import SPACE, Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, button


class PastBar(QFrame):
    """A bar with a button back to the present, hidden unless a past step is shown.

    Signals:
        graph_requested(run): open the graph of this kept run.
    """

    graph_requested = Signal(str)

    def __init__(self, past: ShownStep, overrides: Overrides, themes: ThemeManager) -> None:
        super().__init__()
        self._past, self._overrides = past, overrides
        self.setObjectName("pastBar")
        self.setAccessibleName("A past step is shown")
        self._sign = QLabel()
        self._sign.setAccessibleName("The past")
        self.text = ElidedLabel("", "strong")
        self.graph = button("Open its graph", "", self._on_graph)
        self.graph.setToolTip("The graph of the run, as a new document")
        self.now = button("Back to now", "", self._on_now)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(SPACE[3], SPACE[1], SPACE[3], SPACE[1])
        layout.setSpacing(SPACE[2])
        layout.addWidget(self._sign)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.graph)
        layout.addWidget(self.now)
        past.changed.connect(self.refresh)
        overrides.changed.connect(self.refresh)
        themes.follow(self.set_theme)
        self.refresh()

    def set_theme(self, theme: Theme) -> None:
        self._sign.setPixmap(icon("history", theme, "warning", 16).pixmap(QSize(16, 16)))

    @Slot()
    def refresh(self) -> None:
        """Show the number of the step, and the data that its values are computed with."""
        step = self._past.step
        self.setVisible(step is not None)
        if step is None:
            return
        past = self._past
        epoch = past.epoch_of(step)
        where = f"step {count(step)}{f' of {past.title}' if past.run else ''}"
        where += f", in epoch {count(epoch)}" if epoch else ""
        self.graph.setVisible(bool(past.run and past.differences))
        if past.is_slow:
            self.text.setText(f"Going to {where}…")
            return
        rows = next(iter(self._overrides.rows.values()), "")
        of = f"with input from the {rows}" if rows == SKETCH else f"with the rows of {rows}"
        of = of if rows else "on the batch of that step"
        said = [*past.notices, f"Past values: {where}, {of}."]
        if past.run and past.differences:
            many = counted(past.differences, "difference")
            said.insert(0, f"This run trained a different graph ({many}).")
        self.text.setText(" ".join(said))

    @Slot()
    def _on_now(self) -> None:
        self._past.leave_run()
        self._past.back()

    @Slot()
    def _on_graph(self) -> None:
        self.graph_requested.emit(self._past.run)
