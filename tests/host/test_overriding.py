"""Overridden tensors: what follows from them is what a run with a feed computes, and no training,
file or run has them."""

from __future__ import annotations

import queue
import random
import threading

import numpy as np
import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.incremental import IncrementalRun
from nodeflow.engine.session import Session
from nodeflow.errors import FeedError, NodeflowError
from nodeflow.graph.graph import Tensor
from nodeflow.host import protocol as p
from nodeflow.host import request_handler
from nodeflow.host.evaluation.evaluator import Evaluator
from nodeflow.host.training import training_requests
from nodeflow.host.views.watched_views import view_value
from nodeflow.resources import example
from nodeflow.train import events
from tests.engine.random_graphs import build, inputs, program
from tests.host.conftest import Talk
from tests.host.documents import expression, regression


def opened(name: str) -> Document:
    return flow.load(example(name))


def by_feeding(document: Document, overrides: dict) -> dict[str, np.ndarray]:
    """Every value of the document's own nodes in a run that is fed the overrides."""
    task = Task(document, base_dir=None)
    tensors = [t for n in task.graph.nodes if not n.derived_from for t in n.outputs]
    tensors = [t for t in tensors if t.node.op.id not in ("assign", "print")]
    with Session(task.graph, tier="reference", seed=task.settings.seed or 0) as session:
        session.initialize()
        fed = {task.tensor(name): value for name, value in overrides.items()}
        feeds = {**task.feeds(tensors), **fed}
        found = session.run(tensors, feeds)
    return {t.name: value for t, value in zip(tensors, found, strict=True)}


def compare(evaluator: Evaluator, expected: dict[str, np.ndarray]) -> None:
    assert len(expected) > 3
    for name, value in expected.items():
        np.testing.assert_array_equal(evaluator.value(name).array, value, err_msg=name)


def constant_of(evaluator: Evaluator, name: str, number: float) -> np.ndarray:
    return np.full_like(evaluator.value(name).array, number)


# ---- what follows -------------------------------------------------------------------------------


def test_what_follows_from_a_number_follows_at_once():
    evaluator = Evaluator(expression())
    before = {n: preview.text for n, preview in evaluator.previews().values.items()}
    evaluator.override(p.Override({"d": np.array(10.0)}))
    values = evaluator.previews().values
    assert values["a"].array == 30 and values["d"].array == 10 and values["e"].array == 3
    assert [n for n, v in sorted(values.items()) if v.is_what_if] == ["a", "d"]
    evaluator.override(p.Override({"d": np.array(10.0), "c": np.array(0.0)}))
    assert evaluator.previews().values["a"].array == 20
    evaluator.override(p.Override())
    assert {n: preview.text for n, preview in evaluator.previews().values.items()} == before
    assert not any(v.is_what_if for v in evaluator.previews().values.values())


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("mnist", "hidden"),
        ("mnist", "W2"),
        ("mnist", "probabilities"),
        ("mnist", "one_minus_p"),
        ("mnist", "logits"),
        ("mnist", "x"),
        ("mnist", "y"),
        ("mnist_layers", "hidden"),
        ("mnist_layers", "logits/kernel"),
        ("mnist_layers", "hidden/bias"),
        ("autoencoder", "code"),
    ],
)
def test_every_value_is_that_of_a_run_with_the_same_feed(file, name):
    document = opened(file)
    evaluator = Evaluator(document)
    evaluator.previews()
    value = evaluator.value(name).array.copy()
    value[0] += 0.125
    evaluator.override(p.Override({name: value}))
    evaluator.previews()
    compare(evaluator, by_feeding(document, {name: value}))
    evaluator.override(p.Override())
    compare(evaluator, by_feeding(document, {}))


