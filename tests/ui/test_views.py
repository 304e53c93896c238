"""Views on nodes: pinned by an action, watched while in sight, drawn where the value stands."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtGui import QImage, QPainter

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.drawing.geometry import Point, Rect
from nodeflow.drawing.sheet import fair_share
from nodeflow.drawing.views.axes import tick_text, ticks
from nodeflow.drawing.views.palette import point_color
from nodeflow.drawing.views.view import ShownView, discover_views
from nodeflow.host import protocol as p
from nodeflow.host.views.kinds.plot import PlotData, Series
from nodeflow.host.views.kinds.regions import GRID, RegionData
from nodeflow.host.views.view_kind import discover_kinds
from nodeflow.resources import example
from nodeflow.ui.core.theming.theme import DARK, LIGHT
from nodeflow.ui.views.qt_sheet import Sheet


@pytest.fixture
def spirals(window):
    window.files.open_example(example("spirals"))
    window.pages.show_canvas()
    return window


def node(window, name: str) -> str:
    return window.workspace.document.node_named(name).id


def select(window, *names: str) -> None:
    window.canvas.selection.select([node(window, name) for name in names])


def watched(engine) -> tuple[p.ViewSpec, ...]:
    requests = engine.requests(p.WatchViews)
    return requests[-1].views if requests else ()


def regions(left: int = 0, right: int = 1) -> RegionData:
    """Two halves, and a point of the other class in each."""
    classes = np.full((GRID, GRID), left, np.uint8)
    classes[:, GRID // 2 :] = right
    return RegionData(
        extent=(-1.0, 1.0, -1.0, 1.0),
        axes=("x[0]", "x[1]"),
        classes=classes,
        strength=np.full((GRID, GRID), 255, np.uint8),
        values=None,
        names=("cat", "dog"),
        points=np.array([[-0.5, 0.5], [0.5, 0.5]], np.float32),
        groups=np.array([1, 0], np.int16),
        is_test=np.array([False, True]),
    )


def line() -> PlotData:
    x = np.linspace(0, 1, 50)
    return PlotData(
        series=(
            Series("y", "scatter", "train", x, 2 * x),
            Series("prediction", "line", "value", x, 2 * x),
        ),
        axes=("x", "prediction"),
        choices=(("x", "x"), ("#", "row number")),
        x="x",
        style="line",
    )


def answer(engine, name: str, data, **more) -> None:
    """The engine's answer to the view of a node that was asked for last."""
    spec = next(spec for spec in watched(engine) if spec.name == name)
    request = engine.requests(p.WatchViews)[-1].request
    engine.on_message(p.ViewValue(request, spec, data, **more))


# ---- pinning ------------------------------------------------------------------------------------


def test_a_view_on_a_node_is_one_undo_step_and_stands_in_the_file(qtbot, spirals, engine):
    document, before = spirals.workspace.document, flow.dumps(spirals.workspace.document)
    select(spirals, "predicted")
    spirals.actions_.trigger("view_regions")
    assert document.node_named("predicted").extra["view"] == {"kind": "regions"}
    again = flow.loads(flow.dumps(document))
    assert again.node_named("predicted").extra["view"] == {"kind": "regions"}
    spec = p.ViewSpec("regions", "predicted")
    qtbot.waitUntil(lambda: watched(engine)[-1:] == (spec,))
    document.undo()
    assert flow.dumps(document) == before
    qtbot.waitUntil(lambda: spec not in watched(engine))
    document.redo()
    select(spirals, "predicted")
    spirals.actions_.trigger("view_value")
    assert flow.dumps(document) == before


