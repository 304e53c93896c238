"""The points panel: the rows of a layer or an embedding as points in two dimensions.

Beside the selected point it lists the rows that are nearest in all dimensions. A double click
on a point shows its row on all nodes.
"""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QSize, Qt, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QCheckBox,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStackedLayout,
    QWidget,
)

from nodeflow.drawing.views.projection import METRICS, title
from nodeflow.drawing.views.rates import SPLITS
from nodeflow.host.protocol import ViewSpec, ViewValue
from nodeflow.host.views.kinds.projection import ProjectionData, methods
from nodeflow.number_text import count, number
from nodeflow.ui.actions.binding import Binding
from nodeflow.ui.actions.specs import ActionSpec
from nodeflow.ui.controllers.viewing.view_watcher import ViewWatcher
from nodeflow.ui.core.state.data_selection import DataSelection
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.core.widgets.common_widgets import button, column, label, row
from nodeflow.ui.core.widgets.panel_visibility import InFront
from nodeflow.ui.inspector.editors.editors_by_kind import QuietCombo, fitting_combo
from nodeflow.ui.panels.panel import LatePanel, PanelSpec, Place
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.panels.value_views.point_canvas import PointCanvas

ASKER = "points"
SIDE = 190
ICON = 28
NOTHING = "Points appear here once the graph has data and a layer, or a matrix of embeddings."


