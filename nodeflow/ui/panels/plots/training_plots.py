"""The plots beside the figures of a training: a bar of controls, the grid, and metrics that are
tables.

It imports pyqtgraph, so import this module only when it is needed.
"""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QWidget

from nodeflow.document.edit import commands
from nodeflow.ui.core.state.data_selection import DataSelection
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import column, label
from nodeflow.ui.panels.plots.arrangement import Arrangement
from nodeflow.ui.panels.plots.curve_plot import NOT_FINITE
from nodeflow.ui.panels.plots.plot_controls import PlotControls
from nodeflow.ui.panels.plots.plot_grid import PlotGrid
from nodeflow.ui.panels.plots.shared_plots import SharedPlots
from nodeflow.ui.panels.trainings.training_history import TrainingRecord
from nodeflow.ui.panels.value_views.metric_matrix import MatrixView


class TrainingPlots(QWidget):
    """The plots of a training in the arrangement of the open file, with curves of other runs.

    Signals:
        metric_requested(): the user clicked the link to choose metrics, which is shown if there
            are none.
        smoothing_changed(): the smoothing of curves changed, so other plots must be drawn again.
    """

    metric_requested = Signal()
    smoothing_changed = Signal()

    def __init__(
        self,
        workspace: Workspace,
        shared: SharedPlots,
        settings: Settings,
        themes: ThemeManager,
        data: DataSelection,
    ) -> None:
        super().__init__()
        self._workspace, self._shared, self._settings = workspace, shared, settings
        self._themes, self._data = themes, data
        self._record: TrainingRecord | None = None
        self.grid = PlotGrid(themes)
        self.bar = PlotControls(self.grid, themes, settings.smoothing)
        self.bar.note.linkActivated.connect(self._on_link)
        self.bar.smoothing_changed.connect(self._on_smoothing)
        self.table_views: dict[str, Any] = {}
        self._tables = QHBoxLayout()
        self._tables.setSpacing(SPACE[4])
        body = QHBoxLayout()
        body.setSpacing(SPACE[4])
        body.addWidget(_scrolling(self.grid), 5)
        body.addLayout(self._tables, 2)
        self._body = body
        layout = column(self.bar, gap=1)
        layout.addLayout(body, 1)
        self.setLayout(layout)
        self.grid.arranged.connect(self._on_arranged)
        self.grid.step_chosen.connect(shared.step_chosen)
        shared.overlays_changed.connect(self._on_overlays)
        shared.cursor_changed.connect(self._on_cursor)
        workspace.changed.connect(self._follow)
        workspace.replaced.connect(self._follow)
        themes.changed.connect(self._write_note)
        self._follow()
        self._on_overlays()
        self._on_cursor()

    # ---- the file -----------------------------------------------------------------------------

    @Slot()
    def _follow(self, _: object = None) -> None:
        """Apply the arrangement of plots in the open file."""
        stored = self._workspace.root.training.get("plots")
        self.grid.set_arrangement(Arrangement.from_json(stored))
        self.bar.refresh()

    @Slot(object)
    def _on_arranged(self, arrangement: Arrangement) -> None:
        root = self._workspace.root
        with root.transaction("Arrange the plots"):
            commands.set_training(root, plots=arrangement.to_json())
        self._follow()

    # ---- other panels -------------------------------------------------------------------------

    @Slot()
    def _on_overlays(self) -> None:
        self.grid.show_overlays(self._shared.overlays, self._shared.runs)

    @Slot()
    def _on_cursor(self) -> None:
        self.grid.show_cursor(self._shared.cursor)

    def _on_link(self, _: str) -> None:
        self.metric_requested.emit()

    def _on_smoothing(self, value: float) -> None:
        self._settings.smoothing = value
        self._shared.smooth_overlays(value)
        self.smoothing_changed.emit()

    # ---- a training ---------------------------------------------------------------------------

    def forget(self) -> None:
        """Remove all curves and reset the axes."""
        self._record = None
        for view in self.table_views.values():
            view.parentWidget().hide()
        self.grid.forget()
        self._write_note()

    def show_record(self, record: TrainingRecord) -> None:
        """Draw new values from the record of a training."""
        self._record = record
        is_over = record.done is not None or record.diverged is not None
        self.grid.show_curves(record.curves)
        self.grid.refresh(is_over)
        left = record.diverged is not None and record.diverged.crossing is not None
        self.grid.mark(record.mark, "out of bounds" if left else NOT_FINITE)
        self.grid.show_changes(record.changes)
        self._write_note()
        self._draw_tables(record)

    def _draw_tables(self, record: TrainingRecord) -> None:
        """Draw the metrics that are tables, from the last epoch."""
        for name, array in record.tables.items():
            if name not in self.table_views:
                self._add_table(name)
            self.table_views[name].show_matrix(name, array, self._data.names_of(len(array)) or ())
        for name, view in self.table_views.items():
            view.parentWidget().setVisible(name in record.tables)

    def _add_table(self, name: str) -> None:
        view = self.table_views[name] = MatrixView(self._themes)
        holder = QWidget()
        holder.setLayout(column(label(name, "caption"), view, gap=1))
        self._tables.addWidget(holder)

    @Slot()
    def _write_note(self) -> None:
        """Offer to add a metric if there is none."""
        record = self._record
        has_begun = record is not None and (
            record.done is not None or record.current_epoch() > record.first_epoch
        )
        text = ""
        found = record is not None and (record.measured or record.metrics or record.tables)
        if has_begun and not found:
            color = self._themes.theme.accent
            link = f"<a href='metric' style='color:{color}'>Add a metric</a>"
            text = f"No metrics yet. {link}"
        if text != self.bar.note.text():
            self.bar.note.setText(text)


def _scrolling(widget: QWidget) -> QScrollArea:
    """Return a scroll area, so that many plots do not make the panel higher."""
    area = QScrollArea()
    area.setWidget(widget)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return area
