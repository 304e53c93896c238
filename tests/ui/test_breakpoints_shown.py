"""Breakpoints are seen at every zoom, in the inspector, the outline and the status bar."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from nodeflow.document.analysis.node_flags import has_breakpoint
from nodeflow.document.edit import commands
from nodeflow.document.edit.set_flags import toggle_breakpoint
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.ui.canvas.a11y.descriptions import node_name
from nodeflow.ui.canvas.view.tooltips import tooltip
from nodeflow.ui.panels.outline import OutlinePanel


@pytest.fixture
def nodes(window):
    """Three nodes in a row."""
    document = window.workspace.document
    made = [commands.add_node(document, "variable", (300 * i, 0), f"w{i}") for i in range(3)]
    window.canvas.viewport.fit_all()
    return made


def picture(window) -> np.ndarray:
    """The canvas as it is painted, (height, width, 3)."""
    canvas = window.canvas
    canvas.renderer.repaint_all()
    while True:
        image = canvas.grab().toImage().convertToFormat(QImage.Format.Format_RGB888)
        if canvas.renderer.is_settled:
            break
        QApplication.processEvents()  # a timer paints the cards that a frame had no time for
    rows = np.array(image.constBits(), np.uint8).reshape(image.height(), -1)
    return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3)


def reds(window, node: str) -> int:
    """Pixels in the colour of breakpoints around the corner of a node."""
    color = window.themes.theme.color("error")
    rect = window.canvas.viewport.node_rect(node)
    ratio = window.canvas.devicePixelRatioF()
    left, top = (round(max(0.0, v - 8) * ratio) for v in (rect.left(), rect.top()))
    area = picture(window)[top : top + round(24 * ratio), left : left + round(24 * ratio)]
    near = np.abs(area.astype(int) - [color.red(), color.green(), color.blue()]).max(axis=2) < 12
    return int(near.sum())


@pytest.mark.thorough
@pytest.mark.parametrize("step", [8, 0, -8, -16, -24, -32, -40])
def test_a_breakpoint_is_seen_at_every_zoom(window, nodes, step):
    toggle_breakpoint(window.workspace.document, [nodes[1]])
    canvas = window.canvas
    middle = canvas.scene.rect(canvas.scene.nodes.get(nodes[1])).center()
    canvas.viewport.look_at(middle, step)
    assert reds(window, nodes[1]) >= 12
    toggle_breakpoint(window.workspace.document, [nodes[1]])
    assert reds(window, nodes[1]) == 0, "and it goes without a trace"


@pytest.mark.thorough
def test_it_is_seen_whatever_the_state_of_the_node(window, nodes):
    toggle_breakpoint(window.workspace.document, [nodes[0]])
    for state in ("", "done", "running", "stale", "hit"):
        window.canvas.node_state.set_status({nodes[0]: state})
        assert reds(window, nodes[0]) >= 12, state
        card = window.canvas.scene.card(window.canvas.scene.nodes.get(nodes[0]))
        assert "breakpoint" in node_name(card), state


@pytest.mark.thorough
def test_undo_and_redo_show_it_as_it_is(window, nodes):
    document = window.workspace.document
    toggle_breakpoint(document, [nodes[2]])
    document.undo()
    assert reds(window, nodes[2]) == 0
    document.redo()
    assert reds(window, nodes[2]) >= 12


@pytest.mark.thorough
def test_the_tooltip_tells_of_it(window, nodes):
    toggle_breakpoint(window.workspace.document, [nodes[0]])
    window.canvas.node_state.set_status({nodes[0]: "done"})
    at = window.canvas.viewport.node_rect(nodes[0]).center()
    assert "Breakpoint" in tooltip(window.canvas.scene, window.canvas.viewport.hit_test(at))


@pytest.mark.thorough
def test_the_inspector_shows_it_and_removes_it(window, nodes, qtbot):
    document = window.workspace.document
    window.canvas.selection.select([nodes[0]])
    page = window.panels["inspector"].outside.page
    assert not page.stop.isVisible()
    window.actions_.trigger("breakpoint")
    assert has_breakpoint(document.nodes[nodes[0]]), window.info.text
    assert page.stop.isVisible() and "Breakpoint" in page.stop.text.text()
    qtbot.mouseClick(page.stop.button, Qt.MouseButton.LeftButton)
    assert not has_breakpoint(document.nodes[nodes[0]]) and not page.stop.isVisible()
    document.undo()
    assert page.stop.isVisible()


@pytest.mark.thorough
def test_the_outline_marks_it(window, nodes, qtbot):
    window.docking.show("outline")
    panel: OutlinePanel = window.panels["outline"]
    qtbot.waitUntil(lambda: panel.sorted.rowCount() == 3)
    toggle_breakpoint(window.workspace.document, [nodes[1]])
    index = panel.model.index(panel.model.rows[nodes[1]], 0)
    other = panel.model.index(panel.model.rows[nodes[0]], 0)
    assert "breakpoint" in index.data(Qt.ItemDataRole.AccessibleTextRole)
    assert "breakpoint" not in other.data(Qt.ItemDataRole.AccessibleTextRole)
    assert "pauses" in index.data(Qt.ItemDataRole.ToolTipRole)

    def middle(of) -> int:
        return of.data(Qt.ItemDataRole.DecorationRole).pixmap(10, 10).toImage().pixel(5, 5)

    assert middle(index) == window.themes.theme.color("error").rgb()
    assert middle(other) == 0


@pytest.mark.thorough
def test_the_status_bar_counts_them_and_leads_to_each(window, nodes, qtbot):
    document = window.workspace.document
    shown = window.status.breakpoints
    assert not shown.isVisible()
    toggle_breakpoint(document, [nodes[0], nodes[2]])
    qtbot.waitUntil(shown.isVisible)
    assert shown.text().strip() == "2 breakpoints" and "w0 and w2" in shown.toolTip()
    for wanted in (nodes[0], nodes[2], nodes[0]):
        qtbot.mouseClick(shown, Qt.MouseButton.LeftButton)
        assert window.workspace.selection == (wanted,)
    create(document, [nodes[2]])
    qtbot.waitUntil(lambda: "/w2" in shown.toolTip())
    qtbot.mouseClick(shown, Qt.MouseButton.LeftButton)
    assert window.workspace.path, "it leads into subgraphs"
    window.files.begin_empty()
    assert not shown.isVisible()
