"""The engine process profiles what the window shows, and computes with as many threads as asked."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.host import protocol as p
from nodeflow.train import events
from tests.host.documents import expression, regression


def names(trace: dict) -> set[str]:
    return {n for e in trace["traceEvents"] if e["ph"] == "X" for n in e["args"]["nodes"]}


@pytest.mark.thorough
def test_a_run_is_profiled_where_there_is_no_optimizer(talk):
    talk.sync(expression())
    talk.send(p.Profile(7))
    result = talk.wait_for(p.Profiled)
    assert (result.request, result.times) == (7, 0)
    assert {"d", "e", "a"} <= names(result.trace)
    assert "def kernel" in result.plan
    assert "fuse" in result.plan and "# a\n" in result.plan


@pytest.mark.thorough
def test_training_steps_are_profiled_and_nothing_is_learned(talk):
    document = regression()
    talk.sync(document)
    talk.send(p.Profile(7))
    result = talk.wait_for(p.Profiled)
    assert result.times > 0
    assert {"xw", "loss"} <= names(result.trace)
    assert any(name.startswith("train/w/") for name in names(result.trace))
    talk.send(p.FetchTensor("w", 8))
    assert np.array_equal(talk.wait_for(p.TensorValue).array, [[0.0]])


@pytest.mark.thorough
def test_a_profile_that_cannot_be_made_is_a_failure(talk):
    document = regression()
    for record in list(document.nodes.values()):
        if record.name == "x":
            document.nodes[record.id].attrs.pop("sample")
    talk.sync(document)
    talk.send(p.Profile(7))
    failed = talk.wait_for(p.Failed)
    assert (failed.request, failed.what) == (7, "Profile")
    talk.send(p.FetchTensor("w", 8))
    talk.wait_for(p.TensorValue)


def test_threads_change_while_variables_stay_and_losses_are_the_same(talk):
    talk.sync(regression())
    talk.wait_for(p.Ready)
    trained = []
    for number, threads in enumerate((1, 3)):
        talk.send(p.SetThreads(threads))
        assert talk.wait_for(p.Ready).threads == threads
        if number:
            talk.send(p.FetchTensor("w", 8))
            assert np.array_equal(talk.wait_for(p.TensorValue).array, trained[0])
        talk.send(p.Train(number))
        talk.wait_for(events.Done)
        talk.send(p.FetchTensor("w", 9))
        trained.append(talk.wait_for(p.TensorValue).array)
        talk.send(p.Profile(10))
        assert talk.wait_for(p.Profiled).threads == threads
    assert np.array_equal(*trained)
    talk.send(p.SetThreads(None))
    assert talk.wait_for(p.Ready).threads >= 1
