"""Records whether the open document is only an example or the work of a lesson, which needs no
saving.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, Slot

from nodeflow.document.model.document import Document
from nodeflow.resources import examples
from nodeflow.ui.core.state.workspace import Workspace


class ExampleWork(QObject):
    """The last edit up to which the open document is the work of an example or a lesson.

    Such work needs no saving, because it takes only a minute to repeat. Later edits are the
    user's own.
    """

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self._workspace = workspace
        self._document: Document | None = None
        self._revision: int | None = None

    @property
    def is_all(self) -> bool:
        """Whether the open document is an example or a lesson, without edits of the user's own."""
        root = self._workspace.root
        if root.path is not None:  # an example opened by its path, as in the README
            return not root.is_modified and root.path.resolve() in examples()
        if root is not self._document:
            return False
        return not root.is_modified or self._revision in (None, root.revision)

    def begin(self, is_over: bool = False) -> None:
        """Mark the open document as an example, or as the work of a running lesson.

        Args:
            is_over: whether edits from now on are the user's own.
        """
        self._document, self._revision = self._workspace.root, None
        if is_over:
            self.end()

    @Slot()
    def end(self) -> None:
        """Treat edits from now on as the user's own.

        Earlier edits still belong to the example or lesson.
        """
        root = self._workspace.root
        if root is self._document and self._revision is None:
            self._revision = root.revision
