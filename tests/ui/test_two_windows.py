"""Two windows on one file: each is told of the other, and no version is ever lost."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox, QWidget

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.io.backups import backups_of
from nodeflow.document.io.journal import Recoverable
from nodeflow.document.io.open_files import OpenFile
from nodeflow.document.model.document import Document

# what the offscreen platform says of popups
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)
Key, Keys = Qt.Key, Qt.KeyboardModifier
LEFT = Qt.MouseButton.LeftButton


def names(document) -> set[str]:
    return {record.name for record in document.nodes.values()}


def on_disk(path: Path) -> set[str]:
    return names(flow.load(path))


def kept(path: Path) -> list[set[str]]:
    """What the versions hold that are kept aside."""
    return [names(b.document()) for b in backups_of(path) if b.kind != "saved"]


@pytest.fixture
def path(tmp_path) -> Path:
    document = Document()
    commands.add_node(document, "constant", (0, 0), "first")
    flow.save(document, tmp_path / "shared.flow")
    return tmp_path / "shared.flow"


@pytest.fixture
def opened(window, path, qtbot):
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.files.load(path)
    return window


class Elsewhere:
    """Another window on the same file, as the file system sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.record = OpenFile()
        self.record.hold(path)

    def save(self, name: str) -> None:
        document = flow.load(self.path)
        commands.add_node(document, "constant", (0, 200), name)
        flow.save(document, self.path)


@pytest.fixture
def elsewhere(window, path):
    other = Elsewhere(path)
    yield other
    other.record.release()


def edit(window, name: str = "mine") -> None:
    commands.add_node(window.workspace.document, "constant", (300, 0), name)


def press_save(window) -> None:
    window.activateWindow()
    assert QTest.qWaitForWindowActive(window)
    window.canvas.setFocus()
    QTest.keyClick(window.canvas, Key.Key_S, Keys.ControlModifier)


def answer(text: str, asked: list[str]) -> None:
    """Press a button of the question that comes."""

    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        asked.append(box.text())
        button = next(b for b in box.buttons() if b.text().replace("&", "") == text)
        QTest.mouseClick(button, LEFT)

    QTimer.singleShot(0, press)


def come_back(window, qtbot) -> None:
    """The user was in another window, and returns to this one."""
    other = QWidget()
    qtbot.addWidget(other)
    other.show()
    other.activateWindow()
    qtbot.waitUntil(lambda: not window.isActiveWindow())
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)


@pytest.mark.thorough
def test_saving_twice_asks_nothing(opened, path):
    for name in ("one", "two"):
        edit(opened, name)
        press_save(opened)
    assert on_disk(path) == {"first", "one", "two"} and kept(path) == []


@pytest.mark.sample(1)
@pytest.mark.parametrize("choice", ["Overwrite", "Save a copy…", "Reload", "Cancel"])
def test_a_save_over_another_version_asks_and_loses_neither(
    opened, path, elsewhere, qtbot, monkeypatch, choice
):
    copy = path.with_name("copy.flow")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(copy), ""))
    edit(opened)
    elsewhere.save("theirs")
    asked: list[str] = []
    answer(choice, asked)
    press_save(opened)
    assert "shared.flow" in asked[0] and len(asked) == 1
    theirs, mine = {"first", "theirs"}, {"first", "mine"}
    shown = names(opened.workspace.document)
    if choice == "Overwrite":
        assert on_disk(path) == mine and kept(path) == [theirs] and shown == mine
        assert "kept" in opened.info.text
        assert not opened.workspace.document.is_modified
    elif choice == "Save a copy…":
        assert on_disk(path) == theirs and on_disk(copy) == mine and kept(path) == []
        assert opened.workspace.document.path == copy
    elif choice == "Reload":
        assert on_disk(path) == theirs and kept(path) == [mine] and shown == theirs
        qtbot.mouseClick(opened.info.button, LEFT)
        assert names(opened.workspace.document) == mine, "it is a click away"
        assert opened.workspace.document.path is None
    else:
        assert on_disk(path) == theirs and kept(path) == [] and shown == mine
        assert opened.workspace.document.is_modified
    opened.workspace.document.mark_saved()


def test_a_save_that_waited_for_another_one_asks(opened, path, elsewhere, monkeypatch):
    """The other window's save ends when this one gets the lock."""
    lock = OpenFile.saving

    @contextmanager
    def saving(record, place):
        monkeypatch.undo()
        elsewhere.save("theirs")
        with lock(record, place):
            yield

    edit(opened)
    monkeypatch.setattr(OpenFile, "saving", saving)
    asked: list[str] = []
    answer("Cancel", asked)
    press_save(opened)
    assert len(asked) == 1 and on_disk(path) == {"first", "theirs"}
    opened.workspace.document.mark_saved()


@pytest.mark.thorough
def test_coming_back_tells_of_another_version_and_reloads_it(opened, path, elsewhere, qtbot):
    opened.info.dismiss()
    elsewhere.save("theirs")
    come_back(opened, qtbot)
    qtbot.waitUntil(lambda: "changed outside" in opened.info.text)
    assert [b.text() for b in opened.info.choices.values()] == ["Reload", "Compare…"]
    qtbot.mouseClick(opened.info.choices["reload"], LEFT)
    assert names(opened.workspace.document) == {"first", "theirs"}
    assert kept(path) == [{"first"}], "the version before, which is in no file any more"
    opened.info.dismiss()
    come_back(opened, qtbot)
    assert opened.info.text == "", "nothing is new"


