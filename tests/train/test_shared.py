"""What processes that train together measure and agree on, without a connection between them."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.chunker import WholeChunks
from nodeflow.engine.columns import Column
from nodeflow.train.evaluation.evaluate_split import evaluate
from nodeflow.train.processes.shared_control import SharedControl
from nodeflow.train.processes.shared_measurements import gathered
from nodeflow.train.training import Binding, Training
from tests.train.test_evaluate import ROWS, Model


class Together:
    """As many processes as threads: each waits for the others at every message.

    One runs at a time, as no two processes share an interpreter: before Python 3.11.8, `ast`
    fails now and then when two threads parse, and numpy parses the header of every array.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.turn = threading.Lock()
        self.barrier = threading.Barrier(number, timeout=60)
        self.given: dict[int, Any] = {}

    def exchange(self, index: int, value: Any) -> list[Any]:
        self.given[index] = value
        self.meet()
        found = [self.given[i] for i in range(self.number)]
        self.meet()
        return found

    def meet(self) -> None:
        """Let the others run until all are here."""
        self.turn.release()
        try:
            self.barrier.wait()
        finally:
            self.turn.acquire()

    def run(self, work) -> list[Any]:
        """What ``work(peers)`` gives in each."""
        found: dict[int, Any] = {}

        def one(index: int) -> None:
            with self.turn:
                found[index] = work(OneOf(self, index))

        threads = [threading.Thread(target=one, args=(i,)) for i in range(self.number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [found[i] for i in range(self.number)]


class OneOf:
    """One of them; what an integration connects."""

    def __init__(self, together: Together, index: int) -> None:
        self.together, self.index, self.number = together, index, together.number

    def least(self, numbers):
        return [min(each) for each in zip(*self.together.exchange(self.index, numbers))]

    def gather(self, data):
        return self.together.exchange(self.index, data)


@pytest.mark.sample(3)
@pytest.mark.parametrize("number", [2, 3])
@pytest.mark.parametrize("batch_size", [17, 400, 5000])
def test_processes_share_the_batches_and_all_have_the_metrics_of_the_whole(number, batch_size):
    model = Model()
    tensors = [*model.metrics.values(), model.derived, model.mixed]
    size = min(batch_size, -(-ROWS // number))
    alone = model.measure(tensors, size)
    fed: list[int] = []
    runs: set[int] = set()

    def measure(peers):
        with nf.Session(model.graph, tier="reference") as session:
            session.initialize()
            session.peers = peers
            run = session.run

            def counted(fetches, feeds):
                fed.extend(len(a) for t, a in feeds.items() if t.name == "number")
                return run(fetches, feeds)

            session.run = counted
            found = evaluate(session, model.training, tensors, "test", batch_size)
            runs.add(session.runs)
            return found

    for values in Together(number).run(measure):
        for value, expected in zip(values, alone, strict=True):
            np.testing.assert_array_equal(value, expected)
    assert sum(fed) == ROWS, "every row is computed once"
    assert len(runs) == 1, "what is drawn next is the same in all"


def test_what_is_drawn_while_measuring_does_not_depend_on_who_measures():
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        noisy = nf.reduce_mean(x + nf.random_normal([1, 3]), name="noisy")
        weight = nf.variable(1.0)
        loss = nf.reduce_mean(nf.square(x * weight))
        train = nf.gradient_descent(loss)
    rows = Column(np.zeros((60, 3), "float32"))
    data = DataSplits("data", "memory", {"test": {"x": rows}})
    training = Training(train, loss, bindings={x: Binding(data, "x")})

    def measure(peers=None):
        with nf.Session(graph, tier="reference", seed=2) as session:
            session.initialize()
            session.peers = peers
            return [evaluate(session, training, [noisy], "test", 10)[0] for _ in range(2)]

    alone = measure()
    assert alone[0] != alone[1]
    for found in Together(3).run(measure):
        assert found == alone


def test_parts_of_all_processes_come_together():
    parts = {n: ((np.array(n / 3),), (np.arange(n), np.eye(2) * n)) for n in range(5)}
    shares = [{n: parts[n] for n in range(i, 5, 3)} for i in range(3)] + [{}]
    for found in Together(4).run(lambda peers: gathered(peers, shares[peers.index])):
        assert sorted(found) == list(range(5))
        for n, part in parts.items():
            for group, expected in zip(found[n], part, strict=True):
                for one, other in zip(group, expected, strict=True):
                    np.testing.assert_array_equal(one, other)


def test_as_many_steps_are_granted_as_all_want():
    def steps(peers):
        control = SharedControl(peers)
        return [control.allow(wanted) for wanted in ((5, 9), (7, 3))[peers.index]]

    assert Together(2).run(steps) == [[5, 3], [5, 3]]


def test_the_stop_of_one_is_the_stop_of_all():
    def steps(peers):
        control = SharedControl(peers)
        granted = [control.allow(4)]
        if peers.index == 1:
            control.stop()
        granted.append(control.allow(4))
        return granted, control.stopped

    assert Together(3).run(steps) == [([4, 0], True)] * 3


def test_a_number_of_steps_that_was_agreed_on_stays_whole():
    chunker = WholeChunks()
    assert chunker.begin(1000) == 1000
    chunker.end(1000)
    assert chunker.begin(7) == 7
