"""A training whose event files cannot be written any more."""

from __future__ import annotations

import pytest

import nodeflow as nf
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.errors import FileProblem
from nodeflow.integrations.tensorboard.training import EventFiles
from nodeflow.resources import example
from nodeflow.train.events import Done, Epoch
from nodeflow.train.loop.event_stream import train


class Full(EventFiles):
    """On a disk that is full after the first epoch."""

    tries = 0

    def variables(self, step, when, variables):
        self.tries += 1
        raise FileProblem(f"the disk is full ({self.tries})")


def events(tmp_path, **how):
    task = Task(flow.load(example("spirals")))
    training = task.training()
    with nf.Session(task.graph, tier="reference") as session:
        session.initialize()
        yield from Full(tmp_path).watch(session, training, train(session, training), **how)


@pytest.mark.thorough
def test_it_goes_on_where_somebody_is_told(tmp_path):
    said = []
    seen = list(events(tmp_path, lost=said.append))
    assert [error.message for error in said] == ["the disk is full (1)"]
    assert isinstance(seen[-1], Done) and sum(isinstance(e, Epoch) for e in seen) > 1


def test_it_ends_where_nobody_is(tmp_path):
    with pytest.raises(FileProblem, match="full"):
        for event in events(tmp_path):
            assert not isinstance(event, Done)
