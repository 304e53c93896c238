"""The open document's file, which other windows and programs may have open and change.

What was read or written last is remembered by its digest. Opening, coming back to the window and
saving look whether the file is still that. If it is not, the user decides whose version counts, and
the other one is kept.
"""

from __future__ import annotations

import logging
from pathlib import Path

from PySide6.QtCore import QObject

from nodeflow.document.io import flow
from nodeflow.document.io.known_file import KnownFile, digest_of_text, keep_version
from nodeflow.document.io.open_files import OpenFile
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.ui.core.messages import Messages
from nodeflow.ui.core.workspace import Workspace

log = logging.getLogger("nodeflow")

RELOAD = "reload"
SAVE_AS = "save_as"
OPEN = "open:"
"""Before the path of a kept version, which a message offers to open."""


class SharedFile(QObject):
    """Knows the file of the workspace's document, and tells the user what becomes of it."""

    def __init__(self, workspace: Workspace, messages: Messages) -> None:
        super().__init__(workspace)
        self._workspace, self._messages = workspace, messages
        self._known: KnownFile | None = None
        self._open = OpenFile()
        self._told: str | None = ""
        """The digest of the version on disk that the user was told of."""

    # ---- what is open -----------------------------------------------------------------------

    def opened(self, path: Path | None, known: KnownFile | None = None) -> None:
        """Another document is open; its file is as ``known`` says, or as it is now."""
        self._told = ""
        self._known = None if path is None else known or KnownFile.read(path)
        self._open.hold(path)
        if path is not None and self._open.is_elsewhere(path):
            text = f"“{path.name}” is also open in another window. Save a copy to work on your own."
            self._messages.show(text, "warning", SAVE_AS, "Save a copy…")

    def close(self) -> None:
        """The window closes."""
        self._open.release()

    @property
    def digest(self) -> str | None:
        """The SHA-256 of the file as it was read or written here; None if nothing is known."""
        return None if self._known is None else self._known.digest

    # ---- looking ----------------------------------------------------------------------------

    @property
    def is_changed(self) -> bool:
        """Whether somebody else changed the file since it was read or written here."""
        return self._known is not None and self._known.state() == "changed"

    def look(self) -> None:
        """Tell the user, once for each version, if the file is not what it was."""
        known = self._known
        if known is None:
            return
        state = known.state()
        if state == "same":
            if self._told:
                self._messages.message_retracted.emit(RELOAD)
            self._told = ""
        elif known.seen != self._told:
            self._told = known.seen
            log.info("%s is %s", known.path, state)
            self._tell(known.path, state)

    def _tell(self, path: Path, state: str) -> None:
        if state == "gone":
            text = f"“{path.name}” is no longer where it was. Saving writes it again."
            self._messages.show(text, "warning", SAVE_AS, "Save as…")
            return
        yours = " You have unsaved changes, too." if self._workspace.root.is_modified else ""
        text = f"“{path.name}” was changed outside this window.{yours}"
        self._messages.show(text, "warning", RELOAD, "Choose a version…" if yours else "Reload")

    # ---- writing ----------------------------------------------------------------------------

    def write(self, path: Path, over: bool = False) -> bool:
        """Save the document, unless that would replace what another has written; True if saved.

        Args:
            over: replace it; the version that was there is kept.

        Raises:
            NodeflowError: it cannot be written, or the other version cannot be kept.
        """
        document = self._workspace.root
        own = self._known is not None and self._known.path == path
        with self._open.saving(path):
            if own and self.is_changed and not over:
                return False
            if over and path.exists():
                self._keep(path.stem, path.read_bytes(), "The version that was there")
            flow.save(document, path)
            known = KnownFile(path, digest_of_text(flow.dumps(document)))
            known.state()
        self._known, self._told = known, ""
        self._open.hold(path)
        self._messages.message_retracted.emit(RELOAD)
        return True

    def keep_own(self, document: Document) -> None:
        """Keep the version in this window, which another one is about to replace.

        Raises:
            NodeflowError: it cannot be kept.
        """
        assert document.path is not None
        self._keep(document.path.stem, flow.dumps(document).encode(), "Your version")

    def _keep(self, name: str, content: bytes, what: str) -> None:
        try:
            kept = keep_version(name, content)
        except OSError as error:
            raise NodeflowError(f"{what} cannot be kept: {error.strerror or error}") from error
        self._messages.show(f"{what} is kept.", "info", f"{OPEN}{kept}", "Open it as a copy")

    def is_elsewhere(self, path: Path) -> bool:
        """Whether another window has a file open."""
        return self._open.is_elsewhere(path)
