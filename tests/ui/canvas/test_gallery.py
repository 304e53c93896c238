"""Every state of cards and wires, drawn in both themes: each can be told from the others.

Set NODEFLOW_GALLERY to a folder to keep the pictures and look at them.
"""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QImage, QPainter

from nodeflow.drawing.cards import card_data, value_preview
from nodeflow.drawing.cards.card_data import CardData, PortData
from nodeflow.drawing.geometry import Rect
from nodeflow.drawing.shapes import Shapes, Text
from nodeflow.graph.types import DTYPES
from nodeflow.host.evaluation.previews import make_preview
from nodeflow.host.protocol import Preview
from nodeflow.number_text import number
from nodeflow.ui.canvas.paint import lod_titles
from nodeflow.ui.canvas.paint.card_painter import CardPainter
from nodeflow.ui.canvas.paint.wire_layer import wire_dash, wire_pen
from nodeflow.ui.canvas.scene.detail import FAR, WHOLE, Detail
from nodeflow.ui.canvas.scene.scene_model import DTYPE_CODES, FEED_STYLE
from nodeflow.ui.core.painting import text_metrics
from nodeflow.ui.core.theming.theme import DARK, LIGHT

BOTH = pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
RANDOM = np.random.default_rng(1)


def make_card(**changes) -> CardData:
    """A card with two inputs and one output."""
    card = CardData(
        title="hidden",
        subtitle="Matmul",
        op="matmul",
        category="Matrix",
        inputs=(
            PortData("x", "x", "f32 ?×784", "float32", connected=True),
            PortData("y", "y", "", ""),
        ),
        outputs=(PortData("out", "", "f32 ?×300", "float32"),),
        value=make_preview(np.float32(0.9765)),
        value_serial=1,
        width=216,
    )
    return replace(card, **changes)


PREVIEWS = {
    "number": make_preview(np.float32(-0.5)),
    "step": replace(make_preview(np.float32(0.25)), step=1234),
    "table": make_preview(np.arange(6, dtype=np.float32).reshape(2, 3) / 7),
    "long table": make_preview(RANDOM.normal(size=(7, 6)).astype(np.float32)),
    "heat map": make_preview(RANDOM.normal(size=(60, 60)).astype(np.float32)),
    "vector": make_preview(RANDOM.normal(size=300).astype(np.float32)),
    "pictures": make_preview(RANDOM.uniform(size=(9, 784)).astype(np.float32), (28, 28)),
    "figures": Preview("summary", "float32", (2, 3, 4, 5, 6), "", None, -1.0, 1.0, 0.25),
    "error": Preview("error", text="7 is not a class: labels go from 0 to 4"),
    "nothing": None,
}

STATES = {
    "plain": make_card(),
    "running": make_card(status="running"),
    "done": make_card(status="done"),
    "stale": make_card(status="stale"),
    "muted": make_card(status="muted"),
    "bypassed": make_card(status="bypassed", passes=((0, 0),)),
    "inactive": make_card(status="inactive"),
    "hit": make_card(status="hit"),
    "collapsed": make_card(form=card_data.TITLE_FORM),
    "collapsed error": make_card(
        form=card_data.TITLE_FORM, problem="784 is not 128", severity="error"
    ),
    "dot": make_card(form=card_data.DOT_FORM, width=card_data.DOT),
    "error": make_card(problem="(32, 784) x (128, 10): 784 is not 128", severity="error"),
    "warning": make_card(problem="hidden needs a wire into y", severity="warning"),
    "info": make_card(problem="nothing feeds x", severity="info"),
}


def drawn(card: CardData, theme, detail: Detail = WHOLE) -> QImage:
    image = QImage(520, 460, QImage.Format.Format_RGB32)
    image.fill(theme.color("canvas"))
    painter = QPainter(image)
    painter.scale(2, 2)
    painter.translate(20, 16)
    CardPainter(theme).draw(painter, card, detail)
    painter.end()
    return image


