"""Help > Report a problem: shown before it is saved, and nothing leaves the machine."""

from __future__ import annotations

import socket
import zipfile
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFileDialog

from nodeflow.document.edit import commands


@pytest.fixture(autouse=True)
def no_network(monkeypatch) -> None:
    """Opening a connection or a browser fails the test."""

    def refuse(*_: object) -> None:
        raise AssertionError("a connection is opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(QDesktopServices, "openUrl", refuse)


@pytest.fixture
def dialog(window, qtbot):
    commands.add_node(window.workspace.root, "constant", (0, 0), attrs={"value": 4711.5})
    window.actions_.trigger("report_problem")
    shown = window.report.dialog
    qtbot.waitUntil(shown.save.isEnabled, timeout=60_000)
    return shown


def names(dialog) -> list[str]:
    table = dialog.table
    return [table.topLevelItem(i).text(0) for i in range(table.topLevelItemCount())]


@pytest.mark.thorough
def test_it_is_in_the_menu(window) -> None:
    menus = window.menuBar().actions()
    help_menu = next(m.menu() for m in menus if m.text() == "&Help")
    assert "Report a problem…" in [action.text() for action in help_menu.actions()]


@pytest.mark.thorough
def test_every_part_is_shown(dialog, qtbot) -> None:
    assert names(dialog)[:2] == ["machine.json", "settings.json"]
    table = dialog.table
    qtbot.mouseClick(
        table.viewport(),
        Qt.MouseButton.LeftButton,
        pos=table.visualItemRect(table.topLevelItem(0)).center(),
    )
    assert '"numpy"' in dialog.text.toPlainText()


@pytest.mark.thorough
def test_the_graph_is_added_by_hand_alone(
    dialog, window, qtbot, tmp_path: Path, monkeypatch
) -> None:
    target = tmp_path / "report.zip"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    assert "files/graph.flow" not in names(dialog)
    qtbot.mouseClick(dialog.graph, Qt.MouseButton.LeftButton, pos=dialog.graph.rect().center())
    dialog.graph.setChecked(True)
    assert "files/graph.flow" in names(dialog)
    dialog.graph.setChecked(False)
    qtbot.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(target.exists)
    qtbot.waitUntil(lambda: window.report.dialog is None)
    with zipfile.ZipFile(target) as archive:
        assert "files/graph.flow" not in archive.namelist()
        assert b"4711.5" not in b"".join(map(archive.read, archive.namelist()))


def test_a_place_that_cannot_be_written(dialog, qtbot, tmp_path: Path, monkeypatch) -> None:
    from nodeflow.ui.popups.dialogs import confirmation_dialogs

    said: list[str] = []
    monkeypatch.setattr(
        confirmation_dialogs, "show_problem", lambda w, title, error: said.append(str(error))
    )
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "gone" / "r.zip"), "")
    )
    qtbot.mouseClick(dialog.save, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(said))
    assert "cannot write" in said[0]
    dialog.reject()
