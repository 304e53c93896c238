"""The plots: axes that fit, and what mouse and keyboard do in them."""

from __future__ import annotations

import csv
import math
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import (
    QFontMetricsF,
    QImage,
    QMouseEvent,
    QPainter,
    QPicture,
    QWheelEvent,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from nodeflow.ui.core.theming.theme import DARK, LIGHT, TYPE, font
from nodeflow.ui.core.theming.theme_manager import ThemeManager
from nodeflow.ui.panels.plots.arrangement import Arrangement, PlotPlace
from nodeflow.ui.panels.plots.curve import LOSS, Curve


def training(steps: int = 5500, run: str = "", color: str = "", level: float = 1.0) -> list[Curve]:
    """Loss and accuracy of a training of 10 epochs."""
    at = np.arange(1.0, steps + 1)
    each, noise = steps / 10, np.random.default_rng(steps).uniform(0, 0.2, steps)
    loss = Curve(LOSS, run=run, color=color, smoothing=0.9)
    loss.extend(at, at / each, at / 100, level * (1 / (1 + at / 500) + noise))
    ends = np.arange(1.0, 11)
    accuracy = Curve("accuracy", run=run, color=color, is_share=True)
    accuracy.extend(ends * each, ends, ends * each / 100, 1 - 0.5 / ends)
    return [loss, accuracy]


@pytest.fixture
def grid(qtbot):
    from nodeflow.ui.panels.plots.plot_grid import PlotGrid

    grid = PlotGrid(ThemeManager(LIGHT))
    qtbot.addWidget(grid)
    grid.resize(900, 260)
    grid.show()
    qtbot.waitExposed(grid)
    grid.arranged.connect(grid.set_arrangement)
    return grid


def shown(grid, curves) -> None:
    grid.show_curves(curves)
    grid.refresh()
    for _ in range(4):  # axes make room for their numbers
        QApplication.processEvents()


def place(cell, x: float) -> QPoint:
    """Where a number of the view lies in the viewport of a plot."""
    box = cell.plot.box
    middle = box.viewRect().center().y()
    return cell.plot.mapFromScene(box.mapViewToScene(QPointF(x, middle)))


def drag(qtbot, cell, first: float, last: float, modifier=Qt.KeyboardModifier.NoModifier) -> None:
    view = cell.plot.viewport()
    start, end = place(cell, first), place(cell, last)
    qtbot.mouseMove(view, start)
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, modifier, start)
    for part in (0.25, 0.5, 0.75, 1.0):
        at = QPoint(round(start.x() + part * (end.x() - start.x())), start.y())
        moved = QPointF(at)
        qtbot.wait(15)  # pyqtgraph passes over moves that follow each other too fast
        QApplication.sendEvent(
            view,
            QMouseEvent(
                QEvent.Type.MouseMove, moved, view.mapToGlobal(moved),
                Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton, modifier,
            ),
        )  # fmt: skip
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, modifier, end)
    QApplication.processEvents()


# ---- axes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_log", [False, True])
@pytest.mark.parametrize("width", [120, 200, 480])
@pytest.mark.parametrize("steps", [10, 100, 30_000, 2_000_000])
def test_numbers_along_an_axis_never_touch(qtbot, grid, steps, width, is_log):
    curve = Curve(LOSS)
    ends = np.array([1.0, steps])
    curve.extend(ends, ends / 10, ends / 100, np.array([0.5, 0.25]))
    grid.resize(width, 200)
    grid.set_arrangement(Arrangement(log_x=is_log))
    shown(grid, [curve])
    axis, picture = grid.cells[0].plot.bottom, QPicture()
    painter = QPainter(picture)
    _, _, texts = axis.generateDrawSpecs(painter)
    painter.end()
    metrics = QFontMetricsF(font(TYPE["caption"]))
    spans = sorted((p.center().x(), metrics.horizontalAdvance(t)) for p, _, t in texts if t)
    for (left, before), (right, after) in pairwise(spans):
        assert right - left >= (before + after) / 2 + 4, [text for *_, text in texts]
    assert spans or width < 200


