"""Files that others may change: noticed by content, never lost, and who has them open."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from nodeflow.document.io import known_file
from nodeflow.document.io.known_file import (
    KnownFile,
    digest_of,
    digest_of_bytes,
)
from nodeflow.document.io.open_files import OpenFile


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "graph.flow"
    file.write_text("one")
    return file


def test_a_file_is_the_same_until_its_content_changes(path):
    known = KnownFile.read(path)
    assert known.state() == "same" and known.digest == digest_of_bytes(b"one") == digest_of(path)
    path.write_text("two")
    assert known.state() == "changed" and known.seen == digest_of_bytes(b"two")
    path.write_text("one")
    assert known.state() == "same", "the content counts, not the time"
    path.unlink()
    assert known.state() == "gone"


def test_another_content_of_the_same_size_and_time_of_day_is_noticed(path):
    known = KnownFile.read(path)
    assert known.state() == "same"
    before = path.stat()
    path.write_text("two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert known.state() == "changed"


@pytest.mark.skipif(os.name != "posix", reason="the time of a change of status")
def test_a_content_that_takes_over_size_and_time_is_noticed(path, monkeypatch):
    """As `cp -p` and `rsync -t` write it; another time tells of it."""
    os.utime(path, (1_000_000, 1_000_000))
    monkeypatch.setattr(known_file, "_COARSEST", -(10**18))  # as if it were long ago
    known = KnownFile.read(path)
    assert known.state() == "same"
    path.write_text("two")
    os.utime(path, (1_000_000, 1_000_000))
    assert known.state() == "changed"


def test_a_file_that_is_young_is_read_again_whatever_its_times_say(path, monkeypatch):
    """Two writes in one tick of the file system's clock have one time."""
    known = KnownFile.read(path)
    assert known.state() == "same"
    before = os.stat(path)
    path.write_text("two")
    monkeypatch.setattr(known_file.os, "stat", lambda _: before)
    assert known.state() == "changed"


def test_of_an_unknown_content_nothing_is_the_same(path):
    assert KnownFile(path, None).state() == "changed"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders")
def test_a_pipe_in_the_place_of_the_file_stops_nobody(path):
    known = KnownFile.read(path)
    path.unlink()
    os.mkfifo(path)
    assert known.state() == "gone" and digest_of(path) is None


def test_two_windows_know_of_each_other(path, tmp_path):
    here, there = OpenFile(tmp_path / "open"), OpenFile(tmp_path / "open")
    here.hold(path)
    assert not here.is_elsewhere(path) and there.is_elsewhere(path)
    there.hold(tmp_path / "other.flow")
    assert not here.is_elsewhere(path)
    link = tmp_path / "link.flow"
    link.symlink_to(path)
    there.hold(link)
    assert here.is_elsewhere(path), "by another name of the file"
    there.hold(None)
    assert not here.is_elsewhere(path)
    here.release()
    assert list((tmp_path / "open").iterdir()) == []


HOLD = """
import sys, pathlib
from nodeflow.document.io.open_files import OpenFile
held = OpenFile(pathlib.Path(sys.argv[1]))
held.hold(pathlib.Path(sys.argv[2]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_window_that_was_killed_has_nothing_open(path, tmp_path):
    folder = tmp_path / "open"
    arguments = [sys.executable, "-c", HOLD, str(folder), str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(arguments, **pipes) as other:
        assert other.stdout.readline() == b"held\n"
        assert OpenFile(folder).is_elsewhere(path)
        other.kill()
        other.wait(20)
    assert len(list(folder.iterdir())) == 1, "it left its record"
    assert not OpenFile(folder).is_elsewhere(path)
    assert list(folder.iterdir()) == [], "which is removed"


def test_a_folder_that_cannot_be_written_stops_nothing(path, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    window = OpenFile(blocked / "open")
    window.hold(path)
    assert not window.is_elsewhere(path)
    with window.saving(path):
        pass
    window.release()


@pytest.mark.thorough
def test_saves_of_one_file_come_one_after_the_other(path, tmp_path):
    order = []

    def save(name: str, window: OpenFile) -> None:
        with window.saving(path):
            order.append(f"{name} begins")
            time.sleep(0.05)
            order.append(f"{name} ends")

    windows = [OpenFile(tmp_path / "open") for _ in range(2)]
    threads = [threading.Thread(target=save, args=(str(i), w)) for i, w in enumerate(windows)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [entry.split()[1] for entry in order] == ["begins", "ends", "begins", "ends"]


def test_a_file_looks_different_once_time_or_size_are_others(tmp_path):
    path = tmp_path / "graph.flow"
    path.write_text("one")
    known = KnownFile.read(path)
    assert not known.looks_different
    path.write_text("other")
    assert known.looks_different
    assert known.state() == "changed" and known.looks_different, "it is still another one"
    path.write_text("one")
    assert known.state() == "same" and not known.looks_different
    path.unlink()
    assert not known.looks_different and known.state() == "gone"
