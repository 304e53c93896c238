"""What another thread says to an object that ends meanwhile."""

from __future__ import annotations

import threading
import time

import pytest
import shiboken6
from PySide6.QtCore import QObject, Qt, Signal

from nodeflow.ui.core.concurrency.background_jobs import Background
from nodeflow.ui.core.concurrency.thread_signal import ThreadSignal


class Owner(QObject):
    said = Signal(int)


def test_values_arrive_and_what_comes_after_the_end_is_dropped(qtbot):
    owner, heard = Owner(), []
    owner.said.connect(heard.append, Qt.ConnectionType.QueuedConnection)
    signal = ThreadSignal(owner, "said")
    threading.Thread(target=signal.emit, args=(3,)).start()
    qtbot.waitUntil(lambda: heard == [3])
    owner.deleteLater()
    qtbot.waitUntil(lambda: signal._owner is None)
    signal.emit(4)


@pytest.mark.thorough
def test_the_end_of_an_object_waits_for_an_emission(qtbot):
    owner, order, begun = Owner(), [], threading.Event()

    class Slow:
        def emit(self):
            begun.set()
            time.sleep(0.2)
            order.append("emitted")

    owner.slow = Slow()
    signal = ThreadSignal(owner, "slow")
    thread = threading.Thread(target=signal.emit)
    thread.start()
    begun.wait()
    shiboken6.delete(owner)
    order.append("ended")
    thread.join()
    assert order == ["emitted", "ended"]


def test_an_emission_between_the_first_and_the_last_of_an_end_is_dropped(qtbot):
    owner, raised = Owner(), []

    def emit() -> None:
        try:
            assert not shiboken6.isValid(owner) and signal._owner is owner
            signal.emit(4)
        except Exception as error:  # Qt would swallow it
            raised.append(error)
        else:
            raised.append(None)

    owner.destroyed.connect(emit)  # before that of the signal
    signal = ThreadSignal(owner, "said")
    shiboken6.delete(owner)
    assert raised == [None] and signal._owner is None


def test_an_error_of_a_living_owner_is_raised(qtbot):
    owner = Owner()

    class Broken:
        def emit(self):
            raise RuntimeError("broken")

    owner.broken = Broken()
    with pytest.raises(RuntimeError, match="broken"):
        ThreadSignal(owner, "broken").emit()


def test_a_job_that_ends_after_its_owner_is_unheard(qtbot):
    gate = threading.Event()
    background = Background()
    background.run(gate.wait)
    background.deleteLater()
    back = background._back
    qtbot.waitUntil(lambda: back._owner is None)
    gate.set()