@pytest.mark.thorough
@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_the_whole_course_is_in_sight_and_the_axes_rarely_move(grid, scale):
    random, losses = np.random.default_rng(1), Curve(LOSS, smoothing=0.9)
    grid.show_curves([losses])
    moved = []
    grid.cells[0].plot.box.sigRangeChanged.connect(lambda *_: moved.append(1))
    for _ in range(300):
        steps = np.arange(losses.count, losses.count + 97)
        values = scale * (1 / (1 + steps / 500) + random.uniform(0, 0.05, size=97))
        losses.extend(steps + 1, steps, steps, values)
        grid.refresh(is_over=False)
        (left, right), (bottom, top) = grid.cells[0].plot.box.viewRange()
        assert left <= 1 and losses.count <= right <= 1.2 * losses.count
        late = losses.values[losses.count // 50 :]
        assert bottom <= losses.values.min() and late.max() <= top
        assert top - bottom < 1.5 * losses.values.max()
    assert len(moved) < 200, "of 300 drawings"
    grid.refresh(is_over=True)
    right = grid.cells[0].plot.box.viewRange()[0][1]
    assert right == pytest.approx(losses.count, rel=0.011)


def test_a_late_peak_is_never_cut_off(grid):
    curves = training()
    values = curves[0].values.copy()
    values[4000] = 77.0
    loss = Curve(LOSS, smoothing=0.99)
    loss.extend(curves[0].steps, curves[0].epochs, curves[0].seconds, values)
    shown(grid, [loss])
    assert grid.cells[0].plot.box.viewRange()[1][1] > 77
    assert grid.item(LOSS).columns.high.max() == 77
    assert len(grid.item(LOSS).columns.x) <= grid.cells[0].plot.box.width() + 1


def test_another_training_is_seen_whole(grid):
    for count, level in ((5000, 2.0), (10, 300.0), (400, 0.001)):
        grid.forget()
        shown(grid, training(count, level=level)[:1])
        (_, right), (bottom, top) = grid.cells[0].plot.box.viewRange()
        assert count <= right <= 1.1 * count + 1
        low, high = grid.curves[0].values.min(), grid.curves[0].values.max()
        assert bottom <= low and 0.8 * high <= top <= 1.1 * high


def test_shares_have_an_axis_from_0_to_1_and_others_one_of_their_own(grid):
    loss, accuracy = training()
    shown(grid, [loss, accuracy])
    first, second = grid.cells
    assert [c.name for c in first.plot.curves] == [LOSS]
    assert [c.name for c in second.plot.curves] == ["accuracy"]
    np.testing.assert_allclose(second.plot.box.viewRange()[1], [0, 1], atol=0.07)
    assert grid.color(loss) != grid.color(accuracy)


@pytest.mark.parametrize(
    "axis, first, last", [("step", 1, 5500), ("epoch", 0, 10), ("seconds", 0, 55)]
)
def test_the_x_axis_counts_steps_epochs_or_seconds(grid, axis, first, last):
    grid.set_arrangement(Arrangement(x=axis))
    shown(grid, training())
    for cell in grid.cells:
        low, high = cell.plot.box.viewRange()[0]
        assert (low, high) == pytest.approx((first, last), abs=0.011 * last)
    np.testing.assert_allclose(grid.item("accuracy").columns.x[-1], last)


def test_both_axes_may_be_logarithmic(grid):
    grid.set_arrangement(Arrangement((PlotPlace((LOSS,), True),), log_x=True))
    loss = training()[0]
    values = loss.values.copy()
    values[[5, 700]] = 0.0, -1.0  # have no logarithm
    curve = Curve(LOSS, smoothing=0.5)
    curve.extend(loss.steps, loss.epochs, loss.seconds, values)
    shown(grid, [curve])
    (left, right), (bottom, top) = grid.cells[0].plot.box.viewRange()
    assert (left, right) == pytest.approx((0, math.log10(5500)), abs=0.05)
    positive = values[values > 0]
    assert bottom <= math.log10(positive.min()) and math.log10(positive.max()) <= top
    assert not grid.grab().toImage().isNull()


# ---- zooming ------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_a_stretch_that_is_dragged_over_is_shown_in_all_plots(qtbot, grid):
    shown(grid, training())
    drag(qtbot, grid.cells[0], 1000, 2000)
    for cell in grid.cells:
        low, high = cell.plot.box.viewRange()[0]
        assert (low, high) == pytest.approx((1000, 2000), abs=25)
    drag(qtbot, grid.cells[1], 1400, 1600)
    low, high = grid.cells[0].plot.box.viewRange()[0]
    assert (low, high) == pytest.approx((1400, 1600), abs=10)
    loss = grid.curves[0].values[1400:1600]
    bottom, top = grid.cells[0].plot.box.viewRange()[1]
    assert bottom <= loss.min() and loss.max() <= top < 1.3 * loss.max(), "y fits the stretch"
    view, at = grid.cells[1].plot.viewport(), place(grid.cells[1], 1500)
    chosen = []
    grid.step_chosen.connect(chosen.append)
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=at)
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at)
    assert grid.cells[0].plot.box.viewRange()[0][1] >= 5500
    qtbot.wait(QApplication.doubleClickInterval() + 50)
    assert not chosen, "the first click of two chooses no step"


