"""Which signals end a training between two steps, and which are left as they were."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.train.control import Control
from nodeflow.train.events import CheckpointWritten, Steps
from nodeflow.train.interrupts import STOPPING, stops_on_signals

pytestmark = pytest.mark.skipif(os.name == "nt", reason="sends Unix signals")


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """The test's handlers are gone after it."""
    before = {number: signal.getsignal(number) for number in STOPPING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_stops_and_its_handler_is_back_afterwards(number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    control = Control()
    with stops_on_signals(control) as caught:
        assert control.allow(1) == 1
        signal.raise_signal(number)
        assert control.allow(1) == 0
    assert caught.number == number and caught.name.startswith("SIG")
    assert signal.getsignal(number) is signal.SIG_DFL


@pytest.mark.parametrize("number", STOPPING)
def test_a_signal_that_is_ignored_stays_ignored(number: int) -> None:
    """As Ctrl-C is in a shell's background job, and SIGHUP under nohup."""
    signal.signal(number, signal.SIG_IGN)
    control = Control()
    with stops_on_signals(control) as caught:
        signal.raise_signal(number)
        assert control.allow(1) == 1
    assert not caught.number
    assert signal.getsignal(number) is signal.SIG_IGN


def test_a_second_ctrl_c_acts_at_once() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt), stops_on_signals(Control()):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)


def test_a_programs_own_handler_stays_where_it_is_asked_for() -> None:
    seen: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: seen.append(number))
    with stops_on_signals(Control(), others=False) as caught:
        signal.raise_signal(signal.SIGTERM)
    assert seen == [signal.SIGTERM] and not caught.number


def test_a_signal_ends_the_program_once_the_state_is_kept(tmp_path, monkeypatch) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None], name="x")
        loss = nf.reduce_mean(nf.square(nf.variable(0.0, name="w") - x))
        nf.gradient_descent(loss, learning_rate=0.1, name="train")
    found = nf.train.train(
        graph, data={x: np.ones(8, "float32")}, batch_size=1, epochs=10_000,
        tier="reference", checkpoint=tmp_path, keep_run=False,
    )  # fmt: skip
    events = [next(event for event in found if isinstance(event, Steps))]
    signal.raise_signal(signal.SIGTERM)
    ended: list[int] = []
    monkeypatch.setattr(signal, "raise_signal", ended.append)  # or the tests would end as well
    events += found
    assert ended == [signal.SIGTERM]
    (kept,) = [event for event in events if isinstance(event, CheckpointWritten)]
    assert kept.step < 80_000 and os.path.exists(kept.path)
