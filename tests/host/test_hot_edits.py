"""Edits of the document reach the training that runs in the engine process."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.diff.facts import copied
from nodeflow.document.edit import commands
from nodeflow.document.edit.replace_op import replace_op
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.host import protocol as p
from nodeflow.host.training import live_edits
from nodeflow.host.training.live_numbers import LiveNumbers
from nodeflow.ops import REGISTRY
from nodeflow.train import events
from nodeflow.train.control import Control
from tests.host.conftest import Talk


@pytest.fixture
def talk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An engine that keeps runs in the folder ``runs``."""
    monkeypatch.setenv("NODEFLOW_RUNS", str(tmp_path / "runs"))
    talking = Talk()
    yield talking
    talking.client.close()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 4)).astype("float32")
    path = tmp_path / "rows.npz"
    np.savez(path, x=x, y=np.sin(x.sum(1, keepdims=True)).astype("float32"))
    return path


def network(**settings) -> Document:
    """A hidden layer with an activation, trained by Adam on rows of a file."""
    document = Document()

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    def wire(source, target, port, out="out"):
        commands.connect(document, source, out, target, port)

    rows = add("dataset", "rows", source="npz:rows.npz")
    x, y = add("placeholder", "x", shape=[None, 4]), add("placeholder", "y", shape=[None, 1])
    wire(rows, x, "feed", "x")
    wire(rows, y, "feed", "y")
    w0 = add("variable", "w0", shape=[4, 6], initializer={"op": "random_normal", "stddev": 0.4})
    w1 = add("variable", "w1", shape=[6, 1], initializer={"op": "random_normal", "stddev": 0.4})
    xw, act, out = add("matmul", "xw"), add("relu", "act"), add("matmul", "result")
    error, squared = add("subtract", "error"), add("square", "squared")
    loss = add("reduce_mean", "loss")
    step = add("adam", "step", learning_rate=0.01)
    for source, target, port in (
        (x, xw, "x"), (w0, xw, "y"), (xw, act, "x"), (act, out, "x"), (w1, out, "y"),
        (out, error, "x"), (y, error, "y"), (error, squared, "x"), (squared, loss, "x"),
        (loss, step, "loss"),
    ):  # fmt: skip
        wire(source, target, port)
    given = {"optimizer": step, "loss": loss, "epochs": 100_000, "batch_size": 10, **settings}
    commands.set_training(document, **given)
    return document


def node(document: Document, name: str) -> str:
    found = document.node_named(name)
    assert found is not None
    return found.id


class Live:
    """A training of a document that goes on while that is edited."""

    def __init__(self, talk: Talk, document: Document, data: Path) -> None:
        self.talk, self.document = talk, document
        self.losses: list[float] = []
        talk.sync(document, str(data.parent))
        document.subscribe(lambda c: talk.send(p.SyncChange(c.text, c.revision)))
        talk.send(p.Train(1, file=str(data.with_name("net.flow"))))
        self.wait_for(events.Steps)

    def wait_for(self, *kinds: type):
        """The next message of these kinds; losses are kept."""
        while True:
            message = self.talk.wait_for((events.Steps, p.EventBatch, *kinds))
            parts = message.events if isinstance(message, p.EventBatch) else (message,)
            for part in parts:
                if isinstance(part, events.Steps):
                    assert part.first == len(self.losses) + 1
                    self.losses += part.losses.tolist()
            for part in parts:
                if isinstance(part, kinds):
                    return part

    def wait_for_state(self, state: str) -> p.EditState:
        while (found := self.wait_for(p.EditState)).state != state:
            pass
        return found

    def later(self, steps: int = 30) -> None:
        """Let it make more steps."""
        have = len(self.losses)
        while len(self.losses) < have + steps:
            self.wait_for(events.Steps)

    def pause(self) -> None:
        self.talk.send(p.Pause())
        while self.wait_for(p.State).state != "paused":
            pass

    def stop(self) -> events.Done:
        self.talk.send(p.Stop())
        return self.wait_for(events.Done)


