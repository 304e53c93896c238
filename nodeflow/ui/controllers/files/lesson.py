"""Whether the open document is an example or the work of a tour, which nobody has to save."""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from nodeflow.document.model.document import Document
from nodeflow.ui.core.workspace import Workspace


class Lesson(QObject):
    """Knows up to which edit the open document is what an example or a tour made.

    What was trained, or built step by step as the tour says, is made again in a minute. What the
    user edited in an example or after a tour is the user's own.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._document: Document | None = None
        self._revision: int | None = None

    @property
    def is_all(self) -> bool:
        """Whether the open document has nothing of the user's own, and no file."""
        root = self._workspace.root
        if root is not self._document or root.path is not None:
            return False
        return not root.is_modified or self._revision in (None, root.revision)

    def begin(self, is_over: bool = False) -> None:
        """The open document is an example's, or a tour's while that goes on.

        Args:
            is_over: edits from now on are the user's own.
        """
        self._document, self._revision = self._workspace.root, None
        if is_over:
            self.end()

    @Slot()
    def end(self) -> None:
        """Edits from now on are the user's own; those before stay the lesson's."""
        root = self._workspace.root
        if root is self._document and self._revision is None:
            self._revision = root.revision
