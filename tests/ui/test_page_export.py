"""File > Export > Web page: the graph with its values, or the recording of a run."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from test_expand import body, shown
from test_run_steps import train
from test_subgraph_actions import shortcut

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.resources import example
from nodeflow.run_store.store import RunStore

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def path(tmp_path, monkeypatch):
    """The file that the user chooses, without its ending."""
    found = tmp_path / "page"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(found), ""))
    return found


@pytest.fixture
def trained(qtbot, live_window, tmp_path, monkeypatch):
    """A window in which linear_regression.flow was trained for 20 epochs."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    window = live_window("linear_regression", size=(1440, 900))
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=20000)
    train(qtbot, window, 20)
    return window


def opened(qtbot, window):
    window.actions_.trigger("export_page")
    dialog = window.page_export.dialog
    qtbot.waitExposed(dialog)
    return dialog


def choose_run(qtbot, dialog) -> None:
    qtbot.waitUntil(lambda: dialog.what.count() == 2, timeout=20000)
    dialog.what.setFocus()
    qtbot.keyClick(dialog.what, Qt.Key.Key_Down)
    assert dialog.run == nf.runs()[0].id and not dialog.save.isEnabled()
    qtbot.waitUntil(dialog.save.isEnabled, timeout=60000)


def test_the_page_has_the_graph_and_the_values_on_its_nodes(window, qtbot, path):
    window.files.open_example(example("expression"))
    document = window.workspace.document
    node = document.node_named("e").id
    qtbot.waitUntil(lambda: window.canvas.node_state.value_of(node) is not None, timeout=20000)
    dialog = opened(qtbot, window)
    assert "B" in dialog.size_text.text() and dialog.what.count() == 1
    assert "After a training" in dialog.note.text()
    qtbot.mouseClick(dialog.save, LEFT)
    page = path.with_suffix(".html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    value = window.canvas.node_state.value_of(node).text
    assert f">{value}</text>" in page
    assert all(f">{record.name}</text>" in page for record in document.nodes.values())
    assert window.page_export.dialog is None


def test_an_empty_graph_has_no_page(window):
    window.files.begin_empty()
    assert not window.actions_["export_page"].isEnabled()


def test_a_training_of_this_window_becomes_a_recording_while_the_window_works(trained, qtbot, path):
    dialog = opened(qtbot, trained)
    choose_run(qtbot, dialog)
    said = dialog.size_text.text()
    assert said.startswith("about ") and said.endswith(" steps")
    expected = int(said.split(", ")[1].split()[0])
    qtbot.mouseClick(dialog.save, LEFT)
    assert dialog.progress.isVisible() and not dialog.save.isEnabled()
    qtbot.mouseClick(trained.canvas, LEFT, pos=body(trained.canvas, "loss"))
    loss = trained.workspace.root.node_named("loss")
    assert trained.canvas.selection.nodes() == [loss.id]
    with qtbot.waitSignal(dialog.finished, timeout=120000):
        qtbot.waitUntil(lambda: dialog.progress.maximum() == expected, timeout=60000)
    page = path.with_suffix(".html").read_text(encoding="utf-8")
    assert page.count("<template id=step") == expected
    assert nf.runs()[0].name in page
    figure, unit = said.removeprefix("about ").split(", ")[0].split()
    size = float(figure) * {"kB": 1e3, "MB": 1e6}[unit]
    assert size == pytest.approx(len(page.encode()), rel=0.2)


@pytest.mark.thorough
def test_escape_ends_a_recording_and_leaves_no_file(trained, qtbot, path):
    dialog = opened(qtbot, trained)
    choose_run(qtbot, dialog)
    qtbot.mouseClick(dialog.save, LEFT)
    assert trained.page_export._drawing.is_busy
    with qtbot.waitSignal(dialog.finished):
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert not trained.page_export._drawing.is_busy and trained.page_export.dialog is None
    assert not list(path.parent.glob("page*"))


@pytest.mark.thorough
def test_a_run_that_is_gone_is_said_in_the_dialog(trained, qtbot, path):
    dialog = opened(qtbot, trained)
    qtbot.waitUntil(lambda: dialog.what.count() == 2, timeout=20000)
    run = nf.runs()[0].id
    with RunStore(gone=[run]) as store:
        store.delete([run])
    dialog.what.setFocus()
    qtbot.keyClick(dialog.what, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: "no run is kept" in dialog.note.text(), timeout=60000)
    assert not dialog.save.isEnabled() and dialog.cancel.isEnabled()
    qtbot.keyClick(dialog.what, Qt.Key.Key_Up)
    assert dialog.save.isEnabled()


def test_a_running_training_is_named_and_not_offered(trained, qtbot):
    commands.set_training(trained.workspace.root, epochs=1_000_000)
    trained.canvas.setFocus()
    shortcut(qtbot, trained, "Ctrl+T")
    qtbot.waitUntil(lambda: len(nf.runs()) == 2, timeout=60000)
    dialog = opened(qtbot, trained)
    qtbot.waitUntil(lambda: "when it has ended" in dialog.note.text(), timeout=20000)
    assert [dialog.what.itemData(i) for i in range(dialog.what.count())] == ["", nf.runs()[1].id]
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    trained.actions_.trigger("stop")
    qtbot.waitUntil(lambda: trained.link.state == "idle", timeout=60000)


@pytest.mark.thorough
def test_another_file_closes_the_dialog_and_has_no_runs_yet(trained, qtbot):
    opened(qtbot, trained)
    trained.workspace.root.mark_saved()
    trained.files.open_example(example("expression"))
    assert trained.page_export.dialog is None
    dialog = opened(qtbot, trained)
    library = trained.page_export._library
    with qtbot.waitSignal(library.changed, timeout=20000):
        pass
    assert len(library.runs) == 1 and dialog.what.count() == 1