@pytest.mark.thorough
def test_another_activation_takes_effect_while_it_trains(talk, data):
    live = Live(talk, network(), data)
    replace_op(live.document, node(live.document, "act"), REGISTRY.lookup("tanh"))
    edited = live.wait_for(events.Edited)
    assert edited.what == ("act: relu -> tanh",) and edited.notices == ()
    assert edited.step > 0 and edited.steps_per_epoch == 4
    live.later()
    assert live.stop().stopped and all(map(math.isfinite, live.losses))


@pytest.mark.thorough
def test_a_layer_inserted_in_one_burst_is_one_edit(talk, data):
    live = Live(talk, network(), data)
    document = live.document
    v = commands.add_node(document, "variable", (0, 0), name="v", attrs={
        "shape": [6, 6], "initializer": {"op": "random_normal", "stddev": 0.4}})  # fmt: skip
    layer = commands.add_node(document, "matmul", (0, 0), name="layer")
    commands.connect(document, node(document, "act"), "out", layer, "x")
    commands.connect(document, v, "out", layer, "y")
    commands.connect(document, layer, "out", node(document, "result"), "x")
    edited = live.wait_for(events.Edited)
    assert edited.what == ("layer added", "v added", "wire into result:x")
    assert edited.notices == ("v: from the initial value",)
    talk.send(p.FetchTensor("v", 5))
    assert live.wait_for(p.TensorValue).array.shape == (6, 6)
    live.later()
    live.stop()
    assert [e.kind for e in nf.runs()[0].events if e.kind == "edited"] == ["edited"]


@pytest.mark.thorough
def test_layout_names_and_notes_are_no_edits(talk, data):
    live = Live(talk, network(), data)
    document = live.document
    commands.move(document, {node(document, "act"): (300, 40)})
    commands.rename(document, node(document, "act"), "activation")
    commands.add_frame(document, (0, 0, 100, 100), title="A note")
    commands.add_node(document, "constant", (0, 0), name="unused", attrs={"value": 3.0})
    live.later(200)
    time.sleep(0.5)
    live.later(100)
    commands.set_attr(document, node(document, "step"), "learning_rate", 0.002)
    assert live.wait_for(events.NumberChanged, events.Edited).value == 0.002
    live.stop()
    assert not [e for e in nf.runs()[0].events if e.kind == "edited"]


@pytest.mark.thorough
def test_an_invalid_graph_is_told_and_its_repair_takes_effect(talk, data):
    live = Live(talk, network(), data)
    document = live.document
    key = (node(document, "act"), "x")
    commands.disconnect(document, key)
    state = live.wait_for_state("invalid")
    assert state.problem is not None and state.problem.node == "act"
    live.later(200)
    document.undo()
    assert live.wait_for_state("") == p.EditState()
    live.later()
    commands.disconnect(document, key)
    live.wait_for_state("invalid")
    commands.connect(document, node(document, "x"), "out", *key)  # another shape: invalid, too
    live.wait_for_state("invalid")
    commands.connect(document, node(document, "xw"), "out", *key)
    replace_op(document, node(document, "act"), REGISTRY.lookup("sigmoid"))
    assert live.wait_for(events.Edited).what == ("act: relu -> sigmoid",)
    live.later()
    live.stop()


@pytest.mark.thorough
def test_undo_is_another_edit_and_weights_stay(talk, data):
    live = Live(talk, network(), data)
    replace_op(live.document, node(live.document, "act"), REGISTRY.lookup("tanh"))
    first = live.wait_for(events.Edited)
    live.document.undo()
    second = live.wait_for(events.Edited)
    assert second.step >= first.step and second.what == ("act: tanh -> relu",)
    live.later()
    live.stop()
    assert live.losses[-1] < live.losses[0]


def test_a_paused_training_has_it_before_its_next_step(talk, data):
    live = Live(talk, network(), data)
    live.pause()
    replace_op(live.document, node(live.document, "act"), REGISTRY.lookup("tanh"))
    talk.send(p.Step(1))
    edited = live.wait_for(events.Edited)
    have = len(live.losses)
    assert edited.step == have
    live.wait_for(events.Steps)
    assert len(live.losses) == have + 1
    live.stop()


@pytest.mark.thorough
def test_switched_off_it_waits_for_the_next_training(talk, data):
    live = Live(talk, network(), data)
    talk.send(p.FollowEdits(False))
    replace_op(live.document, node(live.document, "act"), REGISTRY.lookup("tanh"))
    live.later(200)
    talk.send(p.FollowEdits(True))
    assert live.wait_for(events.Edited).what == ("act: relu -> tanh",)
    live.stop()


