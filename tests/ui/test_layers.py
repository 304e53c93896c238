"""Layers in the window: found by search, wired, set, opened and unpacked, by keys and mouse."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from test_expand import body, shown
from test_expand import window as regression_window  # noqa: F401

from nodeflow.document.edit import commands
from nodeflow.document.to_graph.expansion.expand import Expansion

LEFT = Qt.MouseButton.LeftButton
X = {"shape": [None, 2], "sample": [[1.0, 2.0]]}


def type_into_search(window, text: str) -> list[str]:
    """Tab and some letters on the canvas; returns the ops found, best first."""
    canvas = window.canvas
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key.Key_Tab)
    popup = window.focusWidget().parent()
    QTest.keyClicks(popup.field, text)
    return [row.op for row in popup.model.rows]


@pytest.mark.thorough
@pytest.mark.parametrize("word", ["dense", "layer", "fully connected", "linear", "Dense", "fully"])
def test_search_finds_dense_first(window, word):
    assert type_into_search(window, word)[0] == "layers/dense"


@pytest.mark.thorough
def test_enter_wires_it_to_the_selected_node_and_stores_every_attribute(window, qtbot):
    document = window.workspace.document
    x = commands.add_node(document, "placeholder", (0, 0), "x", X)
    window.canvas.selection.select([x])
    type_into_search(window, "dense")
    QTest.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    dense = document.node_named("dense")
    assert dense.op == "layers/dense"
    assert document.wires[dense.id, "x"].source == x
    assert dense.attrs == {
        "units": 64, "activation": "linear", "use_bias": True, "trainable": True, "version": 1,
        "kernel_initializer": {"op": "glorot_uniform"},
        "bias_initializer": {"op": "fill", "value": 0.0},
    }  # fmt: skip
    assert not window.workspace.analysis.problems_of(dense.id)
    assert str(window.workspace.analysis.type_of(dense.id, "out")) == "float32 (?, 64)"
    document.undo()
    assert document.node_named("dense") is None


@pytest.mark.thorough
def test_the_card_says_units_and_activation(window):
    document = window.workspace.document
    dense = commands.add_node(
        document, "layers/dense", (0, 0), "d", {"units": 64, "activation": "relu"}
    )
    assert window.canvas.scene.builder.build(document.nodes[dense]).subtitle == ("Dense 64, relu")


@pytest.mark.thorough
def test_the_palette_has_a_family_of_layers(window):
    tree = window.panels["palette"].tree
    model = tree.model()
    titles = [model.index(row, 0).data() for row in range(model.rowCount())]
    assert "Layers" in titles
    family = model.index(titles.index("Layers"), 0)
    inside = [model.index(row, 0, family).data() for row in range(model.rowCount(family))]
    assert "Dense" in inside


@pytest.mark.thorough
@pytest.mark.parametrize("formula", ["dense(x, 3)", "layers.dense(x, units=3, activation=relu)"])
def test_a_formula_adds_one(window, formula):
    from nodeflow.document.formula.insert import add_expression

    document = window.workspace.document
    commands.add_node(document, "placeholder", (0, 0), "x", X)
    add_expression(document, window.workspace.analysis, formula, (0, 0), {}, None)
    dense = document.node_named("dense")
    assert (dense.op, dense.attrs["units"]) == ("layers/dense", 3)
    assert dense.attrs["kernel_initializer"] == {"op": "glorot_uniform"}


@pytest.mark.thorough
def test_problems_name_the_layer(window):
    document = window.workspace.document
    x = commands.add_node(document, "placeholder", (0, 0), "x", {"shape": [None, None]})
    dense = commands.add_node(document, "layers/dense", (200, 0), "hidden", {})
    commands.connect(document, x, "out", dense, "x")
    (problem,) = window.workspace.analysis.problems_of(dense)
    assert (problem.node, problem.port) == ("hidden", "x")
    assert "number of features" in problem.message


@pytest.mark.thorough
def test_an_optimizer_may_name_its_variables(window):
    document = window.workspace.document
    x = commands.add_node(document, "placeholder", (0, 0), "x", X)
    dense = commands.add_node(document, "layers/dense", (200, 0), "hidden", {})
    loss = commands.add_node(document, "reduce_mean", (400, 0), "loss", {})
    adam = commands.add_node(document, "adam", (600, 0), "adam", {"variables": ["hidden/kernel"]})
    commands.connect(document, x, "out", dense, "x")
    commands.connect(document, dense, "out", loss, "x")
    commands.connect(document, loss, "out", adam, "loss")
    assert not window.workspace.analysis.problems_of(adam)
    commands.set_attr(document, adam, "variables", ["hidden/kernle"])
    (problem,) = window.workspace.analysis.problems_of(adam)
    assert problem.hint == "Did you mean hidden/kernel?"


def test_a_double_click_shows_what_it_is_made_of_and_unpack_makes_it_nodes(
    regression_window,  # noqa: F811
    qtbot,
):
    window = regression_window
    canvas, document = window.canvas, window.workspace.document
    x = document.node_named("x")
    dense = commands.add_node(
        document, "layers/dense", (x.pos[0] + 300, x.pos[1] + 400), "hidden", {"units": 1}
    )
    column = commands.add_node(
        document, "placeholder", (x.pos[0], x.pos[1] + 400), "column",
        {"shape": [None, 1], "sample": [[2.0], [3.0]]},
    )  # fmt: skip
    commands.connect(document, column, "out", dense, "x")
    qtbot.waitUntil(lambda: shown(canvas, "hidden") is not None, timeout=10000)
    at = body(canvas, "hidden")
    qtbot.mouseClick(canvas, LEFT, pos=at)
    qtbot.mouseDClick(canvas, LEFT, pos=at)
    inner = window.pages.expansion.inside.document
    assert isinstance(inner, Expansion)
    names = {r.name for r in inner.nodes.values() if r.id not in inner.outer}
    assert names == {"hidden/kernel", "hidden/bias", "hidden/matmul", "hidden/add"}
    before = shown(canvas, "hidden")
    window.actions_["unpack"].trigger()
    assert document.node_named("hidden") is None
    assert document.node_named("hidden/kernel").op == "variable"
    qtbot.waitUntil(lambda: shown(canvas, "hidden/add") is not None, timeout=10000)
    assert shown(canvas, "hidden/add") == before
    document.undo()
    assert document.node_named("hidden").op == "layers/dense"


# ---- dropped on a node ------------------------------------------------------------------------


def drag(window, op_id: str, to) -> None:
    """From the palette to a point of the canvas, by real mouse events."""
    panel = window.panels["palette"]
    index = panel._row_of(op_id)
    panel.tree.expand(index.parent())
    panel.tree.scrollTo(index)
    viewport = panel.tree.viewport()
    start = panel.tree.visualRect(index).center()
    end = viewport.mapFromGlobal(window.canvas.mapToGlobal(to))
    none = Qt.KeyboardModifier.NoModifier
    QTest.mousePress(viewport, LEFT, none, start)
    for part in range(1, 6):
        QTest.mouseMove(viewport, start + (end - start) * part / 5)
    QTest.mouseRelease(viewport, LEFT, none, end)


def middle(window, node: str):
    return window.canvas.viewport.node_rect(node).center().toPoint()


@pytest.mark.thorough
def test_dropped_on_a_node_it_is_wired_to_it_and_stands_beside_it(window):
    document = window.workspace.document
    x = commands.add_node(document, "placeholder", (0, 0), "x", X)
    window.canvas.viewport.center_on(x)
    drag(window, "layers/dense", middle(window, x))
    dense = document.node_named("dense")
    assert document.wires[dense.id, "x"].source == x
    rect = window.canvas.viewport.node_rect
    assert not rect(dense.id).intersects(rect(x))
    assert rect(dense.id).left() > rect(x).right()
    assert window.canvas.selection.ids() == [dense.id]
    document.undo()
    assert list(document.nodes) == [x]


@pytest.mark.thorough
def test_dropped_beside_a_node_it_is_not_wired(window):
    document = window.workspace.document
    x = commands.add_node(document, "placeholder", (0, 0), "x", X)
    window.canvas.viewport.center_on(x)
    rect = window.canvas.viewport.node_rect(x)
    drag(
        window, "layers/dense", (rect.bottomRight() + rect.bottomRight() - rect.center()).toPoint()
    )
    assert document.node_named("dense") is not None
    assert not document.wires


@pytest.mark.thorough
def test_dropped_on_a_node_that_it_cannot_take_it_is_only_placed(window):
    document = window.workspace.document
    flags = commands.add_node(document, "placeholder", (0, 0), "flags", {"dtype": "bool"})
    window.canvas.viewport.center_on(flags)
    drag(window, "layers/dense", middle(window, flags))
    assert document.node_named("dense") is not None
    assert not document.wires


@pytest.mark.thorough
def test_on_a_card_it_is_wired_to_that_and_not_put_into_a_wire_nearby(window):
    document = window.workspace.document
    x = commands.add_node(document, "placeholder", (0, 0), "x", X)
    after = commands.add_node(document, "relu", (240, 0), "after")
    commands.connect(document, x, "out", after, "x")
    window.canvas.viewport.fit_all()
    drag(window, "layers/dense", middle(window, x))
    dense = document.node_named("dense")
    assert document.wires[dense.id, "x"].source == x
    assert document.wires[after, "x"].source == x
