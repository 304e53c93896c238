"""The open document's file, which other windows and programs may also open and change.

The SHA-256 digest of the last version read or written is stored, and the file is watched. When
a file is opened or saved, or the window is activated, the digest is compared with the file. If
they differ, the user chooses a version, and the other version is kept, as are the last saves
(`document.io.backups`).
"""

from __future__ import annotations

import logging
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple

from PySide6.QtCore import QFileSystemWatcher, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QWidget

from nodeflow.atomic_write import kind_of
from nodeflow.document.io import backups, flow
from nodeflow.document.io.atomic_write import write_atomically
from nodeflow.document.io.known_file import KnownFile, State, digest_of_bytes
from nodeflow.document.io.open_files import OpenFile
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.file_reading import open_own
from nodeflow.ui.core.state.user_settings import Settings
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, sentence
from nodeflow.ui.popups.waiting_window import Waiting

log = logging.getLogger("nodeflow")

RELOAD = "reload"
SAVE_AS = "save_as"
COMPARE = "compare:disk"
"""The id of a message's button that compares this version with the one on disk."""
OPEN = "open:"
"""The prefix of the id of a message's button that opens a kept version. The path follows."""
GATHER_MS = 200
"""Milliseconds after the first sign of a change, because programs often write a file in several
steps.
"""
MANY_NODES = 5_000
"""Number of nodes. From this number on, work on a document is done by a thread or in slices."""
AT_ONCE = 4 * 2**20
"""Maximum bytes of a file that is read before the window is shown. A larger file is read
afterwards.
"""


