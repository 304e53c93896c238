"""Arrays, curves, grid and camera against straightforward computations."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter

from nodeflow.drawing.wires import free_lanes, wire_routing, wire_shape
from nodeflow.ui.canvas.scene.camera import MAX_STEP, MIN_STEP, Camera
from nodeflow.ui.canvas.scene.slot_map import SlotMap
from nodeflow.ui.canvas.scene.spatial_grid import SpatialGrid
from nodeflow.ui.core.painting import array_painting

ends = st.lists(
    st.tuples(*[st.floats(-900, 900, allow_nan=False, width=32)] * 4), min_size=1, max_size=8
).map(lambda rows: np.array(rows, np.float64))


def test_none_outlives_any_number_of_qt_calls():
    assert sys.version_info >= (3, 12) or sys.getrefcount(None) > 1 << 30


def test_batched_rectangles_are_the_rectangles_given(qapp, as_array):
    image = QImage(40, 30, QImage.Format.Format_RGB32)
    image.fill(0xFFFFFFFF)
    painter = QPainter(image)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor("black"))
    array_painting.draw_rects(painter, np.array([[2.0, 3, 5, 4], [20, 10, 6, 8]]))
    painter.end()
    dark = as_array(image)[:, :, 0] < 128
    expected = np.zeros((30, 40), bool)
    expected[3:7, 2:7] = True
    expected[10:18, 20:26] = True
    assert np.array_equal(dark, expected)


@pytest.mark.parametrize("bad", [np.zeros((2, 3)), np.zeros((2, 4), np.float32), np.zeros(4)])
def test_arrays_of_another_layout_are_refused(qapp, bad):
    painter = QPainter()
    with pytest.raises(ValueError, match="float64"):
        array_painting.draw_rects(painter, bad)


@pytest.mark.thorough
@given(ends)
def test_curves_start_and_end_at_their_ends(rows):
    points = wire_shape.curve_points(rows, 12)
    assert np.allclose(points[:, 0], rows[:, :2], atol=1e-9)
    assert np.allclose(points[:, -1], rows[:, 2:], atol=1e-9)


@pytest.mark.thorough
@given(ends)
def test_bounds_hold_every_point_of_a_curve(rows):
    points, box = wire_shape.curve_points(rows, 40), wire_shape.bounds(rows)
    assert (points[..., 0] >= box[:, None, 0] - 1e-6).all()
    assert (points[..., 1] >= box[:, None, 1] - 1e-6).all()
    assert (points[..., 0] <= box[:, None, 2] + 1e-6).all()
    assert (points[..., 1] <= box[:, None, 3] + 1e-6).all()


@pytest.mark.thorough
@given(ends, st.floats(-900, 900), st.floats(-900, 900))
def test_distance_is_that_of_a_densely_sampled_curve(rows, x, y):
    dense = wire_shape.curve_points(rows, 4000)
    expected = np.hypot(dense[..., 0] - x, dense[..., 1] - y).min(axis=1)
    length = np.hypot(*np.diff(dense, axis=1).transpose(2, 0, 1)).sum(axis=1)
    assert np.all(np.abs(wire_shape.distance(rows, x, y) - expected) <= 0.02 * length + 0.1)


def test_a_dashed_wire_is_solid_for_its_share():
    rows = np.array([[0.0, 0, 800, 0]])
    drawn = wire_shape.smooth(rows, (6.0, 4.0))
    length = np.hypot(drawn[:, 2] - drawn[:, 0], drawn[:, 3] - drawn[:, 1]).sum()
    assert length == pytest.approx(800 * 0.6, rel=0.05)


@pytest.mark.thorough
@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.sampled_from([50, 6000]))
def test_the_grid_finds_what_comparing_all_nodes_finds(seed, count):
    random = np.random.default_rng(seed)
    positions = random.uniform(-20000, 20000, (count, 2))
    sizes = random.uniform(20, 300, (count, 2))
    slots = np.sort(random.permutation(count)[: count * 9 // 10])
    grid = SpatialGrid()
    grid.build(slots, positions, sizes)
    left, top = random.uniform(-21000, 20000, 2)
    right, bottom = left + random.uniform(0, 9000), top + random.uniform(0, 9000)
    found = grid.query(left, top, right, bottom, positions, sizes)
    area = QRectF(left, top, right - left, bottom - top)
    brute = [s for s in slots if QRectF(*positions[s], *sizes[s]).intersects(area)]
    assert found.tolist() == brute


@pytest.mark.thorough
@given(st.integers(MIN_STEP, MAX_STEP), st.floats(-5000, 5000), st.floats(-5000, 5000))
def test_zooming_keeps_what_is_under_the_pointer(step, x, y):
    camera = Camera()
    camera.pan(x, y)
    anchor = QPointF(321, 123)
    before = camera.to_scene(anchor)
    camera.zoom_to(step, anchor)
    off = camera.to_view(before) - anchor
    assert abs(off.x()) <= 0.51
    assert abs(off.y()) <= 0.51


@pytest.mark.parametrize("dpr", [1.0, 1.25, 2.0])
def test_the_view_lies_on_whole_device_pixels(dpr):
    camera = Camera()
    camera.dpr = dpr
    camera.pan(10.37, -3.11)
    camera.zoom_to(-5, QPointF(17, 33))
    assert camera.x * dpr == pytest.approx(round(camera.x * dpr))
    assert camera.y * dpr == pytest.approx(round(camera.y * dpr))


@pytest.mark.thorough
@given(st.floats(1, 30000), st.floats(1, 30000))
def test_fit_shows_the_whole_rectangle(width, height):
    camera, rect = Camera(), QRectF(-500, 70, width, height)
    camera.fit(rect, 1000, 700)
    if camera.step > MIN_STEP:
        assert QRectF(0, 0, 1000, 700).contains(camera.rect_to_view(rect))
    assert camera.scale <= 1


def test_slots_are_stable_and_reused():
    slots: SlotMap[str] = SlotMap()
    a, b = slots.take("a"), slots.take("b")
    assert slots.take("a") == a
    slots.release("a")
    assert slots.take("c") == a
    assert slots.used().tolist() == sorted([a, b])
    with pytest.raises(KeyError):
        slots.release("c")
        slots.key(a)


def test_a_wire_backwards_passes_between_rows_and_else_above_both_cards():
    rows = np.array([[900.0, 100, 0, 700], [500.0, 300, 100, 340], [0.0, 0, 300, 50]])
    assert wire_routing.is_backward(rows).tolist() == [True, True, False]
    between, above = wire_routing.routes(rows[:2])
    assert between[0].tolist() == [900, 100] and between[-1].tolist() == [0, 700]
    assert between[:, 0].max() == 924 and between[:, 0].min() == -24
    level = between[np.isclose(between[:, 1], 400)]
    assert level[:, 0].max() > 900 and level[:, 0].min() < 0
    assert above[:, 1].min() == 300 - wire_routing.ABOVE
    assert wire_shape.distance(rows[:1], 450, 403)[0] == pytest.approx(3)
    doubled = wire_routing.routes(rows[:1] * 2, 2.0)
    assert np.allclose(doubled, wire_routing.routes(rows[:1]) * 2)


def test_a_lane_passes_no_card_on_the_least_way():
    cards = np.array(
        [[0.0, 0, 1000, 200], [0, 260, 400, 500], [600, 300, 1000, 480], [2e3, 0, 3e3, 1e3]]
    )
    one = np.zeros(1)

    def lane(*end, among=cards):
        return free_lanes.find(np.array([end], np.float64), one, among)[0]

    assert lane(1000, 100, 0, 600) == (200 + 260) / 2
    crowded = np.array([[0.0, 0, 1000, 200], [0, 205, 1000, 500]])
    assert lane(1000, 100, 0, 300, among=crowded) == -free_lanes.CLEAR - free_lanes.BESIDE
    assert lane(1000, 100, 0, 300, among=cards[:0]) == 100
    assert np.isnan(lane(1010, 100, 1900, 300))  # nothing in the way
    assert (
        lane(1010, 100, 3100, 600) == -free_lanes.CLEAR - free_lanes.BESIDE
    )  # above the last card


def test_lanes_of_several_outputs_are_apart_and_of_one_output_the_same():
    cards = np.array([[0.0, 0, 1000, 200], [0, 300, 1000, 500]])
    ends = np.array([[1000.0, 60, 0, 400], [1000, 60, 0, 430], [1000, 90, 0, 460]])
    found = free_lanes.find(ends, np.array([3, 3, 8]), cards)
    assert found.tolist() == [250, 250, 260]
