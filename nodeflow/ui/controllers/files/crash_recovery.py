"""Crash recovery: the journal of the open document, and the journals of crashed windows.

A restored document keeps its old journal until the work is stored elsewhere. Meanwhile no other
window offers that journal.
"""

from __future__ import annotations

import logging
from typing import BinaryIO

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from nodeflow.document.io import journal
from nodeflow.document.io.known_file import KnownFile
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.number_text import counted
from nodeflow.ui.controllers.files.shared_file import SharedFile
from nodeflow.ui.core.state.workspace import Workspace
from nodeflow.ui.core.user_messages import Messages, sentence
from nodeflow.ui.popups.dialogs import confirmation_dialogs, recovery_dialog
from nodeflow.ui.popups.waiting_window import GivenUp, Waiting

log = logging.getLogger("nodeflow")

SAVE = "save"


class CrashRecovery(QObject):
    """The journal of the open document, and the recovery of work from other journals.

    Signals:
        journal_begun(Journal): the open document has another journal.
        recovered(document, known, weights): work was restored. ``known`` is the state of its
            file (None: as on disk), ``weights`` the file of unsaved weights or None.
    """

    journal_begun = Signal(object)
    recovered = Signal(object, object, object)
    _failed = Signal(object)

    def __init__(
        self, window: QWidget, workspace: Workspace, shared: SharedFile, messages: Messages
    ) -> None:
        super().__init__(window)
        self._window, self._shared, self._messages = window, shared, messages
        self.journal: journal.Journal | None = None
        self._item: journal.Recoverable | None = None
        """The restored journal whose work is not stored elsewhere yet, or None."""
        self._held: BinaryIO | None = None
        workspace.edited.connect(self._on_edit)
        self._failed.connect(self._on_failure, Qt.ConnectionType.QueuedConnection)

    # ---- the open document ------------------------------------------------------------------

    def keep_journal(self, document: Document) -> None:
        """Start a journal for a newly opened document, in place of the previous document's."""
        self.close()
        self.journal = journal.Journal(
            document, on_failure=self._failed.emit, digest=lambda: self._shared.digest
        )
        self.journal_begun.emit(self.journal)

    def saved(self) -> None:
        """Clear the journal, because the document was saved."""
        if self.journal is not None:
            self.journal.saved()
        self._forget()

    def close(self) -> None:
        """Delete the journal, because nothing needs to be recovered."""
        if self.journal is not None:
            self.journal.close()
            self.journal = None
        self._forget()

    def _forget(self) -> None:
        if self._held is not None:
            self._held.close()  # Windows cannot delete an open file
            self._held = None
        if self._item is not None:
            self._item.discard()
            self._item = None

    @Slot()
    def _on_edit(self) -> None:
        """Delete the restored journal once the new journal contains all of its work."""
        item, journal = self._item, self.journal
        if item is not None and journal is not None and journal.is_on_disk and not item.weights:
            self._forget()

    @Slot(object)
    def _on_failure(self, error: NodeflowError | None) -> None:
        if error is None:
            self._messages.message_retracted.emit(SAVE)
            self._messages.show_status("Edits are recorded for recovery again")
            return
        log.warning("%s", error)
        self._messages.show(sentence(error), "warning", SAVE, "Save")

    # ---- recovery ---------------------------------------------------------------------------

    def offer(self) -> bool:
        """Ask about documents that crashes left behind. Return whether there were any."""
        has_asked = False
        while found := journal.pending():
            has_asked = True
            answer, chosen = recovery_dialog.ask_recover(self._window, found)
            if answer == confirmation_dialogs.SAVE:
                self.recover(chosen[0])
                break
            if answer != confirmation_dialogs.DISCARD:
                break
            for item in chosen:
                item.discard_unless_held()
        return has_asked

    def recover(self, item: journal.Recoverable) -> None:
        """Open the work stored in a journal. Edits that cannot be read stay in the journal."""
        held = item.hold()
        if held is None:
            self._messages.show("Another window has already restored this work.", "info")
            return
        try:
            with Waiting(self._window, "Recovering unsaved work…") as waiting:
                found = waiting.apart(lambda _: item.recover())
        except GivenUp:
            return held.close()
        except NodeflowError as error:
            held.close()
            confirmation_dialogs.show_problem(self._window, "This work cannot be recovered", error)
            return
        known = _known_then(item, found)
        self.recovered.emit(found.document, known, item.weights)
        self._item, self._held = item, held
        self._messages.show_status("Recovered unsaved work; save it to keep it")
        if found.missing:
            self._messages.show(
                f"Recovered all but the last {counted(found.missing, 'edit')}: the record of "
                f"unsaved work is damaged. Save it to keep it.",
                "warning",
                SAVE,
                "Save",
            )
        elif known is not None:
            self._shared.look()


def _known_then(item: journal.Recoverable, found: journal.Recovered) -> KnownFile | None:
    """Return the state of the file that recovered work was based on; None if it equals the
    file on disk.
    """
    path = found.document.path
    if path is None or not path.exists():
        return None
    if found.says_digest:
        return KnownFile(path, found.digest)
    if path.stat().st_mtime <= item.modified:  # version 1: a newer file counts as changed
        return None
    return KnownFile(path, None)