@pytest.mark.thorough
def test_it_is_told_once_and_asked_again_at_the_save(opened, path, elsewhere, qtbot):
    edit(opened)
    elsewhere.save("theirs")
    come_back(opened, qtbot)
    qtbot.waitUntil(lambda: "unsaved changes" in opened.info.text)
    opened.info.dismiss()
    come_back(opened, qtbot)
    assert opened.info.text == ""
    elsewhere.save("more")
    come_back(opened, qtbot)
    qtbot.waitUntil(lambda: "changed outside" in opened.info.text)  # that is news
    asked: list[str] = []
    answer("Later", asked)
    qtbot.mouseClick(opened.info.choices["reload"], LEFT)
    assert len(asked) == 1 and names(opened.workspace.document) == {"first", "mine"}
    opened.activateWindow()
    assert QTest.qWaitForWindowActive(opened)
    answer("Cancel", asked)
    press_save(opened)
    assert len(asked) == 2 and on_disk(path) == {"first", "theirs", "more"}
    opened.workspace.document.mark_saved()


@pytest.mark.thorough
def test_a_file_that_is_touched_but_the_same_is_no_news(opened, path, qtbot):
    path.write_bytes(path.read_bytes())
    come_back(opened, qtbot)
    assert opened.info.text == ""
    edit(opened)
    press_save(opened)
    assert on_disk(path) == {"first", "mine"} and kept(path) == []


@pytest.mark.thorough
def test_a_file_that_is_gone_is_written_again(opened, path, qtbot):
    path.unlink()
    come_back(opened, qtbot)
    assert "no longer exists" in opened.info.text
    edit(opened)
    press_save(opened)
    assert on_disk(path) == {"first", "mine"}


@pytest.mark.thorough
def test_opening_what_is_open_elsewhere_says_so(window, path, elsewhere):
    window.files.load(path)
    assert "open in another window" in window.info.text
    elsewhere.record.release()
    window.info.dismiss()
    window.files.load(path)
    assert window.info.text == ""


@pytest.mark.thorough
def test_this_window_is_known_of_while_it_has_the_file(opened, path):
    other = OpenFile()
    assert other.is_elsewhere(path)
    opened.files.begin_empty()
    assert not other.is_elsewhere(path)
    opened.files.load(path)
    assert other.is_elsewhere(path)
    opened.files.close()
    assert not other.is_elsewhere(path)


@pytest.mark.thorough
def test_a_copy_over_a_file_that_is_open_elsewhere_asks(opened, path, monkeypatch):
    theirs = path.with_name("theirs.flow")
    flow.save(flow.load(path), theirs)
    other = Elsewhere(theirs)
    other.save("theirs")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(theirs), ""))
    edit(opened)
    asked: list[str] = []
    answer("Cancel", asked)
    opened.actions_.trigger("save_as")
    assert "open in another window" in asked[0] and on_disk(theirs) == {"first", "theirs"}
    answer("Replace", asked)
    opened.actions_.trigger("save_as")
    assert on_disk(theirs) == {"first", "mine"} and kept(theirs) == [{"first", "theirs"}]
    other.record.release()


def test_reload_takes_back_what_is_not_saved_and_keeps_it(opened, path):
    opened.actions_.refresh()
    assert opened.actions_.blocked("reload"), "nothing to reload"
    edit(opened)
    asked: list[str] = []
    answer("Reload", asked)
    opened.actions_.trigger("reload")
    assert names(opened.workspace.document) == {"first"} and kept(path) == [{"first", "mine"}]
    assert not opened.workspace.document.is_modified


@pytest.mark.thorough
def test_what_is_seen_stays_in_a_subgraph_over_a_reload(opened, path, elsewhere, qtbot):
    from nodeflow.document.edit.subgraphs.create_subgraph import create

    document = opened.workspace.root
    made = create(document, list(document.nodes))
    press_save(opened)
    opened.workspace.enter(made)
    elsewhere.save("theirs")
    opened.actions_.trigger("reload")
    assert opened.workspace.path == (made,) and "theirs" in names(opened.workspace.root)


@pytest.mark.thorough
def test_recovered_work_does_not_replace_what_was_written_after_the_crash(window, path, tmp_path):
    """A journal does not say what was read, so a file that is newer counts as changed."""
    document = flow.load(path)
    commands.add_node(document, "constant", (300, 0), "mine")
    left = tmp_path / "left.journal"
    header = {"journal": 1, "path": str(path), "base": flow.dumps(document), "revision": 1}
    left.write_text(json.dumps(header) + "\n")
    crash = left.stat().st_mtime
    os.utime(path, (crash + 60, crash + 60))
    window.activateWindow()
    window.files.recovery.recover(Recoverable(left, path, crash))
    assert names(window.workspace.document) == {"first", "mine"}
    asked: list[str] = []
    answer("Overwrite", asked)
    press_save(window)
    assert asked and on_disk(path) == {"first", "mine"} and kept(path) == [{"first"}]
