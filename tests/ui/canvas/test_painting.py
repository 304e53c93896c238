"""The picture: shortcuts of the painting must not show, and every state must."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QBuffer, QByteArray, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPixmap
from PySide6.QtSvg import QSvgGenerator, QSvgRenderer

from nodeflow.document.edit import commands
from nodeflow.document.model.records import SUBGRAPH
from nodeflow.host.evaluation.previews import make_preview
from nodeflow.ui.canvas.paint import layers
from nodeflow.ui.canvas.paint.card_atlas import margin_pixels
from nodeflow.ui.canvas.paint.frame_cache import FrameCache
from nodeflow.ui.canvas.scene.detail import FAR, FULL, WHOLE, Detail
from nodeflow.ui.core.theming.theme import DARK, LIGHT


def fresh(canvas, picture) -> np.ndarray:
    """The picture when everything is painted anew."""
    canvas.renderer.atlas.clear()
    canvas.renderer.repaint_all()
    return picture()


def differing(a: np.ndarray, b: np.ndarray) -> float:
    """The share of pixels that differ by more than rounding can explain."""
    return float((np.abs(a.astype(int) - b.astype(int)).max(axis=2) > 24).mean())


@pytest.fixture
def values(canvas, expression):
    canvas.node_state.set_values({name: make_preview(np.float32(3)) for name in ("b", "c", "d")})


@pytest.mark.thorough
@pytest.mark.parametrize("steps", [0, -7, -14, -24])
def test_panning_shows_what_painting_anew_shows(canvas, expression, values, picture, steps, qtbot):
    canvas.viewport.zoom(steps)
    qtbot.waitUntil(lambda: canvas.renderer._scaled_from is None, timeout=1000)
    picture()
    for dx, dy in ((37, 0), (-11, 23), (5, -60), (-300, 90)):
        canvas.viewport.pan(dx, dy)
        panned = picture()
        assert differing(panned, fresh(canvas, picture)) < 2e-4


@pytest.mark.thorough
@pytest.mark.parametrize(
    "change",
    ["value", "state", "attribute", "rename", "select", "deselect", "problem", "connect", "remove"],
)
def test_a_change_repaints_all_that_it_touches(
    document, canvas, expression, values, picture, change
):
    if change == "deselect":
        canvas.selection.select([expression["d"]])
    before = picture()
    {
        "value": lambda: canvas.node_state.set_values(
            {"d": make_preview(np.zeros((9, 9), np.float32))}
        ),
        "state": lambda: canvas.node_state.set_status({expression["d"]: "running"}),
        "attribute": lambda: commands.set_attr(document, expression["b"], "value", [[1.0, 2.0]]),
        "rename": lambda: commands.rename(document, expression["d"], "a_much_longer_name_for_d"),
        "select": lambda: canvas.selection.select([expression["d"]]),
        "deselect": lambda: canvas.selection.select([]),
        "problem": lambda: commands.connect(document, expression["b"], "out", expression["p"], "x"),
        "connect": lambda: commands.connect(document, expression["d"], "out", expression["e"], "x"),
        "remove": lambda: commands.remove(document, [expression["d"]]),
    }[change]()
    after = picture()
    assert differing(before, after) > 0
    assert differing(after, fresh(canvas, picture)) == 0


def test_each_value_of_a_node_is_seen(canvas, expression, picture):
    seen = []
    for value in (3, 4, 5):
        canvas.node_state.set_values({"d": make_preview(np.float32(value))})
        seen.append(picture())
        assert differing(seen[-1], fresh(canvas, picture)) < 2e-4
    assert not np.array_equal(seen[0], seen[1]) and not np.array_equal(seen[1], seen[2])


def test_a_change_of_one_value_repaints_only_its_card(canvas, expression, values, picture):
    picture()
    painted: list[QRectF] = []
    paint = canvas.renderer.frame._paint
    canvas.renderer.frame._paint = lambda painter, rect: (
        painted.append(QRectF(rect)),
        paint(painter, rect),
    )
    canvas.node_state.set_values({"d": make_preview(np.float32(4))})
    picture()
    assert len(painted) == 1
    assert painted[0].width() < canvas.viewport.node_rect(expression["d"]).width() + 40


def test_cards_are_painted_once(document, canvas, picture):
    for index in range(20):
        commands.add_node(
            document, "add", (200 * (index % 5), 150 * (index // 5)), name=f"n{index}"
        )
    picture()
    painted = canvas.renderer.atlas.painted
    assert painted == 20
    canvas.viewport.pan(3, 3)
    picture()
    canvas.viewport.pan(-3, -3)
    picture()
    assert canvas.renderer.atlas.painted == painted


def test_a_moved_node_is_lifted_over_the_picture_and_lands(canvas, hands, expression, picture):
    start = hands.title(expression["e"])
    hands.press(start)
    hands.move(start + QPointF(160, 80).toPoint())
    lifted = picture()
    hands.release(start + QPointF(160, 80).toPoint())
    landed = fresh(canvas, picture)
    x, y, width, height = canvas.viewport.node_rect(expression["e"]).toRect().getRect()
    area = (slice(y + 4, y + height - 4), slice(x + 4, x + width - 4))
    assert differing(lifted[area], landed[area]) < 0.01


def test_zooming_shows_a_scaled_frame_first_and_the_true_one_soon(
    canvas, expression, picture, qtbot
):
    picture()
    canvas.renderer.frame.last_whole_ms = 1000.0
    canvas.viewport.zoom(-4)
    canvas.viewport.pan(30, 20)
    scaled = picture()
    qtbot.waitUntil(lambda: canvas.renderer._scaled_from is None, timeout=1000)
    true = picture()
    assert differing(scaled, true) > 0
    assert differing(true, fresh(canvas, picture)) == 0


def test_a_card_that_is_late_is_shown_as_it_was(canvas, expression, values, picture, as_array):
    """While the view moves, no card turns into an empty box for lack of time."""
    picture()
    canvas.viewport.camera.zoom_to(1, QPointF(0, 0))
    painted = canvas.renderer.atlas.painted
    frame = QImage(canvas.size(), QImage.Format.Format_RGB32)
    painter = QPainter(frame)
    canvas.renderer._deadline = 0.0
    canvas.renderer._paint_part(painter, QRectF(canvas.rect()))
    painter.end()
    assert canvas.renderer.atlas.painted == painted
    assert canvas.renderer._waiting
    late, true = as_array(frame), fresh(canvas, picture)
    rect = canvas.viewport.node_rect(expression["d"]).toRect().adjusted(6, 6, -6, -6)
    area = (slice(rect.top(), rect.bottom()), slice(rect.left(), rect.right()))
    assert late[area].std() > 10
    assert np.abs(late[area].astype(int) - true[area]).mean() < 8


def test_cards_too_large_for_the_atlas_are_drawn_directly(canvas, expression, values, picture):
    canvas.viewport.camera.dpr = 2.0
    canvas.viewport.center_on(expression["d"])
    canvas.viewport.zoom(100)
    shot = canvas.renderer.context(QRectF(canvas.rect()))
    shot.scale = 16.0
    assert canvas.scene.sizes[0].max() * shot.scale > canvas.renderer.atlas.room(shot.scale)
    image = QImage(canvas.size(), QImage.Format.Format_RGB32)
    painter = QPainter(image)
    canvas.renderer.atlas.begin_frame()
    layers.paint_all(painter, shot)
    painter.end()
    assert not shot.waiting


def test_bodies_look_alike_exactly_if_their_keys_are_equal(canvas, expression, as_array):
    painter_of_cards = canvas.renderer.atlas.painter
    card = canvas.scene.card(canvas.scene.nodes.used().tolist()[0])
    others = {"renamed": replace(card, title="x"), "subgraph": replace(card, op=SUBGRAPH),
              "wider": replace(card, width=card.width + 40)}  # fmt: skip

    def body(of) -> bytes:
        image = QImage(400, 300, QImage.Format.Format_ARGB32)
        image.fill(Qt.GlobalColor.white)
        painter = QPainter(image)
        painter_of_cards.body(painter, of)
        painter.end()
        return as_array(image).tobytes()

    alike = {name: body(other) == body(card) for name, other in others.items()}
    assert alike == {"renamed": True, "subgraph": False, "wider": False}
    for name, other in others.items():
        same_key = painter_of_cards.body_key(other, WHOLE) == painter_of_cards.body_key(card, WHOLE)
        assert same_key is alike[name], name


@pytest.mark.parametrize("level", [FULL, FAR])
@pytest.mark.parametrize("scale", [0.25, 0.71, 1.19])
def test_a_card_from_the_atlas_is_as_if_drawn_alone(canvas, expression, as_array, level, scale):
    """Cards of one size share their body there, whatever else is on them."""
    canvas.node_state.set_values({"d": make_preview(np.float32(3))})
    canvas.node_state.set_status({expression["e"]: "muted", expression["c"]: "running"})
    commands.add_node(canvas.document, "matmul", (0, 600), "lonely")
    commands.add_node(canvas.document, "reroute", (0, 900), "dot")
    atlas, scene, detail = canvas.renderer.atlas, canvas.scene, Detail(level, scale)
    cards = [scene.card(slot) for slot in scene.nodes.used().tolist()]
    assert len({atlas.painter.body_key(card, detail) for card in cards}) < len(cards)
    for card in cards:
        page, rect = atlas.paint(card, detail, 1.0)
        alone = QPixmap(page.pixmap.size())
        alone.fill(Qt.GlobalColor.transparent)
        painter = QPainter(alone)  # at the same place, clipped alike: Qt rounds by both
        painter.setClipRect(rect)
        painter.translate(QPointF(rect.topLeft()) + QPointF(1, 1) * margin_pixels(scale))
        painter.scale(scale, scale)
        atlas.painter.draw(painter, card, detail)
        painter.end()
        kept, drawn = (as_array(p.copy(rect).toImage()) for p in (page.pixmap, alone))
        assert np.array_equal(kept, drawn), card.title


@pytest.mark.parametrize("dpr", [1.0, 1.25, 2.0])
def test_the_kept_frame_is_exact_at_every_pixel_ratio(qapp, as_array, dpr):
    def paint(painter: QPainter, rect: QRectF) -> None:
        painter.fillRect(rect, QColor("black"))
        painter.fillRect(QRectF(40 + shift[0], 30 + shift[1], 24, 16), QColor("white"))

    shift = [0.0, 0.0]
    cache = FrameCache(paint)
    cache.resize(QSize(160, 120), dpr)
    cache.repair()
    for dx, dy in ((8, 4), (-12, 8), (20, -16), (3 / dpr, -7 / dpr), (-11 / dpr, 2 / dpr)):
        shift[0] += dx
        shift[1] += dy
        cache.scroll(dx, dy)
        kept = as_array(cache.repair().toImage())
        cache.damage_all()
        assert np.array_equal(kept, as_array(cache.repair().toImage()))


# ---- exports --------------------------------------------------------------------------------


def svg_of(canvas) -> bytes:
    rect = QRectF(0, 0, 800, 600)
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QBuffer.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(QSize(800, 600))
    generator.setViewBox(rect)
    painter = QPainter(generator)
    canvas.renderer.export(painter, rect)
    painter.end()
    buffer.close()
    return bytes(data.data())


def test_an_svg_needs_no_fonts_and_looks_like_the_png(canvas, expression, values, as_array):
    svg = svg_of(canvas)
    assert b"<text" not in svg
    assert b"<path" in svg
    direct = QImage(800, 600, QImage.Format.Format_RGB32)
    painter = QPainter(direct)
    canvas.renderer.export(painter, QRectF(0, 0, 800, 600))
    painter.end()
    again = QImage(800, 600, QImage.Format.Format_RGB32)
    again.fill(0xFFFFFFFF)
    painter = QPainter(again)
    QSvgRenderer(QByteArray(svg)).render(painter, QRectF(0, 0, 800, 600))
    painter.end()
    a, b = as_array(direct).astype(int), as_array(again).astype(int)
    assert np.abs(a - b).mean() < 6


def test_an_export_does_not_depend_on_the_view(canvas, expression, values):
    before = svg_of(canvas)
    canvas.viewport.zoom(-20)
    canvas.viewport.pan(400, -90)
    canvas.selection.select([expression["b"]])
    assert svg_of(canvas) == before


def test_an_empty_document_can_be_exported(canvas):
    assert b"<svg" in svg_of(canvas)


# ---- hints ----------------------------------------------------------------------------------


def test_an_empty_canvas_offers_the_tutorial(canvas, hands, qtbot, document, picture):
    with_hints = picture()
    link = canvas.empty_state.link_rect().center().toPoint()
    with qtbot.waitSignal(canvas.signals.tutorial_requested):
        hands.click(link)
    commands.add_node(document, "add", (5000, 5000))
    assert differing(with_hints, picture()) > 0.005
    with qtbot.assertNotEmitted(canvas.signals.tutorial_requested):
        hands.click(link)


def test_the_theme_changes_everything(canvas, expression, picture):
    light = picture()
    canvas.set_theme(DARK)
    dark = picture()
    assert light.mean() > 200
    assert dark.mean() < 60
    canvas.set_theme(LIGHT)
    assert differing(light, picture()) == 0
