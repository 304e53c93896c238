"""Text on the canvas has at least nine pixels on the screen, or is absent, at every zoom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from PySide6.QtGui import QAbstractTextDocumentLayout, QImage, QPainter

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.io import flow
from nodeflow.host.evaluation.previews import make_preview
from nodeflow.host.protocol import Preview
from nodeflow.resources import example
from nodeflow.ui.canvas import CanvasView
from nodeflow.ui.canvas.paint.frame_note_painter import _lines
from nodeflow.ui.canvas.scene.badges import Badge
from nodeflow.ui.canvas.scene.camera import MAX_STEP, MIN_STEP
from nodeflow.ui.core.theming.theme import LIGHT

LEAST = 9.0
RANDOM = np.random.default_rng(4)
VALUES = (
    make_preview(np.array(-1234.5, np.float32)),
    make_preview(RANDOM.normal(size=(2, 3)).astype(np.float32)),
    make_preview(RANDOM.normal(size=(70, 60)).astype(np.float32)),
    make_preview(RANDOM.normal(size=(7, 6)).astype(np.float32)),
    make_preview(RANDOM.uniform(size=(9, 784)).astype(np.float32), (28, 28)),
    Preview("summary", "float32", (2, 3, 4, 5, 6), "", None, -9.0, 9.0, 0.75),
    Preview("error", text="8 is not a class: labels go from 0 to 4, and this is a long message"),
)


@dataclass
class DrawnText:
    """A text that a painter drew, and the size of its font in pixels."""

    text: str
    pixels: float


@pytest.fixture
def texts(monkeypatch) -> Iterator[list[DrawnText]]:
    """All texts that painters draw, with their sizes in device pixels."""
    found: list[DrawnText] = []
    draw, draw_document = QPainter.drawText, QAbstractTextDocumentLayout.draw

    def pixels(painter: QPainter, size: float) -> float:
        at = painter.deviceTransform()
        assert at.m11() == pytest.approx(at.m22())
        return size * at.m11()

    def draw_text(painter, *args):
        (text,) = [arg for arg in args if isinstance(arg, str)]
        found.append(DrawnText(text, pixels(painter, painter.font().pixelSize())))
        return draw(painter, *args)

    def draw_note(layout, painter, context):
        for block, corner, line in _lines(layout.document()):
            if context.clip.contains(corner + line.position()):
                start, text = line.textStart(), block.text()
                for run in line.glyphRuns():
                    size = pixels(painter, run.rawFont().pixelSize())
                    found.append(DrawnText(text[start : start + line.textLength()], size))
        return draw_document(layout, painter, context)

    monkeypatch.setattr(QPainter, "drawText", draw_text)
    monkeypatch.setattr(QAbstractTextDocumentLayout, "draw", draw_note)
    yield found


def canvas_of(name: str, size: tuple[int, int], dpr: float, monkeypatch) -> CanvasView:
    """A canvas that shows an example with a value, a state and badges on its nodes."""
    document = flow.load(example(name))
    canvas = CanvasView(document, Analysis(document), LIGHT)
    monkeypatch.setattr(canvas, "devicePixelRatioF", lambda: dpr)
    canvas.resize(*size)
    names = [record.name for record in document.nodes.values()]
    values = {name: VALUES[i % len(VALUES)] for i, name in enumerate(names)}
    canvas.node_state.set_values(values)
    ids = list(document.nodes)
    canvas.scene.builder.overridden = frozenset(ids[:3])
    canvas.scene.badges = {node_id: Badge("1.2e-07", "ok", "exact") for node_id in ids[3:6]}
    canvas.scene.refresh(set(ids))
    canvas.scene.overridden[: len(ids) // 2] = True
    canvas.scene.order[: len(ids)] = np.arange(len(ids)) % 12
    return canvas


def shown(canvas: CanvasView, texts: list[DrawnText], dpr: float) -> list[DrawnText]:
    """Paint a whole frame, cards anew, and return its texts in logical pixels."""
    canvas.renderer.atlas.clear()
    canvas.renderer.repaint_all()
    texts.clear()
    frame = QImage(canvas.size() * dpr, QImage.Format.Format_RGB32)
    frame.setDevicePixelRatio(dpr)
    while True:
        painter = QPainter(frame)
        canvas.renderer.paint(painter)
        canvas._overlay.paint(painter)
        painter.end()
        if not canvas.renderer._waiting:
            break
        canvas.renderer.paint_waiting()
    return [DrawnText(each.text, each.pixels / dpr) for each in texts]


SLOW = pytest.mark.thorough


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("name", "size", "dpr"),
    [
        ("mnist", (940, 380), 1.0),
        ("expression", (1560, 820), 2.0),
        pytest.param("mnist", (1560, 820), 1.25, marks=SLOW),
        pytest.param("spirals", (940, 380), 2.0, marks=SLOW),
        pytest.param("lstm", (1560, 820), 1.0, marks=SLOW),
        pytest.param("regression", (940, 380), 1.0, marks=SLOW),
    ],
)
def test_no_text_is_smaller_than_nine_pixels_at_any_zoom(
    qtbot, texts, monkeypatch, name, size, dpr
):
    canvas = canvas_of(name, size, dpr, monkeypatch)
    qtbot.addWidget(canvas)
    small: dict[int, set[tuple[str, float]]] = {}
    canvas.viewport.fit_all()
    for step in range(MIN_STEP, MAX_STEP + 1):
        canvas.viewport.zoom(step - canvas.viewport.camera.step)
        for each in shown(canvas, texts, dpr):
            if each.pixels < LEAST - 0.01:
                small.setdefault(step, set()).add((each.text, round(each.pixels, 1)))
    canvas.scene.close()
    assert small == {}


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", ["mnist", "expression"])
def test_names_go_last(qtbot, texts, monkeypatch, name):
    """A graph that shows any text on a card shows the beginnings of all names that fit a card."""
    canvas = canvas_of(name, (3000, 2000), 1.0, monkeypatch)
    canvas.scene.badges = {}
    canvas.scene.overridden[:] = False
    canvas.scene.order[:] = 0
    qtbot.addWidget(canvas)
    canvas.viewport.fit_all()
    names = [record.name for record in canvas.document.nodes.values()]
    frames = {record.title for record in canvas.document.frames.values()}
    for step in range(-19, canvas.viewport.camera.step + 1):
        canvas.viewport.zoom(step - canvas.viewport.camera.step)
        drawn = [each.text for each in shown(canvas, texts, 1.0)]
        missing = [n for n in names if not any(t[:3].rstrip("…-") in n for t in drawn if t)]
        assert not missing, step
        assert frames <= {""} | set(drawn) or step < -16, step
    canvas.scene.close()


def test_the_names_of_a_graph_above_open_panels_are_whole(qtbot, texts, monkeypatch):
    """The canvas of a window of 1280 x 720 above the panels at the bottom."""
    canvas = canvas_of("mnist", (983, 333), 1.0, monkeypatch)
    canvas.scene.badges = {}
    canvas.scene.overridden[:] = False
    canvas.scene.order[:] = 0
    qtbot.addWidget(canvas)
    canvas.viewport.fit_all(keeps_names=True)
    text = "".join(each.text.removesuffix("-") for each in shown(canvas, texts, 1.0))
    inside = [n for n in canvas.viewport.visible_ids()
              if canvas.viewport.rect.contains(canvas.viewport.node_rect(n))]  # fmt: skip
    names = {canvas.document.nodes[node_id].name for node_id in inside}
    assert len(names) > 20
    assert {name for name in names if name not in text} == set()
    canvas.scene.close()
