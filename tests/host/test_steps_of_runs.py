"""The engine shows steps of kept runs, of several at once, and the order of a step's ops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.host import protocol as p
from nodeflow.train import events
from tests.host.conftest import Talk
from tests.host.documents import regression


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An engine that keeps runs in the folder ``runs``."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    talking = Talk()
    yield talking
    talking.client.close()


def trained(talk: Talk, rate: float, epochs: int = 40, number: int = 1) -> Document:
    document = regression()
    commands.set_training(document, epochs=epochs)
    node = next(n for n in document.nodes.values() if n.op == "gradient_descent")
    commands.set_attr(document, node.id, "learning_rate", rate)
    talk.sync(document)
    talk.send(p.Train(number))
    talk.wait_for(events.Done)
    return document


def tensor(talk: Talk, number: int) -> p.TensorValue:
    while (found := talk.wait_for((p.TensorValue, p.Failed))).request != number:
        pass
    assert isinstance(found, p.TensorValue), found
    return found


def truth(run: nf.KeptRun, step: int, name: str) -> np.ndarray:
    with run.at(step) as at:
        return np.asarray(at.run(name))


@pytest.mark.thorough
def test_a_kept_run_is_opened_and_shown(talk):
    document = trained(talk, 0.1)
    (run,) = nf.runs()
    talk.sync(document)  # as in another window: nothing has been trained here
    talk.send(p.OpenRun(run.id, 5))
    opened = talk.wait_for(p.RunOpened)
    assert (opened.first, opened.last, opened.per_epoch) == (1, 40, 1)
    assert opened.differing == () and opened.differences == 0
    for number, step in ((10, 17), (20, 3), (30, 40)):
        talk.send(p.ShowStep(step, number, run.id))
        talk.send(p.Evaluate(document.revision, number + 1, follow=True))
        while (answer := talk.wait_for(p.Previews)).request != number + 1:
            pass
        assert (answer.past, answer.run, answer.notices) == (step, run.id, ())
        talk.send(p.FetchTensor("w", number + 2))
        found = tensor(talk, number + 2)
        assert found.array.tobytes() == truth(run, step, "w").tobytes()
        assert answer.values["w"].mean == pytest.approx(found.array.mean())


@pytest.mark.thorough
def test_a_graph_that_differs_is_counted(talk):
    trained(talk, 0.1)
    (run,) = nf.runs()
    other = regression()
    node = next(n for n in other.nodes.values() if n.op == "gradient_descent")
    commands.set_attr(other, node.id, "learning_rate", 0.25)
    talk.sync(other)
    talk.send(p.OpenRun(run.id, 5))
    assert talk.wait_for(p.RunOpened).differences == 1


@pytest.mark.thorough
def test_a_step_of_another_run_is_fetched_beside(talk):
    first = trained(talk, 0.1)
    trained(talk, 0.02, number=2)
    slow, fast = nf.runs()
    talk.send(p.ShowStep(30, 10))
    talk.send(p.FetchStep("w", fast.id, 12, 11))
    found = tensor(talk, 11)
    assert (found.run, found.past) == (fast.id, 12)
    assert found.array.tobytes() == truth(fast, 12, "w").tobytes()
    talk.send(p.FetchTensor("w", 12))  # what is shown has stayed
    assert tensor(talk, 12).array.tobytes() == truth(slow, 30, "w").tobytes()
    talk.send(p.FetchStep("w", "", 5, 13))
    assert tensor(talk, 13).array.tobytes() == truth(slow, 5, "w").tobytes()
    assert first is not None


@pytest.mark.thorough
def test_runs_follow_to_a_step_and_say_what_is_in_the_way(talk):
    trained(talk, 0.1)
    trained(talk, 0.02, epochs=20, number=2)
    short, long = nf.runs()
    talk.send(p.FollowStep((long.id, short.id, "rzzzzzzzz"), 30, "w", 20))
    found = [talk.wait_for(p.RunAtStep) for _ in range(3)]
    assert [one.run for one in found] == [long.id, short.id, "rzzzzzzzz"]
    assert all(one.request == 20 and one.step == 30 for one in found)
    assert found[0].preview.mean == pytest.approx(truth(long, 30, "w").mean())
    assert found[1].error is not None and "step 30" in found[1].error.message
    assert found[2].error is not None and "no run" in found[2].error.message


@pytest.mark.thorough
def test_a_run_that_kept_no_copies_fails_with_the_reason(talk, tmp_path):
    trained(talk, 0.1)
    (run,) = nf.runs()
    (tmp_path / "runs" / run.id / "past.safetensors").unlink()
    talk.send(p.OpenRun(run.id, 7))
    failed = talk.wait_for(p.Failed)
    assert failed.request == 7 and "kept no copies" in failed.error.message


@pytest.mark.thorough
def test_a_branch_of_a_kept_run_has_its_losses(talk):
    document = trained(talk, 0.1)
    (run,) = nf.runs()
    talk.sync(document)
    talk.send(p.Train(9, branch=11, branch_run=run.id))
    resumed = talk.wait_for(events.Resumed)
    assert resumed.step == 10 and resumed.losses.tobytes() == run.losses[:10].tobytes()
    talk.wait_for(events.Done)
    newest = nf.runs()[0]
    assert (newest.parent, newest.parent_step) == (run.id, 10)
    loss = newest.curves["training loss"]
    assert loss.step.tolist() == list(range(11, 41))
    np.testing.assert_allclose(loss.values, run.losses[10:], rtol=1e-4)  # maybe another tier


@pytest.mark.thorough
def test_the_order_of_a_step_begins_with_what_is_there(talk):
    document = trained(talk, 0.1)
    talk.send(p.ShowStep(7, 10))
    talk.send(p.FetchOrder(11))
    order = talk.wait_for(p.StepOrder)
    assert (order.request, order.step, order.run) == (11, 7, "")
    first, *rest = order.kernels
    names = [name for kernel in rest for name in kernel]
    assert {"w", "b"} <= set(first) and not set(first) & set(names)
    at = {name: index for index, kernel in enumerate(order.kernels) for name in kernel}
    for wire in document.wires.values():
        source, target = (document.nodes[i].name for i in (wire.source, wire.target))
        if source in at and target in at:
            assert at[source] <= at[target], (source, target)


@pytest.mark.thorough
def test_a_damaged_file_of_copies_fails_and_the_engine_goes_on(talk, tmp_path):
    trained(talk, 0.1)
    (run,) = nf.runs()
    path = tmp_path / "runs" / run.id / "past.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    talk.send(p.OpenRun(run.id, 7))
    assert "damaged" in talk.wait_for(p.Failed).error.message
    talk.send(p.FetchStep("w", "", 5, 8))
    assert tensor(talk, 8).past == 5
