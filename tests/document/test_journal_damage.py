"""Crash journals after the worst: damaged, cut, on a full disk, of another version."""

from __future__ import annotations

import errno
import json
import os
import threading
from pathlib import Path

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.io import flow, journal_file, journal_format
from nodeflow.document.io.journal import Journal, pending, recover
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import JournalError

NAMES = ("a", "b", "c", "d", "e")
needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders")


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def doc():
    doc = Document()
    commands.add_node(doc, "constant", (0, 0), "kept")
    return doc


def left(doc: Document, folder: Path, names=NAMES, **arguments) -> Path:
    """The journal that a crash after these names leaves."""
    journal = Journal(doc, folder, **arguments)
    for name in names:
        commands.rename(doc, "n1", name)
    path = journal.path
    assert path is not None
    journal._unsubscribe()
    journal._file.close()
    return path


def name_in(path: Path) -> str:
    return recover(path).document.nodes["n1"].name


# ---- damage ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_a_spoilt_line_ends_the_recovery_and_what_is_missing_is_counted(doc, folder, number):
    """The first name is in the text of the document, so line 2 is the second."""
    path = left(doc, folder)
    lines = path.read_bytes().split(b"\n")
    assert len(lines) == 2 + 4 + 1
    lines[number] = lines[number].replace(b'"revision"', b'"revisioN"')
    path.write_bytes(b"\n".join(lines))
    recovered = recover(path)
    assert recovered.document.nodes["n1"].name == NAMES[number - 2]
    assert recovered.missing == 4 - (number - 2)


@pytest.mark.sample(3)
@pytest.mark.parametrize("bit", range(8))
def test_no_single_bit_turns_into_another_edit(doc, folder, bit):
    """Version 1 took what was still JSON: `"after": "b"` became `"after": "c"`."""
    path = left(doc, folder)
    whole = path.read_bytes()
    begin = whole.index(b"\n", whole.index(b"\n") + 1) + 1
    for at in range(begin, len(whole) - 1, 7):
        spoilt = bytearray(whole)
        spoilt[at] ^= 1 << bit
        path.write_bytes(spoilt)
        recovered = recover(path)
        kept = whole[begin:at].count(b"\n")
        assert recovered.document.nodes["n1"].name == NAMES[kept]
        assert recovered.missing >= 4 - kept


def test_lines_that_are_gone_are_counted_by_the_numbers_after_them(doc, folder):
    path = left(doc, folder)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:3], *lines[5:]]))
    recovered = recover(path)
    assert recovered.document.nodes["n1"].name == "b" and recovered.missing == 3


def test_a_tail_of_zeros_as_a_power_cut_leaves_it_costs_one_edit(doc, folder):
    path = left(doc, folder)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join(lines[:5]) + b"\n" + bytes(len(lines[5])))
    recovered = recover(path)
    assert recovered.document.nodes["n1"].name == "d"
    assert recovered.missing == 0, "nothing of it came to the disk"


def test_a_change_that_does_not_fit_ends_the_recovery_too(doc, folder):
    path = left(doc, folder)
    lines = path.read_bytes().split(b"\n")
    text = lines[4][len(b"00000000 4 ") :].decode()
    path.write_bytes(b"\n".join([*lines[:3], journal_format.line(3, text)[:-1], *lines[5:]]))
    recovered = recover(path)
    assert recovered.document.nodes["n1"].name == "b" and recovered.missing == 3


IMPOSSIBLE = {
    "attributes that are a text": [
        ["node", "n9", None, {"id": "n9", "op": "abs", "name": "x", "attrs": "zzz", "pos": [0, 0]}]
    ],
    "a name that no node may have": [
        ["node", "n9", None, {"id": "n9", "op": "abs", "name": "x y", "attrs": {}, "pos": [0, 0]}]
    ],
    "a wire to no node": [["wire", ["n8", "x"], None, ["n1", "out", "n8", "x"]]],
    "a wire of numbers": [["wire", ["n1", "x"], None, [1, "out", "n1", "x"]]],
    "a table that is none": [["nodes", "n9", None, {}]],
    "half a character": [["training", "", None, {"seed": "\ud800"}]],
}


