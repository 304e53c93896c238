"""The selection without a widget: what it holds, and when it reports a change."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QSize, Qt

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.ui.canvas.gestures.box_select import BoxSelect
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.selection import Selection
from nodeflow.ui.canvas.scene.viewport import Viewport

Keys = Qt.KeyboardModifier


@pytest.fixture
def scene(qapp):
    document = Document()
    for index in range(3):
        commands.add_node(document, "constant", (300 * index, 0), attrs={"value": 1.0})
    analysis = Analysis(document)
    document.subscribe(analysis.update)
    scene = SceneModel(document, analysis, lambda slots, structure: None)
    yield scene
    scene.close()


@pytest.fixture
def selection(scene):
    selection = Selection(scene)
    selection.seen = []
    selection.changed.connect(selection.seen.append)
    return selection


def test_each_change_is_reported_once(scene, selection):
    a, b, _ = scene.document.nodes
    selection.select([b, a, "nobody"])
    selection.select([a, b])
    selection.select([])
    assert selection.seen == [[a, b], []]


def test_a_frame_is_selected_alone_and_nodes_with_frames(scene, selection):
    a, b, c = scene.document.nodes
    frame = commands.add_frame(scene.document, (-20, -60, 250, 400), "One")
    other = commands.add_frame(scene.document, (-20, 600, 250, 400), "Two")
    selection.select([a, frame])
    assert selection.is_frame and selection.ids() == [frame] and not selection.nodes()
    assert selection.targets() == [a] and set(selection.with_contents()) == {a, frame}
    selection.select_all()
    assert selection.ids() == [a, b, c] and selection.frames == [frame, other]
    assert set(selection.with_contents()) == {a, b, c, frame, other}
    selection.select_mask(np.zeros_like(scene.selected), frames=[other])
    assert selection.frame == other, "a frame that is selected with nothing is selected alone"


def test_what_is_deleted_is_not_selected(scene, selection):
    a, b, _ = scene.document.nodes
    selection.select([a, b])
    commands.remove(scene.document, [b])
    selection.drop_deleted()
    selection.drop_deleted()
    assert selection.seen == [[a, b], [a]]


def test_another_document_starts_with_nothing_selected(scene, selection):
    frame = commands.add_frame(scene.document, (0, 0, 200, 200), "One")
    selection.select([frame])
    scene.set_document(scene.document, scene.analysis)
    selection.clear()
    assert selection.ids() == [] == selection.seen[-1] and not selection.is_frame


def test_a_wire_is_selected_instead_of_nodes(scene, selection, qtbot):
    a, b, _ = scene.document.nodes
    add = commands.add_node(scene.document, "add", (900, 0))
    commands.connect(scene.document, a, "out", add, "x")
    selection.select([b])
    with qtbot.waitSignal(selection.wire_selected):
        selection.select_wire((add, "x"))
    assert selection.ids() == [] and selection.wire == (add, "x")


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [(Keys.NoModifier, "ab"), (Keys.ShiftModifier, "abc"), (Keys.ControlModifier, "ac")],
)
def test_a_rubber_band_selects_adds_or_toggles_and_can_be_cancelled(scene, selection, keys, wanted):
    ids = dict(zip("abc", scene.document.nodes, strict=True))
    viewport = Viewport(scene, lambda: QSize(1200, 700))
    selection.select([ids["b"], ids["c"]])
    box = BoxSelect(scene, viewport, selection)
    box.start(QPointF(-5, -5), keys)
    box.move(QPointF(310, 20), keys)
    assert selection.nodes() == [ids[name] for name in wanted]
    box.cancel()
    assert selection.nodes() == [ids["b"], ids["c"]]
