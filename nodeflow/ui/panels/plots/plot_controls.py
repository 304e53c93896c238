"""The controls of all plots: the x axis, smoothing, the arrangement, export."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QLabel, QMenu, QSizePolicy, QSlider, QToolButton, QWidget

from nodeflow.atomic_write import write_atomically
from nodeflow.errors import NodeflowError
from nodeflow.ui.core.concurrency.background_jobs import Background
from nodeflow.ui.core.theming.theme import Theme, icon
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import button, label, row, switch
from nodeflow.ui.inspector.editors.editors_by_kind import QuietCombo
from nodeflow.ui.panels.plots.arrangement import MOST_COLUMNS, Arrangement
from nodeflow.ui.panels.plots.curve import AXES, Curve
from nodeflow.ui.panels.plots.export import picture, write_csv
from nodeflow.ui.panels.plots.plot_cell import EXPORTS, PlotCell
from nodeflow.ui.panels.plots.plot_grid import PlotGrid
from nodeflow.ui.popups.dialogs.confirmation_dialogs import show_problem

AXIS_WORDS = {"step": "Steps", "epoch": "Epochs", "seconds": "Seconds"}
FILTERS = {".png": "Picture (*.png)", ".svg": "Drawing (*.svg)", ".csv": "Values (*.csv)"}
HELP = (
    "Drag to zoom to a range, Shift-drag to pan; the wheel zooms. A double click shows all. "
    "On the keyboard: + and −, ← and →, Home."
)


class PlotControls(QWidget):
    """One line of controls above the plots.

    Signals:
        smoothing_changed(float): 0 to below 1.
    """

    smoothing_changed = Signal(float)

    def __init__(self, grid: PlotGrid, themes: ThemeManager, smoothing: float) -> None:
        super().__init__()
        self._grid, self._themes = grid, themes
        self.axis = QuietCombo()
        self.axis.setAccessibleName("X axis")
        self.axis.setToolTip("The x axis of all plots")
        for axis in AXES:
            self.axis.addItem(AXIS_WORDS[axis], axis)
        self.axis.activated.connect(self._on_axis)
        self.log = QToolButton()
        self.log.setText("log")
        self.log.setCheckable(True)
        self.log.setAutoRaise(True)
        self.log.setAccessibleName("Logarithmic x axis")
        self.log.setToolTip("Logarithmic x axis; the menu of a plot sets its y axis")
        self.log.clicked.connect(self._on_log)
        self.smoothing = QSlider(Qt.Orientation.Horizontal)
        self.smoothing.setRange(0, 99)
        self.smoothing.setValue(round(smoothing * 100))
        self.smoothing.setFixedWidth(110)
        self.smoothing.setAccessibleName("Smoothing of the loss")
        self.smoothing.setToolTip(
            "Smoothing: the weight of earlier steps. The band shows the extremes."
        )
        self.smoothing.valueChanged.connect(self._on_smoothing)
        self.whole = button("Show all", "link", grid.show_whole)
        self.whole.setToolTip("Show the whole training again")
        self.note = QLabel()
        self.note.setProperty("role", "caption")
        self.note.setTextFormat(Qt.TextFormat.RichText)
        self.note.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self._fill_menu)
        self.more = QToolButton()
        self.more.setText("Plots")
        self.more.setAutoRaise(True)
        self.more.setToolTip(f"Arrange and export the plots. {HELP}")
        self.more.setAccessibleName("Menu of all plots")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.more.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more.setMenu(self.menu)
        self._writing = Background(self)
        self._writing.failed.connect(self._on_failed)
        layout = row(
            *(1, label("X axis", "caption"), self.axis, self.log, 2),
            *(label("Smoothing", "caption"), self.smoothing, 2),
            *(self.note, self.whole, self.more, 1),
            gap=1,
        )
        layout.setStretchFactor(self.note, 1)
        self.setLayout(layout)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        grid.zoomed.connect(self.refresh)
        grid.export_asked.connect(self._export_one)
        self.refresh()
        themes.follow(self._set_theme)

    def _set_theme(self, theme: Theme) -> None:
        self.more.setIcon(icon("sliders-horizontal", theme, "ink_muted", 14))

    @Slot()
    def refresh(self) -> None:
        """Update the controls to the arrangement of the grid."""
        arrangement = self._grid.arrangement
        self.axis.setCurrentIndex(self.axis.findData(arrangement.x))
        self.log.setChecked(arrangement.log_x)
        self.whole.setVisible(self._grid.span is not None)

    def _arrange(self, **fields: object) -> None:
        self._grid.arranged.emit(replace(self._grid.arrangement, **fields))

    def _on_axis(self, _: int) -> None:
        self._arrange(x=self.axis.currentData())

    def _on_log(self, on: bool) -> None:
        self._arrange(log_x=on)

    def _on_smoothing(self, value: int) -> None:
        self.smoothing_changed.emit(value / 100)

    # ---- menu ---------------------------------------------------------------------------------

    def _fill_menu(self) -> None:
        menu, grid = self.menu, self._grid
        menu.clear()
        menu.addAction("Add a plot").triggered.connect(self._on_add)
        columns = menu.addMenu("Columns")
        for number in range(MOST_COLUMNS + 1):
            entry = columns.addAction(str(number) if number else "As many as fit")
            entry.setCheckable(True)
            entry.setChecked(grid.arrangement.columns == number)
            entry.triggered.connect(partial(self._on_columns, number))
        hidden = [name for name in grid.arrangement.hidden if name in grid.names]
        shown = menu.addMenu("Show a hidden curve")
        switch(shown.menuAction(), "" if hidden else "No curve is hidden.")
        for name in hidden:
            entry = shown.addAction(name.replace("&", "&&"))
            entry.triggered.connect(partial(self._on_unhide, name))
        reset = menu.addAction("Arrange the plots automatically")
        is_plain = grid.arrangement == Arrangement()
        switch(reset, "They are already arranged automatically." if is_plain else "")
        reset.triggered.connect(self._on_reset)
        menu.addSeparator()
        for suffix, words in EXPORTS:
            entry = menu.addAction(words)
            drawn = any(curve.count for curve in grid.all_curves)
            switch(entry, "" if drawn else "Nothing is drawn yet.")
            entry.triggered.connect(partial(self._export, suffix))

    def _on_add(self, _: bool = False) -> None:
        self._grid.add_plot()

    def _on_columns(self, number: int, _: bool = False) -> None:
        self._arrange(columns=number)

    def _on_unhide(self, name: str, _: bool = False) -> None:
        hidden = tuple(other for other in self._grid.arrangement.hidden if other != name)
        self._arrange(hidden=hidden)

    def _on_reset(self, _: bool = False) -> None:
        self._grid.arranged.emit(Arrangement(extra=self._grid.arrangement.extra))

    # ---- export -------------------------------------------------------------------------------

    def _export(self, suffix: str, _: bool = False) -> None:
        self._save(self._grid.visible_cells, list(self._grid.all_curves), suffix)

    @Slot(object, str)
    def _export_one(self, cell: PlotCell, suffix: str) -> None:
        self._save([cell], list(cell.plot.curves), suffix)

    def _save(self, cells: list[PlotCell], curves: list[Curve], suffix: str) -> None:
        start = str(Path.home() / f"plots{suffix}")
        chosen, _filter = QFileDialog.getSaveFileName(
            self, "Export the plots", start, FILTERS[suffix]
        )
        if not chosen:
            return
        path = Path(chosen)
        path = path if path.suffix else path.with_suffix(suffix)
        if suffix == ".csv":
            self._writing.run(lambda: _reported(path, lambda: write_csv(path, curves)))
            return
        content = picture(cells, self._themes.theme, suffix)
        self._writing.run(lambda: _reported(path, lambda: write_atomically(path, content)))

    def _on_failed(self, error: NodeflowError) -> None:
        show_problem(self, "The plots were not exported", error)


def _reported(path: Path, write) -> None:
    """Call ``write``. Report an OSError in a message that names the file."""
    try:
        write()
    except OSError as error:
        text = f"{path} could not be written: {error.strerror or error}"
        raise NodeflowError(text, hint="Choose another folder.") from None
