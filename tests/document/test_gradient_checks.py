"""Gradient checks of documents: all nodes of all examples are right, a planted fault is found."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.edit.replace_op import replace_op
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.document.to_graph.gradient_checks import GradientChecks
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.gradient_check.check import RIGHT, UNCHECKED, WRONG
from nodeflow.engine.session import Session
from nodeflow.errors import UnknownName
from nodeflow.resources import example

QUICK = ("spirals", "linear_regression", "regression", "expression", "word2vec", "mandelbrot")
SLOW = (
    *("lstm", "mnist", "mnist_adam", "mnist_cnn", "mnist_cnn_layers", "mnist_layers"),
    "autoencoder",
)


def checks_of(document, names=None) -> dict:
    task = Task(document)
    with Session(task.graph, tier="reference", seed=1) as session, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session.initialize()
        checks = GradientChecks(task, session.run)
        return {c.node: c for c in checks.every(names or checks.names())}


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", (*QUICK, *SLOW))
def test_the_gradients_of_the_examples_are_right(name):
    found = checks_of(flow.load(example(name)))
    assert len(found) >= 3
    assert {n: str(c) for n, c in found.items() if c.verdict != RIGHT} == {}


@pytest.fixture
def own_op():
    """An own op with a wrong gradient; it is gone after the test."""

    @nf.op(id="own_square", gradient=lambda g, inputs, output: [g * inputs[0]])
    def own_square(x):
        """The square of x, and half of its gradient."""
        return x * x

    yield own_square.op
    nf.REGISTRY.remove("own_square")


@pytest.mark.thorough
def test_a_planted_fault_is_found_at_its_node_and_in_what_goes_through_it(own_op):
    document = flow.load(example("linear_regression"))
    replace_op(document, document.node_named("squared").id, own_op)
    found = checks_of(document)
    wrong = {name for name, c in found.items() if c.verdict == WRONG}
    assert wrong == {"squared", "slope", "offset", "train", "y"}, "x does not count: slope is 0"
    assert found["squared"].error == pytest.approx(0.5, rel=1e-6)
    assert found["loss"].verdict == RIGHT, "what comes after it is right by itself"


def test_a_subgraph_and_what_is_inside(own_op):
    document = flow.load(example("linear_regression"))
    ids = [document.node_named(name).id for name in ("error", "squared")]
    replace_op(document, ids[1], own_op)
    create(document, ids, "part")
    found = checks_of(document, ["part", "part/squared", "part/error"])
    assert {n: c.verdict for n, c in found.items()} == {
        "part": WRONG, "part/squared": WRONG, "part/error": RIGHT,
    }  # fmt: skip
    assert "part" in checks_of(document)


def test_what_has_nothing_to_compare_says_so():
    document = flow.load(example("expression_array"))
    name = commands.add_node(document, "argmax", (0, 0), "best")
    first = next(iter(document.nodes.values()))
    commands.connect(document, first.id, "out", name, "x")
    found = checks_of(document, ["best", first.name])
    assert found["best"].verdict == UNCHECKED and "none of its float outputs" in found["best"].note
    assert "best" not in checks_of(document)


@pytest.mark.thorough
def test_an_own_op_that_fails_leaves_the_others_checked():
    def broken(g, inputs, output):
        return [1 / 0]

    @nf.op(id="own_broken", gradient=broken)
    def own_broken(x):
        """The square of x."""
        return x * x

    try:
        document = flow.load(example("linear_regression"))
        commands.disconnect(document, document.wires_into(document.node_named("train").id)[0].key)
        replace_op(document, document.node_named("squared").id, own_broken.op)
        found = checks_of(document, ["squared", "loss"])
    finally:
        nf.REGISTRY.remove("own_broken")
    assert found["squared"].verdict == UNCHECKED and found["loss"].verdict == RIGHT
    assert "division by zero" in found["squared"].note


def test_a_wrong_name_is_said():
    task = Task(flow.load(example("expression")))
    checks = GradientChecks(task, lambda tensors, feeds: [])
    with pytest.raises(UnknownName):
        checks.piece("nothing")


def test_a_node_that_cannot_run_is_unchecked_with_the_reason():
    document = flow.load(example("linear_regression"))
    loss = document.node_named("loss")
    commands.disconnect(document, document.wires_into(loss.id)[0].key)
    found = checks_of(document, ["loss", "squared"])
    assert found["loss"].verdict == UNCHECKED and found["loss"].note
    assert found["squared"].verdict == RIGHT and np.isfinite(found["squared"].error)
