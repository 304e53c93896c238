"""The window's rate while a training is watched: a share of the processor, within limits."""

from __future__ import annotations

import pytest

from nodeflow.ui.core.concurrency.redraw_throttle import (
    FASTEST_MS,
    SHARE,
    SLOWEST_MS,
    RedrawThrottle,
)


class Clock:
    """Processor time, spent by hand."""

    def __init__(self) -> None:
        self.now = 5.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("cores", [1, 2, 4, 64])
@pytest.mark.parametrize("drawing", [0.0005, 0.004, 0.02])
@pytest.mark.parametrize("other", [0.0, 0.02])
def test_drawing_takes_no_more_than_its_share(cores, drawing, other):
    clock = Clock()
    pace = RedrawThrottle(cores, clock)
    pause = pace.pause_ms() / 1000
    wall = spent = 0.0
    for turn in range(200):
        took = drawing + other * pause  # values that arrive take a part of the time, too
        clock.now += took
        if turn > 50:
            wall, spent = wall + pause, spent + took
        pause = pace.pause_ms() / 1000
    assert FASTEST_MS / 1000 <= pause <= SLOWEST_MS / 1000
    if pause < SLOWEST_MS / 1000:
        assert spent / wall <= 1.03 * SHARE * cores
    if pause > FASTEST_MS / 1000:
        assert spent / wall >= 0.97 * SHARE * cores, "no slower than it has to be"


def test_drawings_give_way_to_the_user_and_come_back():
    clock = Clock()
    pace = RedrawThrottle(2, clock)
    clock.now += 0.9
    assert pace.pause_ms() == SLOWEST_MS, "the user moved the view"
    clock.now += 0.002
    assert pace.pause_ms() == FASTEST_MS
