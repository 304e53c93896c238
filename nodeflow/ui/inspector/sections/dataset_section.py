"""Buttons for the actions on a dataset node: its rows, its placeholders, its file."""

from __future__ import annotations

from PySide6.QtCore import Signal

from nodeflow.document.edit.data.dataset_placeholders import unplaced
from nodeflow.document.edit.data.locate import missing_path
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.widgets.common_widgets import button
from nodeflow.ui.inspector.sections.node_sections import Section


class DatasetSection(Section):
    """The buttons of a dataset node.

    ``action_requested`` carries the id of the pressed button's action.
    """

    action_requested = Signal(str)

    def __init__(self, workspace: Workspace, node_id: str) -> None:
        super().__init__()
        self._workspace, self._node = workspace, node_id
        self.show_rows = button("Show the rows", "", self._on_rows)
        self.placeholders = button("Add placeholders", "", self._on_placeholders)
        self.placeholders.setToolTip("One for each column that feeds nothing yet")
        self.locate = button("Locate…", "primary", self._on_locate)
        self.locate.setToolTip("Choose the file at its new place")
        for each in (self.locate, self.show_rows, self.placeholders):
            self.add(each)
        self.refresh()

    def refresh(self) -> None:
        """Show the buttons that apply now."""
        document, record = self._workspace.document, self._workspace.document.nodes[self._node]
        gone = missing_path(document, record) is not None
        types = self._workspace.analysis.out_types(self._node) or {}
        columns = {name: type_ for name, type_ in types.items() if type_ is not None}
        self.locate.setVisible(gone)
        self.show_rows.setVisible(bool(columns))
        self.placeholders.setVisible(bool(unplaced(document, self._node, columns)))
        self.setEnabled(not document.locked)

    def _on_rows(self) -> None:
        self.action_requested.emit("show_dataset")

    def _on_placeholders(self) -> None:
        self.action_requested.emit("add_placeholders")

    def _on_locate(self) -> None:
        self.action_requested.emit("locate_data")
