"""Notes are Markdown, text only; a frame moves the frames within it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.drawing.frames import frame_labels, frame_titles
from nodeflow.ui.canvas.paint import background_layer, frame_note_painter
from nodeflow.ui.core.painting import text_metrics

pytestmark = pytest.mark.usefixtures("qapp")
AREA = QRectF(4, 4, 240, 160)


def painted(note, area=AREA, as_path=False):
    image = QImage(256, 176, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    frame_note_painter.paint(
        painter, area, note, text_metrics.NOTE, QColor("black"), as_path=as_path
    )
    painter.end()
    return image


def ink(image, rows=None):
    """How dark the picture is in all, in rows."""
    return sum(
        255 - image.pixelColor(x, y).lightness()
        for y in rows or range(image.height())
        for x in range(image.width())
    )


def plain(note):
    return frame_note_painter._document(note, text_metrics.NOTE, 240.0, 0).toPlainText()


@pytest.mark.thorough
def test_marks_become_looks():
    assert plain("# Title\nsome *very* **bold** `code`") == "Title\nsome very bold code"
    assert ink(painted("**bold**")) > ink(painted("bold")) > 0


def test_line_breaks_and_lists_stay():
    assert plain("one\ntwo").replace("\u2028", "\n") == "one\ntwo"
    document = frame_note_painter._document(
        "Look at:\n- loss\n- accuracy", text_metrics.NOTE, 240.0, 0
    )
    block = document.begin().next()
    assert block.text() == "loss" and block.textList().count() == 2


@pytest.mark.parametrize("note", ["<b>x</b>", "<img src='/etc/hostname'>"])
def test_html_is_text(note):
    assert plain(note) == note


def test_pictures_are_not_loaded(tmp_path):
    picture = tmp_path / "red.png"
    image = QImage(40, 40, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    image.save(str(picture))
    shown = painted(f"![x](file://{picture}) ![y]({picture})")
    assert all(
        shown.pixelColor(x, y).red() - shown.pixelColor(x, y).green() < 40
        for x in range(0, 256, 2)
        for y in range(0, 176, 2)
    )


def test_only_whole_lines_are_shown():
    note = "\n".join(f"line {i}" for i in range(20))
    image = painted(note, QRectF(4, 4, 240, 50))
    assert ink(image, range(54, 176)) == 0 and ink(image, range(4, 54)) > 0
    assert ink(painted(note, QRectF(4, 4, 240, 5))) == 0


@pytest.mark.thorough
def test_a_part_that_is_painted_anew_stays_the_same():
    image = painted("some text of a note")
    before = ink(image)
    painter = QPainter(image)
    painter.setClipRect(QRectF(0, 0, 20, 20))
    painter.fillRect(QRectF(0, 0, 20, 20), QColor("white"))
    frame_note_painter.paint(
        painter, AREA, "some text of a note", text_metrics.NOTE, QColor("black")
    )
    painter.end()
    assert ink(image) == before


def test_a_note_that_is_cut_says_so():
    note = "one\ntwo\nthree\nfour"
    whole, cut = painted(note), painted(note, QRectF(4, 4, 240, 36))
    rows = range(4, 34)
    assert ink(cut, rows) > ink(whole, rows)
    document = frame_note_painter._document(note, text_metrics.NOTE, 240.0, 0)
    assert frame_note_painter._cut_off(document, 1000.0) is None


@pytest.mark.parametrize("note", ["plain text", "- one\n- two", "1. one\n2. two", "# Head\ntext"])
def test_outlines_look_like_text(note):
    drawn, outlined = ink(painted(note)), ink(painted(note, as_path=True))
    assert outlined == pytest.approx(drawn, rel=0.25)


def test_a_frame_moves_nodes_and_frames_within_it():
    doc = Document()
    node = commands.add_node(doc, "constant", (40, 80))
    outer = commands.add_frame(doc, (0, 0, 400, 300), "outer")
    inner = commands.add_frame(doc, (20, 40, 200, 120), "inner")
    beside = commands.add_frame(doc, (380, 40, 200, 120), "beside")
    commands.move_frame(doc, outer, (100, 10))
    assert doc.frames[inner].rect == (120, 50, 200, 120)
    assert doc.frames[beside].rect == (380, 40, 200, 120)
    assert doc.nodes[node].pos == (140, 90)
    commands.move_frame(doc, inner, (0, 0))
    assert doc.frames[outer].rect[:2] == (100, 10)
    doc.undo()
    doc.undo()
    assert doc.frames[inner].rect == (20, 40, 200, 120) and doc.nodes[node].pos == (40, 80)


@pytest.mark.thorough
def test_the_frame_within_another_is_what_the_pointer_takes(window):
    doc, canvas = window.workspace.document, window.canvas
    inner = commands.add_frame(doc, (20, 60, 200, 120), "inner")
    outer = commands.add_frame(doc, (0, 0, 400, 300), "outer")
    at = lambda x, y: canvas.viewport.hit_test(canvas.viewport.camera.to_view(QPointF(x, y))).frame  # noqa: E731
    assert at(60, 70) == inner and at(60, 10) == outer


@pytest.mark.parametrize("step", range(-16, 1, 2))
def test_a_note_begins_below_its_title_at_every_scale(canvas, document, monkeypatch, step):
    """Where titles are labels of a fixed size on the screen, too."""
    commands.add_frame(document, (0, 0, 900, 900), "Title", "a note", "")
    areas, labels = [], []
    monkeypatch.setattr(frame_note_painter, "paint", lambda p, area, *a, **k: areas.append(area))
    shown = background_layer._paint_label
    monkeypatch.setattr(background_layer, "_paint_label", lambda *a: (labels.append(a), shown(*a)))
    canvas.viewport.camera.step = step
    scale = canvas.viewport.camera.scale
    canvas.renderer.repaint_all()
    canvas.grab()
    assert areas
    label = (frame_labels.STYLES[0][1] + frame_labels.GAP) / scale
    lowest = label if labels else frame_titles.title_style(scale)[0] + 8
    assert all(area.top() >= lowest for area in areas)
