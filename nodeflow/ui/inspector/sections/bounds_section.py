"""The row of the inspector that bounds a node's values."""

from __future__ import annotations

from typing import Any

from nodeflow.document.analysis.node_flags import bounds_text, is_bounded, read_bounds
from nodeflow.document.edit.set_flags import set_bounds
from nodeflow.document.model.records import NodeRecord
from nodeflow.graph.declaration import Attr
from nodeflow.train.watched_tensors.bounds import can_bound
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.theming.theme import Theme
from nodeflow.ui.inspector.editors import value_parsing
from nodeflow.ui.inspector.editors.attribute_row import AttrRow
from nodeflow.ui.inspector.editors.text_editors import TextEditor
from nodeflow.ui.inspector.sections.node_sections import Section

BOUNDS = Attr(
    "bounds", "string", "",
    "Training ends at the first step with a value outside: -1 to 1, at least 0, at most 100.",
    label="Allowed range", advanced=True,
)  # fmt: skip


class BoundsSection(Section):
    """The field for the bounds that a user sets for a node's values; hidden for complex numbers."""

    def __init__(self, workspace: Workspace, node: str, theme: Theme) -> None:
        super().__init__()
        self._workspace, self._node = workspace, node
        self.row = AttrRow(
            BOUNDS, theme, TextEditor(BOUNDS, theme, value_parsing.bounds, empty="none")
        )
        self._applies = False
        self.row.edited.connect(self._on_edited)
        self.row.reset.connect(self._on_reset)
        self.add(self.row)
        self.setEnabled(not workspace.document.locked)

    def show_record(self, record: NodeRecord) -> None:
        """Show the bounds of a node's values."""
        types = (self._workspace.analysis.out_types(self._node) or {}).values()
        self._applies = is_bounded(record) or any(map(can_bound, types))
        self.row.set_value(bounds_text(record), is_bounded(record))

    def fold(self, is_open: bool) -> bool:
        """Hide the row while *More* is closed, unless bounds are set.

        Return whether the row belongs to *More* for this node.
        """
        shown = self.row.fold(is_open)
        self.setVisible(self._applies and shown)
        return self._applies

    def _on_edited(self, _: str, value: Any) -> None:
        if self._node in self._workspace.document.nodes:
            set_bounds(self._workspace.document, [self._node], *read_bounds(value))

    def _on_reset(self, _: str) -> None:
        self._on_edited("", "")
