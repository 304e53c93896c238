"""The crash journal on a disk that fails: no edit is lost that could be kept, and it says which."""

from __future__ import annotations

import errno
import shutil
import time
from pathlib import Path

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.io import flow, journal_file
from nodeflow.document.io.journal import Journal, pending, recover
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import JournalError

from .failing_calls import ERRORS, FailingCalls
from .test_failing_calls import handle_is_left, open_handles

EDITS, PATIENCE_S = 3, 5.0


@pytest.fixture(autouse=True)
def synced_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_file, "SYNC_SECONDS", 0.0)


class Edited:
    """A document that is edited with a journal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.document = Document()
        self.said: list[JournalError | None] = []
        self.journal = Journal(self.document, folder, self.said.append)
        self.texts = [flow.dumps(self.document)]

    def edit(self, calls: FailingCalls | None = None) -> None:
        """One edit, and the wait until it is on the disk or that failed."""
        before = 0 if calls is None else calls.calls.count("fsync")
        commands.add_node(self.document, "constant", (0, 0))
        self.texts.append(flow.dumps(self.document))
        end = time.monotonic() + PATIENCE_S
        while calls is not None and calls.calls.count("fsync") == before:
            if calls.has_failed or time.monotonic() > end:
                return
            time.sleep(0.001)

    def recovered(self) -> str | None:
        """What a crash at this moment leaves; None where it leaves no journal."""
        copy = self.folder.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder, copy)
        found = [one for one in pending(copy) if not one.problem]
        try:
            return flow.dumps(recover(found[0].journal).document) if found else None
        except JournalError:
            return None


@pytest.mark.thorough
def test_each_call_fails_once(tmp_path: Path) -> None:
    for number in range(1, 200):
        folder = tmp_path / str(number) / "journals"
        folder.parent.mkdir()
        before = open_handles()
        calls = FailingCalls(folder, number, ERRORS[number % len(ERRORS)])
        with calls:
            edited = Edited(folder)
            for _ in range(EDITS):
                edited.edit(calls)
        edited.edit()
        context = f"call {number}: {calls.calls[number - 1 : number]}"
        assert edited.recovered() == edited.texts[-1], context
        assert len(list(folder.iterdir())) == 1, context
        with calls:
            edited.journal.close()
        assert not list(folder.iterdir()) or calls.calls[number - 1] == "unlink", context
        end = time.monotonic() + PATIENCE_S
        while handle_is_left(before):  # the thread that syncs may be about to close its own
            assert time.monotonic() < end, context
            time.sleep(0.001)
        if not calls.has_failed:
            assert number > 2 * EDITS
            assert not edited.said
            return
    raise AssertionError("it calls without end")


@pytest.mark.thorough
def test_a_disk_that_stays_full_and_is_free_again(tmp_path: Path) -> None:
    for number in range(1, 200):
        folder = tmp_path / str(number) / "journals"
        folder.mkdir(parents=True)
        calls = FailingCalls(folder, number, errno.ENOSPC, lasting=True)
        with calls:
            edited = Edited(folder)
            for _ in range(EDITS):
                edited.edit(calls)
            calls.is_paused = True
            found = edited.recovered()
        assert found is None or found in edited.texts, f"full from call {number}"
        if not calls.has_failed:
            edited.journal.close()
            return
        if found != edited.texts[-1]:
            assert isinstance(edited.said[0], JournalError), f"full from call {number}"
            assert "No space left" in str(edited.said[0])
        edited.edit()
        assert edited.recovered() == edited.texts[-1], f"free again after call {number}"
        edited.journal.close()
    raise AssertionError("it calls without end")
