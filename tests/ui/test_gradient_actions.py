"""Gradient checks in the window: asked for by menu, shown as badges, stopped; with an engine."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QRect, QSize, Qt
from test_bounds import card
from test_expand import shown
from test_subgraph_actions import node, shortcut

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.edit.replace_op import replace_op
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.engine.gradient_check.check import Checked
from nodeflow.ui.canvas.view.tooltips import tooltip
from nodeflow.ui.controllers.engine.gradient_check_actions import badge_of

LEFT = Qt.MouseButton.LeftButton
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture
def own_op():
    """An own op whose gradient is half of the right one; it is gone after the test."""

    @nf.op(id="own_square", gradient=lambda g, inputs, output: [g * inputs[0]])
    def own_square(x):
        """The square of x."""
        return x * x

    yield own_square.op
    nf.REGISTRY.remove("own_square")


@pytest.fixture
def window(qtbot, live_window):
    """A window on linear_regression.flow with live values."""
    window = live_window("linear_regression")
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=20000)
    return window


def wait_for(qtbot, window) -> dict[str, Checked]:
    qtbot.waitUntil(lambda: not window.gradients._request, timeout=60000)
    return window.gradients.results


def greens(window, node_id: str) -> int:
    """Pixels in the colour of a right gradient around the lower right corner of a node."""
    color = window.themes.theme.color("ok")
    image = window.canvas.grab().toImage()
    corner = window.canvas.viewport.node_rect(node_id).bottomRight().toPoint()
    area = QRect(corner - QPoint(60, 14), QSize(74, 28)) & image.rect()
    near = (image.pixelColor(x, y) for x in range(area.left(), area.right())
            for y in range(area.top(), area.bottom()))  # fmt: skip
    return sum(abs(c.red() - color.red()) + abs(c.green() - color.green()) < 12 for c in near)


def badges(window) -> dict[str, str]:
    nodes = window.workspace.document.nodes
    return {nodes[i].name: b.text for i, b in window.canvas.scene.badges.items()}


@pytest.mark.thorough
def test_the_menu_of_a_node_checks_it_and_draws_a_badge(qtbot, window):
    squared = node(window, "squared").id
    window.canvas.selection.select([squared])
    window.context_menu.open("node", QPoint(20, 20))
    inner = next(a.menu() for a in window.context_menu.menu.actions() if a.text() == "Watch")
    action = next(a for a in inner.actions() if a.text() == "Check gradient")
    action.trigger()
    window.context_menu.menu.close()
    found = wait_for(qtbot, window)
    assert {n: c.verdict for n, c in found.items()} == {"squared": "right"}
    assert badges(window).keys() == {"squared"} and badges(window)["squared"].startswith("∇ ")
    assert "1 gradient is correct" in window.info.text
    assert greens(window, squared) >= 40
    hit = window.canvas.viewport.hit_test(window.canvas.viewport.node_rect(squared).center())
    assert "right, to a relative error of" in tooltip(window.canvas.scene, hit)
    assert card(window, squared).status != "stale"


@pytest.mark.thorough
def test_all_nodes_are_checked_and_a_planted_fault_is_shown(qtbot, window, own_op):
    replace_op(window.workspace.document, node(window, "squared").id, own_op)
    window.actions_.trigger("check_gradients")
    found = wait_for(qtbot, window)
    assert found["squared"].verdict == "wrong" and found["loss"].verdict == "right"
    assert badges(window)["squared"] == "∇ 5e-1"
    assert window.info.property("level") == "error"
    assert "squared" in window.info.text and "is wrong" in window.info.text
    chosen = {window.workspace.document.nodes[i].name for i in window.workspace.selection}
    assert chosen == {"squared"}, "and not what the fault shows through"


def test_an_edit_takes_the_badges_away_and_a_move_does_not(qtbot, window):
    squared = node(window, "squared").id
    window.canvas.selection.select([squared])
    window.actions_.trigger("check_gradient")
    wait_for(qtbot, window)
    commands.move(window.workspace.document, {squared: (900.0, 700.0)})
    assert badges(window)
    commands.set_attr(window.workspace.document, node(window, "slope").id, "value", 2.0)
    assert badges(window) == {} and window.gradients.results == {}


@pytest.mark.thorough
def test_it_can_be_cancelled(qtbot, live_window):
    window = live_window("mnist_cnn")
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=60000)
    window.actions_.trigger("check_gradients")
    qtbot.waitUntil(lambda: "1 of" in window.info.text or "2 of" in window.info.text, timeout=60000)
    assert window.info.button.text() == "Cancel"
    qtbot.mouseClick(window.info.button, LEFT)
    found = wait_for(qtbot, window)
    assert 0 < len(found) < 29 and "Stopped" in window.info.text


@pytest.mark.thorough
def test_inside_a_subgraph(qtbot, window, own_op):
    document = window.workspace.document
    ids = [node(window, name).id for name in ("error", "squared")]
    replace_op(document, ids[1], own_op)
    part = create(document, ids, "part")
    window.workspace.enter(part)
    inner = [r for r in window.workspace.document.nodes.values() if r.name == "squared"]
    window.canvas.selection.select([inner[0].id])
    window.actions_.trigger("check_gradient")
    found = wait_for(qtbot, window)
    assert found["part/squared"].verdict == "wrong" and "squared" in badges(window)
    window.workspace.leave()
    assert badges(window) == {}


@pytest.mark.thorough
def test_the_palette_knows_it(qtbot, window):
    window.canvas.setFocus()
    shortcut(qtbot, window, "Ctrl+Shift+P")
    texts = window.actions_["check_gradients"].text(), window.actions_["check_gradient"].text()
    assert texts == ("Check all gradients", "Check gradient")


def test_badges_say_the_order_of_the_error():
    assert badge_of(Checked("a", "right", 3.21e-9)).text == "∇ 3e-9"
    assert badge_of(Checked("a", "right", 0.0)).text == "∇ exact"
    assert badge_of(Checked("a", "wrong", 0.5)).role == "error"
    assert badge_of(Checked("a", "unchecked", note="nothing")).text == "∇ –"