def keep(images: list[QImage], name: str) -> None:
    """Save pictures side by side, if asked to."""
    folder = os.environ.get("NODEFLOW_GALLERY")
    if not folder:
        return
    columns = 4
    width, height = images[0].width(), images[0].height()
    rows = -(-len(images) // columns)
    sheet = QImage(columns * width, rows * height, QImage.Format.Format_RGB32)
    sheet.fill(images[0].pixelColor(1, 1))
    painter = QPainter(sheet)
    for index, image in enumerate(images):
        painter.drawImage(QPointF(index % columns * width, index // columns * height), image)
    painter.end()
    Path(folder).mkdir(parents=True, exist_ok=True)
    assert sheet.save(str(Path(folder) / f"{name}.png"))


def assert_all_differ(images: dict[str, QImage], as_array) -> None:
    arrays = {name: as_array(image).astype(int) for name, image in images.items()}
    for a, b in combinations(arrays, 2):
        changed = (np.abs(arrays[a] - arrays[b]).max(axis=2) > 40).sum()
        assert changed > 60, f"{a} looks like {b}"


@pytest.mark.thorough
@BOTH
def test_states_of_cards_can_be_told_apart(qapp, theme, as_array):
    images = {name: drawn(card, theme) for name, card in STATES.items()}
    keep(list(images.values()), f"states-{theme.name}")
    assert_all_differ(images, as_array)


@pytest.mark.thorough
@BOTH
def test_states_can_be_told_apart_without_colour(qapp, theme, as_array):
    grey = {
        name: drawn(card, theme).convertToFormat(QImage.Format.Format_Grayscale8)
        for name, card in STATES.items()
    }
    assert_all_differ(grey, as_array)


@pytest.mark.thorough
@BOTH
def test_every_kind_of_value_is_drawn(qapp, theme, as_array):
    cards = {n: make_card(value=p, value_serial=i) for i, (n, p) in enumerate(PREVIEWS.items(), 2)}
    images = {name: drawn(card, theme) for name, card in cards.items()}
    keep(list(images.values()), f"values-{theme.name}")
    assert_all_differ(images, as_array)
    keep([drawn(card, theme, Detail(FAR, 0.36)) for card in cards.values()], f"far-{theme.name}")


@BOTH
def test_ports_of_different_dtypes_differ_in_shape_or_fill(qapp, theme, as_array):
    """Colour is never the only cue: classes of dtypes differ in grey, too."""
    images = {}
    for dtype in ("float32", "int64", "bool"):
        image = QImage(60, 60, QImage.Format.Format_RGB32)
        image.fill(theme.color("canvas"))
        painter = QPainter(image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        grey = PortData("x", "x", "", dtype, connected=True)
        CardPainter(theme).port(painter, QPointF(30, 30), grey, 20)
        painter.end()
        images[dtype] = as_array(image)
    ground = images["float32"][0, 0]
    shapes = {d: (np.abs(a.astype(int) - ground).max(axis=2) > 60) for d, a in images.items()}
    for a, b in combinations(shapes, 2):
        assert (shapes[a] != shapes[b]).sum() > 100


@BOTH
def test_wires_differ_by_more_than_colour(theme):
    looks = {}
    for code, dtype in enumerate(DTYPE_CODES):
        for style in (code, code + FEED_STYLE):
            looks[dtype, style >= FEED_STYLE] = (
                wire_dash(style),
                wire_pen(theme, style, 1).widthF(),
            )
    tensors = [looks[dtype, False] for dtype in (*DTYPES, "")]
    assert len(set(tensors)) == len(tensors)
    assert looks["float32", True] != looks["float32", False]


def test_text_stays_inside_the_card(qapp, as_array):
    """A card with everything too long paints nothing outside its border but shadow and ports."""
    long = "a_name_that_is_much_too_long_for_any_card/" * 3
    card = make_card(
        title=long,
        subtitle=long,
        problem=long.replace("_", " ") * 4,
        severity="error",
        inputs=tuple(PortData(f"p{i}", long, long, "float32") for i in range(3)),
        outputs=tuple(PortData(f"o{i}", long, long, "float32") for i in range(3)),
        value=PREVIEWS["long table"],
    )
    image = QImage(800, 800, QImage.Format.Format_RGB32)
    image.fill(LIGHT.color("canvas"))
    painter = QPainter(image)
    painter.translate(200, 40)
    CardPainter(LIGHT).draw(painter, card)
    painter.end()
    dark = as_array(image).max(axis=2) < 170
    body = QRectF(200, 40, card.width, card.height).adjusted(-8, -1, 8, 1)
    outside = dark.copy()
    outside[int(body.top()) : int(body.bottom()), int(body.left()) : int(body.right())] = False
    assert not outside.any()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (9.0, "9"),
        (0.97650001, "0.9765"),
        (1.2e-05, "1.2e−5"),
        (-3, "−3"),
        (True, "true"),
        (float("nan"), "NaN"),
        (float("-inf"), "−∞"),
        (-0.0, "−0"),
        (1234567.0, "1.235e6"),
        (np.uint8(200), "200"),
    ],
)
def test_numbers_are_written_as_people_write_them(value, text):
    assert number(value) == text


@pytest.mark.parametrize("number", ["9", "−3.4e+38", "9223372036854775807"])
def test_a_number_is_seen_whole(qapp, number):
    shown, style = value_preview.fitting(number, 126)
    assert shown == number
    assert text_metrics.width(shown, style) <= 126


@pytest.mark.parametrize("number", ["0.5", "−6.62475e+21", "−1.23456789e−100"])
@pytest.mark.parametrize("words", ["", "step 11", "step 1 234 567"])
def test_a_number_and_its_step_keep_apart(qapp, number, words):
    shown, style, said = value_preview.beside(number, words, 126)
    assert shown == number and said in (words, "")
    taken = text_metrics.width(shown, style) + (
        text_metrics.width(said, text_metrics.CAPTION) + 6 if said else 0
    )
    assert taken <= 126
    assert said == words or len(number) > 10, "a short number leaves room"


def test_numbers_of_a_table_keep_apart(qapp):
    grid = np.array([[np.nan, 1, np.inf], [-np.inf, 1e-30, 123456789]], dtype=np.float32)
    room = 34.0
    shown, widest = value_preview._cells(grid, room)
    assert shown == [["NaN", "1", "∞"], ["−∞", "1e−30", "1.2e8"]]
    assert widest <= room


def test_a_table_that_is_cut_says_how_many_rows_there_are():
    sheet, table = Shapes(), make_preview(np.zeros((70, 3), np.float32))
    value_preview.draw(sheet, Rect(0, 0, 200, 200), table)
    last = sheet.found[-1]
    assert table.kind == "table" and isinstance(last, Text) and last.text == "… 70 rows"


def test_pictures_are_the_right_way_up():
    picture = np.zeros((4, 6), np.uint8)
    picture[0, 5] = 255
    shown = value_preview._pixels(picture, Preview("image"), LIGHT)
    assert np.array_equal(shown[:, :, 0], picture)


def test_heat_maps_survive_what_is_not_finite():
    field = np.array([[np.nan, np.inf], [-np.inf, 0.5]])
    shown = value_preview._pixels(field, Preview("heatmap"), LIGHT)
    assert shown.shape == (2, 2, 3)


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("loss", ["loss"]),
        ("log_one_minus_p", ["log_one_", "minus_p"]),
        ("encoder/attention", ["encoder/", "attention"]),
        ("probabilities", ["probabi-", "lities"]),
        ("categoricalcrossentropyofwords", None),
    ],
)
def test_names_from_afar_are_broken_before_they_are_cut(qapp, name, lines):
    found, size = lod_titles.set_name(name, 150.0, 80.0, 44.0, 30.0)
    if lines is None:
        assert len(found) == 2
        assert found[0].endswith("-") and found[1].endswith("…")
    else:
        assert found == lines
    assert max(text_metrics.width(line, (size, 600, False)) for line in found) <= 151


def test_the_only_element_of_a_table_is_seen_from_afar(qapp):
    card = Rect(0, 0, 168, 100)
    assert value_preview.far_area(make_preview(np.array([7])), card) is not None
    assert value_preview.far_area(make_preview(np.array([7, 8])), card) is None
