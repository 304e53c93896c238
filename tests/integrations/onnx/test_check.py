"""*Check against ONNX*: every value of a graph beside ONNX's own evaluator."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.exchange.comparison import NotVerified, verify
from nodeflow.integrations.onnx import exporters
from nodeflow.integrations.onnx.check import OnnxPeer
from nodeflow.integrations.onnx.emit import RULES
from nodeflow.resources import examples


def check(document, **how):
    task = Task(document, **how)
    with Session(task.graph, tier="reference") as session:
        session.initialize()
        return verify(task, session, OnnxPeer())


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", ["mnist_cnn", "lstm", "mandelbrot", "word2vec"])
def test_an_example_is_verified(name):
    found = check(flow.load(next(p for p in examples() if p.stem == name)))
    assert found.first is None and not found.left_out
    assert found.text.startswith("verified, largest difference ")
    assert found.largest.largest < 1e-5


def graph():
    with nf.Graph() as made:
        x = nf.placeholder("float32", [3], name="x", sample=[0.1, 0.5, 2.0])
        nf.exp(nf.square(nf.tanh(x, name="first"), name="second"), name="third")
    return made


def test_the_node_where_the_first_larger_difference_arises(monkeypatch):
    """As if one of both computed a square wrongly."""
    monkeypatch.setitem(RULES, "square", lambda e, node: e.node("Abs", [e.value(node.inputs[0])]))
    found = check(from_graph(graph()))
    assert found.first is not None and found.first.name == "second"
    assert "first larger difference" in found.text and "second" in found.text
    assert exporters is not None


def test_what_onnx_lacks_is_left_out():
    with graph() as made:
        nf.lgamma(made.tensor("first"), name="odd")
    found = check(from_graph(made))
    assert list(found.left_out) == ["odd"]
    assert [one.name for one in found.nodes] == ["first", "second", "third"]


def test_nothing_to_compare_is_an_error():
    with nf.Graph() as made:
        nf.lgamma(nf.placeholder("float32", [2], name="x", sample=[1.0, 2.0]), name="odd")
    with pytest.raises(NotVerified, match="odd"):
        check(from_graph(made))


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("reverse", [False, True])
def test_recurrent_layers(kind, reverse):
    gates = {"lstm": 4, "gru": 3, "rnn": 1}[kind]
    rng = np.random.default_rng(2)
    weights = [rng.normal(size=s).astype("f4") for s in ((4, gates * 3), (3, gates * 3), gates * 3)]
    with nf.Graph() as made:
        sample = rng.normal(size=(2, 5, 4)).astype("f4").tolist()
        x = nf.placeholder("float32", [2, 5, 4], name="x", sample=sample)
        outs = getattr(nf, kind)(x, *map(nf.constant, weights), reverse=reverse, name="layer")
        nf.identity(outs[1], name="last")
    found = check(from_graph(made))
    assert found.first is None and found.largest.largest < 1e-5
