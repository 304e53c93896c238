"""Titles and notes of frames: readable at every zoom, and no wire runs through them."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import FrameRecord
from nodeflow.drawing.frames import frame_titles
from nodeflow.drawing.frames.frame_labels import frame_labels
from nodeflow.drawing.wires import wire_shape
from nodeflow.host.evaluation.previews import make_preview
from nodeflow.resources import example, examples
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.core.painting import text_metrics
from nodeflow.ui.core.theming.theme import LIGHT


def frame(title="Loss", note="", rect=(0.0, 0.0, 400.0, 300.0)) -> FrameRecord:
    return FrameRecord("f1", title, note, "", rect)


@pytest.mark.parametrize("scale", [2.0, 1.0, 0.7, 0.5, 0.4, 0.3])
def test_titles_and_notes_are_large_enough_on_the_screen(scale):
    assert frame_titles.title_style(scale)[0] * scale >= 10.4
    assert frame_titles.note_style(scale)[0] * scale >= 9.0
    assert frame_titles.title_style(scale)[0] <= frame_titles.BAND


def test_a_title_stands_beside_a_wire_that_runs_through_its_place():
    across = np.array([[[30.0, -50.0], [30.0, 20.0], [30.0, 200.0]]])
    (shift,) = frame_titles.shifts([frame()], across).values()
    assert 16 + shift >= 30 + frame_titles.APART
    away = across + [300, 0]
    assert frame_titles.shifts([frame()], away) == {}
    level = np.array([[[-10.0, 20.0], [200.0, 20.0], [410.0, 20.0]]])
    assert frame_titles.shifts([frame()], level) == {}, "there is no free place"


def test_a_note_without_cards_keeps_wires_out_of_the_whole_frame():
    note = frame(note="Read me.", rect=(0.0, 0.0, 200.0, 160.0))
    boxes = frame_titles.obstacles([note], np.zeros((0, 4)))
    assert boxes[1].tolist() == [0.0, 40.0, 200.0, 160.0]
    cards = np.array([[20.0, 100.0, 80.0, 150.0]])
    assert frame_titles.obstacles([note], cards)[1].tolist() == [0.0, 40.0, 200.0, 100.0]


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.stem)
def test_no_long_wire_of_an_example_runs_through_a_title_or_a_note(qapp, path):
    document = flow.load(path)
    canvas = CanvasView(document, Analysis(document), LIGHT)
    scene = canvas.scene
    slots, ends = scene.wires_in(QRectF(-1e5, -1e5, 2e5, 2e5))
    points = wire_shape.curve_points(ends, 200, 1.0, scene.wires.lane[slots])
    length = np.hypot(*np.moveaxis(np.diff(points, axis=1), 2, 0)).sum(axis=1)
    crossed = []
    for record in document.frames.values():
        left, top, width, height = record.rect
        x = left + frame_titles.INSET + scene.title_shift(record.id)
        wide = min(
            text_metrics.width(record.title, text_metrics.FRAME_TITLE),
            width - 2 * frame_titles.INSET,
        )
        boxes = [(x, top + 8, x + wide, top + 30)] if record.title else []
        if record.note:
            boxes.append((left + 8, top + 44, left + width - 8, top + height - 8))
        for box in boxes:
            inside = (points[..., 0] > box[0]) & (points[..., 0] < box[2])
            inside &= (points[..., 1] > box[1]) & (points[..., 1] < box[3])
            if (inside.any(axis=1) & (length > 200)).any():
                crossed.append(record.title)
    scene.close()
    canvas.deleteLater()
    assert crossed == []


@pytest.mark.parametrize("scale", [0.1, 0.2, 0.3, 0.6, 1.0])
def test_every_frame_shows_its_title_at_every_zoom(qapp, scale):
    """The upper edge of a frame with a title differs from the edge of a frame without one."""
    document = flow.load(example("mnist"))
    shown = []
    for titled in (True, False):
        if not titled:
            with document.transaction("x"):
                for record in list(document.frames.values()):
                    commands.set_frame(document, record.id, title="")
        canvas = CanvasView(document, Analysis(document), LIGHT)
        canvas.resize(1000, 700)
        record = next(r for r in document.frames.values() if r.rect[2] > 1000)
        canvas.viewport.camera.step = round(np.log2(scale) * 8)
        canvas.viewport.camera.look_at(QPointF(record.rect[0] + 300, record.rect[1]), 1000, 700)
        image = QImage(1000, 700, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        canvas.renderer.paint(painter)
        painter.end()
        top = canvas.viewport.camera.rect_to_view(QRectF(*record.rect))
        area = image.copy(int(max(0, top.left())) + 2, int(top.top()) - 16, 80, 38)
        pixels = np.frombuffer(area.constBits(), np.uint8).reshape(38, 80, 4)[..., :3]
        shown.append(pixels.astype(int))
        canvas.scene.close()
        canvas.deleteLater()
    assert (np.abs(shown[0] - shown[1]).max(axis=2) > 60).sum() > 40


def cards_of(scene) -> np.ndarray:
    used = scene.nodes.used()
    corners = scene.positions[used]
    return np.concatenate([corners, corners + scene.sizes[used]], axis=1)


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.stem)
def test_labels_of_frames_cover_no_card_and_no_other_label(qapp, path):
    document = flow.load(path)
    canvas = CanvasView(document, Analysis(document), LIGHT)
    cards = cards_of(canvas.scene)
    for step in range(-15, -31, -1):
        scale = 2.0 ** (step / 8)
        labels = frame_labels(document.frames.values(), cards, scale)
        large = {
            record.id
            for record in document.frames.values()
            if record.title and record.rect[2] * scale >= 44 and record.rect[3] * scale >= 26
        }
        assert {label.frame.id for label in labels} == large, f"a title is missing at {scale}"
        boxes = np.vstack([cards, *(label.box for label in labels)])
        for index, label in enumerate(labels):
            left, top, right, bottom = label.box
            others = np.delete(boxes, len(cards) + index, axis=0)
            covered = (others[:, 0] < right) & (others[:, 2] > left)
            covered &= (others[:, 1] < bottom) & (others[:, 3] > top)
            assert not covered.any(), (label.text, scale)
            assert label.style[0] >= 9
    canvas.scene.close()
    canvas.deleteLater()


def test_a_label_without_a_free_place_is_absent():
    full = np.array([[-100.0, -200.0, 500.0, 600.0]])
    assert frame_labels([frame()], full, 0.2) == []
    (label,) = frame_labels([frame()], full[:0], 0.2)
    assert label.box[:2] == (0.0, 0.0), "at the top left of its frame"


def test_a_label_moves_away_from_a_card_that_grows(qtbot):
    """A value of a node in the frame above grows its card; the frame is painted with new labels."""
    document = Document()
    with document.transaction("x"):
        node_id = commands.add_node(document, "constant", pos=(0.0, 0.0), attrs={"value": 1.0})
        commands.add_frame(document, (0.0, 130.0, 600.0, 400.0), "Below")
    canvas = CanvasView(document, Analysis(document), LIGHT)
    qtbot.addWidget(canvas)
    canvas.resize(600, 400)
    canvas.viewport.zoom(-20 - canvas.viewport.camera.step)
    image = QImage(600, 400, QImage.Format.Format_RGB32)

    def painted() -> tuple[float, float, float, float]:
        painter = QPainter(image)
        canvas.renderer.paint(painter)
        painter.end()
        (label,) = canvas.renderer.context(canvas.viewport.rect).labels
        return label.box

    before = painted()
    table = make_preview(np.arange(64.0, dtype=np.float32).reshape(8, 8))
    canvas.node_state.set_values({document.nodes[node_id].name: table})
    assert not canvas.renderer.frame.is_whole
    after = painted()
    ((_, _, right, bottom),) = cards_of(canvas.scene)
    assert after != before
    assert after[1] >= bottom or after[0] >= right
    canvas.scene.close()