@pytest.mark.thorough
def test_switched_off_while_an_edit_is_prepared_it_is_dropped(talk, data):
    live = Live(talk, network(), data)
    replace_op(live.document, node(live.document, "act"), REGISTRY.lookup("softplus"))
    live.wait_for_state("preparing")
    talk.send(p.FollowEdits(False))
    live.wait_for_state("")
    end = time.monotonic() + 3
    while time.monotonic() < end:
        live.later(5)
    live.stop()
    assert not [e for e in nf.runs()[0].events if e.kind == "edited"]


@pytest.mark.thorough
def test_an_edited_initial_value_waits_for_the_next_training(talk, data):
    live = Live(talk, network(), data)
    commands.set_attr(
        live.document, node(live.document, "w0"), "initializer", {"op": "random_uniform"}
    )
    live.later(200)
    time.sleep(0.5)
    live.later(100)
    replace_op(live.document, node(live.document, "act"), REGISTRY.lookup("tanh"))
    edited = live.wait_for(events.Edited)
    assert edited.notices == ()
    talk.send(p.FetchTensor("w0", 5))
    assert live.wait_for(p.TensorValue).array.any()
    live.stop()


@pytest.mark.thorough
def test_settings_change_now_and_batches_with_the_next_epoch(talk, data):
    live = Live(talk, network(), data)
    commands.set_training(live.document, batch_size=20, seed=5)
    replace_op(live.document, node(live.document, "act"), REGISTRY.lookup("tanh"))
    first, second = live.wait_for(events.Edited), live.wait_for(events.Edited)
    assert (first.steps_per_epoch, second.steps_per_epoch) == (4, 2)
    assert second.done == 0 and "act: relu -> tanh" in first.what
    live.later()
    commands.set_training(live.document, epochs=second.epoch)
    assert live.wait_for(events.Edited).epochs == second.epoch
    done = live.wait_for(events.Done)
    assert not done.stopped and done.last_epoch >= second.epoch


@pytest.mark.thorough
def test_another_kind_of_optimizer_says_that_its_state_starts_anew(talk, data):
    live = Live(talk, network(), data)
    replace_op(live.document, node(live.document, "step"), REGISTRY.lookup("nadam"))
    edited = live.wait_for(events.Edited)
    assert edited.notices == ("nadam instead of adam: its state starts anew",)
    live.later()
    live.stop()


@pytest.mark.thorough
def test_earlier_steps_are_those_of_the_graph_that_made_them(talk, data):
    live = Live(talk, network(), data)
    replace_op(live.document, node(live.document, "act"), REGISTRY.lookup("tanh"))
    edited = live.wait_for(events.Edited)
    live.later()
    live.pause()
    for step in (edited.step, edited.step + 1):
        talk.send(p.ShowStep(step, 2 * step))
        talk.send(p.FetchTensor("loss", 2 * step + 1))
        value = live.wait_for(p.TensorValue)
        assert (value.past, float(value.array)) == (step, pytest.approx(live.losses[step - 1], 0))
        talk.send(p.FetchTensor("act", 2 * step + 2))
        low = live.wait_for(p.TensorValue).array.min()
        assert (low == 0) == (step == edited.step)
    live.stop()


@pytest.mark.thorough
def test_the_run_has_every_graph_and_its_steps_are_the_same_again(talk, data):
    live = Live(talk, network(), data)
    first = flow.dumps(live.document)
    replace_op(live.document, node(live.document, "act"), REGISTRY.lookup("tanh"))
    edited = live.wait_for(events.Edited)
    live.later(100)
    live.stop()
    (run,) = nf.runs()
    assert run.text == first
    (event,) = (e for e in run.events if e.kind == "edited")
    assert (event.step, event.data["what"]) == (edited.step, ["act: relu -> tanh"])
    last = len(live.losses)
    with run.at(edited.step) as shown:
        for step in (edited.step, edited.step + 1, last, 1):
            assert float(shown.go_to(step).run("loss")) == live.losses[step - 1]
            assert (shown.run("act").min() == 0) == (step <= edited.step)
        assert shown.differs_from is None


