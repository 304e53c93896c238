"""The sketch pad with a real engine: trained, drawn in, and read."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, Qt

from nodeflow.resources import example
from nodeflow.ui.core.engine_link.client_interface import engine_client

LEFT = Qt.MouseButton.LeftButton
MINUTE = 60_000


@pytest.fixture
def trained(window, qtbot):
    """A window on mnist.flow, after one epoch in an engine process."""
    window.link.close()
    window.link.channel.factory = engine_client
    window.link.start()
    window.files.open_example(example("mnist"))
    window.workspace.document.mark_saved()
    window.actions_.trigger("sketch")
    qtbot.waitUntil(lambda: window.data.shown is not None, timeout=MINUTE)
    with qtbot.waitSignal(
        window.link.training,
        check_params_cb=lambda event: type(event).__name__ == "Epoch",
        timeout=2 * MINUTE,
    ):
        window.actions_.trigger("train")
    return window


@pytest.mark.thorough
def test_a_one_that_is_drawn_is_read_while_it_trains_and_afterwards(trained, qtbot):
    """Two strokes of a mouse, a network of one epoch: every node shows the way, the bars a one."""
    window = trained
    window.docking.show("sketch_pad")
    panel = window.panels["sketch_pad"]
    qtbot.waitUntil(lambda: bool(panel.in_front))
    area = panel.pad.area()

    def place(x, y):
        return (area.topLeft() + QPointF(x * area.width(), y * area.height())).toPoint()

    qtbot.mousePress(panel.pad, LEFT, pos=place(0.5, 0.2))
    qtbot.mouseMove(panel.pad, place(0.5, 0.5))
    qtbot.mouseRelease(panel.pad, LEFT, pos=place(0.5, 0.8))
    qtbot.waitUntil(lambda: panel.bars.top == 1, timeout=MINUTE)
    node = window.workspace.document.node_named
    values = window.canvas.node_state

    def shape(name):
        value = values.value_of(node(name).id)
        return value.shape if value is not None else None

    qtbot.waitUntil(lambda: shape("hidden") == (1, 300), timeout=MINUTE)
    assert shape("x") == (1, 784) and shape("probabilities") == (1, 10)
    assert shape("y") is None, "there is no label for what is drawn"
    window.actions_.trigger("stop")
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=MINUTE)
    panel.pad.clear()
    qtbot.waitUntil(lambda: shape("x") == (100, 784), timeout=MINUTE)
    assert window.data.text == "Test rows 1–100"
