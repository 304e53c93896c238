"""Trainings of the engine process are runs, from the first step to the end, whatever ends them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.host import protocol as p
from nodeflow.host.engine_client import EngineClient
from nodeflow.train import events
from tests.host.conftest import Talk
from tests.host.documents import expression, regression


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An engine that keeps runs in the folder ``runs``."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    talking = Talk()
    yield talking
    talking.client.close()


def train(talk: Talk, number: int = 1, **options) -> list[float]:
    """Trains to the end; returns the losses."""
    talk.send(p.Train(number, **options))
    losses: list[float] = []
    while not isinstance(event := talk.wait_for((events.Steps, events.Done)), events.Done):
        losses += event.losses.tolist()
    return losses


@pytest.mark.thorough
def test_a_training_of_the_window_is_a_run(talk, tmp_path: Path):
    document = regression()
    talk.sync(document)
    losses = train(talk, file=str(tmp_path / "line.flow"))
    (run,) = nf.runs()
    assert (run.surface, run.status, run.file) == ("window", "done", str(tmp_path / "line.flow"))
    assert run.losses.tolist() == losses and run.epochs == 200
    assert run.text == flow.dumps(document) and run.name.startswith("line 20")
    assert run.settings["train.learning_rate"] == 0.1 and run.machine["processor"]
    talk.send(p.FetchTensor("w", 2))
    np.testing.assert_array_equal(talk.wait_for(p.TensorValue).array, run.weights()["w"])


@pytest.mark.thorough
def test_the_window_hears_which_run_it_is(talk):
    talk.sync(regression())
    talk.send(p.Train(1))
    kept = talk.wait_for(events.RunKept)
    talk.wait_for(events.Done)
    assert nf.runs()[0].id == kept.run and not kept.problem


@pytest.mark.thorough
def test_continue_is_a_branch_and_another_document_is_not(talk):
    talk.sync(regression())
    train(talk, 1)
    losses = train(talk, 2, resume=True)
    second, first = nf.runs()
    assert (second.parent, second.parent_step) == (first.id, 200)
    assert second.losses.tolist() == losses
    assert second.curves["training loss"].step[[0, -1]].tolist() == [201, 400]
    assert second.curves["epoch loss"].step[-1] == 400
    assert [(e.kind, e.step, e.data) for e in first.events] == [("branch", 200, {"run": second.id})]
    talk.sync(regression())
    train(talk, 3, resume=True)
    assert nf.runs()[0].parent == ""


@pytest.mark.thorough
def test_pauses_are_events(talk):
    document = regression()
    commands.set_training(document, epochs=1_000_000)
    talk.sync(document)
    talk.send(p.Train(1))
    first = talk.wait_for(events.Steps)
    for request, state in ((p.Pause(), "paused"), (p.Step(2), "paused"), (p.Resume(), "training")):
        talk.send(request)
        while talk.wait_for(p.State).state != state:
            pass
    talk.send(p.Stop())
    assert talk.wait_for(events.Done).stopped
    (run,) = nf.runs()
    assert run.status == "stopped" and run.ending.startswith("stopped after epoch")
    assert [event.kind for event in run.events] == ["pause", "step", "resume"]
    steps = [event.step for event in run.events]
    assert first.last <= steps[0] <= steps[1] <= steps[2] <= run.steps


@pytest.mark.thorough
def test_a_killed_engine_leaves_an_interrupted_run_with_its_curve(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    inbox: list = []
    client = EngineClient(inbox.append)
    client.start()
    document = regression()
    commands.set_training(document, epochs=100_000_000)
    client.send(p.SyncDocument(flow.dumps(document), document.revision))
    client.send(p.Train(1))

    def wait(ready) -> None:
        end = time.monotonic() + 60
        while not ready():
            assert time.monotonic() < end, inbox[-3:]
            time.sleep(0.01)

    wait(lambda: nf.runs() and len(nf.runs()[0].losses))
    assert nf.runs()[0].status == "running"
    seen = len(nf.runs()[0].losses)
    (pid,) = {message.pid for message in inbox if isinstance(message, p.Ready)}
    os.kill(pid, signal.SIGKILL)
    wait(lambda: any(isinstance(message, p.Died) for message in inbox))
    client.close()
    (run,) = nf.runs()
    parts: list[events.Steps] = []
    for message in inbox:
        found = message.events if isinstance(message, p.EventBatch) else (message,)
        parts += [event for event in found if isinstance(event, events.Steps)]
    losses = np.concatenate([part.losses for part in parts])
    count = min(len(losses), len(run.losses))
    assert run.status == "interrupted" and len(run.losses) >= seen
    assert run.losses[:count].tobytes() == losses[:count].tobytes()


@pytest.mark.thorough
def test_a_store_that_cannot_be_written_is_said_once(tmp_path: Path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "file" / "runs"))
    talk = Talk()
    try:
        talk.sync(regression())
        talk.send(p.Train(1))
        kept = talk.wait_for(events.RunKept)
        assert not kept.run and "is not kept as a run" in kept.problem
        assert talk.wait_for((events.RunKept, events.Done)).steps == 200
    finally:
        talk.client.close()


@pytest.mark.thorough
def test_what_does_not_train_is_no_run(talk, tmp_path: Path):
    document = expression()
    talk.sync(document)
    talk.send(p.Evaluate(document.revision, 1, watch=False))
    talk.wait_for(p.Previews)
    assert not (tmp_path / "runs").exists()


@pytest.mark.thorough
def test_a_variable_that_is_changed_is_an_event_and_its_steps_stay(talk):
    document = regression()
    commands.set_training(document, epochs=1_000_000)
    talk.sync(document)
    talk.send(p.Train(1))
    while talk.wait_for(events.Steps).last < 20:
        pass
    talk.send(p.Pause())
    while talk.wait_for(p.State).state != "paused":
        pass
    talk.send(p.SetVariable("w", np.array([[5.5]]), 2))
    changed = talk.wait_for(events.VariableChanged)
    assert (changed.node, changed.elements) == ("w", 1)
    for _ in range(2):
        talk.send(p.Step(2))
        talk.wait_for(events.Steps)
    talk.send(p.Stop())
    talk.wait_for(events.Done)
    (run,) = nf.runs()
    found = [e for e in run.events if e.kind == "variable"]
    assert [(e.step, e.data["node"]) for e in found] == [(changed.step, "w")]
    before, after = (run.at(changed.step + n).run("w") for n in (0, 1))
    assert before != 5.5 and after == 5.5
    losses = [run.at(step).run("loss") for step in range(changed.step - 3, run.steps + 1)]
    np.testing.assert_array_equal(np.float32(losses), np.float32(run.losses[changed.step - 4 :]))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("w", np.zeros((3, 3)), "(1, 1), but float32 (3, 3)"),
        ("w", np.array([[np.nan]]), "not a number"),
        ("line", np.zeros((3, 1)), "no such variable"),
        ("nobody", np.zeros(()), "no such variable"),
    ],
)
def test_a_value_that_the_training_cannot_take_is_refused(talk, name, value, words):
    document = regression()
    commands.set_training(document, epochs=1_000_000)
    talk.sync(document)
    talk.send(p.SetVariable(name, value, 1))
    assert "no training" in refusal(talk, 1)
    talk.send(p.Train(2))
    talk.wait_for(events.Steps)
    talk.send(p.SetVariable(name, value, 3))
    assert words in refusal(talk, 3)
    talk.send(p.Stop())
    assert talk.wait_for(events.Done).stopped


def refusal(talk: Talk, number: int) -> str:
    """What the engine says against a request."""
    while not isinstance(message := talk.inbox.get(timeout=60), p.Failed):
        pass
    assert message.request == number
    return str(message.error)
