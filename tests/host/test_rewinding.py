"""The engine answers with the values of an earlier step, while a training runs or is over."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.host import protocol as p
from nodeflow.train import events
from nodeflow.train.loop.event_stream import train
from tests.host.documents import regression


@pytest.fixture
def document() -> Document:
    document = regression()
    commands.set_training(document, epochs=60)
    return document


def weights(document: Document, step: int) -> dict[str, np.ndarray]:
    """The variables from before a step, of a training that ends there."""
    task = Task(document)
    with Session(task.graph, tier="reference", seed=task.training().seed) as session:
        session.initialize()
        for event in train(session, task.training()):
            if isinstance(event, events.Steps) and event.last >= step - 1:
                assert event.last == step - 1
                return dict(session.variables.items())
    raise AssertionError(f"there is no step {step}")


def trained(talk, document: Document) -> None:
    talk.sync(document)
    talk.send(p.Train(1))
    assert talk.wait_for(p.PastSteps).first == 1
    talk.wait_for(events.Done)


def past(talk, document: Document, step: int, number: int, names=None) -> p.Previews:
    talk.send(p.ShowStep(step, number))
    talk.send(p.Evaluate(document.revision, number + 1, names, follow=True))
    while (answer := talk.wait_for(p.Previews)).request != number + 1:
        pass
    return answer


@pytest.mark.thorough
def test_a_step_is_shown_as_it_was(talk, document):
    trained(talk, document)
    for number, step in enumerate((17, 3, 41)):
        answer = past(talk, document, step, 10 + 2 * number)
        assert (answer.past, answer.step) == (step, step)
        for name, value in weights(document, step).items():
            shown = answer.values[name]
            assert shown.step == step
            np.testing.assert_allclose(shown.mean, value.mean(), rtol=1e-5)


@pytest.mark.thorough
def test_whole_tensors_and_gradients_are_of_the_step(talk, document):
    trained(talk, document)
    talk.send(p.ShowStep(5, 20))
    (name, value), *_ = weights(document, 5).items()
    talk.send(p.FetchTensor(name, 21))
    found = talk.wait_for(p.TensorValue)
    assert (found.past, found.step, found.request) == (5, 5, 21)
    np.testing.assert_allclose(found.array, value, rtol=1e-5)
    task = Task(document)
    task.training()
    gradient = next(n.name for n in task.graph.nodes if n.derived_from and n.op.id == "multiply")
    answer = past(talk, document, 5, 30, (gradient,))
    assert answer.values[gradient].step == 5


@pytest.mark.thorough
def test_measures_are_of_the_step(talk, document):
    trained(talk, document)
    talk.send(p.Measure("magnitude"))
    answer = past(talk, document, 17, 10)
    before = weights(document, 17)
    for name, value in before.items():
        found = answer.values[name].measured
        assert found.value == pytest.approx(np.sqrt(np.square(value).mean()), rel=1e-5)
    talk.send(p.WatchViews((p.ViewSpec("measures", "", (("of", "update"),)),), 90))
    w, b = before["w"].item(), before["b"].item()
    x = np.array([0.0, 1.0, 2.0])
    slope = (2 * (w * x + b - (2 * x + 1)) * x).mean()
    updates = talk.wait_for(p.ViewValue).data.values
    assert updates["w"].value == pytest.approx(abs(0.1 * slope / w), rel=1e-3)


@pytest.mark.thorough
def test_back_to_now_shows_what_was_learned(talk, document):
    trained(talk, document)
    past(talk, document, 2, 10)
    talk.send(p.ShowStep(None, 20))
    talk.send(p.Evaluate(document.revision, 21))
    while (answer := talk.wait_for(p.Previews)).request != 21:
        pass
    assert answer.past is None and answer.step is None


@pytest.mark.thorough
def test_a_training_that_is_paused_stays_where_it_is(talk, document):
    commands.set_training(document, epochs=100_000)
    talk.sync(document)
    talk.send(p.Train(1))
    while talk.wait_for(events.Steps).last < 30:
        pass
    talk.send(p.Pause())
    while talk.wait_for(p.State).state != "paused":
        pass
    answer = past(talk, document, 12, 10)
    expected = weights(document, 12)
    for name, value in expected.items():
        np.testing.assert_allclose(answer.values[name].mean, value.mean(), rtol=1e-5)
    talk.send(p.ShowStep(None, 20))
    talk.send(p.Stop())
    assert talk.wait_for(events.Done).stopped


@pytest.mark.thorough
def test_a_training_goes_on_while_a_step_is_shown(talk, document):
    commands.set_training(document, epochs=100_000)
    talk.sync(document)
    talk.send(p.Train(1))
    talk.wait_for((events.Steps, p.EventBatch))
    answer = past(talk, document, 2, 10)
    for name, value in weights(document, 2).items():
        np.testing.assert_allclose(answer.values[name].mean, value.mean(), rtol=1e-5)
    talk.wait_for((events.Steps, p.EventBatch))
    answer = past(talk, document, 4, 20)
    for name, value in weights(document, 4).items():
        np.testing.assert_allclose(answer.values[name].mean, value.mean(), rtol=1e-5)
    talk.send(p.Stop())
    assert talk.wait_for(events.Done).stopped


@pytest.mark.thorough
def test_without_a_training_there_is_no_past(talk, document):
    talk.sync(document)
    talk.send(p.ShowStep(3, 1))
    talk.send(p.Evaluate(document.revision, 2))
    talk.send(p.ShowStep(None, 3))
    talk.send(p.Evaluate(document.revision, 4))
    answer = talk.wait_for(p.Previews)
    assert (answer.request, answer.past) == (4, None)


@pytest.mark.thorough
def test_another_document_forgets_the_training(talk, document):
    trained(talk, document)
    other = regression()
    talk.sync(other)
    assert talk.wait_for(p.PastSteps).first == 0