@pytest.mark.thorough
def test_the_view_is_drawn_where_the_value_stands(qtbot, spirals, engine):
    select(spirals, "predicted")
    canvas, node_id = spirals.canvas, node(spirals, "predicted")
    canvas.viewport.zoom_reset()
    canvas.viewport.center_on(node_id)
    height = canvas.viewport.node_rect(node_id).height()
    spirals.actions_.trigger("view_regions")
    assert canvas.viewport.node_rect(node_id).height() > height + 30
    qtbot.waitUntil(lambda: p.ViewSpec("regions", "predicted") in watched(engine))
    canvas.viewport.zoom_reset()
    canvas.viewport.center_on(node_id)
    qtbot.waitUntil(lambda: canvas.renderer.is_settled)
    empty = canvas.grab().toImage()
    answer(engine, "predicted", regions(), step=12)
    slot = canvas.scene.nodes.get(node_id)
    qtbot.waitUntil(lambda: canvas.scene.card(slot).value.value is not None)
    qtbot.waitUntil(lambda: canvas.grab().toImage() != empty)
    rect = canvas.viewport.node_rect(node_id)
    image = canvas.grab().toImage()
    y = rect.bottom() - rect.height() * 0.25
    colors = [
        image.pixelColor(int(rect.left() + rect.width() * part), int(y)) for part in (0.4, 0.6)
    ]
    assert colors[0].blue() > colors[0].red() + 20, "the first class is blue"
    assert colors[1].red() > colors[1].blue() + 20, "the second is orange"
    text = canvas.scene.card(slot).value.text
    assert "Regions" in text and "cat 50%" in text


@pytest.mark.thorough
def test_a_renamed_node_keeps_its_view_and_is_asked_for_by_its_new_name(qtbot, spirals, engine):
    select(spirals, "predicted")
    spirals.actions_.trigger("view_regions")
    commands.rename(spirals.workspace.document, node(spirals, "predicted"), "answer")
    qtbot.waitUntil(lambda: p.ViewSpec("regions", "answer") in watched(engine))


@pytest.mark.thorough
def test_only_views_in_sight_are_computed(qtbot, spirals, engine):
    select(spirals, "predicted")
    spirals.actions_.trigger("view_regions")
    spec = p.ViewSpec("regions", "predicted")
    qtbot.waitUntil(lambda: spec in watched(engine))
    spirals.canvas.viewport.zoom_reset()
    spirals.canvas.viewport.center_on(node(spirals, "hidden2"))
    qtbot.waitUntil(lambda: spec not in watched(engine))
    spirals.canvas.viewport.center_on(node(spirals, "predicted"))
    qtbot.waitUntil(lambda: spec in watched(engine))


@pytest.mark.thorough
def test_of_two_nodes_the_second_is_plotted_over_the_first(qtbot, spirals, engine):
    select(spirals, "sum2", "hidden2")
    spirals.actions_.trigger("view_plot")
    record = spirals.workspace.document.node_named("hidden2")
    assert record.extra["view"] == {"kind": "plot", "x": node(spirals, "sum2")}
    spec = p.ViewSpec("plot", "hidden2", (("x", "sum2"),))
    qtbot.waitUntil(lambda: spec in watched(engine))
    commands.rename(spirals.workspace.document, node(spirals, "sum2"), "before")
    spec = p.ViewSpec("plot", "hidden2", (("x", "before"),))
    qtbot.waitUntil(lambda: spec in watched(engine))


@pytest.mark.thorough
def test_a_node_without_such_a_view_says_why(spirals):
    for name, action, words in (
        ("loss", "view_regions", "single number"),
        ("W1", "view_regions", "shape ?×2"),
        ("train", "view_plot", "no value"),
    ):
        select(spirals, name)
        spirals.actions_.refresh_now()
        assert words in spirals.actions_.blocked(action).reason
    select(spirals, "logits")
    spirals.actions_.refresh_now()
    assert spirals.actions_.blocked("view_regions") is None


