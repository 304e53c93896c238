"""Earlier versions of files: found again by the path, each with its time, and not for ever."""

from __future__ import annotations

import gzip
import json
import os

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.io import backups, flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowRead, FlowWrite


@pytest.fixture
def path(tmp_path):
    return tmp_path / "graph.flow"


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "kept"


def contents(path, folder) -> list[bytes]:
    return [backup.content() for backup in backups.backups_of(path, folder)]


def test_the_newest_are_kept_newest_first(path, folder):
    for number in range(8):
        backups.keep(path, b"%d" % number, "saved", 100.0 + number, 5, folder)
    assert contents(path, folder) == [b"7", b"6", b"5", b"4", b"3"]
    newest = backups.backups_of(path, folder)[0]
    assert (newest.time, newest.kind, newest.size) == (107.0, "saved", 1)


def test_what_was_replaced_or_given_up_does_not_go_with_the_saves(path, folder):
    backups.keep(path, b"theirs", "replaced", 1.0, folder=folder)
    backups.keep(path, b"mine", "left", 2.0, folder=folder)
    for number in range(9):
        backups.keep(path, b"%d" % number, "saved", 100.0 + number, 1, folder)
    assert contents(path, folder) == [b"8", b"mine", b"theirs"]
    for number in range(backups.MOST_APART + 5):
        backups.keep(path, b"%d" % number, "replaced", 200.0 + number, folder=folder)
    kinds = [backup.kind for backup in backups.backups_of(path, folder)]
    assert kinds.count("replaced") == backups.MOST_APART and kinds.count("left") == 1


def test_saving_the_same_twice_keeps_it_once_and_none_may_be_kept(path, folder):
    assert backups.keep(path, b"a", "saved", 1.0, 5, folder) is not None
    assert backups.keep(path, b"a", "saved", 2.0, 5, folder) is None
    assert contents(path, folder) == [b"a"]
    assert backups.keep(path, b"b", "saved", 3.0, 0, folder) is None
    assert contents(path, folder) == []


def test_fewer_are_kept_as_soon_as_fewer_are_wanted(path, folder):
    for number in range(5):
        backups.keep(path, b"%d" % number, "saved", float(number), 5, folder)
    backups.keep(path, b"5", "saved", 5.0, 2, folder)
    assert contents(path, folder) == [b"5", b"4"]


def test_every_name_of_a_file_finds_its_versions_and_no_others(path, folder, tmp_path):
    path.write_bytes(b"a")
    backups.keep(path, b"a", "saved", 1.0, 5, folder)
    link = tmp_path / "link.flow"
    link.symlink_to(path)
    assert (
        contents(link, folder) == contents(tmp_path / "x" / ".." / "graph.flow", folder) == [b"a"]
    )
    assert contents(tmp_path / "other.flow", folder) == []


@pytest.mark.parametrize("name", ["x" * 250 + ".flow", "half\udcff.flow", "two\nlines.flow"])
def test_any_name_of_a_file_will_do(folder, tmp_path, name):
    backups.keep(tmp_path / name, b"a", "saved", 1.0, 5, folder)
    assert contents(tmp_path / name, folder) == [b"a"]
    (about,) = folder.glob("*/about.json")
    assert json.loads(about.read_text())["path"] == str(tmp_path / name)


def test_a_version_is_a_compressed_flow_file(path, folder):
    document = Document()
    for number in range(50):
        commands.add_node(document, "constant", (number, 0))
    content = flow.dumps(document).encode()
    made = backups.keep(path, content, "saved", 1.0, 5, folder)
    assert gzip.decompress(made.file.read_bytes()) == content
    assert made.file.stat().st_size < len(content) / 3
    again = made.document()
    assert flow.dumps(again) == flow.dumps(document) and again.path is None


@pytest.mark.thorough
def test_a_damaged_version_is_an_error_in_words(path, folder):
    made = backups.keep(path, b"content" * 100, "saved", 1.0, 5, folder)
    whole = made.file.read_bytes()
    for spoilt in (whole[:20], whole[:-1], b"", b"no gzip", gzip.compress(b"another")):
        made.file.write_bytes(spoilt)
        with pytest.raises(FlowRead, match="the version"):
            made.content()
    made.file.write_bytes(gzip.compress(bytes(10**8)))  # unpacks to far more than it says
    with pytest.raises(FlowRead, match="damaged"):
        made.content()


def test_other_files_in_the_folder_are_none_of_ours(path, folder):
    made = backups.keep(path, b"a", "saved", 1.0, 5, folder)
    (made.file.parent / "notes.txt").write_text("mine")
    (made.file.parent / "1-saved-2-3.flow.gz").write_text("mine")
    assert len(backups.backups_of(path, folder)) == 1


def test_a_folder_that_cannot_be_written_is_an_error_in_words(path, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(FlowWrite, match="cannot keep a version"):
        backups.keep(path, b"a", "saved", 1.0, 5, blocked)
    assert backups.backups_of(path, blocked) == []


@pytest.mark.skipif(os.name != "posix", reason="modes")
def test_versions_are_the_users_own(path, folder):
    made = backups.keep(path, b"a", "saved", 1.0, 5, folder)
    assert made.file.parent.stat().st_mode & 0o777 == 0o700
