"""Gradients that vanish or explode: the layer where it begins, against gradients by hand."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.data.data_splits import DataSplits
from nodeflow.engine.columns import Column
from nodeflow.engine.session import Session
from nodeflow.train.diagnosis.hints import Hint
from nodeflow.train.doctor.checks import Doctor
from nodeflow.train.doctor.gradients import FACTOR, check_gradients
from nodeflow.train.events import Hints
from nodeflow.train.loop.event_stream import train
from nodeflow.train.training import Binding, Training

WIDTH, ROWS = 6, 32


def chain(scales: list[float]) -> tuple[dict[str, Hint], list[float]]:
    """The hints of a chain of linear layers with weights of these scales, and by hand the relative
    gradient of each before the first step."""
    rng = np.random.default_rng(11)
    x = rng.normal(size=(ROWS, WIDTH)).astype(np.float32)
    turn = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0]
    weights = [(scale * turn).astype(np.float32) for scale in scales]
    data = DataSplits("rows", "rows", {"train": {"x": Column(x)}})
    with nf.Graph() as graph:
        feed = out = nf.placeholder("float32", [None, WIDTH], name="x")
        for number, value in enumerate(weights):
            out = nf.matmul(out, nf.variable(value, name=f"W{number}"), name=f"layer{number}")
        loss = nf.reduce_mean(out, name="loss")
        step = nf.gradient_descent(loss, learning_rate=1e-20, name="train")
    training = Training(step, loss, bindings={feed: Binding(data, "x")}, epochs=1, batch_size=ROWS)
    found: dict[str, Hint] = {}
    with Session(graph, tier="reference", seed=1) as session:
        session.initialize()
        for event in Doctor(training, session.run).examined(train(session, training)):
            if isinstance(event, Hints):
                found = {hint.kind: hint for hint in event.hints}
    sizes, flow = [], np.full((ROWS, WIDTH), 1 / (ROWS * WIDTH))
    values = [x.astype(np.float64)]
    for value in weights:
        values.append(values[-1] @ value)
    for value, into in zip(weights[::-1], values[-2::-1], strict=True):
        sizes.append(np.linalg.norm(into.T @ flow) / np.linalg.norm(value))
        flow = flow @ value.T.astype(np.float64)
    return found, sizes[::-1]


def test_gradients_of_one_size_are_no_finding() -> None:
    found, sizes = chain([1.0] * 6)
    assert max(sizes) < 2 * min(sizes)
    assert not {"vanishing_gradients", "exploding_gradients"} & found.keys()


def test_the_layer_where_gradients_vanish_is_named_with_its_step() -> None:
    scales = [10.0, 10.0, 10.0, 0.01, 1.0, 1.0]
    found, sizes = chain(scales)
    begins = max(i for i in range(6) if sizes[i] * FACTOR < max(sizes[i + 1 :], default=0))
    hint = found["vanishing_gradients"]
    assert hint.node == f"layer{begins}" and hint.step == 1
    assert "layer5" in hint.evidence and "layer0" in hint.evidence


def test_the_layer_where_gradients_explode_is_named_and_can_be_clipped() -> None:
    scales = [0.1, 0.1, 0.1, 100.0, 1.0, 1.0]
    found, sizes = chain(scales)
    begins = max(i for i in range(5) if sizes[i] > FACTOR * min(sizes[i + 1 :]))
    hint = found["exploding_gradients"]
    assert hint.node == f"layer{begins}" and hint.fix.startswith("Clip the gradients")
    assert (hint.edits[0].node, hint.edits[0].name) == ("train", "clip_norm")


@pytest.mark.parametrize("scales", [[10.0, 0.001, 1.0], [0.1, 1000.0, 1.0]])
def test_a_few_layers_are_no_finding(scales) -> None:
    found, _ = chain(scales)
    assert not {"vanishing_gradients", "exploding_gradients"} & found.keys()


@pytest.mark.parametrize(("activation", "vanishes"), [("sigmoid", True), ("relu", False)])
def test_a_deep_network_of_sigmoids_vanishes_and_one_of_relus_does_not(
    activation, vanishes
) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 8)).astype(np.float32)
    with nf.Graph() as graph:
        feed = out = nf.placeholder("float32", [None, 8], name="x")
        for number in range(7):
            out = nf.layers.dense(out, 16, activation=getattr(nf, activation), name=f"l{number}")
        loss = nf.reduce_mean(nf.square(nf.layers.dense(out, 1, name="last")), name="loss")
        step = nf.gradient_descent(loss, learning_rate=0.1, name="train")
    data = DataSplits("rows", "rows", {"train": {"x": Column(x)}})
    training = Training(step, loss, bindings={feed: Binding(data, "x")}, batch_size=32)
    with Session(graph, tier="reference", seed=1) as session:
        session.initialize()
        found = [hint.kind for hint in check_gradients(training, session.run)]
    assert found == (["vanishing_gradients"] if vanishes else [])
