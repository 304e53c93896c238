"""The part of a node's page that freezes its weights and says what trainings change."""

from __future__ import annotations

from PySide6.QtCore import Slot

from nodeflow.document.analysis.frozen_weights import is_frozen, learning_nodes
from nodeflow.document.analysis.subgraphs.shared_weights import owner_of
from nodeflow.document.edit.freezing import set_trainable
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord
from nodeflow.ops import REGISTRY
from nodeflow.ops.layers.layer import Layer
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.widgets.common_widgets import button, label
from nodeflow.ui.inspector.sections.node_sections import Section

FROZEN = "Frozen: optimizers do not change its weights."
MOVES = "Moving averages still follow the batches."


class FrozenSection(Section):
    """A button that freezes or thaws a variable, a layer or an instance, and a note if it is
    frozen.
    """

    def __init__(self, workspace: Workspace, node: str) -> None:
        super().__init__()
        self._workspace, self._node = workspace, node
        self._is_frozen = False
        self.note = label("", "caption", wrap=True)
        self.change = button("Freeze", "", self._on_clicked)
        self.change.setEnabled(not workspace.document.locked)
        self.add(self.note)
        self.add(self.change)

    def show_record(self, record: NodeRecord) -> None:
        """Show whether optimizers change the node's weights."""
        document = self._workspace.document
        owner = owner_of(document, record) or record
        self._is_frozen = frozen = is_frozen(document, record)
        shared = f"Frozen with {owner.name}: optimizers do not change the shared weights."
        words = [FROZEN if owner.id == record.id else shared]
        words += [MOVES] if frozen and _has_averages(document, record) else []
        self.note.setText(" ".join(words))
        self.note.setVisible(frozen)
        self.change.setText("Thaw" if frozen else "Freeze")
        self.change.setToolTip(
            "Let trainings change its weights again" if frozen else "Keep its weights in trainings"
        )

    @Slot()
    def _on_clicked(self) -> None:
        document = self._workspace.document
        if self._node in document.nodes:
            set_trainable(document, [self._node], self._is_frozen)


def _has_averages(document: Document, record: NodeRecord) -> bool:
    found = (node.op for _, node in learning_nodes(document, record) if node.op in REGISTRY)
    ops = map(REGISTRY.lookup, found)
    return any(isinstance(op, Layer) and bool(op.untrained()) for op in ops)
