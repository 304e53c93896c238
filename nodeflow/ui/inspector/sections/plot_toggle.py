"""The switch that plots a node's value during trainings."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox

from nodeflow.document.analysis.node_flags import is_plotted
from nodeflow.document.edit.set_flags import toggle_plotted
from nodeflow.document.model.records import NodeRecord
from nodeflow.train.watched_tensors.plotted_values import can_plot
from nodeflow.ui.core.state.workspace import Workspace


class PlotToggle(QCheckBox):
    """A check box that is visible only if the node is a single number."""

    def __init__(self, workspace: Workspace, node: str) -> None:
        super().__init__("Plot over steps")
        self._workspace, self._node = workspace, node
        self.setToolTip(
            "Trainings record its value of each step and plot it beside the loss, from the next "
            "Train or Continue on."
        )
        self.clicked.connect(self._on_clicked)
        self.hide()

    def show_record(self, record: NodeRecord) -> None:
        """Show whether a node is plotted."""
        types = self._workspace.analysis.out_types(self._node) or {}
        first = next(iter(types.values()), None)
        on = is_plotted(record)
        wired = bool(self._workspace.document.wires_into(self._node))
        self.setVisible(on or (wired and first is not None and can_plot(first)))
        self.setEnabled(not self._workspace.document.locked)
        self.setChecked(on)

    @Slot(bool)
    def _on_clicked(self, on: bool) -> None:
        record = self._workspace.document.nodes.get(self._node)
        if record is not None and is_plotted(record) != on:
            toggle_plotted(self._workspace.document, [self._node])