@pytest.mark.parametrize("edits", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
@pytest.mark.parametrize("at", [0, 2, 4])
def test_an_impossible_change_with_the_right_sum_ends_the_recovery(doc, folder, edits, at):
    """What was before it comes back, as a document that can be saved and opened."""
    path = left(doc, folder)
    lines = path.read_bytes().rstrip(b"\n").split(b"\n")
    rest = [line.split(b" ", 2)[2].decode() for line in lines[2:]]
    rest.insert(at, json.dumps({"edits": edits, "label": "Edit", "revision": 9}))
    changes = [journal_format.line(number, text) for number, text in enumerate(rest, 2)]
    path.write_bytes(b"\n".join(lines[:2]) + b"\n" + b"".join(changes))
    recovered = recover(path)
    assert recovered.document.nodes["n1"].name == NAMES[at]
    assert recovered.missing == len(rest) - at
    text = flow.dumps(recovered.document)
    assert flow.dumps(flow.loads(text)) == text


def test_a_journal_whose_document_is_spoilt_is_refused_in_words(doc, folder):
    path = left(doc, folder)
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([lines[0], lines[1].replace(b"constant", b"variable"), *lines[2:]]))
    with pytest.raises(JournalError, match="the document in it is damaged"):
        recover(path)


def test_a_journal_of_a_newer_program_is_refused_in_words(doc, folder):
    path = left(doc, folder)
    rest = path.read_bytes().split(b"\n", 1)[1]
    path.write_bytes(journal_format.line(0, json.dumps({"journal": 7, "path": None})) + rest)
    with pytest.raises(JournalError, match="version 7, of a newer program"):
        recover(path)


SPOILT = [
    b"hello\n",
    b"{}\n",
    b"[]\n",
    b'{"journal": 1, "path": 3, "base": ""}\n',
    b'{"journal": 1, "path": "a\\u0000b", "base": ""}\n',
    b"[" * 200_000 + b"\n",
    b"\xff\xfe\n",
    b"00000000 0 {}\n",
    journal_format.line(0, "[" * 200_000),
    journal_format.line(0, '{"journal": 2, "path": {}}'),
    journal_format.line(0, '{"path": null}'),
    bytes(10_000),
]


@pytest.mark.parametrize("spoilt", SPOILT, ids=range(len(SPOILT)))
def test_a_damaged_journal_hides_no_other_and_is_shown_itself(doc, folder, spoilt):
    path = left(doc, folder)
    bad = folder / "0.journal"
    bad.write_bytes(spoilt)
    good, shown = pending(folder)
    assert good.journal == path and not good.problem and name_in(good.journal) == "e"
    assert shown.journal == bad and shown.problem and shown.document is None
    with pytest.raises(JournalError):
        shown.recover()


@needs_pipes
def test_what_is_no_file_hides_none_and_stops_nothing(doc, folder):
    path = left(doc, folder)
    os.mkfifo(folder / "pipe.journal")
    (folder / "folder.journal").mkdir()
    (folder / "zeros.journal").symlink_to("/dev/zero")
    (folder / "gone.journal").symlink_to(folder / "nothing")
    (found,) = pending(folder)
    assert found.journal == path
    with pytest.raises(JournalError, match="a pipe, not a file"):
        recover(folder / "pipe.journal")


def test_journals_that_a_crash_left_empty_are_removed(doc, folder):
    path = left(doc, folder)
    (folder / "empty.journal").touch()
    (folder / "zeros.journal").write_bytes(bytes(100))
    (folder / "learned.journal").touch()
    (folder / "learned.safetensors").write_bytes(b"learned")
    assert [item.journal.name for item in pending(folder)] == [path.name, "learned.journal"]
    assert not (folder / "empty.journal").exists() and not (folder / "zeros.journal").exists()


def test_a_journal_that_was_begun_for_weights_alone_goes_with_them(doc, folder, tmp_path):
    flow.save(doc, tmp_path / "graph.flow")
    journal = Journal(doc, folder)
    weights = journal.keep_weights()
    weights.write_bytes(b"learned")
    journal._file.close()
    (found,) = pending(folder)
    assert found.weights == weights and found.recover().missing == 0
    weights.unlink()
    assert pending(folder) == [] and not list(folder.iterdir())


def test_with_an_edit_it_stays(doc, folder, tmp_path):
    flow.save(doc, tmp_path / "graph.flow")
    journal = Journal(doc, folder)
    journal.keep_weights()
    commands.rename(doc, "n1", "a")
    journal._file.close()
    (found,) = pending(folder)
    assert name_in(found.journal) == "a"


def test_an_empty_journal_that_a_window_has_just_begun_stays(folder):
    folder.mkdir()
    file = journal_file.JournalFile(folder, ".journal", lambda _: None)
    file.append(b"")
    assert file.path is not None and pending(folder) == [] and file.path.exists()
    file.remove()


