"""The current value of a variable, shown beside the initial value that the inspector edits."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from nodeflow.host.protocol import Preview
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.widgets.common_widgets import label, row
from nodeflow.ui.inspector.editors.bound_input_field import in_words


class CurrentValue(QWidget):
    """A row with the current value of a variable; hidden while the value is unknown."""

    def __init__(self, workspace: Workspace, node: str) -> None:
        super().__init__()
        self._workspace, self._node = workspace, node
        caption = label("Current value", "muted")
        self.text = label("", wrap=True)
        self.text.setAccessibleName("Current value")
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setToolTip("The value after training and assignments.")
        layout = row(caption, self.text, gap=2)
        layout.setStretch(1, 1)
        self.setLayout(layout)
        self.hide()

    def show_values(self, values: Mapping[str, Preview]) -> None:
        """Show the variable's current value, found among live values by tensor name."""
        record = self._workspace.document.nodes.get(self._node)
        name = "" if record is None else self._workspace.full_name(record.name)
        preview = values.get(name)
        text = "" if preview is None else in_words(preview)
        self.text.setText(text)
        self.text.setAccessibleDescription(text)
        self.setVisible(bool(text))
