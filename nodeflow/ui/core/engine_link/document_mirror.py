"""Keeps the engine's copy of the document in step with the document."""

from __future__ import annotations

from nodeflow.document.analysis.datasets.outside_data import outside_weights
from nodeflow.document.model.records import Change
from nodeflow.host import protocol as p
from nodeflow.ui.core.engine_link.channel import EngineChannel
from nodeflow.ui.core.state.workspace import Workspace


class DocumentMirror:
    """The engine's knowledge of the document: its edits, its folder, and its weights.

    Attributes:
        waits_for_weights: whether the document names a weights file that it has no permission
            to read yet.
    """

    def __init__(self, workspace: Workspace, channel: EngineChannel) -> None:
        self._workspace, self._channel = workspace, channel
        self._folder = workspace.base_dir
        self.waits_for_weights = False

    @property
    def has_moved(self) -> bool:
        """Whether the document's folder, where relative paths start, differs from the engine's."""
        return self._workspace.base_dir != self._folder

    def send_whole(self, keep: bool) -> None:
        """Send the whole document; ``keep`` as in `p.SyncDocument`."""
        workspace = self._workspace
        folder = self._folder = workspace.base_dir
        text, revision = workspace.text(), workspace.root.revision
        request = p.SyncDocument(text, revision, folder.path or None, keep, folder.allowed)
        self._channel.send(request)

    def send_change(self, change: Change) -> None:
        """Send one edit of the document to the engine."""
        self._channel.send(p.SyncChange(change.text, change.revision))

    def weights(self) -> str:
        """Return the weights file that the document names, or "" if there is none or it may not
        be read.
        """
        document = self._workspace.root
        self.waits_for_weights = outside_weights(document) is not None
        if document.weights and document.path and not self.waits_for_weights:
            return str(document.path.parent / document.weights)
        return ""
