"""A data set that is copied into another graph finds its file there, whatever folder that is in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog

from nodeflow.data.document_folder import DocumentFolder
from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting import library
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import backups, flow
from nodeflow.document.model.document import Document
from nodeflow.host import protocol as p
from nodeflow.ui.canvas.view.clipboard_edits import MIME
from nodeflow.ui.controllers.files import shared_file
from nodeflow.ui.popups.dialogs import confirmation_dialogs
from nodeflow.ui.popups.own_data.wizard import DataWizard
from tests.host.desk import write_rows

CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two folders: one with a graph and its data, one for another graph."""
    (tmp_path / "other").mkdir()
    (tmp_path / "data").mkdir()
    write_rows(tmp_path / "data" / "rows.npz")
    document = Document()
    data = commands.add_node(document, "dataset", (0, 0), "rows", {"source": "npz:rows.npz"})
    x = commands.add_node(document, "placeholder", (300, 0), "x", {"shape": [None, 3]})
    commands.connect(document, data, "x", x, "feed")
    flow.save(document, tmp_path / "data" / "graph.flow")
    return tmp_path / "data"


def press(window, qtbot, key) -> None:
    window.canvas.setFocus()
    window.actions_.refresh()
    qtbot.keyClick(window.canvas, key, CONTROL)


def source_of(window) -> str:
    root = window.workspace.root
    (found,) = [n.attrs["source"] for n in root.nodes.values() if n.op == "dataset"]
    return found


@pytest.fixture
def window(live_window, folder, qtbot, monkeypatch):
    monkeypatch.setattr(
        confirmation_dialogs, "ask_unsaved", lambda *_: confirmation_dialogs.DISCARD
    )
    window = live_window()
    assert window.files.load(folder / "graph.flow")
    return window


def fed(window, qtbot) -> None:
    """Wait until the placeholder has rows of the file."""

    def is_fed() -> bool:
        node = window.workspace.root.node_named("x")
        value = window.canvas.node_state.value_of(node.id) if node is not None else None
        return value is not None and value.kind not in ("error", "deferred")

    qtbot.waitUntil(is_fed, timeout=20_000)
    assert not window.workspace.problems()


@pytest.mark.thorough
def test_by_keys_into_a_new_graph_that_is_saved_elsewhere_and_back(
    window, qtbot, folder, monkeypatch
):
    press(window, qtbot, Qt.Key.Key_A)
    press(window, qtbot, Qt.Key.Key_C)
    press(window, qtbot, Qt.Key.Key_N)
    assert not window.workspace.root.nodes and window.workspace.root.path is None
    press(window, qtbot, Qt.Key.Key_V)
    assert source_of(window) == f"npz:{folder / 'rows.npz'}"
    fed(window, qtbot)
    for place, expected in (
        (folder.parent / "other" / "new.flow", f"npz:{folder / 'rows.npz'}"),
        (folder / "new.flow", "npz:rows.npz"),
    ):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, p=place: (str(p), ""))
        assert window.files.save_as()
        assert source_of(window) == expected
        fed(window, qtbot)
    assert window.files.load(folder.parent / "other" / "new.flow")
    fed(window, qtbot)  # what was allowed is remembered with the file


@pytest.mark.thorough
def test_within_one_folder_the_path_stays_as_it_is(window, qtbot):
    data = window.workspace.root.node_named("rows")
    window.canvas.selection.select([data.id])
    press(window, qtbot, Qt.Key.Key_C)
    press(window, qtbot, Qt.Key.Key_V)
    press(window, qtbot, Qt.Key.Key_D)
    sources = [n.attrs["source"] for n in window.workspace.root.nodes.values() if n.op == "dataset"]
    assert sources == ["npz:rows.npz"] * 3


def test_a_save_elsewhere_that_fails_leaves_the_path_as_it_was(window, folder, monkeypatch):
    target, told = folder.parent / "other" / "new.flow", []

    def write(path, *_):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    monkeypatch.setattr(shared_file, "write_atomically", write)
    monkeypatch.setattr(
        confirmation_dialogs, "show_problem", lambda *problem: told.append(problem[-1].errno)
    )
    assert not window.files.save_as() and told == [28]
    assert source_of(window) == "npz:rows.npz"
    assert window.workspace.root.path == folder / "graph.flow"
    assert not window.workspace.root.is_modified


@pytest.mark.thorough
def test_inside_a_subgraph_too(window, qtbot, folder):
    root = window.workspace.root
    instance = create(root, [root.node_named("rows").id, root.node_named("x").id], "reader")
    window.canvas.selection.select([instance])
    press(window, qtbot, Qt.Key.Key_C)
    press(window, qtbot, Qt.Key.Key_N)
    press(window, qtbot, Qt.Key.Key_V)
    definition = window.workspace.root.definition("reader")
    found = [n.attrs["source"] for n in definition.nodes.values() if n.op == "dataset"]
    assert found == [f"npz:{folder / 'rows.npz'}"]
    assert not window.workspace.problems()


