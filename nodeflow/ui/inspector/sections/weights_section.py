"""The inspector's choice between own weights and the weights of another node."""

from __future__ import annotations

from PySide6.QtCore import Signal

from nodeflow.document.analysis.inference.weight_types import fitting_owners
from nodeflow.document.analysis.subgraphs.shared_weights import (
    owner_of,
    sharers_of,
    variables_inside,
)
from nodeflow.document.edit.shared_weights import share_weights
from nodeflow.document.model.records import NodeRecord, share_of
from nodeflow.errors import NodeflowError
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import in_window, listed
from nodeflow.ui.core.widgets.common_widgets import button, label
from nodeflow.ui.inspector.editors.node_choice import NodeCombo
from nodeflow.ui.inspector.sections.node_sections import Section

OWN = "Own weights"
SOME = 3
"""The number of variables that the note names."""


class WeightsSection(Section):
    """A choice of whose weights a layer or an instance uses, and where its gradients go."""

    node_requested = Signal(str)

    def __init__(self, workspace: Workspace, node: str) -> None:
        super().__init__("WEIGHTS")
        self._workspace, self._node = workspace, node
        self._owner = ""
        self.choice = NodeCombo(self._choices)
        self.choice.setAccessibleName("Whose weights it uses")
        self.choice.setToolTip(
            "Own weights, or the weights of another node of the same kind: both use one set, and "
            "their gradients add up"
        )
        self.choice.activated.connect(self._on_chosen)
        self.choice.setEnabled(not workspace.document.locked)
        self.add(self.choice)
        self.note = label("", "caption", wrap=True)
        self.add(self.note)
        self.link = button("", "link", self._on_link)
        self.add(self.link)
        self.error = label("", "error", wrap=True)
        self.add(self.error)

    def show_record(self, record: NodeRecord) -> None:
        """Show whose weights the node uses, and which nodes use the same ones."""
        document = self._workspace.document
        owner = owner_of(document, record)
        shares = share_of(record)
        self.choice.clear()
        if not shares:
            self.choice.addItem(OWN, "")
        elif owner is None:
            self.choice.addItem("Share with a missing node", shares)
        else:
            self.choice.addItem(_share_text(owner), owner.id)
        others = fitting_owners(self._workspace.analysis, record)
        users = sharers_of(document, (owner or record).id)
        self.setVisible(bool(others or shares or users))
        names = [document.nodes[i].name for i in users]
        self.note.setVisible(bool(names) and owner is not None)
        self.link.setVisible(bool(shares) and owner is not None)
        self.error.hide()
        if owner is None or not names:
            return
        self._owner = owner.id
        self.link.setText(f"Go to {owner.name}")
        kept = variables_inside(document, owner)
        more = [] if len(kept) <= SOME else [f"{len(kept) - SOME} more"]
        where = listed([*kept[:SOME], *more])
        used = listed([owner.name, *names])
        self.note.setText(f"{used} use {where}. Their gradients add up there.")

    def _choices(self) -> list[tuple[str, str]]:
        document = self._workspace.document
        record = document.nodes.get(self._node)
        if record is None:
            return []
        owners = fitting_owners(self._workspace.analysis, record)
        return [("", OWN), *((o.id, _share_text(o)) for o in owners)]

    def _on_chosen(self, _: int) -> None:
        document, owner = self._workspace.document, self.choice.currentData()
        record = document.nodes.get(self._node)
        if record is None:
            return
        try:
            share_weights(document, self._node, owner or None)
        except NodeflowError as error:
            self.show_record(record)
            self.error.setText(in_window(error.message))
            self.error.show()

    def _on_link(self) -> None:
        self.node_requested.emit(self._owner)


def _share_text(owner: NodeRecord) -> str:
    return f"Share with {owner.name}"
