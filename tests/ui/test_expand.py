"""Expand and Unpack in the window, by mouse and keyboard, with a real engine in a thread."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLineEdit, QPushButton
from thread_engine import ThreadClient

from nodeflow.document.edit import commands
from nodeflow.document.to_graph.expansion.expand import Expansion
from nodeflow.host import protocol as p
from nodeflow.number_text import MINUS
from nodeflow.resources import example
from nodeflow.ui.canvas.scene.hit_test import Hit
from nodeflow.ui.canvas.view.tooltips import tooltip
from nodeflow.ui.inspector.inspector_widget import DerivedPage, NodePage
from nodeflow.ui.pages import expansion_page

LEFT = Qt.MouseButton.LeftButton
LOCKED = "generated from train: Unpack to edit"


@pytest.fixture
def window(qtbot, live_window, monkeypatch):
    """A window on linear_regression.flow, its values there; generated nodes are laid out at once
    (``test_expand_waits.py`` is about waiting for them)."""
    monkeypatch.setattr(expansion_page, "FEW", 10_000)
    window = live_window("linear_regression")
    qtbot.waitUntil(lambda: shown(window.canvas, "loss") is not None, timeout=10000)
    return window


def shown(canvas, name: str) -> str | None:
    record = canvas.document.node_named(name)
    preview = None if record is None else canvas.node_state.value_of(record.id)
    return None if preview is None else preview.text


def place(canvas, name: str) -> QPoint:
    """A point of a node's header, right of its sign, after bringing it into view."""
    node_id = canvas.document.node_named(name).id
    canvas.viewport.center_on(node_id)
    return canvas.viewport.header_rect(node_id).center().toPoint()


def body(canvas, name: str) -> QPoint:
    """A point of a node's card below its header and ports, beside the arrow that unfolds them."""
    place(canvas, name)
    rect = canvas.viewport.node_rect(canvas.document.node_named(name).id)
    return QPoint(round(rect.left() + rect.width() / 4), round(rect.bottom() - 6))


def expand(qtbot, window):
    """Double click the optimizer; returns the canvas inside."""
    at = body(window.canvas, "train")
    qtbot.mouseClick(window.canvas, LEFT, pos=at)
    qtbot.mouseDClick(window.canvas, LEFT, pos=at)
    assert window.pages.is_inside
    return window.pages.expansion.canvas


