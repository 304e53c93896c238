"""Titles and notes of frames: readable at every zoom, and no wire runs through them."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.records import FrameRecord
from nodeflow.drawing.frames import frame_titles
from nodeflow.drawing.wires import wire_shape
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
    """The top of a frame with a title differs from that of the same without one."""
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
        area = image.copy(int(max(0, top.left())) + 2, int(top.top()) + 2, 80, 20)
        pixels = np.frombuffer(area.constBits(), np.uint8).reshape(20, 80, 4)[..., :3]
        shown.append(pixels.astype(int))
        canvas.scene.close()
        canvas.deleteLater()
    assert (np.abs(shown[0] - shown[1]).max(axis=2) > 60).sum() > 40