@pytest.mark.parametrize("seed", range(12))
def test_random_graphs_with_random_overrides_agree_with_runs(seed):
    rng = random.Random(seed)
    graph, placeholders, values, _ = build(program(seed, 40, kinks=True), "float32")
    given = dict(zip(placeholders, inputs(seed, "float32", ties=False), strict=True))
    chosen = rng.sample([t for n in graph.nodes for t in n.outputs if t.type.is_float], 3)
    with Session(graph, tier="reference") as session:
        plain = session.run(chosen, given)
        fed = {t: np.asarray(v) * 0.5 for t, v in zip(chosen, plain, strict=True)}
        expected = session.run(values, {**given, **fed})
    users: dict = {}
    for node in graph.nodes:
        for tensor in node.inputs:
            users.setdefault(tensor.node, []).append(node)
    run = IncrementalRun(users, lambda n: given.get(n.outputs[0]), lambda n: n, lambda n: n)
    run.compute([t.node for t in values])
    run.overrides = fed
    run.forget(t.node for t in chosen)
    run.compute([t.node for t in values])
    for tensor, value in zip(values, expected, strict=True):
        found = run.outcomes[tensor.node]
        assert isinstance(found, tuple)
        np.testing.assert_array_equal(found[tensor.index], value)


def test_one_output_of_several_is_overridden_alone():
    document = Document()

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    x, split = add("constant", "x", value=[1.0, 2.0, 3.0, 4.0]), add("split", "parts", axis=0)
    first, second = add("reduce_sum", "first"), add("reduce_sum", "second")
    commands.connect(document, x, "out", split, "x")
    there = list(Analysis(document).out_types(split) or {})
    commands.connect(document, split, there[0], first, "x")
    commands.connect(document, split, there[1], second, "x")
    evaluator = Evaluator(document)
    evaluator.override(p.Override({"parts:1": np.array([10.0, 20.0])}))
    values = evaluator.previews().values
    assert values["first"].array == 3 and values["second"].array == 30
    np.testing.assert_array_equal(values["parts"].array, [[1, 2]])


def test_a_value_that_does_not_fit_says_so_at_its_node():
    evaluator = Evaluator(opened("mnist"))
    evaluator.override(p.Override({"W1": np.zeros((3, 3), np.float32)}))
    values = evaluator.previews().values
    assert values["W1"].kind == "error" and "hidden" not in values
    assert values["W1"].text == "expected float32 (784, 300), but float32 (3, 3) was fed"
    with pytest.raises(FeedError, match="float32 \\(784, 300\\), but float32 \\(3, 3\\)") as caught:
        evaluator.value("W1")
    assert caught.value.node == "W1"
    evaluator.override(p.Override({"W1": np.full((784, 300), 0.5)}))
    assert evaluator.previews().values["W1"].mean == 0.5, "float64 becomes float32"


# ---- the document goes on -----------------------------------------------------------------------


def test_edits_are_followed_with_overrides():
    document = expression()
    evaluator = Evaluator(document)
    document.subscribe(evaluator.follow)
    evaluator.override(p.Override({"d": np.array(10.0)}))
    assert evaluator.previews().values["a"].array == 30
    commands.set_attr(document, document.node_named("two").id, "value", 4.0)
    assert evaluator.previews().values["a"].array == 50
    square = commands.add_node(document, "square", (0, 0), name="square")
    commands.connect(document, document.node_named("d").id, "out", square, "x")
    assert evaluator.previews().values["square"].array == 100
    commands.rename(document, document.node_named("d").id, "sum")
    assert evaluator.previews().values["square"].array == 9, "nothing is called so any more"
    evaluator.override(p.Override({"sum": np.array(10.0)}))
    assert evaluator.previews().values["square"].array == 100
    commands.remove(document, [document.node_named("sum").id])
    values = evaluator.previews().values
    assert "square" not in values and "a" not in values
    document.undo()
    assert evaluator.previews().values["square"].array == 100
    evaluator.rebuild()
    assert evaluator.previews().values["square"].array == 100


