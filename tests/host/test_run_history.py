"""Hot edits and branches in the engine: the comparison of the runs names what explains them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.edit.replace_op import replace_op
from nodeflow.host import protocol as p
from nodeflow.ops import REGISTRY
from nodeflow.run_store.run_differences import changes
from nodeflow.run_store.run_history import history, settings_in
from nodeflow.run_store.store import RunStore
from nodeflow.train import events
from tests.host.conftest import Talk
from tests.host.test_hot_edits import Live, data, network, node, talk  # noqa: F401  fixtures

MADE = 8
"""Steps that a branch makes, at least."""


def branch(talk: Talk, number: int, **where) -> tuple[events.Resumed, int]:  # noqa: F811
    """Train on from before a step, for a few steps; returns how it began, and its last step."""
    talk.send(p.Train(number, **where))
    resumed = talk.wait_for(events.Resumed)
    while talk.wait_for(events.Steps).last < resumed.step + MADE:
        pass
    talk.send(p.Stop())
    talk.wait_for(events.Done)
    return resumed, nf.runs()[0].steps


@pytest.fixture
def edited(talk, data: Path) -> tuple[Live, list[int]]:  # noqa: F811
    """relu becomes sigmoid, then the rate becomes 1000 and 0.01 again; and after which steps."""
    live = Live(talk, network(), data)
    document = live.document
    replace_op(document, node(document, "act"), REGISTRY.lookup("sigmoid"))
    steps = [live.wait_for(events.Edited).step]
    live.later()
    for rate in (1000.0, 0.01):
        commands.set_attr(document, node(document, "step"), "learning_rate", rate)
        steps.append(live.wait_for(events.NumberChanged).step)
        live.later()
    commands.set_training(document, epochs=len(live.losses))
    live.wait_for(events.Edited)
    live.stop()
    return live, steps


def words(steps: list[int]) -> list[tuple[int, str]]:
    what = (
        "act: relu -> sigmoid",
        "step.learning_rate 0.01 -> 1000",
        "step.learning_rate 1000 -> 0.01",
    )
    return list(zip(steps, what, strict=True))


def told(edits) -> list[tuple[int, str]]:
    return [(e.step, e.words) for e in edits if "epochs" not in e.words]


@pytest.mark.thorough
def test_a_run_knows_its_edits_and_its_settings_at_any_step(edited):
    live, steps = edited
    (run,) = nf.runs()
    with RunStore(write=False) as store:
        found = store.find(run.id)
        assert told(history(store, found).edits) == words(steps)
        for step, rate in ((steps[1], 0.01), (steps[1] + 1, 1000.0), (steps[2] + 1, 0.01)):
            assert settings_in(store, found, step)["step.learning_rate"] == rate
        assert settings_in(store, found, 1)["epochs"] == 100_000
        assert settings_in(store, found)["epochs"] == live.document.training["epochs"]


@pytest.mark.thorough
def test_a_branch_is_compared_from_where_it_parts(edited, talk):  # noqa: F811
    live, steps = edited
    last = len(live.losses)
    resumed, reached = branch(talk, 2, branch=last)
    marks = [(steps[0], "act: relu -> sigmoid"), (steps[1], "step.learning_rate 1000"),
             (steps[2], "step.learning_rate 0.01")]  # fmt: skip
    assert list(resumed.marks) == marks, resumed.marks
    second, first = nf.runs()
    assert second.parent == first.id and second.name.endswith(f", after step {last - 1}")
    with RunStore(write=False) as store:
        runs = store.find(first.id), store.find(second.id)
        found = changes(store, *runs)
        assert found.parted is not None
        assert (found.parted[0].id, found.parted[1]) == (first.id, last - 1)
        assert told(found.edits[0]) == told(found.edits[1]) == [] and not found.graph
    again, _ = branch(talk, 3, branch=reached)  # a branch of the branch
    assert list(again.marks) == marks
    kept, _ = branch(talk, 4, branch=steps[2], branch_run=first.id)  # of a run that is opened
    assert list(kept.marks) == marks[:2]


@pytest.mark.thorough
def test_a_branch_has_the_numbers_that_the_document_shows(edited, talk, data):  # noqa: F811
    """From a step that was made with a rate of 1000, while the document says 0.01 again."""
    _, steps = edited
    at = steps[1] + 5
    branch(talk, 2, branch=at, file=str(data.with_name("net.flow")))
    with RunStore(write=False) as store:
        run = store.runs()[0]
        assert settings_in(store, run)["step.learning_rate"] == 0.01
        words = [edit.words for edit in history(store, run).edits if edit.run == run.id]
        assert any("step: learning_rate 1000.0 -> 0.01" in one for one in words)
    second, first = nf.runs()
    assert one_step(first, at + 1) > 100 and one_step(second, at + 1) < 1


def one_step(run: nf.KeptRun, step: int) -> float:
    """How far a step of Adam moves a weight, at most."""
    found = []
    for number in (step, step + 1):
        with run.at(number) as at:
            found.append(np.asarray(at.run("w1")))
    return float(np.abs(found[1] - found[0]).max())