@pytest.mark.thorough
def test_an_answer_of_the_document_before_is_not_shown(qtbot, spirals, engine):
    select(spirals, "predicted")
    spirals.actions_.trigger("view_regions")
    spec = p.ViewSpec("regions", "predicted")
    qtbot.waitUntil(lambda: spec in watched(engine))
    late = p.ViewValue(engine.requests(p.WatchViews)[-1].request, spec, regions())
    document = flow.loads(flow.dumps(spirals.workspace.document))
    spirals.workspace.open(document)
    engine.on_message(late)
    qtbot.wait(50)
    slot = spirals.canvas.scene.nodes.get(node(spirals, "predicted"))
    assert spirals.canvas.scene.card(slot).value.value is None


# ---- drawing ------------------------------------------------------------------------------------


def test_each_view_that_the_engine_computes_can_be_drawn():
    others = {"predictions", "measures"}  # a panel, and colours of nodes
    assert set(discover_kinds()) - set(discover_views()) == others
    assert set(discover_views()) <= set(discover_kinds())


SAMPLES = {"regions": regions(), "plot": line()}


def painted(kind: str, data, theme, width: int, height: int, **sheet) -> QImage:
    image = QImage(width, height, QImage.Format.Format_RGB32)
    image.fill(theme.color("sunken"))
    painter = QPainter(image)
    try:
        rect = Rect(0, 0, width, height)
        discover_views()[kind].draw(Sheet(painter, theme, **sheet), rect, data)
    finally:
        painter.end()
    return image


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("kind", list(SAMPLES))
@pytest.mark.parametrize("size", [(240, 200), (900, 500), (60, 40)])
def test_views_are_drawn_at_every_size_in_both_themes(qapp, kind, theme, size):
    ground = painted(kind, SAMPLES[kind], theme, *size)
    assert ground != painted(kind, SAMPLES[kind], LIGHT if theme is DARK else DARK, *size)
    for sheet in ({"is_small": True}, {"as_path": True}):
        painted(kind, SAMPLES[kind], theme, *size, **sheet)


def test_points_of_a_class_stand_in_its_colour(qapp):
    image = painted("regions", regions(), LIGHT, 400, 400, is_small=True)
    for x, group in ((100, 1), (300, 0)):
        pixel, color = image.pixelColor(x, 100), LIGHT.of(point_color(group))
        if group == 1:  # a training point is filled
            assert abs(pixel.red() - color.red()) + abs(pixel.blue() - color.blue()) < 30
        else:  # a test point is a ring
            assert pixel.lightness() > 200


@pytest.mark.thorough
def test_what_is_under_the_pointer_is_said(qapp):
    rect = Rect(0, 0, 500, 400)
    found = discover_views()["regions"].at(regions(), rect, Point(250, 200))
    assert "class" in found and "100%" in found
    assert discover_views()["regions"].at(regions(), rect, Point(-5, -5)) == ""
    plot = discover_views()["plot"]
    texts = {plot.at(line(), rect, Point(x, y)) for x in range(0, 500, 9) for y in range(0, 400, 9)}
    assert any(text.startswith(("prediction: x ", "y: x ")) for text in texts)


def test_a_view_without_data_says_why(qapp):
    spec = p.ViewSpec("regions", "a")
    shown = ShownView("regions", p.ViewValue(0, spec, None, "It depends on y, too."))
    assert shown.text == "Regions: It depends on y, too."
    assert "no data yet" in ShownView("plot").text


@pytest.mark.parametrize(
    "low, high, most, expected",
    [
        (0, 1, 5, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"][:6]),
        (-2.4, 2.4, 5, ["−2", "−1", "0", "1", "2"]),
        (0.0012, 0.0031, 4, ["0.0015", "0.0020", "0.0025", "0.0030"]),
        (0, 4e6, 4, ["0", "1e6", "2e6", "3e6", "4e6"]),
        (5, 5, 4, []),
    ],
)
def test_ticks_are_round_numbers(low, high, most, expected):
    assert [tick_text(value, step) for value, step in ticks(low, high, most)] == expected


def test_long_names_in_a_legend_give_way_to_short_ones():
    assert fair_share([10, 20, 30], 100) == math.inf
    assert fair_share([20, 100, 100], 140) == 60
    assert fair_share([10, 100, 100], 50) == 20
