"""The switch for early stopping beside the plots; its settings are in the inspector."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QCheckBox, QWidget

from nodeflow.document.analysis.subgraphs.instance_paths import scoped_name
from nodeflow.document.analysis.training_settings import training_settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.widgets.common_widgets import ElidedLabel, column
from nodeflow.ui.inspector.sections.early_stopping_rows import switch_early_stopping


class EarlyStoppingToggle(QWidget):
    """A check box with a summary of the settings."""

    def __init__(self, workspace: Workspace, parent: QWidget) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.box = QCheckBox("Stop early")
        self.box.setToolTip(
            "End the training when the validation loss, or another monitored value, stops "
            "improving. To choose the value and the patience, select the optimizer or nothing "
            "and use the inspector."
        )
        self.box.clicked.connect(self._on_clicked)
        self.meaning = ElidedLabel("", "caption")
        self.setLayout(column(self.box, self.meaning, gap=1))
        workspace.changed.connect(self.refresh)
        workspace.replaced.connect(self.refresh)
        self.refresh()

    @Slot()
    def refresh(self, _: object = None) -> None:
        """Show the current settings of the document."""
        document = self._workspace.document
        self.setVisible(bool(self._workspace.optimizers))
        settings = training_settings(document)
        self.box.setChecked(settings.patience is not None)
        self.meaning.setVisible(settings.patience is not None)
        watched = {"node": settings.loss, "split": "validation", **(settings.monitor or {})}
        node = scoped_name(document.root, watched["node"] or "")
        name = f"{watched['split']} {node or 'loss'}"
        count = settings.patience or 0
        epochs = "an epoch" if count == 1 else f"{count} epochs"
        self.meaning.setText(f"after {epochs} without a better {name}")

    @Slot(bool)
    def _on_clicked(self, on: bool) -> None:
        switch_early_stopping(self._workspace, on)
