"""Nodes and wires coloured by a measure: chosen in the menu, with a legend and numbers in tips."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QFileDialog, QMenu

from nodeflow.document.edit import commands
from nodeflow.host import protocol as p
from nodeflow.ui.canvas.scene.hit_test import Hit
from nodeflow.ui.canvas.scene.tints import LEVELS, level_color
from nodeflow.ui.canvas.view.tooltips import tooltip
from nodeflow.ui.core.theming.colorings import COLORINGS, ColorScale, ramp_color
from nodeflow.ui.core.theming.theme import DARK, LIGHT, contrast

pytestmark = pytest.mark.qt_log_ignore("does not support", extend=True)
LEFT = Qt.MouseButton.LeftButton
MAGNITUDE = COLORINGS["magnitude"]


def choose(window, qtbot, title: str) -> None:
    """Choose in View > Colour by with the mouse."""
    view = next(a.menu() for a in window.menuBar().actions() if "View" in a.text())
    menu = next(a.menu() for a in view.actions() if a.text() == "Colour by")
    assert isinstance(menu, QMenu)
    action = next(a for a in menu.actions() if a.text() == title)
    menu.popup(QPoint(10, 10))
    qtbot.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())
    menu.close()


@pytest.fixture
def line(live_window, qtbot):
    """x of 0, 1, 2 and three nodes after it, in a window with the real engine."""
    window = live_window()
    document = window.workspace.document
    add = commands.add_node
    attrs = {"value": [-2.0, 0.0, 2.0, 4.0]}
    x = add(document, "constant", (0, 0), name="x", attrs=attrs)
    small = add(document, "constant", (0, 220), name="small", attrs={"value": 0.001})
    relu = add(document, "relu", (260, 0), name="relu")
    product = add(document, "multiply", (520, 0), name="product")
    for source, target, port in ((x, relu, "x"), (relu, product, "x"), (small, product, "y")):
        commands.connect(document, source, "out", target, port)
    window.canvas.viewport.fit_all()
    qtbot.waitUntil(lambda: "product" in window.shown_values.values)
    return window


def tints(window):
    return window.canvas.renderer.tints


def node(window, name: str) -> str:
    return window.workspace.document.node_named(name).id


def value(window, name: str):
    return tints(window).measured.get(node(window, name), {}).get(0)


def has(window, name: str):
    return lambda: value(window, name) is not None


@pytest.mark.thorough
def test_nothing_is_coloured_until_the_user_chooses(line):
    assert tints(line) is None and not line.colors.legend.isVisible()
    assert line.actions_["color_none"].isChecked()
    assert not any(r.of for r in line.link.channel.client.sent if isinstance(r, p.Measure))


@pytest.mark.thorough
def test_the_menu_colours_by_magnitude_and_by_nothing_again(line, qtbot):
    choose(line, qtbot, "Magnitude")
    qtbot.waitUntil(has(line, "product"))
    x = np.array([-2.0, 0, 2, 4])
    assert value(line, "x").value == pytest.approx(np.sqrt((x**2).mean()))
    product = np.maximum(x, 0) * 0.001
    assert value(line, "product").value == pytest.approx(np.sqrt((product**2).mean()))
    scale = tints(line).scale
    assert (scale.low, scale.high, scale.is_log) == (0.001, 10.0, True)
    assert line.colors.legend.isVisible() and line.colors.chosen == "magnitude"
    choose(line, qtbot, "Nothing")
    assert tints(line) is None and not line.colors.legend.isVisible()
    qtbot.waitUntil(lambda: all(v.measured is None for v in line.shown_values.values.values()))


@pytest.mark.thorough
def test_the_legend_chooses_something_else_and_switches_off(line, qtbot):
    choose(line, qtbot, "Magnitude")
    legend = line.colors.legend
    combo = legend.choice
    combo.setFocus()
    qtbot.keyClick(combo, Qt.Key.Key_Down)
    qtbot.waitUntil(has(line, "relu"))
    assert tints(line).coloring.id == "zeros" == combo.currentData()
    assert value(line, "relu").value == pytest.approx(0.5)
    assert legend.scale.texts == ["0 %", "50 %", "100 %"]
    qtbot.mouseClick(legend.off, LEFT)
    assert tints(line) is None and not legend.isVisible()


@pytest.mark.thorough
@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_cards_and_wires_are_drawn_in_the_colours_of_the_legend(line, qtbot, theme):
    line.themes.set_theme(theme)
    choose(line, qtbot, "Share of zeros")
    qtbot.waitUntil(has(line, "product"))
    canvas = line.canvas
    qtbot.waitUntil(lambda: canvas.grab() and canvas.renderer.is_settled)
    image = canvas.grab().toImage()
    for name, share in (("x", 0.25), ("relu", 0.5), ("small", 0.0)):
        rect = canvas.viewport.node_rect(node(line, name))
        drawn = image.pixelColor(QPoint(round(rect.center().x()), round(rect.top()) + 2))
        assert drawn == level_color(theme, round(share * (LEVELS - 1))), name
    slot = canvas.scene.nodes.get(node(line, "relu"))
    ends = canvas.scene.wires.ends(canvas.scene.wires_of([slot]), canvas.scene.positions)
    (end,) = [e for e in ends if e[2] == canvas.scene.positions[slot][0]]
    middle = QPointF((end[0] + end[2]) / 2, (end[1] + end[3]) / 2)
    middle = canvas.viewport.camera.to_view(middle)
    wanted = level_color(theme, round(0.25 * (LEVELS - 1)))
    around = [image.pixelColor(round(middle.x()), round(middle.y()) + dy) for dy in range(-3, 4)]
    assert wanted in around


@pytest.mark.thorough
def test_the_colours_stay_those_of_the_scale_under_the_pointer(line, qtbot):
    choose(line, qtbot, "Share of zeros")
    qtbot.waitUntil(has(line, "product"))
    canvas = line.canvas
    card = canvas.viewport.node_rect(node(line, "x")).center().toPoint()
    qtbot.mouseMove(canvas, card - QPoint(3, 3))
    qtbot.mouseMove(canvas, card)
    qtbot.waitUntil(lambda: bool(canvas.highlight.parts))
    hovered = canvas.grab().toImage()
    canvas.highlight.follow("")
    assert canvas.grab().toImage() == hovered
    canvas.renderer.set_tints(None)
    plain = canvas.grab().toImage()
    canvas.highlight.node = node(line, "x")
    canvas.highlight.show()
    assert canvas.grab().toImage() != plain, "without colours there is a highlight"


def test_where_there_is_no_number_a_node_stays_plain_and_its_tip_says_why(line, qtbot):
    choose(line, qtbot, "Saturation")
    qtbot.waitUntil(has(line, "relu"))
    scene = line.canvas.scene
    relu, x = node(line, "relu"), node(line, "x")
    assert tints(line).level(x) == -1 and tints(line).level(relu) > 0
    assert "Saturation: 50 %" in tooltip(scene, Hit("title", relu), tints(line))
    said = tooltip(scene, Hit("title", x), tints(line))
    assert "Saturation: none, only" in said and "relu" in said
    wire = next(k for k, w in line.workspace.document.wires.items() if w.source == relu)
    assert "Saturation: 50 %" in tooltip(scene, Hit("wire", wire=wire), tints(line))


@pytest.mark.thorough
def test_colours_follow_edits(line, qtbot):
    choose(line, qtbot, "Magnitude")
    qtbot.waitUntil(has(line, "small"))
    commands.set_attr(line.workspace.document, node(line, "small"), "value", 7.0)
    qtbot.waitUntil(lambda: value(line, "small").value == 7.0)
    assert not tints(line).scale.is_log


@pytest.mark.thorough
def test_the_choice_is_kept_for_the_file_and_not_in_it(
    line, qtbot, open_window, tmp_path, monkeypatch
):
    before = line.workspace.document.revision
    choose(line, qtbot, "Memory")
    assert line.workspace.document.revision == before
    from thread_engine import ThreadClient

    file = tmp_path / "line.flow"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))
    assert line.files.save()
    other = open_window(ThreadClient, settings=line.settings)
    assert not other.colors.legend.isVisible() and tints(other) is None
    copy = tmp_path / "copy.flow"
    copy.write_bytes(file.read_bytes())
    assert other.files.load(copy) and other.colors.chosen == ""
    assert other.files.load(file)
    assert other.colors.legend.isVisible() and tints(other).coloring.id == "memory"
    qtbot.waitUntil(other.actions_["color_memory"].isChecked)


def test_a_scale_is_logarithmic_where_values_span_decades():
    scale = ColorScale.of(MAGNITUDE, [0.0, 0.02, 30.0])
    assert (scale.low, scale.high, scale.is_log) == (0.01, 100.0, True)
    assert scale.part(0.0) == 0.0 and scale.part(1.0) == pytest.approx(0.5)
    assert scale.marks() == pytest.approx([0.01, 1.0, 100.0])
    plain = ColorScale.of(MAGNITUDE, [0.5, 3.0])
    assert (plain.low, plain.high, plain.is_log) == (0.0, 5.0, False)
    assert plain.part(2.5) == 0.5
    assert ColorScale.of(MAGNITUDE, []) is None
    assert ColorScale.of(MAGNITUDE, [0.0]) == ColorScale(0.0, 1.0)
    assert ColorScale.of(COLORINGS["zeros"], [0.2]) == ColorScale(0.0, 1.0)
    wide = ColorScale.of(MAGNITUDE, [1e-300, 1.0])
    assert wide.low == pytest.approx(1e-12) and len(wide.marks()) <= 5


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_ramp_is_readable_and_told_apart_by_lightness_alone(theme):
    parts = np.linspace(0, 1, 65)
    colors = [ramp_color(theme, part) for part in parts]
    for ground in (theme.canvas, theme.raised):
        assert min(contrast(color, ground) for color in colors) >= 3.0
    lightness = [contrast(color, QColor("black")) for color in colors]
    steps = np.diff(lightness) * (1 if theme.is_dark else -1)
    assert (steps > 0).all()


# ---- what training derives, and time ------------------------------------------------------------


@pytest.fixture
def regression(live_window, qtbot):
    window = live_window("linear_regression")
    qtbot.waitUntil(lambda: "loss" in window.shown_values.values)
    return window


def watched(window) -> list[str]:
    """The kinds of views that the engine was asked for last."""
    requests = [r for r in window.link.channel.client.sent if isinstance(r, p.WatchViews)]
    return [spec.kind for spec in requests[-1].views] if requests else []


@pytest.mark.thorough
def test_gradients_are_computed_only_while_they_are_chosen(regression, qtbot):
    window = regression
    assert "measures" not in watched(window)
    choose(window, qtbot, "Gradient")
    qtbot.waitUntil(has(window, "loss"))
    assert value(window, "loss").value == 1.0
    assert watched(window).count("measures") == 1
    assert value(window, "slope").value > 0
    choose(window, qtbot, "Nothing")
    qtbot.waitUntil(lambda: "measures" not in watched(window))


@pytest.mark.thorough
def test_colours_follow_a_training(regression, qtbot):
    window = regression
    choose(window, qtbot, "Gradient")
    qtbot.waitUntil(has(window, "slope"))
    first = value(window, "slope").value
    window.actions_.trigger("train")
    qtbot.waitUntil(lambda: window.link.has_trained, timeout=60_000)
    qtbot.waitUntil(lambda: value(window, "slope").value < first / 10)
    choose(window, qtbot, "Magnitude")
    qtbot.waitUntil(has(window, "slope"))
    learned = window.shown_values.values["slope"].array
    assert value(window, "slope").value == pytest.approx(np.sqrt(np.square(learned).mean()))


def test_without_an_optimizer_legend_and_tips_say_why(line, qtbot):
    choose(line, qtbot, "Update to weight")
    legend = line.colors.legend
    qtbot.waitUntil(lambda: "optimizer" in legend.note.text())
    assert legend.note.isVisible() and not legend.scale.isVisible()
    said = tooltip(line.canvas.scene, Hit("title", node(line, "x")), tints(line))
    assert "Update to weight: none, there is no optimizer" in said


@pytest.fixture
def profiled(window, qtbot):
    """Two nodes in one kernel, one in two of its own, and one without any."""
    add = commands.add_node
    for name in ("one", "two", "three", "four"):
        add(window.workspace.document, "relu", (0, 0), name=name)
    choose(window, qtbot, "Time")
    return window


def trace(*kernels: tuple[float, tuple[str, ...]]) -> p.Profiled:
    events = [
        {
            "ph": "X",
            "name": f"kernel {number}",
            "cat": "fused",
            "dur": micros,
            "tid": 0,
            "args": {"nodes": list(names), "bytes": 0},
        }
        for number, (micros, names) in enumerate(kernels)
    ]
    return p.Profiled(1, 1, 1, {"traceEvents": events}, "")


def test_time_is_that_of_the_kernels_of_a_node(profiled, qtbot, engine):
    window, legend = profiled, profiled.colors.legend
    assert legend.measure.isVisible() and "measure" in legend.note.text()
    qtbot.mouseClick(legend.measure, LEFT)
    qtbot.waitUntil(lambda: len(engine.requests(p.Profile)) == 1)
    kernels = ((30.0, ("one", "two")), (5.0, ("three",)), (2000.0, ("gradients/three_grad/mul",)))
    window.link.profiled.emit(trace(*kernels))
    assert not legend.measure.isVisible()
    assert value(window, "three").value == 2005.0
    assert value(window, "one").value == value(window, "two").value == 30.0
    scene = window.canvas.scene
    tips = [tooltip(scene, Hit("title", node(window, n)), tints(window)) for n in ("three", "one")]
    assert "Time: 2 ms" in tips[0] and "Time: 30 µs" in tips[1] and "shared" in tips[1]
    said = tooltip(scene, Hit("title", node(window, "four")), tints(window))
    assert "Time: none" in said and "kernel" in said


@pytest.mark.thorough
def test_times_are_given_up_after_an_edit(profiled, qtbot):
    window = profiled
    window.link.profiled.emit(trace((30.0, ("one",))))
    assert tints(window).scale is not None
    document = window.workspace.document
    commands.connect(document, node(window, "one"), "out", node(window, "two"), "x")
    assert tints(window).scale is None and window.colors.legend.measure.isVisible()


# ---- subgraphs ----------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_subgraph_and_what_is_inside_have_the_colours_of_their_values(line, qtbot):
    document = line.workspace.document
    line.canvas.selection.select([node(line, "relu"), node(line, "product")])
    line.actions_.trigger("subgraph")
    (instance,) = (r for r in document.nodes.values() if r.op == "subgraph")
    choose(line, qtbot, "Magnitude")
    product = np.array([0.0, 0.0, 2.0, 4.0]) * 0.001
    expected = pytest.approx(np.sqrt((product**2).mean()))
    qtbot.waitUntil(has(line, instance.name))
    assert value(line, instance.name).value == expected
    line.canvas.selection.select([instance.id])
    line.actions_.trigger("expand")
    qtbot.waitUntil(lambda: line.workspace.path != ())
    assert value(line, "product").value == expected
    assert line.colors.legend.isVisible()
    line.actions_.trigger("leave")
    assert value(line, instance.name).value == expected