def test_dragging_with_shift_pans_and_stops_at_the_ends(qtbot, grid):
    shown(grid, training())
    grid.zoom(1000, 2000)
    drag(qtbot, grid.cells[0], 1600, 1200, Qt.KeyboardModifier.ShiftModifier)
    low, high = grid.cells[1].plot.box.viewRange()[0]
    assert (low, high) == pytest.approx((1400, 2400), abs=25)
    for _ in range(4):
        drag(qtbot, grid.cells[0], low + 50, high - 50, Qt.KeyboardModifier.ShiftModifier)
        low, high = grid.cells[0].plot.box.viewRange()[0]
    assert low == pytest.approx(1 - 0.01 * 5499) and high - low == pytest.approx(1000)


def test_the_wheel_zooms_about_the_pointer(qtbot, grid):
    shown(grid, training())
    view, at = grid.cells[0].plot.viewport(), QPointF(place(grid.cells[0], 3000))
    for delta in (240, 240):
        event = QWheelEvent(
            at, view.mapToGlobal(at), QPoint(), QPoint(0, delta), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(view, event)
    low, high = grid.cells[1].plot.box.viewRange()[0]
    assert high - low < 0.6 * 5500
    assert place(grid.cells[0], 3000).x() == pytest.approx(at.x(), abs=2)


def test_the_keyboard_zooms_pans_and_shows_all(qtbot, grid):
    shown(grid, training())
    plot = grid.cells[0].plot
    plot.setFocus()
    qtbot.keyClick(plot, Qt.Key.Key_Plus)
    low, high = plot.box.viewRange()[0]
    assert high - low == pytest.approx(1.02 * 5499 / 1.5)
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    assert plot.box.viewRange()[0][0] > low
    qtbot.keyClick(plot, Qt.Key.Key_Home)
    assert grid.span is None and plot.box.viewRange()[0][1] > 5500


def test_a_zoom_stays_while_the_training_goes_on(qtbot, grid):
    loss, accuracy = training()
    shown(grid, [loss, accuracy])
    drag(qtbot, grid.cells[0], 1000, 2000)
    span = grid.cells[0].plot.box.viewRange()[0]
    more = np.arange(5501.0, 8001)
    loss.extend(more, more / 550, more / 100, np.full(2500, 0.1))
    grid.refresh(is_over=False)
    assert grid.cells[0].plot.box.viewRange()[0] == span


# ---- crosshair ----------------------------------------------------------------------------------


@pytest.mark.thorough
def test_the_crosshair_says_the_values_of_all_curves_at_its_step(qtbot, grid):
    live, kept = training(), training(4000, "wide", "#d55e00", 2.0)
    shown(grid, live)
    grid.show_overlays(kept)
    qtbot.mouseMove(grid.cells[0].plot.viewport(), place(grid.cells[0], 1234))
    first, second = (cell.plot for cell in grid.cells)
    qtbot.waitUntil(lambda: first.readout.isVisible() and second.readout.isVisible())
    step = round(first.cross.value())
    assert abs(step - 1234) < 10 and second.cross.value() == step
    assert first.readout.head.startswith(f"Step {step}, epoch {step / 550:.3g}")
    names = {name: value for _, name, value in first.readout.rows}
    assert set(names) == {"this training", "wide"}
    for name, curve in (("this training", live[0]), ("wide", kept[0])):
        assert float(names[name]) == pytest.approx(curve.values[step - 1], rel=1e-3)
    shares = {name: float(value) for _, name, value in second.readout.rows}
    nearest = live[1].values[round(step / 550) - 1]
    assert shares["this training"] == pytest.approx(nearest, rel=1e-3)
    qtbot.mouseMove(grid.cells[0].plot.viewport(), place(grid.cells[0], 4500))
    qtbot.waitUntil(lambda: len(first.readout.rows) == 1)  # the kept run has ended by then
    QApplication.sendEvent(first, QEvent(QEvent.Type.Leave))
    assert not first.readout.isVisible() and not second.cross.isVisible()


@pytest.mark.parametrize(("value", "is_high"), [(0.9, True), (0.1, False)])
def test_the_values_at_the_crosshair_stand_clear_of_the_curves(grid, value, is_high):
    """Over 5 500 steps, of which the crosshair is at one in the middle."""
    share, ends = Curve("accuracy", is_share=True), np.array([1.0, 5500.0])
    share.extend(ends, ends / 550, ends / 100, np.full(2, value))
    shown(grid, [share])
    plot = grid.cells[0].plot
    plot.point_at(2700)
    box, middle = plot.readout.geometry(), plot.viewport().rect().center().y()
    assert (box.top() > middle) if is_high else (box.bottom() < middle)


def test_plots_stand_side_by_side_and_then_below(grid):
    curves = [Curve(name) for name in ("a", "b", "c", "d")]
    for curve in curves:
        curve.extend(*np.ones((4, 2)))
    grid.resize(900, 600)
    places = tuple(PlotPlace((curve.name,)) for curve in curves)
    for count, columns, expected in (
        (2, 0, [(0, 0), (0, 1)]),
        (4, 0, [(0, 0), (0, 1), (1, 0), (1, 1)]),
        (3, 2, [(0, 0), (0, 1), (1, 0)]),
    ):
        grid.set_arrangement(Arrangement(places[:count], columns=columns))
        shown(grid, curves[:count])
        corners = [cell.pos() for cell in grid.cells]
        lefts, tops = (sorted({c.x() for c in corners}), sorted({c.y() for c in corners}))
        assert [(tops.index(c.y()), lefts.index(c.x())) for c in corners] == expected


def test_a_click_chooses_a_step_and_a_cursor_marks_one_in_all_plots(qtbot, grid):
    shown(grid, training())
    chosen = []
    grid.step_chosen.connect(chosen.append)
    at = place(grid.cells[0], 2000)
    qtbot.mouseClick(grid.cells[0].plot.viewport(), Qt.MouseButton.LeftButton, pos=at)
    qtbot.waitUntil(lambda: bool(chosen))
    assert abs(chosen[0] - 2000) < 12
    grid.show_cursor(1100)
    assert all(cell.plot.cursor_line.isVisible() for cell in grid.cells)
    grid.set_arrangement(Arrangement(x="epoch"))
    assert [cell.plot.cursor_line.value() for cell in grid.cells] == [2.0, 2.0]
    grid.show_cursor(None)
    assert not any(cell.plot.cursor_line.isVisible() for cell in grid.cells)


# ---- arranging ----------------------------------------------------------------------------------


def entry(menu, text):
    menu.aboutToShow.emit()
    return next(action for action in menu.actions() if action.text() == text)


def test_the_menu_of_a_plot_arranges_it(grid):
    shown(grid, training())
    entry(grid.cells[0].menu, "Logarithmic").trigger()
    assert grid.arrangement.plots[0] == PlotPlace((LOSS,), True)
    entry(grid.cells[0].menu, "accuracy").trigger()
    assert [c.name for c in grid.cells[0].plot.curves] == [LOSS, "accuracy"]
    entry(grid.cells[0].menu, "Move right").trigger()
    assert [p.curves for p in grid.places] == [("accuracy",), (LOSS, "accuracy")]
    entry(grid.cells[1].menu, "Remove this plot").trigger()
    assert grid.arrangement.hidden == (LOSS,) and len(grid.cells) == 1
    assert not entry(grid.cells[0].menu, "Remove this plot").isEnabled()


def test_an_arrangement_is_read_back_and_keeps_what_it_does_not_know():
    stored = {
        "grid": [{"curves": ["a", "b"], "log": True, "height": 3}, {"curves": []}],
        "columns": 2,
        "x": "seconds",
        "log_x": True,
        "hidden": ["c"],
        "theme": {"of": "tomorrow"},
    }
    assert Arrangement.from_json(stored).to_json() == stored
    assert Arrangement.from_json({}).to_json() is None
    changed = Arrangement.from_json(stored).with_plot(1, PlotPlace(("c",)))
    assert changed.to_json()["theme"] == {"of": "tomorrow"} and not changed.hidden
    assert changed.to_json()["grid"][0] == stored["grid"][0]


@pytest.mark.parametrize(
    "stored",
    [7, [], {"grid": 3}, {"grid": [1, {"curves": 5}, {"curves": [None, "a"]}]},
     {"columns": -1, "x": "years", "log_x": "yes", "hidden": {}}, {"columns": True}],
)  # fmt: skip
def test_a_damaged_arrangement_draws_plots_all_the_same(grid, stored):
    grid.set_arrangement(Arrangement.from_json(stored))
    shown(grid, training())
    assert {c.name for cell in grid.cells for c in cell.plot.curves} == {LOSS, "accuracy"}


def test_a_curve_that_comes_later_has_a_plot(grid):
    grid.set_arrangement(Arrangement((PlotPlace((LOSS, "gone")),), hidden=("accuracy",)))
    loss, accuracy = training()
    late = Curve("norm")
    late.extend(*np.ones((4, 1)))
    shown(grid, [loss, accuracy, late])
    assert [[c.name for c in cell.plot.curves] for cell in grid.cells] == [[LOSS], ["norm"]]


# ---- drawing ------------------------------------------------------------------------------------


class Paints(QObject):
    """Counts the paints of a widget."""

    count = 0

    def eventFilter(self, _: QObject, event: QEvent) -> bool:
        self.count += event.type() == QEvent.Type.Paint
        return False


@pytest.mark.thorough
@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_pictures_and_drawings_have_every_curve_and_its_name(grid, theme, tmp_path):
    from nodeflow.ui.panels.plots.export import picture

    grid._themes.set_theme(theme)
    shown(grid, training())
    grid.show_overlays(training(4000, "wide & <b>bold</b>", "#d55e00", 2.0))
    image = QImage.fromData(picture(grid.cells, theme, ".png"))
    assert image.width() >= 2 * grid.width()
    colors = {image.pixelColor(x, y).name() for x in range(0, image.width(), 2)
              for y in range(0, image.height(), 2)}  # fmt: skip
    assert "#d55e00" in colors and theme.surface.lower() in colors
    drawing = picture(grid.cells, theme, ".svg")
    assert QSvgRenderer(drawing).isValid()
    text = drawing.decode()
    assert text.count("training loss") >= 2 and "wide &amp; &lt;b&gt;" in text
    assert "<polyline" in text and "d55e00" in text.lower()


def test_values_as_csv_are_all_values(tmp_path):
    from nodeflow.ui.panels.plots.export import write_csv

    loss, accuracy = training(25_000, 'kept, "best"')
    loss.values[7] = math.nan
    write_csv(tmp_path / "plots.csv", [loss, accuracy])
    with open(tmp_path / "plots.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 25_010
    assert {row["run"] for row in rows} == {'kept, "best"'}
    values = np.array([float(row["value"]) for row in rows if row["curve"] == LOSS])
    np.testing.assert_array_equal(values, loss.values)
    steps = [int(row["step"]) for row in rows if row["curve"] == "accuracy"]
    np.testing.assert_array_equal(steps, accuracy.steps)


def test_long_names_of_runs_leave_the_values_in_sight(qtbot, grid):
    grid.resize(420, 200)
    shown(grid, training())
    long = "a sweep over the learning rate of 2026-11-26 13:57:19, number 17"
    grid.show_overlays(training(4000, long, "#d55e00", 2.0))
    for _ in range(4):
        QApplication.processEvents()
    grid.point(2000.0)
    for cell in grid.cells:
        readout = cell.plot.readout
        assert readout.isVisible() and "…" in readout.rows[1][1] and readout.rows[1][2]
        assert readout.geometry().right() <= cell.plot.viewport().width()
        assert readout.width() >= readout.sizeHint().width()


def test_a_legend_of_runs_has_what_they_share_once(grid):
    from nodeflow.ui.panels.plots.export import _legend, picture

    curves = [c for n in range(9) for c in training(400, f"trial {n}", f"#0000{n}0")]
    shown(grid, curves)
    lines = _legend(grid.cells[0])
    assert lines[0] == [(LOSS, None, False)]
    assert [title for line in lines[1:] for title, *_ in line] == [f"trial {n}" for n in range(9)]
    assert len(lines) <= 4, "several in a line"
    image = QImage.fromData(picture(grid.cells, LIGHT, ".png"))
    below = range(image.height() - 2 * 36, image.height())
    seen = {image.pixelColor(x, y).name() for x in range(0, image.width(), 2) for y in below}
    assert len(seen) > 1, "no empty stripe below the plots"
