"""Frozen variables keep their bits over twenty steps: in each tier, on JAX, in exported code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit.freezing import set_trainable
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.exchange.code_targets import export_code
from nodeflow.train.edits.variant import Variant
from nodeflow.train.events import Steps
from nodeflow.train.loop.event_stream import train
from tests.integrations.code.phased_graphs import Net
from tests.integrations.code.test_code import loaded
from tests.train.test_hot_edits import Run

STEPS = 20


def network(decay: float = 0.1) -> Document:
    """A network on the spirals, with a batch normalization; Adam with decay trains it."""
    net = Net()
    x, y = net.spirals()
    first = net.dense("first", x, 16, activation="tanh")
    second = net.norm("norm", net.dense("second", first, 16, activation="tanh"))
    net.train(net.classified(y, net.dense("logits", second, 2)), "adam", weight_decay=decay)
    return flow.loads(net.doc.text())


def frozen(document: Document, *names: str) -> Document:
    set_trainable(document, [document.node_named(name).id for name in names], False)
    return document


def trained(document: Document, tier: str, backend: str = "numba") -> dict[str, tuple]:
    """Return each variable before and after twenty steps."""
    task = Task(document)
    training = task.training()
    with Session(task.graph, tier=tier, seed=1, backend=backend) as session:
        session.initialize()
        before = {name: value.copy() for name, value in session.variables.items()}
        done = 0
        for event in train(session, training):
            done += len(event.losses) if isinstance(event, Steps) else 0
            if done >= STEPS:
                break
        return {name: (before[name], session.variables[name]) for name in before}


def kept(found: dict[str, tuple]) -> set[str]:
    return {n for n, (before, after) in found.items() if before.tobytes() == after.tobytes()}


@pytest.mark.parametrize(
    ("tier", "backend"),
    [
        ("reference", "numba"),
        pytest.param("compiled", "numba", marks=pytest.mark.thorough),
        pytest.param("auto", "jax", marks=pytest.mark.thorough),
    ],
)
def test_frozen_layers_keep_their_bits_and_the_others_learn(tier: str, backend: str) -> None:
    if backend == "jax":
        pytest.importorskip("jax")
    found = trained(frozen(network(), "first", "norm"), tier, backend)
    assert kept(found) == {"first/kernel", "first/bias", "norm/gamma", "norm/beta"}
    assert not [name for name in found if name.startswith("train/first/")], "no slots"


@pytest.mark.thorough
def test_a_frozen_layer_does_not_stop_the_gradient_of_layers_before_it() -> None:
    found = trained(frozen(network(), "second"), "reference")
    assert kept(found) == {"second/kernel", "second/bias"}


@pytest.mark.thorough
def test_exported_code_keeps_frozen_weights(tmp_path: Path) -> None:
    pytest.importorskip("jax")
    export_code(Task(frozen(network(0.0), "first")), "net", "jax", tmp_path)
    module = loaded(tmp_path, "net")
    before, after = ({**p, **s} for p, s in (module.initial(), module.train(STEPS)[:2]))
    found = {name: (np.asarray(before[name]), np.asarray(after[name])) for name in before}
    assert kept(found) == {"first_kernel", "first_bias"}


def test_python_freezes_a_layer() -> None:
    with nf.Graph() as graph:
        x = nf.constant(np.ones((4, 3), "f4"))
        hidden = nf.layers.dense(x, 5, trainable=False, name="hidden")
        loss = nf.reduce_mean(nf.square(nf.layers.dense(hidden, 2, name="out")))
        step = nf.adam(loss, learning_rate=0.1)
        with nf.Session(graph) as session:
            session.run(nf.global_variables_initializer())
            before = session.run({v.name: v for v in graph.variables})
            for _ in range(STEPS):
                session.run(step)
            after = session.run({v.name: v for v in graph.variables})
    same = {name for name in before if before[name].tobytes() == after[name].tobytes()}
    assert same == {"hidden/kernel", "hidden/bias"}


def test_a_layer_that_is_frozen_during_a_training_keeps_its_bits_from_then_on() -> None:
    document = network()

    def variant() -> Variant:
        task = Task(document)
        session = Session(task.graph, tier="reference", seed=1)
        session.initialize()
        return Variant(session, task.training(), what=("first: frozen",))

    begun = variant()
    start = {name: value.copy() for name, value in begun.session.variables.items()}
    frozen(document, "first")
    later = variant()
    whole = Run(begun, {5: later}, 25)
    middle = Run(variant_again(begun), {}, 5)
    at_five = middle.variants[0].session.variables
    after = whole.variants[-1].session.variables
    for name in ("first/kernel", "first/bias"):
        assert after[name].tobytes() == at_five[name].tobytes() != start[name].tobytes()
    assert after["second/kernel"].tobytes() != at_five["second/kernel"].tobytes()


def variant_again(first: Variant) -> Variant:
    """Return the graph of a training with its initial values, in a session of its own."""
    session = Session(first.session.graph, tier="reference", seed=1)
    session.initialize()
    return Variant(session, first.training)
