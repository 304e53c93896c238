"""After a crash: every piece of unsaved work is offered, and what is damaged is said."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox

from nodeflow.document.edit import commands
from nodeflow.document.io import flow, journal_file, journal_format
from nodeflow.document.io.backups import backups_of
from nodeflow.document.io.journal import Journal, pending, recover
from nodeflow.document.io.kept_training import KeptTraining, unfinished
from nodeflow.document.model.document import Document
from nodeflow.paths import journal_folder
from nodeflow.train.saving.checkpoint import write_checkpoint
from nodeflow.ui.popups.dialogs.recovery_dialog import RecoveryDialog

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
LEFT = Qt.MouseButton.LeftButton


def crash(name: str, path: Path | None = None, digest: str | None = None) -> Path:
    """The journal of a window that died after it added three nodes."""
    document = Document()
    document.path = path
    journal = Journal(document, digest=lambda: digest)
    for number in range(3):
        commands.add_node(document, "constant", (number * 200, 0), f"{name}{number}")
    left = journal.path
    assert left is not None
    journal._unsubscribe()
    journal._file.close()
    return left


def at(path: Path, seconds: int) -> None:
    os.utime(path, (seconds, seconds))


def names(window) -> set[str]:
    return {record.name for record in window.workspace.root.nodes.values()}


def in_dialog(*steps) -> list[RecoveryDialog]:
    """Do this in the questions that come, one step in each."""
    seen: list[RecoveryDialog] = []
    rest = list(steps)

    def act() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, RecoveryDialog)
        seen.append(dialog)
        step = rest.pop(0)
        if rest:
            QTimer.singleShot(0, act)
        step(dialog)

    QTimer.singleShot(0, act)
    return seen


def press(name: str):
    return lambda dialog: QTest.mouseClick(getattr(dialog, name), LEFT)


def click_row(dialog: RecoveryDialog, row: int, keys=Qt.KeyboardModifier.NoModifier) -> None:
    table = dialog.table
    place = table.visualItemRect(table.topLevelItem(row)).center()
    QTest.mouseClick(table.viewport(), LEFT, keys, place)


@pytest.mark.thorough
def test_any_of_several_can_be_chosen_and_the_others_stay(window):
    for number, name in enumerate(("old", "middle", "new")):
        at(crash(name), 1_000_000 + number)

    def restore_the_second(dialog: RecoveryDialog) -> None:
        assert dialog.table.topLevelItemCount() == 3
        click_row(dialog, 1)
        press("restore")(dialog)

    in_dialog(restore_the_second)
    window.files.recovery.offer()
    assert names(window) == {"middle0", "middle1", "middle2"}
    assert window.workspace.root.is_modified
    assert [names_of(item) for item in pending()] == ["new0", "old0"], "not what is open here"


def names_of(item) -> str:
    return next(iter(item.recover().document.nodes.values())).name


@pytest.mark.thorough
def test_enter_restores_the_newest_and_escape_keeps_everything(window):
    at(crash("old"), 1_000_000)
    at(crash("new"), 2_000_000)
    in_dialog(lambda dialog: QTest.keyClick(dialog, Qt.Key.Key_Escape))
    window.files.recovery.offer()
    assert not names(window) and len(pending()) == 2
    in_dialog(lambda dialog: QTest.keyClick(dialog.table, Qt.Key.Key_Return))
    window.files.recovery.offer()
    assert names(window) == {"new0", "new1", "new2"}


@pytest.mark.thorough
def test_a_damaged_one_says_so_and_can_only_be_discarded(window):
    crash("good")
    (journal_folder() / "bad.journal").write_bytes(b"no journal\n")

    def discard_the_damaged(dialog: RecoveryDialog) -> None:
        assert dialog.table.topLevelItem(1).text(0) == "Damaged"
        click_row(dialog, 1)
        assert not dialog.restore.isEnabled() and "bad.journal" in dialog.reason.text()
        press("discard")(dialog)

    seen = in_dialog(discard_the_damaged, press("restore"))
    window.files.recovery.offer()
    assert len(seen) == 2 and names(window) == {"good0", "good1", "good2"}
    assert not (journal_folder() / "bad.journal").exists()


def test_several_are_discarded_at_once(window):
    for name in "abc":
        crash(name)

    def discard(dialog: RecoveryDialog) -> None:
        click_row(dialog, 2, Qt.KeyboardModifier.ShiftModifier)
        assert not dialog.restore.isEnabled()
        press("discard")(dialog)

    in_dialog(discard)
    window.files.recovery.offer()
    assert pending() == [] and not names(window)


@pytest.mark.thorough
def test_missing_edits_are_counted_where_the_user_sees_it(window):
    path = crash("a")
    lines = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([*lines[:2], lines[2][:-9], *lines[3:]]))
    in_dialog(press("restore"))
    window.files.recovery.offer()
    assert names(window) == {"a0"}
    assert "all but the last 2 edits" in window.info.text


@pytest.mark.thorough
def test_what_is_restored_here_is_offered_to_no_other_window(window):
    crash("a")
    (item,) = pending()
    in_dialog(press("restore"))
    window.files.recovery.offer()
    assert pending() == [] and item.journal.exists()
    window.files.recovery.recover(item)
    assert "Another window" in window.info.text


@pytest.mark.thorough
def test_nor_can_another_window_discard_it(window):
    crash("a")
    (item,) = pending()
    in_dialog(press("restore"))
    window.files.recovery.offer()
    item.discard_unless_held()
    assert item.journal.exists()


def test_edits_after_that_leave_one_journal_and_not_two(window, monkeypatch, qtbot):
    monkeypatch.setattr(journal_file, "SYNC_SECONDS", 0.01)
    old = crash("a")
    in_dialog(press("restore"))
    window.files.recovery.offer()
    commands.add_node(window.workspace.root, "constant", (0, 300), "more")
    assert old.exists(), "the new one is not on the disk yet"
    qtbot.waitUntil(lambda: window.files.recovery.journal.is_on_disk)
    commands.add_node(window.workspace.root, "constant", (0, 600), "most")
    assert not old.exists()
    (left,) = journal_folder().glob("*.journal")
    assert {n.name for n in recover(left).document.nodes.values()} == names(window)


@pytest.mark.thorough
def test_a_journal_over_a_newer_file_asks_before_it_replaces_it(window, tmp_path, qtbot):
    path = tmp_path / "graph.flow"
    flow.save(Document(), path)
    before = window.files.shared
    window.files.load(path)
    digest = before.digest
    window.files.begin_empty()
    crash("mine", path, digest)
    theirs = Document()
    commands.add_node(theirs, "constant", (0, 0), "theirs")
    flow.save(theirs, path)
    at(path, 1_000_000)  # older by its time: the content counts
    in_dialog(press("restore"))
    window.files.recovery.offer()
    assert names(window) == {"mine0", "mine1", "mine2"}
    qtbot.waitUntil(lambda: "changed outside" in window.info.text)

    def cancel() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox) and "graph.flow" in box.text()
        QTest.keyClick(box, Qt.Key.Key_Escape)

    QTimer.singleShot(0, cancel)
    window.actions_.trigger("save")
    assert [n.name for n in flow.load(path).nodes.values()] == ["theirs"]


@pytest.mark.thorough
def test_a_journal_over_the_file_it_began_with_asks_nothing(window, tmp_path):
    path = tmp_path / "graph.flow"
    flow.save(Document(), path)
    window.files.load(path)
    digest = window.files.shared.digest
    window.files.begin_empty()
    crash("mine", path, digest)
    os.utime(path)  # newer than the journal: touched, not changed
    in_dialog(press("restore"))
    window.files.recovery.offer()
    assert window.info.text == ""
    window.actions_.trigger("save")
    assert {n.name for n in flow.load(path).nodes.values()} == names(window)
    assert not list(journal_folder().iterdir())


def test_a_full_disk_is_said_and_taken_back(window, monkeypatch, qtbot):
    monkeypatch.setattr(journal_file, "SYNC_SECONDS", 0.01)
    write = journal_file._write_all

    def full(file, data: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(journal_file, "_write_all", full)
    commands.add_node(window.workspace.root, "constant", (0, 0), "a")
    qtbot.waitUntil(lambda: "cannot be kept for recovery" in window.info.text)
    monkeypatch.setattr(journal_file, "_write_all", write)
    qtbot.waitUntil(lambda: window.info.text == "")
    window.workspace.root.mark_saved()


# ---- an upgrade of the program with unsaved work open ---------------------------------------

OLD = Path(__file__).parents[1] / "document/golden/unsaved-work"


@pytest.fixture
def upgraded(tmp_path) -> Path:
    """A file of version 1, and beside it what a program of then had not saved when it died."""
    path = tmp_path / "old.flow"
    path.write_bytes((OLD / "file.flow").read_bytes())
    at(path, 1_000_000)
    journal_folder().mkdir(parents=True)
    left = journal_folder() / "left.journal"
    text = (OLD / "journal.journal").read_text(encoding="utf-8")
    left.write_text(text.replace("/home/ada/old.flow", str(path)), encoding="utf-8")
    at(left, 2_000_000)
    return path


def test_unsaved_work_of_an_older_program_is_restored_and_saved_as_the_newest(window, upgraded):
    in_dialog(press("restore"))
    window.files.recovery.offer()
    assert window.info.text == "" and names(window) == {
        *("w", "scale", "square", "multiply", "loss", "train", "parts", "first_edit", "another")
    }
    window.actions_.trigger("save")
    expected = flow.dumps(flow.load(OLD / "recovered.flow"))
    assert upgraded.read_text(encoding="utf-8") == expected
    assert not list(journal_folder().iterdir())
    window.files.shared.wait_for_backups()
    (now, before) = backups_of(upgraded)
    assert before.content() == (OLD / "file.flow").read_bytes(), "the old file is kept"
    assert now.content() == expected.encode()


def test_over_a_file_that_the_new_program_has_saved_since_it_asks(window, upgraded, qtbot):
    newer = flow.load(upgraded)
    commands.add_node(newer, "constant", (0, 0), "made_by_the_new_program")
    flow.save(newer, upgraded)
    content = upgraded.read_bytes()
    in_dialog(press("restore"))
    window.files.recovery.offer()
    qtbot.waitUntil(lambda: "changed outside" in window.info.text)
    assert "first_edit" in names(window)

    def overwrite() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        QTest.mouseClick(next(b for b in box.buttons() if b.text() == "Overwrite"), LEFT)

    QTimer.singleShot(0, overwrite)
    window.actions_.trigger("save")
    assert "first_edit" in {n.name for n in flow.load(upgraded).nodes.values()}
    replaced = [b for b in backups_of(upgraded) if b.kind == "replaced"]
    assert [b.content() for b in replaced] == [content]


def test_unsaved_work_of_a_newer_program_is_left_for_it(window, tmp_path):
    journal_folder().mkdir(parents=True)
    left = journal_folder() / "newer.journal"
    header = journal_format.line(0, '{"journal": 9, "path": null}')
    left.write_bytes(header + journal_format.line(1, '"of another format"'))

    def look(dialog: RecoveryDialog) -> None:
        assert "newer program" in dialog.reason.text() and not dialog.restore.isEnabled()
        press("later")(dialog)

    in_dialog(look)
    window.files.recovery.offer()
    assert left.exists()


# ---- a training that a crash interrupted ----------------------------------------------------


@pytest.mark.thorough
def test_a_resumed_training_over_a_newer_file_asks_before_it_replaces_it(window, tmp_path, qtbot):
    path = tmp_path / "graph.flow"
    document = Document()
    commands.add_node(document, "constant", (0, 0), "mine")
    flow.save(document, path)
    kept = KeptTraining.begin(document, "graph")
    kept.states.mkdir()
    write_checkpoint(kept.states / "step-5", {"w": np.zeros(1)}, 5)
    kept._held.close()  # the process died: the lock is gone
    (found,) = unfinished()
    assert found.known is not None and found.known.state() == "same"
    commands.add_node(document, "constant", (200, 0), "theirs")
    flow.save(document, path)
    assert window.files.open_recovered(found.document(), found.title, found.known)
    qtbot.waitUntil(lambda: "changed outside" in window.info.text)
    assert names(window) == {"mine"}

    def cancel() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox) and "graph.flow" in box.text()
        QTest.keyClick(box, Qt.Key.Key_Escape)

    QTimer.singleShot(0, cancel)
    window.actions_.trigger("save")
    assert {n.name for n in flow.load(path).nodes.values()} == {"mine", "theirs"}
