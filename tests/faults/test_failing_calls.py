"""Each call of the system fails once in everything that writes, as SQLite tests itself.

The N-th write, flush, fsync, rename, open, close, deletion or new folder fails, N counted up until
none does. Then the file is the old or the new one, the error is one of nodeflow's, no file and no
descriptor is left, and the next attempt works.
"""

from __future__ import annotations

import errno
import gc
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError

from .failing_calls import ERRORS, FailingCalls
from .writers import WRITERS, CommandFailed, Writer, names, strays

NIGHTLY = bool(os.environ.get("NODEFLOW_NIGHTLY"))
HANDLES = Path("/proc/self/fd")
DELETION = ("unlink", "rmdir", "remove")
MOST_CALLS = 400


def open_handles() -> int:
    return len(list(HANDLES.iterdir())) if HANDLES.exists() else 0


def handle_is_left(before: int) -> bool:
    """Whether more descriptors are open; those of garbage are closed when it is collected."""
    if open_handles() <= before:
        return False
    gc.collect()
    return open_handles() > before


class Bench:
    """The states before and after a writer, and folders to let it write in."""

    def __init__(self, writer: Writer, folder: Path) -> None:
        self.writer, self._folder, self._count = writer, folder, 0
        done = self.fresh()
        self.old = writer.state(done)
        self.names_before = names(done)
        with FailingCalls(done) as calls:
            writer.act(done)
        self.calls = calls.calls
        self.new = writer.state(done)
        self.names_after = names(done)
        assert self.calls, "nothing is written there"

    def fresh(self) -> Path:
        """A folder as it is before."""
        self._count += 1
        folder = self._folder / f"{self._count}" / "here"
        folder.mkdir(parents=True)
        self.writer.before(folder)
        return folder

    def check(self, folder: Path, error: BaseException | None, context: str) -> None:
        """What holds after a failed call."""
        writer = self.writer
        found = writer.state(folder)
        if not writer.halves:
            assert found in (self.old, self.new), context
        if error is None:
            assert writer.silent or found == self.new, context
        else:
            assert not writer.silent, context
            check_words(error, context)
        if not context.endswith(DELETION):  # what the system does not delete stays
            left = names(folder) - self.names_before - self.names_after
            assert not left, context
            assert not strays(folder), context
        writer.act(folder)
        if not writer.halves:
            assert writer.state(folder) == self.new, context
        if not context.endswith(DELETION):
            assert names(folder) <= self.names_before | self.names_after, context


def check_words(error: BaseException, context: str) -> None:
    """The error is typed and says in words what is wrong."""
    assert isinstance(error, (NodeflowError, CommandFailed)), f"{context}: {error!r}"
    text = str(error)
    if isinstance(error, CommandFailed):
        assert error.code == 1, f"{context}: {error.code}"
        assert text.startswith("nodeflow: "), f"{context}: {text}"
    assert any(os.strerror(number) in text for number in ERRORS), f"{context}: {text}"
    for wrong in ("Traceback", "Errno", "None", "Error("):
        assert wrong not in text, f"{context}: {text}"


def failed(act: Callable[[Path], Any], folder: Path, calls: FailingCalls) -> BaseException | None:
    """What an action raises while a call fails."""
    try:
        with calls:
            act(folder)
    except (Exception, pytest.fail.Exception) as error:
        return error.with_traceback(None)
    return None


@pytest.mark.sample(3)
@pytest.mark.parametrize("turn", range(len(ERRORS)) if NIGHTLY else [0])
@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_each_call_fails_once(writer: Writer, turn: int, tmp_path: Path) -> None:
    """With each error in turn; in the nightly setting every call fails with every error."""
    bench = Bench(writer, tmp_path)
    for number in range(1, MOST_CALLS):
        folder = bench.fresh()
        before = open_handles()
        code = ERRORS[(number + turn) % len(ERRORS)]
        calls = FailingCalls(folder, number, code)
        error = failed(writer.act, folder, calls)
        if not calls.has_failed:
            assert error is None
            assert number > len(bench.calls)
            return
        said, name = errno.errorcode[code], calls.calls[number - 1]
        context = f"{writer.name}: {said} of call {number}, {name}"
        assert not handle_is_left(before), f"{context}: a descriptor is left"
        bench.check(folder, error, context)
        shutil.rmtree(folder.parent)
    raise AssertionError("it calls without end")


@pytest.mark.sample(3)
@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.name)
def test_a_disk_that_stays_full(writer: Writer, tmp_path: Path) -> None:
    bench = Bench(writer, tmp_path)
    for number in range(1, len(bench.calls) + 1):
        folder = bench.fresh()
        before = open_handles()
        calls = FailingCalls(folder, number, errno.ENOSPC, lasting=True)
        error = failed(writer.act, folder, calls)
        context = f"{writer.name}: full from call {number}, {calls.calls[number - 1]}"
        assert not handle_is_left(before), f"{context}: a descriptor is left"
        bench.check(folder, error, context)
        shutil.rmtree(folder.parent)


def test_a_name_as_long_as_the_system_lets_it(tmp_path: Path) -> None:
    path = tmp_path / f"{'x' * 250}.flow"
    flow.save(Document(), path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_what_is_written_is_on_the_disk_before_it_gets_its_name(tmp_path: Path) -> None:
    """A power failure finds the old file or the whole new one."""
    with FailingCalls(tmp_path) as calls:
        flow.save(Document(), tmp_path / "a.flow")
    order = [name for name in calls.calls if name in ("write", "fsync", "replace")]
    assert order == ["write", "fsync", "replace", "fsync"]


@pytest.mark.skipif(os.name != "posix" or not os.getuid(), reason="root may list every folder")
def test_a_folder_that_cannot_be_listed(tmp_path: Path) -> None:
    folder = tmp_path / "dropbox"
    folder.mkdir()
    folder.chmod(0o333)
    flow.save(Document(), folder / "a.flow")
    folder.chmod(0o755)
    assert flow.dumps(flow.load(folder / "a.flow")) == flow.dumps(Document())
