"""The control for the rows that all nodes show: the split, and buttons to previous or next rows."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QMenu, QToolButton, QWidget

from nodeflow.ui.core.theming.theme import SPACE
from nodeflow.ui.core.widgets.common_widgets import label
from nodeflow.ui.inspector.editors.editors_by_kind import QuietCombo
from nodeflow.ui.panels.panel_context import PanelContext
from nodeflow.ui.stage.control_row import LABEL_WIDTH, OFF_STAGE

SPLITS = {
    "data_train": "Training rows",
    "data_validation": "Validation rows",
    "data_test": "Test rows",
}
"""Short texts for the splits, by the action that chooses the split."""


class DataRow(QWidget):
    """A list of the splits, and buttons for the previous and next rows.

    Signals:
        dropped: the user removes the control from the stage.
    """

    dropped = Signal()

    def __init__(self, context: PanelContext) -> None:
        super().__init__()
        self._context = context
        caption = label("Data shown", "muted")
        caption.setFixedWidth(LABEL_WIDTH)
        self.split = QuietCombo()
        self.split.setAccessibleName("Data shown")
        self.split.activated.connect(self._on_chosen)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(SPACE[1])
        layout.addWidget(caption)
        layout.addWidget(self.split, 1)
        for name in ("data_previous", "data_next"):
            tool = QToolButton()
            tool.setDefaultAction(context.window.actions[name])
            tool.setIconSize(QSize(16, 16))
            layout.addWidget(tool)
        layout.addSpacing(16)
        context.chosen.data.changed.connect(self.refresh)
        context.window.actions.refreshed.connect(self.refresh)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._open_menu)
        self.refresh()

    @Slot()
    def refresh(self) -> None:
        """List the splits of the data, and show the current one."""
        actions = self._context.window.actions
        offered = [name for name in SPLITS if not actions.reason(name)]
        if [self.split.itemData(i) for i in range(self.split.count())] != offered:
            self.split.clear()
            for name in offered:
                self.split.addItem(SPLITS[name], name)
        current = next((i for i, n in enumerate(offered) if actions[n].isChecked()), -1)
        self.split.setCurrentIndex(current)

    @Slot(int)
    def _on_chosen(self, _: int) -> None:
        self._context.window.actions.trigger(self.split.currentData())

    @Slot(QPoint)
    def _open_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(OFF_STAGE, self.dropped.emit)
        menu.popup(self.mapToGlobal(at))
