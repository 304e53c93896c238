"""Subgraphs that travel: between two windows by the clipboard, and as templates of the library."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from test_expand import shown
from test_subgraph_actions import expression_window, make, node, shortcut

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.records import SUBGRAPH
from nodeflow.ui.core.state.user_settings import Settings

Key, Keys = Qt.Key, Qt.KeyboardModifier


@pytest.fixture
def window(qtbot, live_window):
    return expression_window(qtbot, live_window)


@pytest.fixture
def other(window, live_window, tmp_path):
    """A second window on the same example."""
    return live_window("expression", settings=Settings(tmp_path / "second.ini"))


def definitions(window) -> list[str]:
    return sorted(window.workspace.root.subgraphs)


def activate(window, qtbot):
    """Make a window the one that keys go to."""
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.canvas.setFocus()
    return window


def copy(window, qtbot, *names: str) -> None:
    activate(window, qtbot)
    window.canvas.selection.select([node(window, name).id for name in names])
    qtbot.keyClick(window.canvas, Key.Key_C, Keys.ControlModifier)


def paste(window, qtbot) -> list[str]:
    """Ctrl+V; the names of what came."""
    activate(window, qtbot)
    qtbot.keyClick(window.canvas, Key.Key_V, Keys.ControlModifier)
    nodes = window.workspace.document.nodes
    return [nodes[i].name for i in window.canvas.selection.nodes()]


@pytest.mark.thorough
def test_a_copy_takes_its_definitions_to_another_window_in_one_undo_step(window, other, qtbot):
    make(qtbot, activate(window, qtbot), "d", "e")
    make(qtbot, activate(window, qtbot), "sums", "a", called="outer")
    before = flow.dumps(other.workspace.root).split("\n", 1)[1]
    copy(window, qtbot, "outer", "b", "c", "two")
    names = paste(other, qtbot)
    assert sorted(names) == ["b_1", "c_1", "outer", "two_1"]
    assert definitions(other) == definitions(window) == ["Expression", "subgraph"], "the frame"
    qtbot.waitUntil(lambda: shown(other.canvas, "outer") == "9", timeout=10000)
    assert other.workspace.problems() == []
    other.canvas.selection.select([node(other, "outer").id])
    shortcut(qtbot, other, "Ctrl+Return")
    assert other.workspace.scope == "outer/" and node(other, "sums").op == SUBGRAPH
    other.actions_.trigger("leave")
    shortcut(qtbot, other, "Ctrl+Z")
    assert flow.dumps(other.workspace.root).split("\n", 1)[1] == before
    offers = other.panels["palette"]._insertables
    assert [op.title for op in offers if op.category != "Control flow"] == []


@pytest.mark.thorough
def test_a_definition_of_a_name_that_is_taken_comes_under_another(window, other, qtbot):
    make(qtbot, activate(window, qtbot), "d", "e")
    make(qtbot, activate(other, qtbot), "d", "a")
    assert definitions(window) == definitions(other) == ["subgraph"]
    copy(window, qtbot, "sums")
    assert paste(other, qtbot) == ["sums_1"]
    assert definitions(other) == ["subgraph", "subgraph_1"]
    pasted = node(other, "sums_1")
    assert pasted.attrs["definition"] == "subgraph_1"
    inner = other.workspace.root.definition("subgraph_1")
    assert {"d", "e"} < set(inner.names) and "a" not in inner.names
    assert paste(other, qtbot) == ["sums_2"] and len(definitions(other)) == 2, "the same is used"
    assert node(other, "sums").attrs["definition"] == "subgraph", "what was there is as it was"


@pytest.mark.thorough
def test_what_was_copied_is_as_it_was_then(window, other, qtbot):
    make(qtbot, activate(window, qtbot), "d", "e", "two")
    copy(window, qtbot, "sums", "b", "c")
    inside = window.workspace.root.definition("subgraph")
    commands.set_attr(inside, inside.node_named("two").id, "value", 5.0)
    paste(other, qtbot)
    old = other.workspace.root.definition("subgraph").node_named("two")
    assert old.attrs["value"] == 2.0
    copy(window, qtbot, "sums")
    paste(other, qtbot)
    assert definitions(other) == ["subgraph", "subgraph_1"]


@pytest.mark.thorough
def test_pasting_into_itself_is_refused_and_elsewhere_inside_is_not(window, qtbot):
    make(qtbot, activate(window, qtbot), "d", "e")
    copy(window, qtbot, "sums", "a")
    window.canvas.selection.select([node(window, "sums").id])
    shortcut(qtbot, window, "Ctrl+Return")
    before = flow.dumps(window.workspace.root)
    said = []
    window.canvas.signals.message.connect(said.append)
    paste(window, qtbot)
    assert flow.dumps(window.workspace.root) == before
    assert said and "cannot contain itself" in said[-1]
    window.actions_.trigger("leave")
    copy(window, qtbot, "a")
    window.canvas.selection.select([node(window, "sums").id])
    shortcut(qtbot, window, "Ctrl+Return")
    assert paste(window, qtbot) == ["a"]


@pytest.mark.thorough
def test_a_template_brings_the_subgraphs_of_its_nodes_along(window, other, qtbot):
    make(qtbot, activate(window, qtbot), "d", "e")
    window.canvas.setFocus()
    window.canvas.selection.select([node(window, name).id for name in ("sums", "a")])
    popup = window.quick_pick
    window.actions_.trigger("save_library")
    qtbot.keyClicks(popup.field, "tail")
    qtbot.keyClick(popup.field, Key.Key_Return)
    activate(other, qtbot)
    other.files.begin_empty()
    other.subgraphs.refresh_insertables()
    other.canvas.setFocus()
    shortcut(qtbot, other, "Ctrl+Alt+L")
    popup = other.quick_pick
    qtbot.keyClicks(popup.field, "tail")
    qtbot.keyClick(popup.field, Key.Key_Return)
    document = other.workspace.document
    assert set(document.names) == {"sums", "a"} and definitions(other) == ["subgraph"]
    assert {w.target_port for w in document.wires.values()} == {"x", "y"}
    document.undo()
    assert not document.nodes and definitions(other) == []


@pytest.mark.thorough
def test_a_copied_subgraph_is_pasted_in_a_file_as_text(window, qtbot):
    make(qtbot, activate(window, qtbot), "d", "e")
    copy(window, qtbot, "sums")
    text = QGuiApplication.clipboard().text()
    assert '"subgraphs"' in text and "d" in text
    QGuiApplication.clipboard().setText(text)  # as another program hands it on
    assert paste(window, qtbot) == ["sums_1"]
