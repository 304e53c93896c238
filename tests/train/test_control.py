"""Pause, single steps and stop, from another thread."""

from __future__ import annotations

import threading

import pytest

from nodeflow.train.control import Control


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
