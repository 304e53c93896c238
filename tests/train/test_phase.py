"""Training tells the graph that it trains, and runs what goes along with each step."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.expansion.expand import unpack
from nodeflow.engine.session import Session
from nodeflow.train.events import Epoch, Steps
from nodeflow.train.loop.event_stream import train
from nodeflow.train.training import Training


def test_dropout_drops_while_training_only() -> None:
    with nf.Graph() as graph:
        w = nf.variable([3.0, 3.0], name="w")
        loss = nf.reduce_mean(nf.dropout(w, rate=1.0))
        step = nf.gradient_descent(loss)
    with Session(graph, tier="reference") as session:
        session.initialize()
        (epoch,) = [
            e for e in train(session, Training(step, loss, epochs=1)) if isinstance(e, Epoch)
        ]
        assert epoch.loss == 0.0
        assert session.run(loss) == 3.0


def test_moving_averages_and_counters_move_while_training_only() -> None:
    with nf.Graph() as graph:
        x = nf.variable([[1.0], [3.0]], name="x")
        loss = nf.reduce_mean(nf.batch_normalization(x, momentum=0.5, name="bn"))
        step = nf.gradient_descent(loss, nf.warm_up(learning_rate=0.0, name="rate"))
    with Session(graph, tier="reference") as session:
        session.initialize()
        session.run(loss)
        assert session.variables["bn/moving_mean"] == np.float32(0)
        for _ in train(session, Training(step, loss, epochs=2)):
            pass
        assert session.variables["bn/moving_mean"] == np.float32(1.5)
        assert session.variables["rate/step"] == 2


def recurrent_network() -> Document:
    """A layer of memory, dropout, batch normalisation and a schedule, on six sequences."""
    with nf.Graph() as graph:
        x = nf.constant(np.sin(np.arange(90, dtype="float32")).reshape(6, 5, 3))
        kernel = nf.variable({"op": "glorot_uniform"}, shape=[3, 8])
        recurrent = nf.variable({"op": "glorot_uniform"}, shape=[2, 8], name="recurrent")
        _, h, _ = nf.lstm(x, kernel, recurrent, nf.zeros([8]), name="memory")
        out = nf.batch_normalization(nf.dropout(h, rate=0.3, name="drop"), name="bn")
        loss = nf.huber_loss(nf.ones([6, 2]), out, name="loss")
        rate = nf.cosine_decay(learning_rate=0.1, steps=5, name="rate")
        nf.adam(loss, rate, clip_norm=1.0, name="train")
    return from_graph(graph)


def trained(doc: Document) -> tuple[list[float], dict[str, np.ndarray]]:
    """The losses of four steps, and variables after them."""
    made = build(doc)
    task = Training(made.optimizers[0], made.graph.tensor("loss"), epochs=4)
    with Session(made.graph, tier="reference", seed=3) as session:
        session.initialize()
        losses = [e.losses[0].item() for e in train(session, task) if isinstance(e, Steps)]
        names = ("bn/moving_variance", "rate/step", "recurrent")
        return losses, {name: session.variables[name] for name in names}


@pytest.mark.thorough
def test_unpacked_layers_train_as_before() -> None:
    losses, variables = trained(recurrent_network())
    assert losses[-1] < losses[0]
    assert variables["rate/step"] == 4
    doc = recurrent_network()
    for name in ("rate", "drop", "bn", "memory"):
        unpack(doc, doc.node_named(name).id)
    again, same = trained(doc)
    assert again == losses
    for name, value in variables.items():
        np.testing.assert_array_equal(same[name], value)


@pytest.mark.thorough
def test_an_unpacked_optimizer_trains_in_runs_as_the_optimizer_did() -> None:
    doc = recurrent_network()
    for name in ("rate", "drop", "bn", "memory", "loss"):
        unpack(doc, doc.node_named(name).id)
    whole = runs(doc)
    unpack(doc, doc.node_named("train").id)
    assert build(doc).graph.node("train").op.id == "group"
    assert runs(doc) == whole
    assert whole["bn/moving_variance"] != np.ones(2, "float32").tobytes()


def runs(doc: Document) -> dict[str, bytes]:
    """Variables after three runs of what trains, dropout drawing anew in each."""
    graph = build(doc).graph
    with Session(graph, tier="reference", seed=3) as session:
        session.initialize()
        for _ in range(3):
            session.run("train")
        return {name: value.tobytes() for name, value in session.variables.items()}


def test_an_assign_says_that_it_is_an_update() -> None:
    with nf.Graph() as graph:
        w = nf.variable([1.0, 1.0], name="w")
        dropped = nf.dropout(w, rate=1.0)
        plain = nf.assign(w, dropped + 1, name="plain")
        update = nf.assign(w, dropped + 1, update=True, name="update")
    with Session(graph, tier="reference") as session:
        session.initialize()
        assert session.run(plain).tolist() == [2.0, 2.0]
        assert session.run(update).tolist() == [1.0, 1.0]
        assert session.run(update, training=False).tolist() == [2.0, 2.0]
