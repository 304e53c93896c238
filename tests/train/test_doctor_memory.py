"""The doctor warns before a training makes the machine swap."""

from __future__ import annotations

import pytest

from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.memory import Needs
from nodeflow.engine.session import Session
from nodeflow.resources import example
from nodeflow.train.doctor import checks
from nodeflow.train.doctor.checks import Doctor
from nodeflow.train.doctor.memory_use import check_memory
from nodeflow.train.events import Hints
from nodeflow.train.loop.event_stream import held, train

GB = 10**9


@pytest.mark.parametrize(
    "needed, limit, free, warned",
    [
        (7 * GB, None, 10 * GB, True),
        (5 * GB, None, 10 * GB, False),
        (50 * GB, 2 * GB, 10 * GB, False),
        (50 * GB, 9 * GB, 10 * GB, True),
        (50 * GB, None, None, False),
    ],
)
def test_a_step_that_takes_most_of_what_is_free(needed, limit, free, warned):
    hints = list(check_memory(Needs(needed, "hidden"), limit, free))
    assert [hint.node for hint in hints] == (["hidden"] if warned else [])
    assert list(check_memory(None, limit, free)) == []


def test_a_training_is_warned_before_its_first_step(monkeypatch):
    training = Task(flow.loads(example("mnist.flow").read_text())).training()
    with Session(training.loss.node.graph, tier="reference") as session:
        session.initialize()
        found = held(session, training)
        assert found is not None
        needs, limit = found
        assert limit is None
        assert 10**5 < needs.bytes < 10**8
        monkeypatch.setattr(checks, "free_memory", lambda: needs.bytes)
        doctor = Doctor(training, None, lambda: held(session, training))
        events = doctor.examined(train(session, training))
        hints = next(event.hints for event in events if isinstance(event, Hints))
        events.close()
    assert [hint.kind for hint in hints] == ["memory"]
    assert "free" in hints[0].evidence
