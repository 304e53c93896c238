"""Cards in the atlas: a value painted over another looks as if the card had been painted anew."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nodeflow.host.evaluation.previews import make_preview
from nodeflow.host.protocol import Preview
from nodeflow.ui.canvas.paint.card_atlas import CardAtlas
from nodeflow.ui.canvas.paint.card_painter import CardPainter
from nodeflow.ui.canvas.scene.detail import FAR, FULL, WHOLE, Detail
from nodeflow.ui.core.theming.theme import DARK, LIGHT
from tests.ui.canvas.test_gallery import PREVIEWS, STATES

RANDOM = np.random.default_rng(2)
LATER = {
    "number": make_preview(np.float32(1234.5)),
    "step": replace(make_preview(np.float32(0.125)), step=99_999),
    "table": make_preview(RANDOM.normal(size=(2, 3)).astype(np.float32)),
    "long table": make_preview(RANDOM.normal(size=(7, 6)).astype(np.float32)),
    "heat map": make_preview(RANDOM.normal(size=(60, 60)).astype(np.float32)),
    "vector": make_preview(RANDOM.normal(size=300).astype(np.float32)),
    "pictures": make_preview(RANDOM.uniform(size=(9, 784)).astype(np.float32), (28, 28)),
    "figures": Preview("summary", "float32", (2, 3, 4, 5, 6), "", None, -9.0, 9.0, 0.75),
    "error": Preview("error", text="8 is not a class: labels go from 0 to 4"),
}
LEVELS = [
    Detail(level, 2 ** (step / 8))
    for level, steps in ((FULL, (0, -3, -5, 5)), (FAR, (-6, -9, -12, -19)))
    for step in steps
]


def painted(atlas: CardAtlas, card, detail: Detail, dpr: float, as_array):
    atlas.begin_frame()
    page, rect = atlas.paint(card, detail, dpr)
    assert atlas.find(card, detail, dpr) == (page, rect)
    picture = page.pixmap.copy(rect).toImage()
    alpha = picture.convertToFormat(picture.Format.Format_Alpha8)
    rows = np.frombuffer(alpha.constBits(), np.uint8).reshape(alpha.height(), -1)
    return rect, np.dstack([as_array(picture), rows[:, : alpha.width()]])


@pytest.mark.sample(1)
@pytest.mark.parametrize(("theme", "dpr"), [(LIGHT, 1.0), (DARK, 1.25)], ids=["light", "dark"])
@pytest.mark.parametrize("kind", LATER)
def test_a_new_value_is_painted_over_the_old_one(qapp, as_array, monkeypatch, kind, theme, dpr):
    monkeypatch.setattr("nodeflow.ui.canvas.paint.card_atlas.PAGE", 1024)  # less to clear
    for card in STATES.values():
        for detail in LEVELS:
            first = replace(card, value=PREVIEWS[kind], value_serial=1)
            then = replace(card, value=LATER[kind], value_serial=2)
            atlas = CardAtlas(CardPainter(theme))
            place, _ = painted(atlas, first, detail, dpr, as_array)
            same_place, over = painted(atlas, then, detail, dpr, as_array)
            _, anew = painted(CardAtlas(CardPainter(theme)), then, detail, dpr, as_array)
            if first.height == then.height:
                assert same_place == place, "it takes no more room"
            assert np.array_equal(over, anew), (card.status, card.severity, card.form, detail)
            assert atlas.find(first, detail, dpr) is None or same_place != place


@pytest.mark.thorough
def test_a_training_takes_no_more_room_however_long(qapp):
    atlas = CardAtlas(CardPainter(LIGHT))
    card = STATES["plain"]
    for serial in range(500):
        value = make_preview(np.float32(serial))
        atlas.begin_frame()
        atlas.paint(replace(card, value=value, value_serial=serial), WHOLE, 1.0)
    assert len(atlas._pages) == 1 and len(atlas._pages[0].keys) == 1


def test_another_state_or_kind_of_value_is_painted_beside_the_old_one(qapp):
    atlas = CardAtlas(CardPainter(LIGHT))
    plain = replace(STATES["plain"], value=PREVIEWS["number"], value_serial=1)
    cards = [
        plain,
        replace(plain, status="done"),
        replace(plain, value=PREVIEWS["heat map"], value_serial=2),
        replace(plain, subtitle="another"),
    ]
    for card in cards:
        atlas.paint(card, WHOLE, 1.0)
    assert all(atlas.find(card, WHOLE, 1.0) for card in cards)


@pytest.mark.thorough
def test_a_new_value_reaches_the_screen(canvas, expression, as_array, qtbot):
    """What was brought to the screen piece by piece is what is shown when all is painted anew."""

    def on_screen() -> np.ndarray:
        return as_array(canvas.screen().grabWindow(canvas.winId()).toImage())

    qtbot.waitUntil(lambda: canvas.renderer.is_settled)
    for zoom in (0, -10, 8):
        canvas.viewport.zoom(zoom)
        qtbot.waitUntil(lambda: canvas.renderer.is_settled and canvas.renderer._scaled_from is None)
        for value in (np.float32(3), np.arange(20, dtype=np.float32).reshape(4, 5), np.float32(7)):
            before = on_screen()
            canvas.node_state.set_values({name: make_preview(value) for name in ("b", "c", "d")})
            qtbot.waitUntil(lambda: canvas.renderer.is_settled)
            qtbot.wait(20)
            after = on_screen()
            assert not np.array_equal(before, after)
            anew = as_array(canvas.grab().toImage())
            far_off = np.abs(after.astype(int) - anew).max(axis=2) > 8  # Qt clips edges differently
            assert not far_off.any()