@pytest.mark.thorough
def test_numbers_count_from_the_next_step_on_without_another_graph(talk, data):
    document = network()
    gaps = commands.add_node(document, "dropout", (0, 0), name="gaps", attrs={"rate": 0.3})
    near = commands.add_node(document, "clip_by_value", (0, 0), name="near", attrs={"max": 5.0})
    commands.connect(document, node(document, "act"), "out", gaps, "x")
    commands.connect(document, gaps, "out", near, "x")
    commands.connect(document, near, "out", node(document, "result"), "x")
    commands.set_attr(document, node(document, "step"), "clip_norm", 2.0)
    live = Live(talk, document, data)
    for name, attr, value in (
        ("gaps", "rate", 0.0),
        ("near", "max", 1.0),
        ("gaps", "rate", 1.0),
        ("step", "clip_norm", 0.5),
        ("near", "min", -1.0),
    ):
        commands.set_attr(document, node(document, name), attr, value)
        changed = live.wait_for(events.NumberChanged, events.Edited)
        assert (changed.node, changed.attr, changed.value) == (name, attr, value)
        live.later()
    commands.set_attr(document, node(document, "near"), "min", 7.0)  # above max: a problem
    live.wait_for_state("invalid")
    commands.set_attr(document, node(document, "near"), "min", 0.5)
    assert live.wait_for(events.NumberChanged).value == 0.5
    live.later()
    live.stop()
    (run,) = nf.runs()
    with run.at(1) as shown:
        for step in (len(live.losses), changed.step, 5):
            assert float(shown.go_to(step).run("loss")) == live.losses[step - 1]
        assert shown.differs_from is None


def test_numbers_inside_of_layers_are_found_once_they_are_built():
    document = Document()
    x = commands.add_node(document, "constant", (0, 0), name="x", attrs={"value": [[1.0, 2.0]]})
    given = {"units": 3, "rate": 0.2}
    block = commands.add_node(document, "layers/residual_dense", (0, 0), name="block", attrs=given)
    loss = commands.add_node(document, "reduce_mean", (0, 0), name="loss")
    step = commands.add_node(document, "adam", (0, 0), name="step")
    commands.connect(document, x, "out", block, "x")
    commands.connect(document, block, "out", loss, "x")
    commands.connect(document, loss, "out", step, "loss")
    commands.set_training(document, optimizer=step, loss=loss)
    before = Task(document, for_edits=True)
    control = Control()
    numbers = LiveNumbers(before.build, before.training(), control)
    copy = copied(document)
    commands.rename(copy, block, "other")
    commands.set_attr(copy, block, "rate", 0.7)
    after = Task(copy, for_edits=True)
    numbers.follow_build(after.build, after.training())
    assert list(control.take_numbers()) == [("block/dropout", "rate", 0.7)]


def test_a_graph_that_is_built_late_brings_no_older_number_back(data, monkeypatch):
    """The document has another rate by the time that a copy of it is built."""
    document = network()
    document.path = data.with_name("net.flow")
    task = Task(document, for_edits=True)
    control, made = Control(), threading.Event()
    goes_on = threading.Event()

    def late(*arguments, **how) -> Task:
        made.set()
        assert goes_on.wait(60)
        return Task(*arguments, **how)

    monkeypatch.setattr(live_edits, "Task", late)
    monkeypatch.setattr(live_edits, "QUIET_SECONDS", 0.0)
    idle = threading.Event()
    monkeypatch.setattr(control, "prepare", lambda on: None if on else idle.set())

    def make_session(graph, seed):
        return Session(graph, tier="reference", seed=seed)

    begun = live_edits.built(task, task.training(), make_session)
    said: list[p.Message] = []
    places = live_edits.Places(data.parent)
    live = live_edits.LiveEdits(begun, control, make_session, places, said.append)

    def rate(value: float) -> None:
        commands.set_attr(document, node(document, "step"), "learning_rate", value)
        live.follow(document)

    try:
        rate(1000.0)
        live.tick(document)
        assert made.wait(60)
        rate(0.02)
        goes_on.set()
        live.tick(document)
        assert idle.wait(60)
        assert not said  # nothing was wrong with what was built
        assert [value for _, _, value in control.take_numbers()] == [1000.0, 0.02]
    finally:
        goes_on.set()
        live.close()