# ---- the header -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        "two\nlines.flow",
        "tab\tand\rmore.flow",
        "half\udcff\udc80.flow",
        "x" * 250 + ".flow",
        "é.flow",
    ],
)
def test_any_name_of_a_file_comes_back(doc, folder, tmp_path, name):
    doc.path = tmp_path / name
    path = left(doc, folder)
    (found,) = pending(folder)
    assert found.document == tmp_path / name
    assert found.recover().document.path == tmp_path / name and name_in(path) == "e"


def test_the_header_says_what_the_file_was(doc, folder):
    recovered = recover(left(doc, folder, digest=lambda: "12ab"))
    assert recovered.digest == "12ab" and recovered.says_digest
    recovered = recover(left(doc, folder, names="xy"))
    assert recovered.digest is None and recovered.says_digest


VERSION_1 = Path(__file__).with_name("golden") / "journal-version-1.journal"


def test_a_journal_of_version_1_recovers(doc, folder):
    """Written by the program before version 2; see `golden/README.md`."""
    recovered = recover(VERSION_1)
    assert recovered.document.path == Path("/home/ada/graph.flow")
    assert {n.name for n in recovered.document.nodes.values()} == {"kept", "sum", "renamed"}
    assert recovered.missing == 0 and not recovered.says_digest
    folder.mkdir()
    cut = folder / "cut.journal"
    cut.write_bytes(VERSION_1.read_bytes()[:-30])
    recovered = recover(cut)
    assert {n.name for n in recovered.document.nodes.values()} == {"kept", "sum", "add"}
    assert recovered.missing == 1
    (found,) = pending(folder)
    assert found.document == Path("/home/ada/graph.flow")


# ---- the disk -------------------------------------------------------------------------------


class Disk:
    """Writes of journals fail while it is full; what fails may have written a part."""

    def __init__(self, monkeypatch) -> None:
        self.is_full = False
        self.part = 0
        self._write = journal_file._write_all
        monkeypatch.setattr(journal_file, "_write_all", self.write)

    def write(self, file, data: bytes) -> None:
        if self.is_full:
            self._write(file, data[: self.part])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._write(file, data)


@pytest.fixture
def disk(monkeypatch):
    monkeypatch.setattr(journal_file, "SYNC_SECONDS", 3600.0)  # no second try by the thread
    return Disk(monkeypatch)


@pytest.mark.parametrize("part", [0, 1, 40])
def test_a_full_disk_costs_nothing_once_there_is_room_again(doc, folder, disk, part):
    heard: list[JournalError | None] = []
    journal = Journal(doc, folder, heard.append)
    commands.rename(doc, "n1", "a")
    disk.is_full, disk.part = True, part
    commands.rename(doc, "n1", "b")
    commands.rename(doc, "n1", "c")
    assert len(heard) == 1 and "No space left" in str(heard[0]), "said once"
    assert name_in(journal.path) == "a", "and what is there is still good"
    assert journal.keep_weights() is None
    disk.is_full = False
    commands.rename(doc, "n1", "d")
    assert len(heard) == 2 and heard[1] is None
    recovered = recover(journal.path)
    assert recovered.document.nodes["n1"].name == "d" and recovered.missing == 0
    assert journal.keep_weights() is not None
    journal.close()
    assert not list(folder.iterdir())


@pytest.mark.parametrize("part", [0, 40])
def test_a_disk_that_is_full_at_the_first_edit_is_tried_again(doc, folder, disk, part):
    disk.is_full, disk.part = True, part
    heard: list[JournalError | None] = []
    journal = Journal(doc, folder, heard.append)
    commands.rename(doc, "n1", "a")
    assert len(heard) == 1
    disk.is_full = False
    commands.rename(doc, "n1", "b")
    assert heard[1:] == [None] and name_in(journal.path) == "b"
    journal.close()