class PointsPanel(QWidget):
    """The panel of points. It requests the points while it is visible."""

    def __init__(
        self, workspace: Workspace, views: ViewWatcher, data: DataSelection, themes: ThemeManager
    ) -> None:
        super().__init__()
        self._views, self._choice = views, data
        self._options: dict[str, str] = {}
        self._name = ""
        self.shown: ProjectionData | None = None
        self.in_front = InFront(self)
        self.in_front.changed.connect(self._on_front)
        self._make(themes)
        views.arrived.connect(self._on_view)
        workspace.replaced.connect(self._forget)

    def _make(self, themes: ThemeManager) -> None:
        self.nodes, self.splits, self.methods, self.metrics = (
            self._combo(name) for name in ("Node", "Rows", "Method", "Distance")
        )
        for combo, entries in ((self.methods, methods().items()), (self.metrics, METRICS)):
            for value, text in entries:
                combo.addItem(text, value)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search labels and rows")
        self.search.setAccessibleName("Search points")
        self.search.setClearButtonEnabled(True)
        self.search.setMaximumWidth(200)
        self.search.textChanged.connect(self._on_search)
        self.search.returnPressed.connect(self._choose_found)
        self.pictures = QCheckBox("Pictures")
        self.pictures.setToolTip("Draw the inputs in place of the points, if there is space")
        self.pictures.clicked.connect(self._on_pictures)
        self.found = label("", "caption")
        self.canvas = PointCanvas(themes)
        self.canvas.chosen.connect(self._on_chosen)
        self.canvas.opened.connect(self._on_opened)
        self.heading = label("", "strong", wrap=True)
        self.near = QListWidget()
        self.near.setAccessibleName("Nearest rows")
        self.near.setIconSize(QSize(ICON, ICON))
        self.near.itemActivated.connect(self._on_near)
        self.near.itemClicked.connect(self._on_near)
        self.show_row = button("Show this row on all nodes", "link", self._show_chosen)
        side = QWidget()
        side.setFixedWidth(SIDE)
        side.setLayout(column(self.heading, self.near, self.show_row, gap=1))
        self.step = label("", "caption")
        head = row(
            *(self.nodes, self.splits, self.methods, self.metrics, self.search, self.found),
            *(None, self.step, self.pictures, button("Show all", "link", self._show_all)),
        )
        body = row(self.canvas, side, gap=3)
        body.setStretch(0, 1)
        content = QWidget()
        layout = column(head, gap=1, margins=2)
        layout.addLayout(body, 1)
        content.setLayout(layout)
        self.methods.setVisible(self.methods.count() > 1)
        self._nothing = label(NOTHING, "muted", wrap=True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._pages = QStackedLayout(self)
        self._pages.addWidget(self._nothing)
        self._pages.addWidget(content)
        self._show_neighbours()

    def _combo(self, name: str) -> QuietCombo:
        combo = fitting_combo(name)
        combo.activated.connect(self._on_choice)
        return combo

    # ---- requests ---------------------------------------------------------------------------

    @property
    def spec(self) -> ViewSpec:
        """The request to the engine for the points."""
        return ViewSpec("projection", self._name, tuple(sorted(self._options.items())))

    @Slot(bool)
    def _on_front(self, is_front: bool) -> None:
        self._views.ask((self.spec,) if is_front else (), ASKER)

    def _on_choice(self) -> None:
        self._name = self.nodes.currentData() or ""
        chosen = {
            "split": self.splits.currentData(),
            "method": self.methods.currentData(),
            "metric": self.metrics.currentData(),
        }
        self._options = {name: value for name, value in chosen.items() if value}
        if self.in_front:
            self._views.ask((self.spec,), ASKER)

    def _forget(self) -> None:
        """Reset the panel for another document."""
        self._name, self._options, self.shown = "", {}, None
        for combo in (self.nodes, self.splits):
            combo.clear()
        self.methods.setCurrentIndex(0)
        self.metrics.setCurrentIndex(0)
        self.canvas.show_data(None)
        self.search.clear()
        self._show_neighbours()
        self._nothing.setText(NOTHING)
        self._pages.setCurrentIndex(0)
        if self.in_front:
            self._views.ask((self.spec,), ASKER)

    # ---- showing ----------------------------------------------------------------------------

    @Slot(object)
    def _on_view(self, message: ViewValue) -> None:
        if message.spec != self.spec or not self.in_front:
            return
        if message.data is None:
            self._say(message.error)
            return
        self._pages.setCurrentIndex(1)
        self.step.setText(f"After step {count(message.step)}" if message.step else "")
        self._show(message.data)

    def _say(self, text: str) -> None:
        """Show the reason why there are no points. If a method failed, keep the choices."""
        if self.shown is None or not self._options:
            self._nothing.setText(text)
            self._pages.setCurrentIndex(0)
            return
        self.canvas.show_data(None)
        self.heading.setText(text)
        self.near.clear()

    def _show(self, data: ProjectionData) -> None:
        self.shown = data
        self._fill(self.nodes, [(name, name) for name in data.candidates], data.tensor)
        self._fill(self.splits, [(s, SPLITS[s]) for s in data.splits], data.split)
        self.pictures.setVisible(data.pictures is not None)
        self.canvas.show_data(data)
        self._on_search()
        self._show_neighbours()

    def _fill(self, combo: QuietCombo, entries: list[tuple[str, str]], current: str) -> None:
        if [combo.itemData(i) for i in range(combo.count())] != [key for key, _ in entries]:
            combo.clear()
            for key, text in entries:
                combo.addItem(text, key)
        combo.setCurrentIndex(max(0, combo.findData(current)))
        combo.setVisible(len(entries) > 1)

    def _show_all(self) -> None:
        self.canvas.show_all()

    def _on_pictures(self, on: bool) -> None:
        self.canvas.with_pictures = on
        self.canvas.update()

    # ---- search -----------------------------------------------------------------------------

    @Slot()
    def _on_search(self) -> None:
        """Fade the points that do not match the search."""
        data, text = self.shown, self.search.text().strip().casefold()
        if data is None or not text:
            self.canvas.found = None
            self.found.setText("")
        else:
            self.canvas.found = np.array(
                [matches(data, index, text) for index in range(len(data.points))], bool
            )
            found = int(self.canvas.found.sum())
            self.found.setText(f"{count(found)} found" if found else "None found")
        self.canvas.update()

    def _choose_found(self) -> None:
        """Select the next point that matches the search."""
        if self.canvas.found is None or not self.canvas.found.any():
            return
        found = np.flatnonzero(self.canvas.found)
        later = found[found > self.canvas.selected]
        self.canvas.choose(int(later[0] if len(later) else found[0]))

    # ---- neighbours -------------------------------------------------------------------------

    @Slot(int)
    def _on_chosen(self, _: int) -> None:
        self._show_neighbours()

    def _show_neighbours(self) -> None:
        data, index = self.shown, self.canvas.selected
        self.near.clear()
        is_chosen = data is not None and 0 <= index < len(data.points)
        self.show_row.setVisible(is_chosen and bool(data is not None and data.split))
        if data is None or not is_chosen:
            self.heading.setText("Click a point to see its neighbours.")
            return
        self.heading.setText(f"Nearest to {title(data, index)}")
        for near, distance in zip(data.near[index], data.distances[index], strict=True):
            item = QListWidgetItem(f"{title(data, int(near))}   {number(distance, 3)}")
            item.setData(Qt.ItemDataRole.UserRole, int(near))
            pixmap = self.canvas.picture(int(near))
            if pixmap is not None:
                item.setIcon(QIcon(pixmap.scaled(ICON, ICON, Qt.AspectRatioMode.KeepAspectRatio)))
            self.near.addItem(item)

    def _on_near(self, item: QListWidgetItem) -> None:
        self.canvas.choose(item.data(Qt.ItemDataRole.UserRole))

    def _show_chosen(self) -> None:
        self._on_opened(self.canvas.selected)

    @Slot(int)
    def _on_opened(self, index: int) -> None:
        """Show the row of a double-clicked point on all nodes."""
        if self.shown is not None and self.shown.split and index >= 0:
            self._choice.show_row(self.shown.split, index)


def matches(data: ProjectionData, index: int, text: str) -> bool:
    """Return whether a point matches a search: by the start of its label, by its words, or as
    ``row N``.
    """
    label_ = data.labels[index].casefold() if data.labels else ""
    words = data.texts[index].casefold() if data.texts else ""
    if text.startswith("row "):
        return text.removeprefix("row ").strip() == str(index)
    return label_.startswith(text) or (len(text) > 1 and text in words)


def _make(context: PanelContext) -> PointsPanel:
    return PointsPanel(
        context.document.workspace, context.engine.views, context.chosen.data, context.look.themes
    )


def _wire(context: PanelContext, panel: LatePanel) -> None:
    context.window.actions.bind({SHOW.id: Binding(panel.show)})


SHOW = ActionSpec("show_points", "Show rows in a scatter plot", icon="chart-scatter")
PANEL = PanelSpec("points", "Scatter plot", Place.BOTTOM, 50, _make, _wire, (SHOW,))
