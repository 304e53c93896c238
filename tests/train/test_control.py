"""Pause, single steps and stop, from another thread."""

from __future__ import annotations

import threading

import pytest

from nodeflow.train.control import Control
from nodeflow.train.pace import BEAT, Pace


def in_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()), daemon=True)
    thread.start()
    return thread, results


def test_everything_may_run_at_first():
    assert Control().allow(40) == 40


def test_a_stopped_control_lets_nothing_through():
    control = Control()
    control.stop()
    assert control.allow(40) == 0


@pytest.mark.thorough
def test_paused_waits_until_resumed():
    control = Control()
    control.pause()
    thread, results = in_thread(lambda: control.allow(7))
    thread.join(0.1)
    assert thread.is_alive()
    control.resume()
    thread.join(5)
    assert results == [7]


@pytest.mark.thorough
def test_single_steps_are_counted_out_and_it_stays_paused():
    control = Control()
    control.pause()
    control.step(3)
    assert [control.allow(2), control.allow(2)] == [2, 1]
    assert control.paused
    thread, results = in_thread(lambda: control.allow(2))
    thread.join(0.1)
    assert thread.is_alive() and not results
    control.stop()
    thread.join(5)
    assert results == [0]


def test_the_waiting_thread_can_do_other_work_meanwhile():
    calls = []

    def idle():
        calls.append(threading.current_thread())
        if len(calls) == 3:
            control.resume()

    control = Control(idle)
    control.pause()
    assert control.allow(5) == 5
    assert calls == [threading.current_thread()] * 3


def test_a_slow_pace_grants_one_step_at_a_time_on_a_clock():
    pace, now, granted = Pace(10.0), 100.0, []
    for _ in range(5):
        assert pace.wait(now) <= 0.1 + 1e-9
        now += pace.wait(now)
        granted.append((round(now - 100.0, 3), pace.grant(40, now)))
    assert [count for _, count in granted] == [1] * 5
    assert [at for at, _ in granted][1:] == pytest.approx(
        [0.1 * n - BEAT for n in range(1, 5)], abs=1e-3
    )


def test_a_fast_pace_grants_what_fits_between_two_frames():
    pace, now, total = Pace(3000.0), 50.0, 0
    while now < 52.0:
        now += pace.wait(now)
        total += pace.grant(4096, now)
        now += 0.004  # the steps themselves take time, which is caught up
    assert total == pytest.approx(6000, abs=2 * 3000 * BEAT)


def test_a_pause_is_not_caught_up():
    pace = Pace(1.0)
    pace.grant(9, 10.0)
    assert pace.wait(500.0) == 0 and pace.grant(9, 500.0) == 1
    assert pace.wait(500.0) > 0.9


def test_a_change_of_speed_ends_the_wait_for_the_next_step():
    control = Control()
    control.speed = 1e-3
    assert control.allow(5) == 1
    thread, results = in_thread(lambda: control.allow(5))
    control.speed = None
    thread.join(5)
    assert results == [5] and control.speed is None


def test_stop_ends_the_wait_of_a_slow_training():
    control = Control()
    control.speed = 1e-3
    assert control.allow(5) == 1
    thread, results = in_thread(lambda: control.allow(5))
    control.stop()
    thread.join(5)
    assert results == [0]
