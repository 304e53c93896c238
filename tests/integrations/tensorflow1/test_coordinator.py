"""`tf.train.Coordinator` with threads that wait for events."""

from __future__ import annotations

import threading

import pytest

import nodeflow.tensorflow1 as tf


def test_threads_end_together_and_the_first_exception_is_raised() -> None:
    coordinator = tf.train.Coordinator()
    seen: list[str] = []

    def fail() -> None:
        with coordinator.stop_on_exception():
            raise KeyError("first")

    def wait() -> None:
        while not coordinator.should_stop():
            coordinator.wait_for_stop(10)
        coordinator.request_stop(ValueError("second"))
        seen.append("ended")

    threads = [threading.Thread(target=one) for one in (wait, fail)]
    for thread in threads:
        thread.start()
    with pytest.raises(KeyError, match="first"):
        coordinator.join(threads)
    assert seen == ["ended"] and coordinator.joined
    coordinator.clear_stop()
    assert not coordinator.should_stop() and not coordinator.joined


def test_the_end_of_the_data_is_no_fault() -> None:
    coordinator = tf.train.Coordinator()
    with coordinator.stop_on_exception():
        raise tf.errors.OutOfRangeError("the end")
    assert coordinator.should_stop()
    coordinator.join()


def test_a_thread_that_goes_on_is_named() -> None:
    coordinator, end = tf.train.Coordinator(), threading.Event()
    thread = threading.Thread(target=end.wait, name="stubborn")
    thread.start()
    coordinator.register_thread(thread)
    coordinator.request_stop()
    with pytest.raises(RuntimeError, match="stubborn"):
        coordinator.join(stop_grace_period_secs=0)
    end.set()
    thread.join()


def test_a_graph_has_no_queue_runners() -> None:
    assert tf.train.start_queue_runners(coord=tf.train.Coordinator()) == []