def test_a_folder_that_can_be_made_later_is_used_then(doc, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    heard: list[JournalError | None] = []
    journal = Journal(doc, blocked / "state", heard.append)
    commands.rename(doc, "n1", "a")
    assert journal.path is None and heard[0] is not None
    blocked.unlink()
    commands.rename(doc, "n1", "b")
    assert heard[1:] == [None] and name_in(journal.path) == "b"
    journal.close()


def test_without_another_edit_the_thread_tries_again(doc, folder, monkeypatch):
    monkeypatch.setattr(journal_file, "SYNC_SECONDS", 0.01)
    disk = Disk(monkeypatch)
    armed = threading.Event()
    journal = Journal(doc, folder, lambda error: armed.set() if error is None else None)
    commands.rename(doc, "n1", "a")
    disk.is_full = True
    commands.rename(doc, "n1", "b")
    disk.is_full = False
    assert armed.wait(30) and name_in(journal.path) == "b"
    journal.close()


class Syncs:
    """What of journals is on the disk: sizes of files at each sync, and by which thread."""

    def __init__(self, monkeypatch) -> None:
        self.seen: list[tuple[int, bool]] = []
        self.came = threading.Condition()
        self.error: OSError | None = None
        self._sync = os.fsync
        monkeypatch.setattr(journal_file.os, "fsync", self.sync)

    def sync(self, handle: int) -> None:
        if self.error is not None:
            raise self.error
        size, main = os.fstat(handle).st_size, threading.current_thread() is threading.main_thread()
        self._sync(handle)
        with self.came:
            self.seen.append((size, main))
            self.came.notify_all()

    def wait_for(self, size: int) -> None:
        with self.came:
            assert self.came.wait_for(lambda: any(s == size for s, _ in self.seen), 30)


@pytest.mark.thorough
def test_edits_come_to_the_disk_soon_and_not_by_the_thread_that_edits(doc, folder, monkeypatch):
    assert journal_file.SYNC_SECONDS < 1
    syncs = Syncs(monkeypatch)
    journal = Journal(doc, folder)
    commands.rename(doc, "n1", "a")
    syncs.wait_for(journal.path.stat().st_size)
    for name in ("b", "c"):
        commands.rename(doc, "n1", name)
    syncs.wait_for(journal.path.stat().st_size)
    assert not any(main for _, main in syncs.seen)
    journal.close()


def test_a_disk_that_hangs_does_not_hang_the_edits(doc, folder, monkeypatch):
    monkeypatch.setattr(journal_file, "SYNC_SECONDS", 0.01)
    begun, go_on = threading.Event(), threading.Event()

    def hang(handle: int) -> None:
        begun.set()
        go_on.wait(60)

    monkeypatch.setattr(journal_file.os, "fsync", hang)
    journal = Journal(doc, folder)
    commands.rename(doc, "n1", "a")
    assert begun.wait(30)
    commands.rename(doc, "n1", "b")
    assert name_in(journal.path) == "b"
    journal.close()
    assert not list(folder.iterdir())
    go_on.set()


def test_after_a_failed_sync_another_file_takes_over(doc, folder, monkeypatch):
    monkeypatch.setattr(journal_file, "SYNC_SECONDS", 0.01)
    syncs = Syncs(monkeypatch)
    syncs.error = OSError(errno.EIO, os.strerror(errno.EIO))
    failed = threading.Event()
    heard: list[JournalError | None] = []
    journal = Journal(doc, folder, lambda error: (heard.append(error), failed.set()))
    commands.rename(doc, "n1", "a")
    first = journal.path
    assert failed.wait(30) and "Input/output error" in str(heard[0])
    first.with_suffix(".safetensors").write_bytes(b"learned")
    syncs.error = None
    commands.rename(doc, "n1", "b")
    assert journal.path != first and not first.exists() and name_in(journal.path) == "b"
    assert journal.kept_weights.read_bytes() == b"learned" and heard[1:] == [None]
    syncs.wait_for(journal.path.stat().st_size)
    journal.close()
    assert not list(folder.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be removed there")
def test_a_journal_that_somebody_removed_is_written_again(doc, folder, monkeypatch):
    monkeypatch.setattr(journal_file, "SYNC_SECONDS", 0.01)
    failed = threading.Event()
    journal = Journal(doc, folder, lambda error: failed.set())
    commands.rename(doc, "n1", "a")
    journal.path.unlink()
    commands.rename(doc, "n1", "b")
    assert failed.wait(30)
    commands.rename(doc, "n1", "c")
    assert name_in(journal.path) == "c"
    journal.close()


def test_closing_leaves_neither_a_thread_nor_a_descriptor(doc, folder):
    before = threading.active_count()
    journal = Journal(doc, folder)
    commands.rename(doc, "n1", "a")
    thread = journal._file._thread
    assert thread is not None and thread.daemon
    journal.close()
    thread.join(30)
    assert not thread.is_alive() and threading.active_count() <= before
    assert flow.dumps(doc)