class SharedFile(QObject):
    """The watched file of the open document, with messages about its changes."""

    _found = Signal(object, str)
    _not_kept = Signal(object)

    def __init__(
        self, window: QWidget, workspace: Workspace, messages: Messages, settings: Settings
    ) -> None:
        super().__init__(workspace)
        self._window = window
        self._workspace, self._messages, self._settings = workspace, messages, settings
        self._known: KnownFile | None = None
        self._open = OpenFile()
        self._showing: str | None = ""
        """The digest of the version on disk about which the user was told."""
        self._told_elsewhere = False
        self._reading: KnownFile | None = None
        self._keeper = ThreadPoolExecutor(1, "backups")
        self._keeping: Future[None] | None = None
        self._watcher = QFileSystemWatcher(self)
        self._timer = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._timer.timeout.connect(self.look)
        self._watcher.fileChanged.connect(self._on_change)
        self._watcher.directoryChanged.connect(self._on_change)
        queued = Qt.ConnectionType.QueuedConnection
        self._found.connect(self._on_looked, queued)
        self._not_kept.connect(self._on_not_kept, queued)

    # ---- the open file ----------------------------------------------------------------------

    def opened(self, path: Path | None, known: KnownFile | None) -> None:
        """Watch the file of another document.

        Args:
            known: the state of the file when it was read.
        """
        self._showing, self._told_elsewhere = "", False
        self._known = None if path is None else known
        self._open.hold(path)
        self._watch()
        self._look_elsewhere()

    def close(self) -> None:
        """Stop watching, because the window closes."""
        self._known = None
        self._timer.stop()
        self._watch()
        self._open.release()
        self._keeper.shutdown(wait=False)

    @property
    def known(self) -> KnownFile | None:
        """The state of the file when this window last read or wrote it."""
        return self._known

    @property
    def digest(self) -> str | None:
        """The SHA-256 of the file when this window last read or wrote it; None if unknown."""
        return None if self._known is None else self._known.digest

    def _watch(self) -> None:
        """Watch the file, its folder and other windows.

        The folder shows when a new file replaces the old one.
        """
        if before := [*self._watcher.files(), *self._watcher.directories()]:
            self._watcher.removePaths(before)
        if self._known is not None:
            path = self._known.path
            wanted = (path, path.parent, self._open.folder)
            self._watcher.addPaths([str(each) for each in wanted if each.exists()])

    # ---- checks -----------------------------------------------------------------------------

    def is_changed(self) -> bool:
        """Return whether another program changed the file since this window read or wrote it.

        Raises:
            GivenUp: the user gave up waiting for the file to be read.
        """
        known = self._known
        if known is None:
            return False
        with Waiting(self._window, f"Reading “{known.path.name}”…") as waiting:
            return waiting.apart(lambda _: known.state()) == "changed"

    @property
    def looks_changed(self) -> bool:
        """Whether time or size of the file changed.

        This does not read the file (see `is_changed`).
        """
        return self._known is not None and self._known.looks_different

    @Slot()
    def _on_change(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    @Slot()
    def look(self) -> None:
        """If the file has changed, tell the user, once for each version."""
        known = self._known
        if known is None:
            return
        self._watch()  # the watcher loses a file that was replaced
        self._look_elsewhere()
        state = known.glance()
        if state is not None:
            self._on_state(state)
        elif self._reading is not known:
            self._reading = known
            threading.Thread(target=self._read, args=(known,), daemon=True).start()

    def _read(self, known: KnownFile) -> None:
        """Read the file in a thread, because its time or size has changed."""
        self._found.emit(known, known.state())

    @Slot(object, str)
    def _on_looked(self, known: KnownFile, state: State) -> None:
        if known is self._reading:
            self._reading = None
        if known is self._known:
            self._on_state(state)

    def _on_state(self, state: State) -> None:
        known = self._known
        assert known is not None
        if state == "same":
            if self._showing:
                self._messages.message_retracted.emit(RELOAD)
            self._showing = ""
        elif known.seen != self._showing:
            self._showing = known.seen
            log.info("%s is %s", known.path, state)
            self._tell(known.path, state)

    def _tell(self, path: Path, state: State) -> None:
        if state == "gone":
            there = path.exists()
            text = "can no longer be read." if there else "no longer exists. "
            text += "" if there else "Saving creates it again."
            self._messages.show(f"“{path.name}” {text}", "warning", SAVE_AS, "Save as…")
            return
        yours = "  You also have unsaved changes." if self._workspace.root.is_modified else ""
        text = f"“{path.name}” was changed outside this window.{yours}"
        choices = (RELOAD, "Choose a version…" if yours else "Reload"), (COMPARE, "Compare…")
        self._messages.show(text, "warning", choices=choices)

    def _look_elsewhere(self) -> None:
        """Tell the user, once, if another window also has the file open."""
        known = self._known
        elsewhere = known is not None and self._open.is_elsewhere(known.path)
        if known is not None and elsewhere and not self._told_elsewhere:
            name = known.path.name
            text = f"“{name}” is also open in another window. To work separately, save a copy."
            self._messages.show(text, "warning", SAVE_AS, "Save a copy…")
        self._told_elsewhere = elsewhere

    def is_elsewhere(self, path: Path) -> bool:
        """Return whether another window has a file open."""
        return self._open.is_elsewhere(path)

    # ---- writing ----------------------------------------------------------------------------

    def write(self, path: Path, over: bool = False) -> bool:
        """Save the document, unless this would replace somebody else's version. Return True if
        saved.

        Args:
            over: replace the other version, after keeping a copy of it.

        Raises:
            NodeflowError: the file cannot be written, or the other version cannot be kept.
        """
        document = self._workspace.root
        with Waiting(self._window, f"Saving “{path.name}”…") as waiting:
            content = _text(document, waiting)
            revision = document.revision
            written = waiting.apart(lambda _: self._write(path, content, over))
        if written is None:
            return False
        document.path = path
        if document.revision == revision:
            document.mark_saved()
        self._known, self._showing = written.known, ""
        self._open.hold(path)
        self._watch()
        self._messages.message_retracted.emit(RELOAD)
        if written.replaced is not None:
            self._say_kept(written.replaced, "The previous version")
        most = (
            self._settings.backups and self._settings.backups + 1
        )  # the newest is the file itself
        self._keeping = self._keeper.submit(self._keep_saves, path, written.before, content, most)
        return True

    def _write(self, path: Path, content: bytes, over: bool) -> _Written | None:
        """Write the file, in a worker thread.

        Return None if somebody else changed the file since it was read, unless ``over`` permits
        replacing it.
        """
        own = self._known is not None and self._known.path == path
        replaced = None
        with self._open.saving(path):
            if own and self._known is not None and self._known.state() == "changed" and not over:
                return None
            before = None if over else self._unkept(path)
            if over and path.exists():
                replaced = _keep(path, "replaced", _content(path))
            write_atomically(path, content)
            known = KnownFile(path, digest_of_bytes(content))
            known.state()
        return _Written(known, before, replaced)

    def _unkept(self, path: Path) -> tuple[bytes, float] | None:
        """Return the content that a save will replace, with its time; None if a copy of it
        already exists.
        """
        if not self._settings.backups or not path.exists():
            return None
        own = self._known is not None and self._known.path == path
        digest = self.digest if own else None
        if digest and any(kept.digest == digest for kept in backups.backups_of(path)):
            return None
        try:
            return _content(path), path.stat().st_mtime
        except OSError:
            return None

    def _keep_saves(
        self, path: Path, before: tuple[bytes, float] | None, content: bytes, most: int
    ) -> None:
        """Keep copies of the replaced content and then of the saved content, in a thread."""
        try:
            if before is not None:
                backups.keep(path, before[0], "saved", before[1], most)
            backups.keep(path, content, "saved", time.time(), most)
        except (NodeflowError, OSError) as error:
            self._not_kept.emit(error)

    @Slot(object)
    def _on_not_kept(self, error: Exception) -> None:
        log.warning("%s", error)
        text = sentence(error) if isinstance(error, NodeflowError) else str(error)
        self._messages.show_status(f"Saved, but without a backup: {text}")

    def wait_for_backups(self) -> None:
        """Wait until the last save is among the earlier versions, so that a list contains it."""
        if self._keeping is not None:
            wait([self._keeping], 2.0)

    def keep_own(self, document: Document) -> None:
        """Keep a copy of this window's version, which another version will replace.

        Raises:
            NodeflowError: the copy cannot be written.
        """
        assert document.path is not None
        kept = _keep(document.path, "left", flow.content_of(document))
        self._say_kept(kept, "Your version")

    def _say_kept(self, kept: backups.Backup, what: str) -> None:
        self._messages.show(f"{what} was kept.", "info", f"{OPEN}{kept.file}", "Open it as a copy")


class _Written(NamedTuple):
    """The result of writing a file.

    Attributes:
        before: the replaced content and its time, unless a copy of it already exists.
        replaced: the copy of the replaced version, if it was written at once.
    """

    known: KnownFile
    before: tuple[bytes, float] | None
    replaced: backups.Backup | None


def _keep(path: Path, kind: backups.Kind, content: bytes) -> backups.Backup:
    kept = backups.keep(path, content, kind, time.time())
    return kept or next(b for b in backups.backups_of(path) if b.kind == kind)


def not_a_file(path: Path) -> str | None:
    """Return a sentence that an existing path is not a file; None if it is a file."""
    try:
        kind = kind_of(path.stat().st_mode)
    except (OSError, ValueError):
        return None
    return None if kind is None else f"“{path.name}” is {kind}, not a file."


def obstacle(path: Path) -> str | None:
    """Return a sentence why a save must not replace the path; None if it may."""
    if (why := not_a_file(path)) is not None or not path.exists():
        return why
    is_writable = path.stat().st_mode & 0o222 and os.access(path, os.W_OK)
    return None if is_writable else f"“{path.name}” is read-only."


def _content(path: Path) -> bytes:
    with open_own(path) as file:
        return file.read()


def _text(document: Document, waiting: Waiting) -> bytes:
    """Return the text to save: one consistent state of the document.

    The user cannot edit meanwhile, but a layout may arrive. Then a text written by a thread may
    mix two states, so this thread writes it again.
    """
    if len(document.nodes) >= MANY_NODES:
        revision = document.revision
        made = waiting.apart(lambda _: _state(document))
        if made is not None and document.revision == revision:
            return made
    return flow.content_of(document)


def _state(document: Document) -> bytes | None:
    """Return the text of a document; None if the document changes meanwhile."""
    try:
        return flow.content_of(document)
    except (RuntimeError, KeyError):
        return None