def test_views_follow_and_the_record_of_a_training_stays_clean():
    evaluator = Evaluator(opened("mnist"))
    spec = p.ViewSpec("plot", "loss")
    source = evaluator.view_source()
    source.step = 1
    view_value(lambda: source, spec)
    evaluator.override(p.Override({"W2": constant_of(evaluator, "W2", 0.0)}))
    source.step = 2
    view_value(lambda: source, spec)
    assert [step for step, _ in source.courses["loss"]] == [1]
    logits = evaluator.task.tensor("logits")
    found = source.run([logits], source.feeds([logits]))
    np.testing.assert_array_equal(
        found[0], np.broadcast_to(evaluator.value("b2").array, found[0].shape)
    )


# ---- nothing else has it ------------------------------------------------------------------------


def losses(talk) -> np.ndarray:
    found = []
    while True:
        event = talk.wait_for((events.Steps, p.EventBatch, events.Done))
        if isinstance(event, events.Done):
            return np.concatenate(found)
        steps = event.events if isinstance(event, p.EventBatch) else (event,)
        for one in steps:
            if isinstance(one, events.Steps):
                found.append(one.losses)
            if isinstance(one, events.Done):
                return np.concatenate(found)


def previews(talk, document: Document, number: int) -> p.Previews:
    talk.send(p.Evaluate(document.revision, number))
    while (answer := talk.wait_for(p.Previews)).request != number:
        pass
    return answer


class Threaded(Talk):
    """An engine in a thread of this process, which trains in one tier."""

    def __init__(self, tier: str, monkeypatch: pytest.MonkeyPatch) -> None:
        pinned = {"tier": tier}  # auto switches at any step, and tiers round otherwise
        monkeypatch.setattr(
            training_requests, "Session", lambda *a, **more: Session(*a, **more | pinned)
        )
        self.inbox = queue.Queue()
        self.engine = request_handler.Engine(self.inbox.put, threads=1)
        self.thread = threading.Thread(target=self.engine.work)
        self.thread.start()

    def send(self, request) -> None:
        self.engine.receive(request)

    def close(self) -> None:
        self.send(p.Shutdown())
        self.thread.join(20)


@pytest.fixture(params=["reference", "compiled"])
def threaded(request, monkeypatch):
    talking = Threaded(request.param, monkeypatch)
    yield talking
    talking.close()


@pytest.mark.thorough
def test_a_training_has_the_same_bits_with_and_without(threaded, tmp_path):
    talk = threaded
    document = regression()
    overrides = p.Override({"w": np.array([[7.0]]), "line": np.ones((3, 1))})
    talk.sync(document)
    talk.send(p.Train(1))
    expected = losses(talk)
    talk.send(p.SaveWeights(str(tmp_path / "plain.safetensors"), 2))
    talk.wait_for(p.WeightsSaved)
    talk.send(p.InitializeVariables())
    talk.send(overrides)
    assert previews(talk, document, 3).values["w"].array == 7
    talk.send(p.Train(4))
    found = losses(talk)
    np.testing.assert_array_equal(found.view(np.int64), expected.view(np.int64))
    assert len(found) == 200
    shown = previews(talk, document, 5).values
    assert shown["w"].array == 7 and shown["line"].mean == 1
    talk.send(p.SaveWeights(str(tmp_path / "other.safetensors"), 6))
    talk.wait_for(p.WeightsSaved)
    plain, other = (tmp_path / f"{n}.safetensors" for n in ("plain", "other"))
    assert plain.read_bytes() == other.read_bytes()
    talk.send(p.Evaluate(document.revision, 7, watch=False))
    while (run := talk.wait_for(p.Previews)).request != 7:
        pass
    assert run.values["w"].array != 7 and not any(v.is_what_if for v in run.values.values())


@pytest.mark.thorough
def test_a_paused_training_shows_what_follows_and_goes_on_as_if_nothing_were(talk):
    document = regression()
    commands.set_training(document, epochs=100_000)
    talk.sync(document)
    talk.send(p.Train(1))
    while talk.wait_for(events.Steps).last < 30:
        pass
    talk.send(p.Pause())
    while talk.wait_for(p.State).state != "paused":
        pass
    plain = previews(talk, document, 10).values["loss"].array
    talk.send(p.Override({"line": np.array([[1.0], [3.0], [5.0]])}))
    shown = previews(talk, document, 11).values
    assert shown["loss"].array == 0 and shown["loss"].is_what_if
    talk.send(p.Override())
    assert previews(talk, document, 12).values["loss"].array == plain
    talk.send(p.Stop())
    assert talk.wait_for(events.Done).stopped


