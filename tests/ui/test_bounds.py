"""Bounds in the window: set by menu and inspector, drawn at the node, said where one is left."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from test_breakpoints_shown import picture
from test_expand import shown
from test_subgraph_actions import node, shortcut

from nodeflow.document.analysis.node_flags import bounds_of
from nodeflow.document.edit import commands
from nodeflow.document.edit.set_flags import set_bounds
from nodeflow.train.events import Diverged
from nodeflow.ui.canvas.a11y.descriptions import node_name
from nodeflow.ui.canvas.view.tooltips import tooltip

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def nodes(window):
    """Two nodes in a row; the first is selected."""
    document = window.workspace.document
    made = [commands.add_node(document, "variable", (300 * i, 0), f"w{i}") for i in range(2)]
    window.canvas.viewport.fit_all()
    window.canvas.selection.select(made[:1])
    return made


def card(window, node_id):
    return window.canvas.scene.card(window.canvas.scene.nodes.get(node_id))


def signs(window, node_id: str) -> int:
    """Pixels in the colour of the sign around the lower left corner of a node."""
    color = window.themes.theme.color("warning")
    rect = window.canvas.viewport.node_rect(node_id)
    ratio = window.canvas.devicePixelRatioF()
    left, top = (round(max(0.0, v) * ratio) for v in (rect.left() - 8, rect.bottom() - 16))
    area = picture(window)[top : top + round(24 * ratio), left : left + round(24 * ratio)]
    near = np.abs(area.astype(int) - [color.red(), color.green(), color.blue()]).max(axis=2) < 12
    return int(near.sum())


@pytest.mark.thorough
def test_the_action_opens_an_editor_on_the_card(qtbot, window, nodes):
    window.actions_.trigger("bounds")
    editor = window.canvas.rename.editor
    qtbot.keyClicks(editor, "-1 to 2.5")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    document = window.workspace.document
    assert bounds_of(document.nodes[nodes[0]]) == (-1, 2.5)
    assert bounds_of(document.nodes[nodes[1]]) == (None, None)
    assert "allowed range -1 to 2.5" in node_name(card(window, nodes[0]))
    window.actions_.trigger("bounds")
    editor = window.canvas.rename.editor
    assert editor.text() == "-1 to 2.5" and editor.accessibleName() == "Allowed range"
    qtbot.keyClick(editor, Qt.Key.Key_Delete)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert bounds_of(document.nodes[nodes[0]]) == (None, None)
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+Z")
    assert bounds_of(document.nodes[nodes[0]]) == (-1, 2.5)


def test_what_is_no_bound_is_refused_in_words(qtbot, window, nodes):
    said = []
    window.canvas.signals.message.connect(said.append)
    window.actions_.trigger("bounds")
    qtbot.keyClicks(window.canvas.rename.editor, "wide")
    qtbot.keyClick(window.canvas.rename.editor, Qt.Key.Key_Return)
    assert "are no bounds" in said[-1] and "at least 0" in said[-1]
    assert bounds_of(window.workspace.document.nodes[nodes[0]]) == (None, None)


def test_the_inspector_has_a_row(qtbot, window, nodes):
    field = window.panels["inspector"].outside.page.bounds.row.editor.focus_widget()
    qtbot.keyClicks(field, ">= 0")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert bounds_of(window.workspace.document.nodes[nodes[0]]) == (0, None)
    qtbot.waitUntil(lambda: field.text() == "at least 0" or field.hasFocus())
    field.selectAll()
    qtbot.keyClicks(field, "5 to 1")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert "greater" in window.panels["inspector"].outside.page.bounds.row.message
    assert bounds_of(window.workspace.document.nodes[nodes[0]]) == (0, None)


@pytest.mark.thorough
def test_a_truth_value_has_none(window):
    document = window.workspace.document
    made = commands.add_node(document, "constant", (0, 0), "yes", {"dtype": "bool", "value": True})
    window.canvas.selection.select([made])
    action = window.actions_["bounds"]
    window.actions_.refresh()
    assert not action.isEnabled() and "have no order" in action.toolTip()
    assert not window.panels["inspector"].outside.page.bounds.isVisibleTo(window)


@pytest.mark.sample(2)
@pytest.mark.parametrize("step", [8, 0, -8, -16, -24, -32])
def test_the_sign_is_seen_at_every_zoom(window, nodes, step):
    set_bounds(window.workspace.document, nodes[1:], high=2)
    canvas = window.canvas
    canvas.viewport.look_at(canvas.scene.rect(canvas.scene.nodes.get(nodes[1])).center(), step)
    assert signs(window, nodes[1]) >= 10
    set_bounds(window.workspace.document, nodes[1:])
    assert signs(window, nodes[1]) == 0


@pytest.mark.thorough
def test_the_tip_says_them(window, nodes):
    set_bounds(window.workspace.document, nodes[:1], -1, 1)
    rect = window.canvas.viewport.node_rect(nodes[0])
    hit = window.canvas.viewport.hit_test(rect.center())
    assert "Allowed range: -1 to 1. Training ends if a value is outside." in tooltip(
        window.canvas.scene, hit
    )


def test_a_training_stops_there_and_says_where(qtbot, live_window):
    window = live_window("linear_regression")
    document = window.workspace.root
    commands.set_attr(document, node(window, "train").id, "learning_rate", 2.5)
    set_bounds(document, [node(window, "prediction").id], -9, 9)
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=20000)
    seen: list[Diverged] = []
    window.link.training.connect(lambda e: seen.append(e) if isinstance(e, Diverged) else None)
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+T")
    qtbot.waitUntil(lambda: bool(seen) and window.link.state == "idle", timeout=60000)
    event = seen[0]
    assert event.crossing is not None and event.crossing.at is not None
    assert window.info.property("level") == "error"
    assert str(event.crossing) in window.info.text and f"step {event.step}" in window.info.text
    chosen = [window.workspace.document.nodes[i].name for i in window.workspace.selection]
    assert chosen == ["prediction"]
    panel = window.panels["training"]
    assert panel.headline.text() == f"Out of bounds at step {event.step}"
    line = panel.plots.grid.cells[0].plot.line
    qtbot.waitUntil(line.isVisible)
    assert line.label.toPlainText() == "out of bounds"
    texts = {choice.text(): choice for choice in window.info.choices.values()}
    qtbot.mouseClick(window.info.choices["advice:step"], LEFT)
    past = window.link.past
    qtbot.waitUntil(lambda: past.step == event.step and past.is_there, timeout=30000)
    assert "Set the learning rate to 0.25" in texts
    qtbot.mouseClick(texts["Remove the allowed range of prediction"], LEFT)
    assert bounds_of(node(window, "prediction")) == (None, None)
    assert window.info.button.text() == "Train again"
