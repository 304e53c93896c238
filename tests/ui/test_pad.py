"""The pad of the stage: two numbers as a point, moved by mouse and keys."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from nodeflow.document.edit import commands
from nodeflow.document.edit.stage import PinnedControl, is_pair, pin_control
from nodeflow.ui.stage.pad import Pad

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(params=[[0.0, 0.0], [[0.0, 0.0]]], ids=["pair", "row of a pair"])
def pinned(window, qtbot, request):
    """A window whose stage has a constant of two numbers: the pad, and a function for its value."""
    document = window.workspace.document
    node = commands.add_node(document, "constant", (0, 0), "z", {"value": request.param})
    pin_control(document, PinnedControl(node, "value"))
    qtbot.keyClick(window, Qt.Key.Key_F4)
    stage = window.stage_modes.stage
    qtbot.waitUntil(lambda: bool(stage.controls.rows))
    (row,) = stage.controls.rows.values()
    assert isinstance(row.slider, Pad)

    def value() -> list[float]:
        found = document.nodes[node].attrs["value"]
        assert isinstance(found[0], list) == isinstance(request.param[0], list)
        return found[0] if isinstance(found[0], list) else found

    return row.slider, value, document


def test_a_drag_sets_both_numbers_in_one_undo_step(pinned, qtbot):
    pad, value, document = pinned
    start, end = pad.place(1, 0.5).toPoint(), pad.place(-1.5, 2).toPoint()
    QTest.mousePress(pad, LEFT, pos=start)
    assert value() == pytest.approx([1, 0.5], abs=0.05)
    QTest.mouseMove(pad, end)
    QTest.mouseRelease(pad, LEFT, pos=end)
    assert value() == pytest.approx([-1.5, 2], abs=0.05)
    document.undo()
    assert value() == [0.0, 0.0]
    qtbot.waitUntil(lambda: pad.point == (0.0, 0.0))


def test_keys_move_the_point(pinned, qtbot):
    pad, value, _ = pinned
    pad.setFocus()
    QTest.keyClick(pad, Qt.Key.Key_Right)
    QTest.keyClick(pad, Qt.Key.Key_Up, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(pad, Qt.Key.Key_Down, Qt.KeyboardModifier.ControlModifier)
    assert value() == pytest.approx([0.1, 0.49])
    assert pad.accessibleDescription().startswith("0.1, 0.49")
    assert pad.accessibleName() == "z"
    qtbot.waitUntil(lambda: pad.parent().numbers.text() == "0.1, 0.49")
    for _ in range(10):
        QTest.keyClick(pad, Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)
    assert value()[0] == -3


def test_a_value_out_of_reach_widens_the_plane(pinned, qtbot):
    pad, _, document = pinned
    node = document.node_named("z").id
    shown = [[5.0, 0.0]] if isinstance(document.nodes[node].attrs["value"][0], list) else [5.0, 0.0]
    commands.set_attr(document, node, "value", shown)
    qtbot.waitUntil(lambda: pad.point == (5.0, 0.0))
    assert pad.area().contains(pad.place(5.0, 0.0))


def test_a_drag_on_the_right_button_does_nothing(pinned):
    pad, value, _ = pinned
    QTest.mousePress(pad, Qt.MouseButton.RightButton, pos=pad.place(1, 1).toPoint())
    QTest.mouseRelease(pad, Qt.MouseButton.RightButton, pos=pad.place(1, 1).toPoint())
    assert value() == [0.0, 0.0]


def test_what_a_pair_is():
    assert is_pair([1, 2.5]) and is_pair([[0.0, -1.0]])
    for other in (1.0, [1.0], [1, 2, 3], [[1, 2], [3, 4]], [True, 1], ["NaN", 1.0], [[1], [2]], []):
        assert not is_pair(other)
