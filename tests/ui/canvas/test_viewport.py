"""The viewport without a widget: what pan, zoom and fit do, and what they report."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPointF, QRectF, QSize

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.ui.canvas.scene.scene_model import SceneModel
from nodeflow.ui.canvas.scene.viewport import Viewport

SIZE = QSize(1000, 700)


class Recorder(list):
    """The signals of a viewport in order, with their arguments."""

    def __init__(self, viewport: Viewport) -> None:
        super().__init__()
        for name in ("panned", "zoomed", "jumped", "changed"):
            getattr(viewport, name).connect(lambda *args, n=name: self.append((n, *args)))


@pytest.fixture
def scene(qapp):
    document = Document()
    for index, at in enumerate(((0, 0), (900, 40), (400, 900))):
        commands.add_node(document, "constant", at, name=f"n{index}", attrs={"value": 1.0})
    analysis = Analysis(document)
    document.subscribe(analysis.update)
    scene = SceneModel(document, analysis, lambda slots, structure: None)
    yield scene
    scene.close()


@pytest.fixture
def viewport(scene):
    return Viewport(scene, lambda: SIZE)


def test_a_pan_moves_by_pixels_and_reports_them(viewport):
    viewport.fit_all()
    before, seen = viewport.camera.to_scene(QPointF(100, 100)), Recorder(viewport)
    viewport.pan(30, -20)
    assert viewport.camera.to_view(before) == QPointF(130, 80)
    assert seen == [("panned", 30.0, -20.0), ("changed",)]


def test_a_zoom_keeps_the_point_under_the_anchor(viewport):
    anchor = QPointF(300, 200)
    fixed, step, seen = viewport.camera.to_scene(anchor), viewport.camera.step, Recorder(viewport)
    viewport.zoom(3, anchor)
    gap = viewport.camera.to_view(fixed) - anchor
    assert abs(gap.x()) <= 0.5 and abs(gap.y()) <= 0.5, "the offset is in whole pixels"
    assert viewport.camera.step == step + 3
    assert [name for name, *_ in seen] == ["zoomed", "changed"]
    viewport.zoom(1000)
    seen.clear()
    viewport.zoom(1)
    assert seen == [], "at the end of the ladder nothing changes"


def test_everything_fits_beside_the_cover(scene, viewport):
    cover = QRectF(700, 450, 300, 250)
    viewport.cover = lambda: cover
    viewport.fit_all()
    view = QRectF(0, 0, SIZE.width(), SIZE.height())
    cards = [viewport.node_rect(node) for node in scene.document.nodes]
    assert all(view.contains(card) and not card.intersects(cover) for card in cards)
    assert sorted(viewport.visible_ids()) == sorted(scene.document.nodes)


@pytest.mark.parametrize("middle", [(850, 440), (850, 600), (990, 690)])
def test_what_is_made_visible_comes_out_from_behind_the_cover(scene, viewport, middle):
    cover = QRectF(700, 450, 300, 250)
    viewport.cover = lambda: cover
    node = next(iter(scene.document.nodes))
    gap = QPointF(*middle) - viewport.node_rect(node).center()
    viewport.pan(gap.x(), gap.y())
    assert viewport.node_rect(node).intersects(cover)
    viewport.ensure_visible(node)
    card = viewport.node_rect(node)
    assert not card.intersects(cover)
    assert QRectF(0, 0, SIZE.width(), SIZE.height()).contains(card)


@pytest.mark.parametrize("panel", [QRectF(16, 400, 348, 284), QRectF(16, 100, 348, 584)])
def test_everything_fits_beside_a_panel(scene, viewport, panel):
    viewport.panel = lambda: panel
    viewport.fit_all()
    view = QRectF(0, 0, SIZE.width(), SIZE.height())
    cards = [viewport.node_rect(node) for node in scene.document.nodes]
    assert all(view.contains(card) and not card.intersects(panel) for card in cards)


@pytest.mark.parametrize("middle", [(40, 600), (340, 420)])
def test_what_is_made_visible_comes_out_from_behind_a_panel(scene, viewport, middle):
    panel = QRectF(16, 300, 348, 384)
    viewport.panel = lambda: panel
    node = next(iter(scene.document.nodes))
    gap = QPointF(*middle) - viewport.node_rect(node).center()
    viewport.pan(gap.x(), gap.y())
    viewport.ensure_visible(node)
    card = viewport.node_rect(node)
    assert not card.intersects(panel)
    assert QRectF(0, 0, SIZE.width(), SIZE.height()).contains(card)


def test_a_resized_view_keeps_its_middle_once_it_was_moved(scene):
    size = QSize(SIZE)
    viewport = Viewport(scene, lambda: size)
    viewport.fit_all()
    viewport.zoom(4, QPointF(10, 10))
    middle = viewport.camera.to_scene(viewport.center)
    size.setWidth(600)
    viewport.on_resize()
    assert viewport.camera.to_scene(viewport.center) == middle
    viewport.fit_all()
    size.setWidth(1200)
    viewport.on_resize()
    gap = viewport.camera.to_view(scene.bounds().center()) - QPointF(600, 350)
    assert abs(gap.x()) <= 0.5 and abs(gap.y()) <= 0.5, "the offset is in whole pixels"


def test_the_view_moves_no_more_than_makes_a_node_visible(scene, viewport):
    first, second, _ = scene.document.nodes
    viewport.camera.step = 0
    viewport.look_at(viewport.camera.to_scene(viewport.center), 0)
    viewport.ensure_visible(first)
    seen = Recorder(viewport)
    viewport.ensure_visible(first)
    assert seen == []
    viewport.ensure_visible(second)
    assert [name for name, *_ in seen] == ["panned", "changed"]
    assert viewport.node_rect(second).right() == pytest.approx(SIZE.width() - 40)


def test_a_hit_test_at_a_port_finds_it(scene, viewport):
    node = next(iter(scene.document.nodes))
    viewport.center_on(node)
    hit = viewport.hit_test(viewport.port_position(node, "out", "out"))
    assert (hit.kind, hit.node, hit.side, hit.port.name) == ("port", node, "out", "out")
    assert viewport.hit_test(QPointF(1, 1)).kind == "empty"
