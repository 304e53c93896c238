"""From the document to the graph: names, order, bindings, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.edit import commands
from nodeflow.document.from_graph.convert import from_graph
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import DocumentError
from nodeflow.document.model.records import plain
from nodeflow.document.to_graph.build import build
from nodeflow.errors import (
    CycleError,
    GradientError,
    GraphError,
    MissingInput,
    ShapeError,
    UnknownName,
    UnknownOp,
)
from nodeflow.graph.graph import Graph


def test_the_graph_has_the_documents_names_wires_and_attributes(expression):
    built = build(expression.doc)
    a = built.graph.node("a")
    assert a.op.id == "multiply" and [t.name for t in a.inputs] == ["d", "e"]
    assert built.graph.node("b").attrs["value"] == 2.0
    assert built.nodes[expression.id("a")] is a
    assert built.tensors[expression.id("a"), "out"] is a.outputs[0]
    assert built.document.nodes[expression.id("two")].name == "two"
    assert built.ends() == ["a"] and built.problems == [] and built.optimizers == []
    assert [n.index for n in built.graph.nodes] == list(range(6))


def test_variadic_inputs_come_in_order(sketch):
    for i in range(12):
        sketch.add("constant", f"c{i}", value=[float(i)])
    sketch.add("concat", "k", {f"values.{i}": f"c{i}" for i in reversed(range(12))}, axis=0)
    built = build(sketch.doc)
    assert [t.name for t in built.graph.node("k").inputs] == [f"c{i}" for i in range(12)]


@pytest.mark.thorough
def test_a_long_chain_needs_no_stack():
    doc = Document()
    with doc.transaction("Chain"):
        last = commands.add_node(doc, "constant", (0, 0))
        for _ in range(5000):
            node = commands.add_node(doc, "negative", (0, 0))
            commands.connect(doc, last, "out", node, "x")
            last = node
    assert len(build(doc).graph.nodes) == 5001


def test_the_same_document_builds_the_same_graph_whatever_its_history(expression):
    before = [n.name for n in build(expression.doc).graph.nodes]
    commands.remove(expression.doc, [expression.id("b")])
    expression.doc.undo()
    again = flow.loads(flow.dumps(expression.doc))
    assert [n.name for n in build(expression.doc).graph.nodes] == before
    assert [n.name for n in build(again).graph.nodes] == before


def test_bindings_and_samples(sketch):
    digits = sketch.add("dataset", "digits", source="mnist")
    sketch.add("placeholder", "x", {"feed": "digits:images"}, shape=[None, 784])
    sketch.add("placeholder", "s", shape=[None, 2], sample=[[1, 2]])
    built = build(sketch.doc)
    assert built.bindings == {"x": (digits, "images")}
    assert built.samples["s"].tolist() == [[1.0, 2.0]] and built.samples["s"].dtype == "float32"
    assert digits not in built.nodes
    with pytest.raises(UnknownName, match="has no value to fetch"):
        built.fetch("digits")


def test_what_is_broken_is_raised_or_left_out(expression):
    expression.add("negative", "lonely")
    expression.add("exp", "behind", {"x": "lonely"})
    expression.add("matmull", "typo", {"x": "a"})
    with pytest.raises(MissingInput, match="lonely:x: nothing is connected to `x`"):
        build(expression.doc)
    built = build(expression.doc, partial=True)
    assert {n.name for n in built.graph.nodes} == {"a", "b", "c", "d", "e", "two"}
    assert set(built.skipped) == {expression.id(n) for n in ("lonely", "behind", "typo")}
    with pytest.raises(MissingInput, match="lonely:x"):
        built.fetch("behind")
    with pytest.raises(UnknownOp, match="Did you mean matmul"):
        built.fetch("typo")
    with pytest.raises(UnknownName, match="Did you mean lonely"):
        built.fetch("lonley")
    assert built.fetch("a").name == "a"
    only = build(expression.doc, only=["a"])
    assert len(only.graph.nodes) == 6 and not only.skipped
    with pytest.raises(MissingInput):
        build(expression.doc, only=["behind"])
    with pytest.raises(UnknownName):
        build(expression.doc, only=["nobody"])


def test_each_cause_has_its_own_error(sketch):
    sketch.add("variable", "W", shape=[128, 10])
    sketch.add("matmul", "h", {"x": "W", "y": "W"})
    with pytest.raises(ShapeError, match=r"h.*: 10 is not 128") as caught:
        build(sketch.doc)
    assert caught.value.node == "h"
    commands.remove(sketch.doc, [sketch.id("h")])
    sketch.add("negative", "n")
    sketch.wire("n", "n:x")
    with pytest.raises(CycleError, match="n:x: `n` is part of a loop"):
        build(sketch.doc)


@pytest.fixture
def training(sketch):
    sketch.add("variable", "w", value=[3.0, -2.0])
    sketch.add("variable", "aside", value=1.0)
    sketch.add("square", "squares", {"x": "w"})
    sketch.add("reduce_sum", "loss", {"x": "squares"})
    sketch.add("gradient_descent", "train", {"loss": "loss"}, learning_rate=0.25)
    return sketch


def test_an_optimizer_derives_its_updates(training):
    built = build(training.doc)
    assert built.optimizers == [built.graph.node("train")]
    assert built.settings.loss == training.id("loss")
    derived = [n for n in built.graph.nodes if n.derived_from == "train"]
    assert derived and all(n.name.startswith(("gradients/", "train/")) for n in derived)
    assert [built.fetch("train")] == built.optimizers
    assert built.ends() == ["aside", "loss"]


def test_problems_that_only_building_finds_belong_to_the_optimizer(training):
    training.set("w", "trainable", False)
    with pytest.raises(GradientError, match="train") as caught:
        build(training.doc)
    assert caught.value.node == "train" and caught.value.port == "loss"
    built = build(training.doc, partial=True)
    assert built.optimizers == [] and [p.node for p in built.problems] == ["train"]
    assert built.fetch("loss").name == "loss"
    with pytest.raises(GradientError):
        built.fetch("train")


def test_variables_that_the_loss_does_not_reach_are_a_warning(training):
    training.set("train", "variables", ["w", "aside"])
    (warning,) = build(training.doc).problems
    assert warning.severity == "warning" and warning.node == "train"
    assert "aside" in warning.message


def test_control_wires_order_nodes(training):
    training.add("negative", "after", {"x": "w", "control.0": "train:done", "control.1": "aside"})
    built = build(training.doc)
    assert [n.name for n in built.graph.node("after").control_inputs] == ["train", "aside"]


def test_a_document_may_use_names_that_are_derived_elsewhere(training):
    derived = [n.name for n in build(training.doc).graph.nodes if n.derived_from]
    training.add("constant", derived[0], value=7.0)
    built = build(training.doc)
    assert built.graph.node(derived[0]).op.id == "constant"
    assert built.nodes[training.id(derived[0])].name == derived[0]


# ---- from a graph ---------------------------------------------------------------------------


def described(graph):
    """What a graph is, but for the order of its nodes."""
    return {
        n.name: (
            n.op.id,
            {k: repr(plain(v)) for k, v in n.attrs.items()},
            [t.name for t in n.inputs],
            [c.name for c in n.control_inputs],
            [str(t.type) for t in n.outputs],
        )
        for n in graph.nodes
    }


@pytest.mark.thorough
def test_a_graph_becomes_a_document_that_builds_the_same_graph(training):
    training.add("gradients", "g", {"y": "loss", "xs.0": "w"})
    training.add("placeholder", "x", shape=[None, 3])
    training.add("negative", "after", {"x": "g:grads.0", "control.0": "train:done"})
    graph = build(training.doc).graph
    doc = from_graph(graph)
    assert described(build(doc).graph) == described(graph)
    assert {r.name for r in doc.nodes.values()} == {r.name for r in training.doc.nodes.values()}
    assert doc.training == {"optimizer": doc.node_named("train").id}
    assert not doc.is_modified and not doc.can_undo
    assert flow.dumps(flow.loads(flow.dumps(doc))) == flow.dumps(doc)
    assert doc.node_named("after").attrs == {}
    assert doc.node_named("train").attrs == {"learning_rate": 0.25}


def test_literals_arrays_and_operators_survive():
    graph = Graph()
    with graph:
        x = graph.apply("placeholder", dtype="float32", shape=(None, 2), name="x")
        y = x * 2 + np.array([1.5, np.nan], np.float32)
        graph.apply("concat", [x, y], axis=1, name="both")
    doc = from_graph(graph)
    assert described(build(doc).graph) == described(graph)
    values = [r.attrs["value"] for r in doc.nodes.values() if r.op == "constant"]
    assert [1.5, "NaN"] in values


def test_a_graph_that_uses_a_derived_tensor_cannot_be_saved(training):
    graph = build(training.doc).graph
    inner = next(n for n in graph.nodes if n.derived_from and n.outputs)
    graph.apply("negative", inner.outputs[0], name="peek")
    with pytest.raises(DocumentError, match=r"peek:x.*generated from train"):
        from_graph(graph)


def test_errors_are_graph_errors(sketch):
    sketch.add("negative", "n")
    with pytest.raises(GraphError):
        build(sketch.doc)
