"""Garbage is collected by the window's thread and no other: widgets must not die elsewhere."""

from __future__ import annotations

import gc
import threading
import weakref

import pytest
from PySide6.QtWidgets import QWidget

from nodeflow.ui.app import make_application
from nodeflow.ui.core.concurrency.garbage_collection import CLEAR_UP, THRESHOLDS, Collector


def lose_a_widget_in_a_cycle(died_in: list[threading.Thread]) -> None:
    widget = QWidget()
    widget.itself = widget  # type: ignore[attr-defined]
    weakref.finalize(widget, lambda: died_in.append(threading.current_thread()))


@pytest.mark.thorough
def test_widgets_in_cycles_die_in_the_windows_thread(qtbot) -> None:
    died_in: list[threading.Thread] = []
    gc.collect()
    lose_a_widget_in_a_cycle(died_in)

    def much() -> None:
        kept = [[i] for i in range(5 * THRESHOLDS[0])]
        assert len(kept) == 5 * THRESHOLDS[0] and not died_in
        busy.append(kept)

    busy: list = []
    thread = threading.Thread(target=much)
    thread.start()
    thread.join()
    assert busy and not died_in
    qtbot.waitUntil(lambda: bool(died_in), timeout=5000)
    assert died_in == [threading.main_thread()]


@pytest.mark.thorough
def test_the_oldest_generation_that_is_due_is_collected(qapp, monkeypatch) -> None:
    collected: list[int] = []
    make_application()
    (collector,) = [c for c in qapp.children() if isinstance(c, Collector)]
    for _ in range(CLEAR_UP):  # a document that another test closed is collected first
        collector.check()
    monkeypatch.setattr(gc, "collect", collected.append)
    for counts in ((0, 0, 0), (50_001, 20, 0), (50_001, 21, 0), (50_001, 21, 101)):
        monkeypatch.setattr(gc, "get_count", lambda counts=counts: counts)
        collector.check()
    assert collected == [0, 1, 2]