@pytest.mark.thorough
def test_nodes_from_elsewhere_read_nothing_without_a_yes(window, qtbot, folder):
    """The clipboard is anybody's: only what was copied here brings what it may read along."""
    press(window, qtbot, Qt.Key.Key_A)
    press(window, qtbot, Qt.Key.Key_C)
    clip = json.loads(QGuiApplication.clipboard().mimeData().text())
    clip["frames"] = []
    clip["nodes"][0]["pos"] = [1, 1]
    data = QMimeData()
    data.setData(MIME, json.dumps(clip).encode())
    QGuiApplication.clipboard().setMimeData(data)
    press(window, qtbot, Qt.Key.Key_N)
    press(window, qtbot, Qt.Key.Key_V)
    assert source_of(window) == f"npz:{folder / 'rows.npz'}"
    assert window.workspace.root.allowed == ()
    assert {p.kind for p in window.workspace.problems()} == {"OutsideData"}


@pytest.mark.thorough
@pytest.mark.parametrize("places", [3, [1], {"npz:rows.npz": 5}])
def test_places_that_are_none_are_refused(window, qtbot, places):
    clip = {"format": "nodeflow-clip", "version": 1, "nodes": [], "data": places}
    data = QMimeData()
    data.setData(MIME, json.dumps(clip).encode())
    QGuiApplication.clipboard().setMimeData(data)
    said = []
    window.canvas.signals.message.connect(said.append)
    press(window, qtbot, Qt.Key.Key_V)
    assert said and "data" in said[-1]


def test_a_template_and_a_subgraph_of_the_library_find_their_data(folder, tmp_path):
    document = flow.load(folder / "graph.flow")
    saved = library.save_template(document, list(document.nodes), "reader", tmp_path / "library")
    other = Document()
    library.insert(other, saved, (0, 0))
    assert other.node_named("rows").attrs["source"] == f"npz:{folder / 'rows.npz'}"
    create(document, list(document.nodes), "reader")
    saved = library.save_subgraph(document, "reader", tmp_path / "library")
    other = Document()
    library.insert(other, saved, (0, 0))
    inside = other.definition("reader").node_named("rows")
    assert inside.attrs["source"] == f"npz:{folder / 'rows.npz'}"


@pytest.mark.thorough
def test_an_earlier_version_that_opens_as_a_copy_finds_its_data(window, qtbot, folder):
    commands.rename(window.workspace.root, window.workspace.root.node_named("rows").id, "table")
    assert window.files.save()
    window.files.shared.wait_for_backups()
    version = backups.backups_of(folder / "graph.flow")[-1]
    window.files.versions.open_copy(version.file, "graph before")
    assert window.workspace.root.path is None
    assert source_of(window) == f"npz:{folder / 'rows.npz'}"
    fed(window, qtbot)


@pytest.mark.thorough
def test_what_the_window_says_of_data_is_in_its_own_words(window, qtbot, folder):
    """Views of what may not be read, and runs of it: nothing names a function of Python."""
    np.savez(folder.parent / "other" / "more.npz", x=np.zeros((3, 3), np.float32))
    root = window.workspace.root
    said: list[str] = []
    window.messages.message_shown.connect(lambda text, *_: said.append(text))
    window.messages.status_text.connect(said.append)
    commands.set_attr(root, root.node_named("rows").id, "source", "npz:../other/more.npz")
    views, previews = [], []
    window.link.view.connect(views.append)
    window.link.previews.connect(previews.append)
    window.link.watch_views((p.ViewSpec("distribution", "x"),))
    qtbot.waitUntil(lambda: bool(views), timeout=20_000)
    number = window.link.run(None)
    qtbot.waitUntil(lambda: any(m.request == number for m in previews), timeout=20_000)
    window.actions_.trigger("run")
    said += [v.error for v in views]
    said += [v.text for m in previews for v in m.values.values()]
    shown = "\n".join(said)
    assert "Allow reading it if you trust the document." in views[0].error
    assert "nf.load" not in shown and "allow_data" not in shown, shown


@pytest.mark.thorough
def test_the_wizard_says_it_in_the_words_of_the_window(window, folder):
    wizard = DataWizard(window, window.themes, lambda *_: False)
    wizard.path = folder / "rows.csv"
    error = DocumentFolder(str(folder)).refusal("/elsewhere/rows.csv")
    wizard._on_unreadable(error)
    assert wizard._message.text().endswith("\nAllow reading it if you trust the document.")
    wizard.close()
