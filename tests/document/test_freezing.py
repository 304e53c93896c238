"""Frozen layers, variables and instances: the edits, their undo, and which variables train."""

from __future__ import annotations

import pytest

from nodeflow.document.analysis.frozen_weights import is_frozen
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.freezing import set_trainable
from nodeflow.document.edit.shared_weights import share_weights
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.unpack_subgraph import unpack_subgraph
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.live.live_build import LiveBuild
from nodeflow.drawing.cards.card_builder import CardBuilder
from nodeflow.graph.graph import ancestors

ALL = {f"{layer}/{name}" for layer in ("a", "b", "c") for name in ("kernel", "bias")}


def chain(*names: str) -> Document:
    """Dense layers in a row, x of four columns, and a gradient descent `train`."""
    doc = Document()
    last = commands.add_node(doc, "placeholder", (0, 0), "x", {"shape": [None, 4]})
    for name in names or ("a", "b", "c"):
        node = commands.add_node(doc, "layers/dense", (0, 0), name, {"units": 4})
        commands.connect(doc, last, "out", node, "x")
        last = node
    loss = commands.add_node(doc, "reduce_mean", (0, 0), "loss")
    commands.connect(doc, last, "out", loss, "x")
    train = commands.add_node(doc, "gradient_descent", (0, 0), "train")
    commands.connect(doc, loss, "out", train, "loss")
    return doc


def ident(doc: Document, name: str) -> str:
    record = doc.node_named(name)
    assert record is not None, name
    return record.id


def trained(doc: Document) -> set[str]:
    runs = ancestors([build(doc).graph.node("train")])
    return {node.inputs[0].node.name for node in runs if node.op.id == "assign"}


def card(doc: Document, name: str):
    return CardBuilder(doc, Analysis(doc)).build(doc.nodes[ident(doc, name)])


def test_a_frozen_layer_is_one_undo_step_shown_on_its_card_and_kept_in_the_file():
    doc = chain()
    text = flow.dumps(doc)
    assert set_trainable(doc, [ident(doc, "a"), ident(doc, "b")], False) == 2
    assert trained(doc) == {"c/kernel", "c/bias"}
    again = flow.loads(flow.dumps(doc))
    assert trained(again) == {"c/kernel", "c/bias"} and is_frozen(again, again.node_named("a"))
    assert card(doc, "a").is_frozen and card(doc, "a").subtitle == "Dense 4, frozen"
    assert not card(doc, "c").is_frozen and not card(doc, "loss").is_frozen
    doc.undo()
    assert flow.dumps(doc) == text and trained(doc) == ALL
    doc.redo()
    assert set_trainable(doc, [ident(doc, "b")], True) == 1
    assert trained(doc) == ALL - {"a/kernel", "a/bias"}


def test_a_layer_that_shares_is_frozen_with_its_owner():
    doc = chain()
    share_weights(doc, ident(doc, "c"), ident(doc, "a"))
    assert trained(doc) == ALL - {"c/kernel", "c/bias"}
    set_trainable(doc, [ident(doc, "c")], False)
    assert trained(doc) == {"b/kernel", "b/bias"}
    assert card(doc, "a").is_frozen and card(doc, "c").is_frozen
    assert card(doc, "c").subtitle == "weights of a, frozen"
    commands.remove(doc, [ident(doc, "a")])
    assert is_frozen(doc, doc.node_named("c")), "it inherits the weights"


def twice() -> Document:
    """Two instances, `one` and `two`, of a subgraph with the layer `a`, and the layer `c`."""
    doc = chain("a", "c")
    made = create(doc, [ident(doc, "a")], "part")
    commands.rename(doc, made, "one")
    other = commands.add_node(doc, "subgraph", (0, 0), "two", {"definition": "part"})
    wire = next(w for w in doc.wires.values() if w.source == made)
    ports = [(w.source, w.source_port, w.target_port) for w in doc.wires_into(made)]
    (source, out, port) = ports[0]
    assert source
    commands.connect(doc, made, wire.source_port, other, port)
    commands.connect(doc, other, wire.source_port, wire.target, wire.target_port)
    assert out
    return doc


def test_an_instance_is_frozen_as_a_whole_and_no_other_instance_is():
    doc = twice()
    every = trained(doc)
    assert {name.partition("/")[0] for name in every} == {"one", "two", "c"}
    assert set_trainable(doc, [ident(doc, "one")], False) == 1
    assert trained(doc) == {name for name in every if not name.startswith("one/")}
    assert card(doc, "one").is_frozen and not card(doc, "two").is_frozen
    again = flow.loads(flow.dumps(doc))
    assert trained(again) == trained(doc)
    unpack_subgraph(doc, ident(doc, "one"))
    assert trained(doc) == {name for name in every if not name.startswith("one/")}
    doc.undo()
    assert set_trainable(doc, [ident(doc, "one")], True) == 1
    assert trained(doc) == every and not card(doc, "one").is_frozen


def test_instances_whose_layers_are_all_frozen_are_frozen_and_thaw_from_outside():
    doc = twice()
    inside = doc.definition("part")
    assert inside is not None
    set_trainable(inside, [ident(inside, "a")], False)
    assert card(doc, "one").is_frozen and card(doc, "two").is_frozen
    assert trained(doc) == {"c/kernel", "c/bias"}
    set_trainable(doc, [ident(doc, "two")], True)
    assert not card(doc, "one").is_frozen and "two/a/kernel" in trained(doc)


def test_an_instance_that_shares_is_frozen_with_its_owner():
    doc = twice()
    share_weights(doc, ident(doc, "two"), ident(doc, "one"))
    set_trainable(doc, [ident(doc, "two")], False)
    assert trained(doc) == {"c/kernel", "c/bias"}
    assert card(doc, "one").is_frozen and card(doc, "two").is_frozen


@pytest.mark.parametrize("names", [["a/*", "c/*"], ["a/kernel", "c/kernel", "c/bias"], ["*"]])
def test_an_optimizer_that_names_a_frozen_layer_trains_the_others(names):
    doc = chain()
    commands.set_attr(doc, ident(doc, "train"), "variables", names)
    set_trainable(doc, [ident(doc, "a")], False)
    assert trained(doc) & {"a/kernel", "a/bias"} == set()
    assert {"c/kernel", "c/bias"} <= trained(doc)
    assert not [p for p in Analysis(doc).all_problems() if p.severity == "error"]
    doc.undo()
    assert doc.node_named("train").attrs["variables"] == names


def test_an_optimizer_outside_forgets_the_name_of_a_frozen_layer_inside():
    doc = twice()
    commands.set_attr(doc, ident(doc, "train"), "variables", ["one/a/kernel", "c/kernel"])
    inside = doc.definition("part")
    assert inside is not None
    set_trainable(inside, [ident(inside, "a")], False)
    assert trained(doc) == {"c/kernel"}


def test_a_build_that_follows_edits_freezes_like_a_fresh_one():
    doc = twice()
    live = LiveBuild(doc)
    doc.subscribe(live.follow)
    inside = doc.definition("part")
    assert inside is not None
    for graph, name, trainable in (
        *((doc, "c", False), (doc, "one", False), (doc, "c", True)),
        *((inside, "a", False), (doc, "one", True), (doc, "two", True)),
    ):
        set_trainable(graph, [ident(graph, name)], trainable)
        live.settle()
        runs = ancestors([live.build.graph.node("train")])
        followed = {node.inputs[0].node.name for node in runs if node.op.id == "assign"}
        assert followed == trained(doc), (name, trainable)
