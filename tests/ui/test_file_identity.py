"""The file of a window: what others do to it is noticed, and nothing is replaced without a word."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QMessageBox

from nodeflow.document.edit import commands
from nodeflow.document.io import backups, flow
from nodeflow.document.io.backups import backups_of
from nodeflow.document.io.open_files import OpenFile
from nodeflow.document.model.document import Document
from nodeflow.ui.controllers.files import shared_file
from nodeflow.ui.popups.dialogs.differences_dialog import DifferencesDialog
from nodeflow.ui.popups.dialogs.versions_dialog import VersionsDialog

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
LEFT = Qt.MouseButton.LeftButton
needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders")


def names(document: Document) -> set[str]:
    return {record.name for record in document.nodes.values()}


def write(path: Path, *wanted: str) -> None:
    """As another program does it."""
    document = Document()
    for number, name in enumerate(wanted):
        commands.add_node(document, "constant", (number * 200, 0), name)
    flow.save(document, path)


@pytest.fixture
def path(tmp_path) -> Path:
    folder = tmp_path / "graphs"
    folder.mkdir()
    write(folder / "shared.flow", "first")
    return folder / "shared.flow"


@pytest.fixture
def opened(window, path, qtbot):
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.files.load(path)
    return window


def edit(window, name: str) -> None:
    commands.add_node(window.workspace.document, "constant", (300, 0), name)


def press_save(window) -> None:
    window.activateWindow()
    while QApplication.activeWindow() is not window:  # a dialog that has just closed may be it
        QTest.qWait(10)
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)


def save(window, name: str) -> None:
    edit(window, name)
    press_save(window)


def in_dialogs(*steps) -> list[QDialog]:
    """Do this in the dialogs that come, one step in each."""
    seen: list[QDialog] = []
    rest = list(steps)

    def act() -> None:
        dialog = QApplication.activeModalWidget()
        if dialog is None:
            return QTimer.singleShot(10, act)
        assert isinstance(dialog, QDialog)
        seen.append(dialog)
        step = rest.pop(0)
        if rest:
            QTimer.singleShot(0, act)
        step(dialog)

    QTimer.singleShot(0, act)
    return seen


def press(text: str):
    """Press the button with this text."""

    def step(dialog: QDialog) -> None:
        from PySide6.QtWidgets import QPushButton

        buttons = dialog.findChildren(QPushButton)
        button = next(b for b in buttons if b.text().replace("&", "") == text)
        assert button.isVisible() and button.isEnabled()
        QTest.mouseClick(button, LEFT)

    return step


def saved_as(monkeypatch, path: Path) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))


# ---- what others do -------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_change_is_noticed_while_the_window_is_open(opened, path, qtbot):
    write(path, "first", "theirs")
    qtbot.waitUntil(lambda: "changed outside" in opened.info.text)
    assert opened.info.choices["reload"].text() == "Reload"
    assert QApplication.activeModalWidget() is None, "a notice, and no question out of nowhere"
    opened.info.dismiss()
    write(path, "first", "theirs", "more")
    qtbot.waitUntil(lambda: "changed outside" in opened.info.text)
    write(path, "first")
    qtbot.waitUntil(lambda: opened.info.text == "")


@pytest.mark.thorough
def test_a_file_that_is_written_in_place_is_noticed_too(opened, path, qtbot):
    text = path.read_text().replace("first", "other")
    path.write_text(text)
    qtbot.waitUntil(lambda: "changed outside" in opened.info.text)
    qtbot.mouseClick(opened.info.choices["reload"], LEFT)
    assert names(opened.workspace.document) == {"other"}


@pytest.mark.thorough
def test_own_saves_are_no_news(opened, path, qtbot):
    save(opened, "mine")
    qtbot.wait(3 * shared_file.GATHER_MS)
    assert opened.info.text == ""


@pytest.mark.thorough
def test_a_changed_file_is_read_by_another_thread(opened, path, qtbot, monkeypatch):
    import threading

    from nodeflow.document.io import known_file

    readers: list[bool] = []
    digest_of = known_file.digest_of

    def watched(where: Path) -> str | None:
        readers.append(threading.current_thread() is threading.main_thread())
        return digest_of(where)

    monkeypatch.setattr(known_file, "digest_of", watched)
    write(path, "first", "theirs")
    qtbot.waitUntil(lambda: "changed outside" in opened.info.text)
    assert readers and not any(readers)


@pytest.mark.thorough
def test_a_window_that_opens_the_file_later_is_told_of_here(opened, path, qtbot):
    other = OpenFile()
    other.hold(path)
    qtbot.waitUntil(lambda: "also open in another window" in opened.info.text)
    opened.info.dismiss()
    opened.files.shared.look()
    assert opened.info.text == "", "once"
    other.release()
    opened.files.shared.look()
    other.hold(path)
    qtbot.waitUntil(lambda: "also open in another window" in opened.info.text)
    other.release()


@pytest.mark.thorough
@needs_pipes
def test_a_pipe_in_the_place_of_the_file_stops_nothing(opened, path, tmp_path, qtbot, monkeypatch):
    path.unlink()
    os.mkfifo(path)
    qtbot.waitUntil(lambda: "can no longer be read" in opened.info.text)
    copy = tmp_path / "copy.flow"
    saved_as(monkeypatch, copy)
    seen = in_dialogs(press("Save as…"))
    save(opened, "mine")
    assert "is a pipe, not a file" in seen[0].text()
    assert stat.S_ISFIFO(path.stat().st_mode) and names(flow.load(copy)) == {"first", "mine"}


# ---- comparing ------------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_versions_are_compared_before_the_choice(opened, path):
    commands.add_node(opened.workspace.document, "add", (300, 0), "mine")
    write(path, "first", "theirs")
    texts: list[str] = []

    def read(dialog: QDialog) -> None:
        assert isinstance(dialog, DifferencesDialog)
        texts.append(f"{dialog.heading.text()}\n{dialog.text.toPlainText()}")
        QTest.keyClick(dialog, Qt.Key.Key_Escape)

    seen = in_dialogs(press("Compare…"), read, press("Cancel"))
    press_save(opened)
    assert len(seen) == 3 and all(isinstance(seen[i], QMessageBox) for i in (0, 2))
    assert "2 differences" in texts[0]
    assert "- node theirs (constant)" in texts[0] and "+ node mine (add)" in texts[0]
    assert names(flow.load(path)) == {"first", "theirs"}
    opened.workspace.document.mark_saved()


@pytest.mark.thorough
def test_the_notice_offers_to_compare(opened, path, qtbot):
    write(path, "other")
    qtbot.waitUntil(lambda: "changed outside" in opened.info.text)
    texts: list[str] = []

    def copy(dialog: QDialog) -> None:
        press("Copy")(dialog)
        texts.append(QApplication.clipboard().text())
        press("Close")(dialog)

    in_dialogs(copy)
    qtbot.mouseClick(opened.info.choices[shared_file.COMPARE], LEFT)
    assert "other" in texts[0] and names(opened.workspace.document) == {"first"}


def test_a_comparison_is_drawn_where_something_can(opened, path):
    drawn: list[tuple] = []
    opened.files.versions.on_canvas = lambda *arguments: drawn.append(arguments)
    edit(opened, "mine")
    write(path, "theirs")
    in_dialogs(press("Compare…"), press("Show on the canvas"))
    press_save(opened)
    ((before, after, *titles),) = drawn
    assert names(before) == {"theirs"} and after is opened.workspace.root
    assert titles == ["on disk", "in this window"]
    opened.workspace.document.mark_saved()


@pytest.mark.thorough
def test_a_file_that_is_no_graph_any_more_is_said_and_asked_again(opened, path):
    edit(opened, "mine")
    path.write_text("no graph")
    seen = in_dialogs(press("Compare…"), press("OK"), press("Overwrite"))
    press_save(opened)
    assert len(seen) == 3 and names(flow.load(path)) == {"first", "mine"}
    replaced = next(b for b in backups_of(path) if b.kind == "replaced")
    assert replaced.content() == b"no graph"


# ---- what is no file, or not to be written --------------------------------------------------


@pytest.mark.thorough
def test_a_read_only_file_is_not_replaced(opened, path, tmp_path, monkeypatch):
    path.chmod(0o444)
    before = path.read_bytes()
    seen = in_dialogs(press("Cancel"))
    save(opened, "mine")
    assert seen[0].text() == "“shared.flow” is read-only."
    assert path.read_bytes() == before and opened.workspace.document.is_modified
    copy = tmp_path / "copy.flow"
    saved_as(monkeypatch, copy)
    in_dialogs(press("Save as…"))
    press_save(opened)
    assert path.read_bytes() == before and names(flow.load(copy)) == {"first", "mine"}
    assert opened.workspace.document.path == copy


@pytest.mark.thorough
def test_nor_is_one_that_was_chosen_in_the_file_dialog(opened, path, tmp_path, monkeypatch):
    other = tmp_path / "other.flow"
    write(other, "theirs")
    other.chmod(0o400)
    saved_as(monkeypatch, other)
    seen = in_dialogs(press("Cancel"))
    opened.actions_.trigger("save_as")
    assert "other.flow" in seen[0].text() and names(flow.load(other)) == {"theirs"}


@needs_pipes
def test_a_pipe_or_a_device_is_not_opened(opened, tmp_path):
    os.mkfifo(tmp_path / "pipe.flow")
    (tmp_path / "zero.flow").symlink_to("/dev/zero")
    for name, kind in (("pipe.flow", "a pipe"), ("zero.flow", "a device")):
        seen = in_dialogs(press("OK"))
        assert not opened.files.open_path(tmp_path / name)
        assert kind in seen[0].informativeText()
        assert not opened.files.load_quietly(tmp_path / name)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["x" * 245 + ".flow", "half\udcff.flow", "two\nlines.flow"])
def test_a_file_of_any_name_is_opened_saved_and_listed(window, tmp_path, name):
    path = tmp_path / name
    write(path, "first")
    window.activateWindow()
    assert window.files.open_path(path)
    save(window, "mine")
    assert names(flow.load(path)) == {"first", "mine"}
    seen = in_dialogs(press("Close"))
    window.actions_.trigger("versions")
    assert seen[0].table.topLevelItemCount() == 2


# ---- earlier versions -----------------------------------------------------------------------


def choose(number: int, text: str):
    """Press a button for the version in this row."""

    def step(dialog: QDialog) -> None:
        assert isinstance(dialog, VersionsDialog)
        item = dialog.table.topLevelItem(number)
        place = dialog.table.visualItemRect(item).center()
        QTest.mouseClick(dialog.table.viewport(), LEFT, pos=place)
        press(text)(dialog)

    return step


def show_versions(window, *steps) -> list[QDialog]:
    seen = in_dialogs(*steps)
    window.actions_.trigger("versions")
    return seen


def rows(dialog) -> list[list[str]]:
    items = [dialog.table.topLevelItem(i) for i in range(dialog.table.topLevelItemCount())]
    return [[item.text(column) for column in range(3)] for item in items]


@pytest.mark.thorough
def test_the_last_saves_are_kept_with_what_was_there_at_first(opened, path):
    before = path.stat().st_mtime
    for number in range(4):
        save(opened, f"n{number}")
    opened.files.shared.wait_for_backups()
    found = backups_of(path)
    assert [len(b.document().nodes) for b in found] == [5, 4, 3, 2, 1]
    assert abs(found[-1].time - before) < 1e-3, "the first is as old as its file was"
    for number in range(4, 9):
        save(opened, f"n{number}")
    opened.files.shared.wait_for_backups()
    assert [len(b.document().nodes) for b in backups_of(path)] == [10, 9, 8, 7, 6, 5]


@pytest.mark.thorough
def test_the_list_says_when_how_large_and_which(opened, path):
    save(opened, "one")
    (dialog,) = show_versions(opened, press("Close"))
    (now, first) = rows(dialog)
    assert now[0].startswith("Today, ") and now[2] == "In the file now" and now[1].endswith(" B")
    assert first[2] == "Saved"
    assert dialog.chosen.document().nodes.keys() == {"n1"}, "the first that is not in the file"


@pytest.mark.thorough
def test_a_version_opens_as_a_copy(opened, path):
    save(opened, "one")
    show_versions(opened, choose(1, "Open a copy"))
    root = opened.workspace.root
    assert names(root) == {"first"} and root.path is None and root.is_modified
    assert opened.files.title.startswith("shared Today")
    assert names(flow.load(path)) == {"first", "one"}


def test_a_version_is_compared_and_restored(opened, path, qtbot):
    save(opened, "one")
    edit(opened, "unsaved")
    texts: list[str] = []

    def read(dialog: QDialog) -> None:
        texts.append(dialog.text.toPlainText())
        press("Close")(dialog)

    show_versions(opened, choose(1, "Compare…"), read, choose(1, "Restore"))
    assert "+ node one" in texts[0] and "+ node unsaved" in texts[0]
    root = opened.workspace.root
    assert names(root) == {"first"} and root.path == path and root.is_modified
    assert names(flow.load(path)) == {"first", "one"}, "until it is saved"
    assert opened.info.button.text() == "Save"
    qtbot.mouseClick(opened.info.button, LEFT)
    assert names(flow.load(path)) == {"first"}
    opened.files.shared.wait_for_backups()
    kinds = {b.kind: names(b.document()) for b in reversed(backups_of(path))}
    assert len(kinds["left"]) == 3, "what was not saved is among the versions"


def test_how_many_are_kept_is_a_setting(opened, path, settings):
    assert settings.backups == 5

    def set_to_one(dialog: QDialog) -> None:
        dialog.count.setFocus()
        dialog.count.selectAll()
        QTest.keyClicks(dialog.count, "1")
        QTest.keyClick(dialog.count, Qt.Key.Key_Tab)
        press("Close")(dialog)

    show_versions(opened, set_to_one)
    assert settings.backups == 1
    for name in "abc":
        save(opened, name)
    opened.files.shared.wait_for_backups()
    assert [len(b.document().nodes) for b in backups_of(path)] == [4, 3]
    settings.backups = 0
    save(opened, "d")
    opened.files.shared.wait_for_backups()
    assert backups_of(path) == []


@pytest.mark.thorough
def test_a_new_graph_has_no_versions_and_says_why(window):
    window.actions_.refresh()
    assert window.actions_.blocked("versions").fix == "save_as"


def test_a_damaged_version_is_said(opened, path):
    save(opened, "one")
    opened.files.shared.wait_for_backups()
    backups_of(path)[1].file.write_bytes(b"")
    seen = show_versions(opened, choose(1, "Restore"), press("OK"), press("Close"))
    assert "cannot be opened" in seen[1].text()
    assert names(opened.workspace.root) == {"first", "one"}


@pytest.mark.thorough
def test_a_save_without_room_for_backups_is_still_a_save(opened, path, monkeypatch, qtbot):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(backups, "write_atomically", full)
    with qtbot.waitSignal(
        opened.messages.status_text, check_params_cb=lambda text: "without a backup" in text
    ):
        save(opened, "one")
    assert names(flow.load(path)) == {"first", "one"}
