"""Consent to data outside the document's folder.

Such data are not read until the user allows it.
"""

from __future__ import annotations

import logging

from PySide6.QtCore import QObject

from nodeflow.data.document_folder import shown_path
from nodeflow.document.analysis.datasets.outside_data import Outside, outside_data, outside_place
from nodeflow.document.io.consents import remember
from nodeflow.drawing.message_text import brief
from nodeflow.errors import FileProblem
from nodeflow.ui.actions.action_set import ActionSet
from nodeflow.ui.actions.binding import Binding, Blocked
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, listed

log = logging.getLogger("nodeflow")

ALL = "allow_all_data"


class DataConsent(QObject):
    """The question about data outside the document's folder, and the stored permissions."""

    def __init__(
        self, parent: QObject, workspace: Workspace, messages: Messages, actions: ActionSet
    ) -> None:
        super().__init__(parent)
        self._workspace, self._messages = workspace, messages
        actions.bind(
            {
                "allow_data": Binding(self._allow_selected, self._selected_inside),
                ALL: Binding(self.allow_all, self._nothing_outside),
            }
        )
        workspace.replaced.connect(self._report)
        workspace.allowed.connect(self._on_allowed)
        workspace.saved.connect(self._remember)

    def allow_all(self) -> None:
        """Let the document read all data that it names outside its folder."""
        self._workspace.allow(*(one.place for one in outside_data(self._workspace.root)))

    def _selected(self) -> list[str]:
        """Return the data sources of the selected nodes that the document may not read."""
        document = self._workspace.document
        records = (document.nodes[node] for node in self._workspace.selection)
        return [place for record in records if (place := outside_place(document, record))]

    def _allow_selected(self) -> None:
        self._workspace.allow(*self._selected())

    def _selected_inside(self) -> Blocked | None:
        if self._selected():
            return None
        return Blocked("The document may already read the data of the selected nodes.")

    def _nothing_outside(self) -> Blocked | None:
        if outside_data(self._workspace.root):
            return None
        return Blocked("The document may already read all its data.")

    def _report(self) -> None:
        """Show a message over the canvas about data that the document may not read yet."""
        found = outside_data(self._workspace.root)
        if found:
            places = {one.place for one in found}
            text = "Allow" if len(places) == 1 else f"Allow all {len(places)}"
            self._messages.show(asking(found), "warning", ALL, text)

    def _on_allowed(self) -> None:
        if not outside_data(self._workspace.root):
            self._messages.message_retracted.emit(ALL)
        self._remember()

    def _remember(self) -> None:
        """Store the permissions under the path of the document's file, because Save As may have
        changed it.
        """
        document = self._workspace.root
        if document.path is None or not document.allowed:
            return
        try:
            remember(document.path, document.allowed)
        except FileProblem as error:
            log.warning("what %s may read is not remembered: %s", document.path, error)
            self._messages.show_status("What you allowed holds until the window closes")


def asking(found: list[Outside]) -> str:
    """Return the question to the user about the data that a document would read."""
    places = list(dict.fromkeys(brief(shown_path(one.place), 300) for one in found))
    if len(places) == 1:
        kind = "data" if found[0].name != "weights" else "weights"
        return f"{found[0].name} names {kind} outside the document's folder: {places[0]}"
    return f"The document names {len(places)} files outside its folder: {listed(places, 3)}"