def press(qtbot, window, what: str) -> None:
    """One of the ways back."""
    canvas, path = window.pages.expansion.canvas, window.pages.expansion.path
    keys = {"Escape": Qt.Key.Key_Escape, "Backspace": Qt.Key.Key_Backspace}
    if what in keys:
        qtbot.keyClick(canvas, keys[what])
    elif what == "Alt+Left":
        qtbot.keyClick(canvas, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
        qtbot.waitUntil(lambda: not window.pages.is_inside)  # the arrow is seen to be pressed first
    else:
        qtbot.mouseClick(path.outside if what == "path" else path.arrow, LEFT)


@pytest.mark.thorough
def test_the_title_opens_as_the_card_does_and_f2_renames(window, qtbot):
    canvas = window.canvas
    at = place(canvas, "train")
    qtbot.mouseClick(canvas, LEFT, pos=at)
    qtbot.mouseDClick(canvas, LEFT, pos=at)
    assert window.pages.is_inside
    press(qtbot, window, "Escape")
    assert not window.pages.is_inside
    canvas.setFocus()
    qtbot.keyClick(canvas, Qt.Key.Key_F2)
    field = next(e for e in canvas.findChildren(QLineEdit, "inlineEditor") if e.isVisible())
    assert field.text() == "train"
    qtbot.keyClicks(field, "learn")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert canvas.document.node_named("learn") is not None


@pytest.mark.thorough
def test_the_title_of_a_node_without_an_inside_renames_it(window, qtbot):
    canvas = window.canvas
    at = place(canvas, "loss")
    qtbot.mouseDClick(canvas, LEFT, pos=at)
    assert not window.pages.is_inside
    field = next(e for e in canvas.findChildren(QLineEdit, "inlineEditor") if e.isVisible())
    assert field.text() == "loss"


@pytest.mark.thorough
def test_the_tip_of_a_node_says_whether_it_opens(window):
    scene, document = window.canvas.scene, window.canvas.document
    tips = {n: tooltip(scene, Hit("title", document.node_named(n).id)) for n in ("train", "loss")}
    assert "Double click opens it." in tips["train"]
    assert "Double click" not in tips["loss"]


@pytest.mark.thorough
@pytest.mark.parametrize("way", ["Escape", "Backspace", "Alt+Left", "path", "arrow"])
def test_a_double_click_goes_inside_and_several_ways_lead_back(window, qtbot, way):
    canvas = window.canvas
    at = body(canvas, "train")
    camera = (canvas.viewport.camera.step, canvas.viewport.camera.x, canvas.viewport.camera.y)
    qtbot.mouseClick(canvas, LEFT, pos=at)
    qtbot.mouseDClick(canvas, LEFT, pos=at)
    inside = window.pages.expansion.canvas
    assert window.pages.is_inside and inside.isVisible() and not canvas.isVisible()
    assert window.pages.expansion.path.text == "linear_regression ▸ train"
    assert "19 generated nodes" in window.pages.expansion.path.facts.text()
    assert inside.document.node_named("train/slope/assign") is not None
    assert inside.viewport.camera.scale >= 0.4, "what is seen first can be read"
    press(qtbot, window, way)
    assert not window.pages.is_inside and canvas.isVisible()
    assert (
        canvas.viewport.camera.step,
        canvas.viewport.camera.x,
        canvas.viewport.camera.y,
    ) == camera
    assert window.workspace.selection == (window.workspace.document.node_named("train").id,)


def test_the_shortcut_and_the_inspector_go_inside_too(window, qtbot):
    train = window.workspace.document.node_named("train").id
    window.canvas.selection.select([train])
    window.canvas.setFocus()
    buttons = window.panels["inspector"].outside.page.findChildren(QPushButton)
    qtbot.mouseClick(next(b for b in buttons if b.text() == "Expand"), LEFT)
    assert window.pages.is_inside
    press(qtbot, window, "Escape")
    window.activateWindow()
    window.canvas.setFocus()
    qtbot.waitUntil(window.actions_["expand"].isEnabled)
    qtbot.keyClick(window.canvas, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert window.pages.is_inside


def written(text: str) -> float:
    """The number that a node shows."""
    return float(text.replace(MINUS, "-"))


@pytest.mark.thorough
def test_derived_nodes_show_live_values_and_nothing_is_assigned(window, qtbot):
    before = shown(window.canvas, "slope")
    inside = expand(qtbot, window)
    qtbot.waitUntil(lambda: shown(inside, "train/slope/new_value") is not None)
    rate, step = (written(shown(inside, f"train/{n}")) for n in ("learning_rate", "slope/step"))
    gradient = written(shown(inside, "gradients/scaled_grad/sum_to_shape_of"))
    new = written(shown(inside, "train/slope/new_value"))
    assert step == pytest.approx(rate * gradient, rel=1e-3)
    assert new == pytest.approx(written(shown(inside, "slope")) - step, rel=1e-3)
    assert shown(inside, "train/slope/assign") is None, "an automatic refresh assigns nothing"
    assert shown(inside, "slope") == before
    variables = ThreadClient.made[-1].engine._evaluator.session.variables
    assert f"{float(variables['slope']):.4g}" == f"{written(before):.4g}"


@pytest.mark.thorough
def test_values_inside_follow_the_document(window, qtbot):
    inside = expand(qtbot, window)
    qtbot.waitUntil(lambda: shown(inside, "slope") is not None)
    count = len(evaluations())
    window.actions_.trigger("run")
    qtbot.waitUntil(lambda: len(evaluations()) > count)
    assert set(evaluations()[-1].names) >= {"train/slope/step", "gradients/ones_like", "loss"}


def evaluations() -> list[p.Evaluate]:
    """The questions for derived values so far."""
    sent = ThreadClient.made[-1].sent
    return [r for r in sent if isinstance(r, p.Evaluate) and r.names and r.watch]


@pytest.mark.thorough
def test_the_viewer_shows_the_whole_value_of_a_derived_node(window, qtbot):
    inside = expand(qtbot, window)
    window.docking.show("viewer")
    qtbot.mouseClick(inside, LEFT, pos=place(inside, "gradients/squared_grad/multiply_1"))
    qtbot.waitUntil(lambda: window.panels["viewer"].array is not None)
    error = ThreadClient.made[-1].engine._evaluator.value("error").array
    np.testing.assert_allclose(window.panels["viewer"].array, 2 * error / len(error), rtol=1e-5)
    press(qtbot, window, "Escape")
    assert window.panels["viewer"].name == ""


@pytest.mark.thorough
def test_the_inspector_shows_types_and_documentation_and_edits_nothing(window, qtbot):
    inside = expand(qtbot, window)
    page = window.pages.expansion.inspector.page
    assert isinstance(page, DerivedPage) and window.pages.expansion.inspector.isVisible()
    qtbot.mouseClick(inside, LEFT, pos=place(inside, "gradients/loss_grad/expand_dims"))
    page = window.pages.expansion.inspector.page
    assert (
        isinstance(page, NodePage) and page.name.field.text() == "gradients/loss_grad/expand_dims"
    )
    assert page.name.field.isReadOnly()
    assert not page.attributes.attr_rows["axis"].editor.isEnabled()
    texts = [label.text() for label in page.findChildren(type(window.pages.expansion.path.inside))]
    assert "float32 (1, 1)" in texts
    press(qtbot, window, "Escape")
    assert (
        window.panels["inspector"].outside.isVisible()
        and not window.pages.expansion.inspector.isVisible()
    )


@pytest.mark.thorough
def test_what_would_edit_says_what_to_do_instead(window, qtbot):
    inside = expand(qtbot, window)
    at = place(inside, "train/slope/step")
    node = inside.document.node_named("train/slope/step")
    said = window.status.text

    def refused() -> bool:
        text = said.text()
        said.setText("")
        return text == LOCKED

    qtbot.mousePress(inside, LEFT, pos=at)
    qtbot.mouseMove(inside, at + QPoint(20, 0))
    qtbot.mouseMove(inside, at + QPoint(60, 30))
    qtbot.mouseRelease(inside, LEFT, pos=at + QPoint(60, 30))
    assert refused() and inside.document.node(node.id).pos == node.pos
    assert inside.selection.ids() == [node.id]
    for key in (Qt.Key.Key_Delete, Qt.Key.Key_F2, Qt.Key.Key_Tab):
        qtbot.keyClick(inside, key)
        assert refused(), key
    qtbot.keyClick(inside, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    assert refused()
    assert not [e for e in inside.findChildren(QLineEdit) if e.isVisible()]
    port = inside.viewport.port_position(node.id, "x", "in").toPoint()
    qtbot.mousePress(inside, LEFT, pos=port)
    qtbot.mouseMove(inside, port + QPoint(-40, 40))
    qtbot.mouseRelease(inside, LEFT, pos=port + QPoint(-40, 40))
    assert refused()
    assert node.id in inside.document.nodes and window.pages.is_inside
    for action in ("rename", "delete", "cut", "paste", "duplicate", "frame", "search"):
        qtbot.waitUntil(lambda a=action: LOCKED in window.actions_[a].toolTip())
        assert not window.actions_[action].isEnabled()


@pytest.mark.thorough
def test_unpack_is_one_step_that_undo_takes_back(window, qtbot):
    document = window.workspace.document
    digest, nodes = document.digest(), len(document.nodes)
    expand(qtbot, window)
    qtbot.mouseClick(window.pages.expansion.path.unpack_button, LEFT)
    assert not window.pages.is_inside and len(document.nodes) == nodes + 19
    assert document.node_named("train").op == "group"
    assert len(window.workspace.selection) == 19
    assert document.undo_label == "Unpack train" and window.workspace.problems() == []
    qtbot.waitUntil(lambda: shown(window.canvas, "train/slope/new_value") is not None)
    qtbot.waitUntil(window.actions_["undo"].isEnabled)
    qtbot.keyClick(window.canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert document.digest() == digest and document.node_named("train").op == "gradient_descent"


@pytest.mark.thorough
def test_copies_of_derived_nodes_can_be_taken_along(window, qtbot):
    inside = expand(qtbot, window)
    qtbot.mouseClick(inside, LEFT, pos=place(inside, "train/learning_rate"))
    qtbot.keyClick(inside, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    press(qtbot, window, "Escape")
    window.canvas.setFocus()
    qtbot.keyClick(window.canvas, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    record = window.workspace.document.node_named("train/learning_rate")
    assert record is not None and record.op == "constant"


@pytest.mark.thorough
def test_a_node_from_outside_leads_outside_and_a_derived_one_to_its_value(window, qtbot):
    inside = expand(qtbot, window)
    assert isinstance(inside.document, Expansion)
    qtbot.mouseDClick(inside, LEFT, pos=body(inside, "train/slope/step"))
    assert window.pages.is_inside and window.docking.docks["viewer"].isVisible()
    qtbot.mouseDClick(inside, LEFT, pos=body(inside, "slope"))
    assert not window.pages.is_inside
    assert window.workspace.selection == (window.workspace.document.node_named("slope").id,)


@pytest.mark.thorough
def test_an_edit_or_another_document_leads_outside(window, qtbot):
    expand(qtbot, window)
    train = window.workspace.document.node_named("train")
    commands.set_attr(window.workspace.document, train.id, "learning_rate", 0.5)
    assert not window.pages.is_inside
    inside = expand(qtbot, window)
    rate = inside.document.node_named("train/learning_rate")
    assert rate.attrs["value"] == 0.5, "what is derived is derived anew"
    window.workspace.document.mark_saved()
    window.files.open_example(example("expression"))
    assert not window.pages.is_inside


@pytest.mark.thorough
def test_what_derives_nothing_says_so(window, qtbot):
    document = window.workspace.document
    window.canvas.selection.select([document.node_named("loss").id])
    qtbot.waitUntil(lambda: not window.actions_["expand"].isEnabled())
    assert "to look inside" in window.actions_["expand"].toolTip()
    commands.disconnect(document, (document.node_named("train").id, "loss"))
    window.canvas.selection.select([document.node_named("train").id])
    for action in ("expand", "unpack"):
        window.info.dismiss()
        window.actions_.trigger(action)
        assert (
            not window.pages.is_inside
            and "train" in window.info.text
            and "loss" in window.info.text
        )
    assert document.node_named("train").op == "gradient_descent"


@pytest.mark.thorough
def test_looks_inside_follow_the_theme_and_the_zoom(window, qtbot):
    inside = expand(qtbot, window)
    window.actions_.trigger("theme_dark")
    assert inside.renderer.theme.is_dark and window.canvas.renderer.theme.is_dark
    scale = inside.viewport.camera.scale
    window.actions_.trigger("zoom_in")
    assert inside.viewport.camera.scale > scale
    assert window.status.zoom.text() == f"{round(inside.viewport.camera.scale * 100)} %"
    window.actions_.trigger("theme_light")


@pytest.mark.thorough
def test_an_optimizer_in_a_subgraph_is_expanded_and_unpacked_there(window, qtbot):
    document, canvas = window.workspace.root, window.canvas
    canvas.setFocus()
    canvas.selection.select([n.id for n in document.nodes.values() if n.op != "dataset"])
    window.actions_.trigger("subgraph")
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    window.actions_.trigger("expand")
    assert window.workspace.scope == "subgraph/"
    qtbot.waitUntil(lambda: shown(canvas, "loss") is not None, timeout=10000)
    before = len(canvas.document.nodes)
    at = body(canvas, "train")
    qtbot.mouseClick(canvas, LEFT, pos=at)
    qtbot.mouseDClick(canvas, LEFT, pos=at)
    inside = window.pages.expansion.canvas
    assert window.pages.is_inside and window.pages.expansion.path.text.endswith("▸ subgraph/train")
    name = "gradients/subgraph/loss_grad/divide"
    qtbot.waitUntil(lambda: shown(inside, name) is not None, timeout=10000)
    qtbot.mouseClick(inside, LEFT, pos=body(inside, "subgraph/loss"))
    qtbot.mouseDClick(inside, LEFT, pos=body(inside, "subgraph/loss"))
    assert not window.pages.is_inside and window.workspace.scope == "subgraph/"
    assert canvas.selection.nodes() == [canvas.document.node_named("loss").id]
    canvas.selection.select([canvas.document.node_named("train").id])
    window.actions_.trigger("expand")
    qtbot.mouseClick(window.pages.expansion.path.unpack_button, LEFT)
    assert window.workspace.scope == "subgraph/" and len(canvas.document.nodes) > before + 15
    assert canvas.document.node_named("train").op == "group"
    assert window.workspace.problems() == []
    divide = "gradients/loss_grad/divide"
    qtbot.waitUntil(lambda: shown(canvas, divide) is not None, timeout=10000)
    window.actions_.trigger("undo")
    assert len(canvas.document.nodes) == before and document.undo_label != "Unpack train"


@pytest.mark.thorough
def test_back_leads_from_the_derived_nodes_to_the_canvas_as_it_was(window, qtbot):
    expand(qtbot, window)
    before = window.views.current()
    window.actions_.refresh()
    qtbot.keyClick(
        window.pages.expansion.canvas,
        Qt.Key.Key_Left,
        Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier,
    )
    assert not window.pages.is_inside and window.views.current().is_near(before)
