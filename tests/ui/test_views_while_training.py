"""Views in a window whose engine really computes: before, while and after a training."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p
from nodeflow.resources import example
from nodeflow.train import events

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def window(live_window):
    return live_window()


def shown(window, name: str):
    """What the view on a node shows."""
    slot = window.canvas.scene.nodes.get(window.workspace.document.node_named(name).id)
    value = window.canvas.scene.card(slot).value
    return None if value is None or value.kind != "view" or value.value is None else value.value


@pytest.mark.thorough
def test_the_spirals_open_with_their_regions_which_follow_the_training(window, qtbot):
    window.files.open_example(example("spirals"))
    qtbot.waitUntil(lambda: shown(window, "logits") is not None, timeout=20_000)
    before = shown(window, "logits")
    assert before.step is None and before.data.names == ("0", "1")
    seen: list[p.ViewValue] = []
    done: list[events.Done] = []
    window.link.view.connect(seen.append)
    window.link.training.connect(lambda e: done.append(e) if isinstance(e, events.Done) else None)
    window.actions_.trigger("train")
    qtbot.waitUntil(lambda: bool(done), timeout=120_000)
    steps = [value.step for value in seen if value.step is not None]
    assert len(steps) > 1 and steps == sorted(steps), "more than one picture of a training"
    qtbot.waitUntil(lambda: shown(window, "logits").step == done[0].steps)
    data = shown(window, "logits").data
    assert (data.classes != before.data.classes).mean() > 0.1
    left, right, bottom, top = data.extent
    rows, columns = data.classes.shape
    across = ((data.points[:, 0] - left) / (right - left) * columns).astype(int)
    up = ((data.points[:, 1] - bottom) / (top - bottom) * rows).astype(int)
    right_answers = data.classes[up, across] == data.groups
    assert right_answers[~data.is_test].mean() > 0.93, "the regions separate the points"


@pytest.mark.thorough
def test_an_edit_is_seen_in_the_view_and_undo_takes_it_back(window, qtbot):
    window.files.open_example(example("linear_regression"))
    qtbot.waitUntil(lambda: shown(window, "prediction") is not None, timeout=20_000)

    def line() -> np.ndarray:
        value = shown(window, "prediction")
        return next(s for s in value.data.series if s.role == "value").y

    assert np.ptp(line()) == 0
    document = window.workspace.document
    commands.set_attr(document, document.node_named("offset").id, "value", 1.5)
    qtbot.waitUntil(lambda: bool((line() == 1.5).all()), timeout=20_000)
    document.undo()
    qtbot.waitUntil(lambda: bool((line() == 0).all()), timeout=20_000)


@pytest.mark.thorough
def test_the_viewer_shows_regions_of_a_node_without_a_view(window, qtbot):
    window.files.open_example(example("spirals"))
    window.docking.show("viewer")
    window.canvas.selection.select([window.workspace.document.node_named("hidden1").id])
    viewer = window.panels["viewer"]
    tab = next(b for b in viewer._tabs.buttons() if b.text() == "Regions")
    qtbot.mouseClick(tab, LEFT)
    canvas = viewer.views.page.canvas
    qtbot.waitUntil(lambda: canvas.shown.value is not None, timeout=20_000)
    assert canvas.shown.value.data.values.shape == (16, 60, 60)
    assert "values of 16 units" in canvas.accessibleDescription()
    window.canvas.selection.select([window.workspace.document.node_named("losses").id])
    qtbot.mouseClick(tab, LEFT)
    wanted = "also depends on y"
    qtbot.waitUntil(lambda: wanted in canvas.accessibleDescription(), timeout=20_000)


@pytest.mark.thorough
def test_the_viewer_shows_how_gradients_are_distributed_over_the_steps(window, qtbot):
    window.files.open_example(example("spirals"))
    commands.set_training(window.workspace.document, epochs=100_000)
    window.docking.show("viewer")
    window.canvas.selection.select([window.workspace.document.node_named("W2").id])
    viewer = window.panels["viewer"]
    qtbot.mouseClick(next(b for b in viewer._tabs.buttons() if b.text() == "Distribution"), LEFT)
    page = viewer.views.page
    qtbot.waitUntil(lambda: "of" in page._combos, timeout=20_000)
    combo = page.combo("of")
    assert [combo.itemText(i) for i in range(combo.count())] == [
        "Values",
        "Gradient",
        "Update to weight",
    ]
    combo.setFocus()
    qtbot.keyClick(combo, Qt.Key.Key_Down)
    seen: list[p.ViewValue] = []
    window.link.view.connect(seen.append)
    window.actions_.trigger("train")

    def samples() -> int:
        found = [v.data for v in seen if v.data is not None and v.spec.kind == "distribution"]
        return max((len(d.steps) for d in found if d.of == "gradient"), default=0)

    qtbot.waitUntil(lambda: window.link.state == "training", timeout=30_000)
    window.docking.show("viewer")  # the plots of the training came to the front
    qtbot.waitUntil(lambda: samples() > 3, timeout=60_000)
    window.actions_.trigger("stop")
    qtbot.waitUntil(lambda: window.link.state == "idle", timeout=30_000)
    qtbot.waitUntil(lambda: "gradient of" in page.canvas.accessibleDescription(), timeout=20_000)
