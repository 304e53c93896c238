"""Inactive nodes: nodes that do not run because a node that they need is muted."""

from __future__ import annotations

from nodeflow.document.analysis.passthrough_nodes import MUTED, mode_of
from nodeflow.document.analysis.traversal import downstream
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Change


class InactiveNodes:
    """The ids of the inactive nodes, except the muted nodes, kept up to date edit by edit."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._muted = {i for i, record in document.nodes.items() if mode_of(record) == MUTED}
        self.ids: set[str] = self._find()

    def follow(self, change: Change) -> set[str]:
        """Apply a change of the document. Return the ids of the nodes that became inactive or
        active, because a node upstream was muted or is no longer muted.
        """
        for edit in change.of("node"):
            self._muted.discard(edit.key)
            if edit.after is not None and mode_of(edit.after) == MUTED:
                self._muted.add(edit.key)
        if change.only_moves or not (self._muted or self.ids):
            return set()
        before, self.ids = self.ids, self._find()
        return before ^ self.ids

    def _find(self) -> set[str]:
        return downstream(self._document, self._muted) - self._muted if self._muted else set()
