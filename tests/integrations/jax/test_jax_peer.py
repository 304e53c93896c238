"""*Check against JAX*: every value of a graph beside what JAX computes of it."""

from __future__ import annotations

import pytest

import nodeflow as nf
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.exchange.comparison import verify
from nodeflow.exchange.peers import peer
from nodeflow.resources import example

pytest.importorskip("jax")


def check(document, names=()):
    task = Task(document)
    with Session(task.graph, tier="reference", seed=3) as session:
        session.initialize()
        return verify(task, session, peer("jax"), names)


@pytest.mark.thorough
def test_an_example_is_verified():
    found = check(flow.load(example("spirals")))
    assert found.first is None and not found.left_out
    assert found.text.startswith("verified, largest difference ") and found.largest.largest < 1e-5
    names = [one.name for one in found.nodes]
    assert {"losses", "loss", "accuracy"} <= set(names), "the loss and the metrics, too"


@pytest.mark.thorough
def test_random_numbers_are_the_same():
    with nf.Graph() as graph:
        nf.square(nf.random_uniform([4], name="drawn"), name="end")
    found = check(from_graph(graph))
    assert found.largest.largest == 0 and len(found.nodes) == 2


@pytest.mark.thorough
def test_a_difference_that_grows_arises_nowhere():
    """A logistic map: rounding doubles in each step, until nothing is left of the number."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [3], name="x", sample=[0.1, 0.3, 0.77])
        for step in range(60):
            x = nf.multiply(x * 3.99, 1 - x, name=f"step{step}")
    found = check(from_graph(graph))
    assert found.first is None, found.text
    if found.largest.is_larger:
        assert found.text.startswith("verified node by node; rounding grows to ")


def test_the_node_that_jax_computes_otherwise(monkeypatch):
    from nodeflow.integrations.jax import formulas  # noqa: F401

    with nf.Graph() as graph:
        x = nf.placeholder("float32", [3], name="x", sample=[0.1, 0.5, 2.0])
        nf.exp(nf.square(nf.tanh(x, name="first"), name="second"), name="third")
    made = peer("jax")
    task = Task(from_graph(graph))
    run = Session.run

    def wrong(self, fetches, *rest, **more):
        found = run(self, fetches, *rest, **more)
        if self.backend != "jax":
            return found
        if isinstance(fetches, list):
            names = [t.name for t in fetches]
            return [v + (n in ("second", "third")) for n, v in zip(names, found, strict=True)]
        return found + (fetches.name == "second")

    monkeypatch.setattr(Session, "run", wrong)
    with Session(task.graph, tier="reference") as session:
        found = verify(task, session, made)
    assert found.first is not None and found.first.name == "second"


def test_what_jax_lacks_is_left_out():
    """How many remain, only a run knows."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [4], name="x", sample=[1.0, 2.0, 1.0, 3.0])
        nf.square(x, name="plain")
        nf.identity(nf.unique(x, name="odd")[0], name="after")
    found = check(from_graph(graph))
    assert [one.name for one in found.nodes] == ["plain"]
    assert list(found.left_out) == ["odd"]


def test_without_jax_one_line_says_how_to_get_it(monkeypatch):
    import builtins

    real = builtins.__import__

    def missing(name, *rest):
        if name == "jax" or name.startswith("jax."):
            raise ImportError("No module named 'jax'")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(NodeflowError, match=r"pip install 'jax>=0.10'"):
        check(flow.load(example("spirals")))
