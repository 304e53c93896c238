"""Nodes that are plotted: the toggle, its sign, and the curve of the next training."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from nodeflow.document.analysis.node_flags import is_plotted
from nodeflow.train import events
from nodeflow.ui.canvas.a11y import descriptions
from nodeflow.ui.inspector.sections.plot_toggle import PlotToggle

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture
def mnist(window, engine):
    from nodeflow.resources import example

    engine.computes = False
    window.files.open_example(example("mnist"))
    return window


def record(window, name):
    return window.workspace.document.node_named(name)


def select(window, name) -> None:
    window.canvas.selection.select([record(window, name).id])


@pytest.mark.thorough
def test_the_menu_of_a_node_plots_it_and_undo_takes_it_back(mnist, qtbot):
    select(mnist, "mean")
    mnist.context_menu.open("node", QPoint(20, 20))
    action = mnist.actions_["plot_node"]
    (views,) = [
        a.menu() for a in mnist.context_menu.menu.actions() if a.text() == "Show on node or stage"
    ]
    assert action in views.actions()
    mnist.context_menu.menu.close()
    assert action.text() == "Plot over steps" and action.isEnabled()
    action.trigger()
    assert is_plotted(record(mnist, "mean"))
    scene, slot = mnist.canvas.scene, mnist.canvas.scene.nodes[record(mnist, "mean").id]
    qtbot.waitUntil(lambda: scene.plotted[slot])
    assert action.text() == "Do not plot"
    assert "plotted over steps" in descriptions._states(scene.card(slot))
    mnist.workspace.document.undo()
    assert not is_plotted(record(mnist, "mean"))
    qtbot.waitUntil(lambda: not scene.plotted[slot])


@pytest.mark.thorough
def test_the_inspector_plots_a_node_by_a_click(mnist, qtbot):
    select(mnist, "mean")
    qtbot.waitUntil(lambda: bool(mnist.panels["inspector"].findChildren(PlotToggle)))
    (toggle,) = mnist.panels["inspector"].findChildren(PlotToggle)
    assert toggle.isVisible() and not toggle.isChecked()
    qtbot.mouseClick(toggle, Qt.MouseButton.LeftButton, pos=QPoint(8, toggle.height() // 2))
    assert is_plotted(record(mnist, "mean"))


@pytest.mark.thorough
def test_what_is_no_number_cannot_be_plotted_and_says_why(mnist, qtbot):
    select(mnist, "logits")
    assert not mnist.actions_["plot_node"].isEnabled()
    mnist.actions_.trigger("plot_node")
    assert "single number" in mnist.info.text
    assert not any(t.isVisible() for t in mnist.panels["inspector"].findChildren(PlotToggle))


@pytest.mark.thorough
def test_the_values_of_plotted_nodes_have_a_plot(mnist, engine, qtbot):
    mnist.actions_.trigger("train")
    engine.begin_training(epochs=1, steps=4)
    norm = np.array([4.0, 3.0, 2.0, 1.0])
    engine.on_message(events.Steps(1, norm / 2, 0.1, "compiled", {"norm": norm}))
    engine.end_training()
    grid = mnist.panels["training"].plots.grid
    qtbot.waitUntil(lambda: "norm" in grid.names)
    assert [[c.name for c in cell.plot.curves] for cell in grid.cells] == [
        ["training loss"],
        ["norm"],
    ]
    qtbot.waitUntil(lambda: len(grid.item("norm").columns.x) == 4)
    np.testing.assert_array_equal(grid.item("norm").columns.high, norm)


@pytest.mark.thorough
def test_the_real_engine_plots_a_node(live_window, qtbot):
    window = live_window("spirals")
    node = next(r for r in window.workspace.document.nodes.values() if r.name == "accuracy")
    window.canvas.selection.select([node.id])
    window.actions_.trigger("plot_node")
    window.actions_.trigger("train")
    panel = window.panels["training"]
    qtbot.waitUntil(lambda: "accuracy (each step)" in panel.record.scalars, timeout=30_000)
    qtbot.waitUntil(lambda: panel.record.losses.count > 20, timeout=30_000)
    curve = panel.record.scalars["accuracy (each step)"]
    assert curve.count == panel.record.losses.count
    assert ((curve.values >= 0) & (curve.values <= 1)).all()
    window.actions_.trigger("stop")
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=30_000)