# ---- at a step of the past ----------------------------------------------------------------------


def at_step(talk, document: Document, step: int, number: int) -> p.Previews:
    talk.send(p.ShowStep(step, number))
    answer = previews(talk, document, number + 1)
    assert answer.past == step
    return answer


def test_a_past_step_with_an_override(talk):
    document = regression()
    talk.sync(document)
    talk.send(p.Train(1))
    talk.wait_for(events.Done)
    plain = at_step(talk, document, 9, 10).values
    talk.send(p.Override({"w": np.array([[3.0]])}))
    found = at_step(talk, document, 9, 20).values
    x, y = np.array([[0.0], [1.0], [2.0]]), np.array([[1.0], [3.0], [5.0]])
    line = x * 3 + plain["b"].array
    np.testing.assert_allclose(found["line"].array, line, rtol=1e-6)
    np.testing.assert_allclose(found["loss"].array, ((line - y) ** 2).mean(), rtol=1e-6)
    assert found["b"].array == plain["b"].array and not found["b"].is_what_if
    assert found["loss"].is_what_if and found["loss"].step == 9
    talk.send(p.FetchTensor("line", 30))
    whole = talk.wait_for(p.TensorValue)
    assert whole.is_what_if and whole.past == 9
    np.testing.assert_allclose(whole.array, line, rtol=1e-6)
    talk.send(p.Override({"line": np.zeros((3, 2))}))
    talk.send(p.FetchTensor("line", 31))
    failed = None
    while failed is None:
        message = talk.inbox.get(timeout=60)
        failed = message if isinstance(message, p.Failed) else None
    assert failed.request == 31 and failed.error.node == "line"
    talk.send(p.Override())
    again = at_step(talk, document, 9, 40).values
    assert {n: v.text for n, v in again.items()} == {n: v.text for n, v in plain.items()}


@pytest.mark.thorough
def test_a_drawing_at_a_past_step_is_what_the_network_said_then(talk):
    document = opened("mnist_layers")
    commands.set_training(document, epochs=1, batch_size=500)
    drawing = np.random.default_rng(5).random((1, 784), np.float32)
    talk.sync(document)
    talk.send(p.Train(1))
    talk.wait_for(events.Done)
    talk.send(p.Override({"x": drawing}, {"x": "sketch pad"}))
    found = at_step(talk, document, 7, 10).values
    assert "loss" not in found and "y" not in found, "no label is made up"
    weights = {}
    for number, name in enumerate(("hidden/kernel", "hidden/bias", "logits/kernel", "logits/bias")):
        talk.send(p.FetchTensor(name, 20 + number))
        value = talk.wait_for(p.TensorValue)
        assert value.past == 7 and not value.is_what_if
        weights[name] = value.array.astype(np.float64)
    hidden = np.maximum(drawing @ weights["hidden/kernel"] + weights["hidden/bias"], 0)
    logits = hidden @ weights["logits/kernel"] + weights["logits/bias"]
    talk.send(p.FetchTensor("logits", 30))
    answer = talk.wait_for(p.TensorValue)
    np.testing.assert_allclose(answer.array, logits, rtol=1e-4, atol=1e-5)
    assert answer.is_what_if


def test_names_that_are_no_tensors_are_left_out():
    evaluator = Evaluator(expression())
    evaluator.override(p.Override({"nobody": np.array(1.0), "d": np.array(10.0)}))
    assert evaluator.previews().values["a"].array == 30
    with pytest.raises(NodeflowError):
        evaluator.value("nobody")
    assert all(isinstance(tensor, Tensor) for tensor in evaluator.overriding.tensors)
