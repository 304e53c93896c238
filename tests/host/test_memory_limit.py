"""A limit of memory that the window sets holds for the next training."""

from __future__ import annotations

import pytest

from nodeflow.document.io import flow
from nodeflow.host import protocol as p
from nodeflow.resources import example
from nodeflow.train.events import Steps


@pytest.mark.thorough
def test_the_next_training_follows_the_limit(talk):
    talk.sync(flow.loads(example("mnist.flow").read_text()))
    talk.send(p.SetMemory(1000))
    talk.send(p.Train(7))
    failed = next(m for m in iter(talk.inbox.get, None) if isinstance(m, p.Failed))
    assert failed.request == 7
    assert "the limit is 1 kB" in failed.error.message
    assert failed.error.node
    talk.send(p.SetMemory(None))
    talk.send(p.Train(8))
    assert talk.wait_for(Steps).last >= 1
    talk.send(p.Stop())
