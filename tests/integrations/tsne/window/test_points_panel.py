"""t-SNE as a method of the panel of points, chosen with the keyboard."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt

from nodeflow.host.protocol import ViewValue
from nodeflow.host.views.kinds.projection import ProjectionData, nearest

ROWS = np.random.default_rng(1).normal(size=(9, 3))


@pytest.fixture
def panel(window, qtbot):
    window.actions_.trigger("show_points")
    panel = window.panels["points"]
    qtbot.waitUntil(panel.isVisible)
    answer(panel, cloud())
    qtbot.waitUntil(panel.canvas.isVisible)
    return panel


def cloud() -> ProjectionData:
    near, distances = nearest(ROWS, "euclidean")
    return ProjectionData(
        "hidden", ("hidden",), "test", ("test",), 9, 3, "pca", "euclidean",
        ROWS[:, :2].astype(np.float32), (0.6, 0.4), (), np.full(9, -1, np.int16), (),
        None, (), near, distances,
    )  # fmt: skip


def answer(panel, data: ProjectionData | None = None, error: str = "") -> None:
    panel._views.arrived.emit(ViewValue(1, panel.spec, data, error, None, None))


def test_it_can_be_chosen_and_taken_back(panel, qtbot):
    assert panel.methods.isVisible()
    panel.methods.setFocus()
    qtbot.keyClick(panel.methods, Qt.Key.Key_Down)
    assert panel.spec.option("method") == "tsne"
    answer(panel, error="T-SNE needs the package scikit-learn. Install it with pip.")
    assert "scikit-learn" in panel.heading.text() and panel.methods.isVisible()
    qtbot.keyClick(panel.methods, Qt.Key.Key_Up)
    assert panel.spec.option("method") == "pca"
    answer(panel, cloud())
    assert panel.canvas.data is not None


def test_where_it_is_missing_there_is_no_choice(without, window, qtbot):
    without("tsne")
    window.actions_.trigger("show_points")
    panel = window.panels["points"]
    answer(panel, cloud())
    qtbot.waitUntil(panel.canvas.isVisible)
    assert not panel.methods.isVisible() and panel.metrics.isVisible()
