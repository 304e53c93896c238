"""Expand and Unpack of optimizers and gradients that are inside subgraphs."""

from __future__ import annotations

import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.edit.subgraphs.definitions import add_instance, make_independent
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import DocumentError
from nodeflow.document.to_graph.build import build
from nodeflow.document.to_graph.expansion.expand import expansion, unpack
from nodeflow.document.to_graph.task import Task

from .test_expand import content, fitted, opened, trained, value


def put_in(doc: Document, name: str, *nodes: str) -> str:
    """Nodes by name into a subgraph; the instance's id."""
    return create(doc, [doc.node_named(node).id for node in nodes], name)


def inner(doc: Document, definition: str, name: str) -> str:
    return doc.definition(definition).node_named(name).id


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["linear_regression", "mnist", "mnist_adam", "spirals"])
def test_an_optimizer_unpacked_inside_makes_the_same_steps_bit_for_bit(name):
    doc = opened(name)
    flat = trained(doc)
    net = put_in(doc, "net", *[n.name for n in doc.nodes.values() if n.op != "dataset"])
    before, steps, expected = content(doc), doc.revision, trained(doc, "net/train")
    assert {n.replace("net/", "") for n in expected} == set(flat)
    new = unpack(doc, f"{net}/{inner(doc, 'net', 'train')}")
    definition = doc.definition("net")
    assert definition.node_named("train").op == "group" and set(new) < set(definition.nodes)
    assert doc.revision == steps + 1 and Analysis(doc).all_problems() == []
    assert not [n for n in build(doc).graph.nodes if n.derived_from]
    assert trained(doc, "net/train") == expected, "by the same names, so weights are found"
    assert flow.dumps(flow.loads(flow.dumps(doc))) == flow.dumps(doc)
    training = Task(doc).training()
    assert (training.optimizer.name, training.loss.name) == ("net/train", "net/loss")
    doc.undo()
    assert content(doc) == before


@pytest.mark.thorough
def test_what_is_copied_inside_has_no_scope_in_its_name():
    doc = opened("linear_regression")
    net = put_in(doc, "net", *[n.name for n in doc.nodes.values() if n.op != "dataset"])
    new = unpack(doc, f"{net}/{inner(doc, 'net', 'train')}")
    names = [doc.definition("net").nodes[i].name for i in new]
    assert "gradients/loss_grad/divide" in names and not [n for n in names if n.startswith("net/")]
    titles = [frame.title for frame in doc.definition("net").frames.values()]
    assert any(title.startswith("Gradient of ") for title in titles)


def test_what_comes_in_is_read_at_the_border(sketch):
    fitted(sketch)
    expected = trained(sketch.doc)
    names = ["w", "line", "error", "squared", "loss", "train"]
    net = put_in(sketch.doc, "net", *names)
    unpack(sketch.doc, f"{net}/{inner(sketch.doc, 'net', 'train')}")
    assert Analysis(sketch.doc).all_problems() == []
    assert list(trained(sketch.doc, "net/train").values()) == list(expected.values())
    border = inner(sketch.doc, "net", "inputs")
    users = {w.target for w in sketch.doc.definition("net").wires_out_of(border)}
    assert inner(sketch.doc, "net", "line") in users and len(users) > 2


def twice(sketch) -> tuple[str, str]:
    """Two instances of a subgraph with everything in it; the second reads another `x`."""
    fitted(sketch)
    first = put_in(sketch.doc, "net", "t", "w", "line", "error", "squared", "loss", "train")
    sketch.add("placeholder", "x2", shape=[None, 1], sample=[[3.0], [1.0], [2.0]])
    second = add_instance(sketch.doc, "net", (0, 500))
    sketch.wire("x2", "net_1:x")
    return first, second


@pytest.mark.thorough
def test_all_instances_get_the_copies_and_train_as_before(sketch):
    _, second = twice(sketch)
    expected = [trained(sketch.doc, name) for name in ("net/train", "net_1/train")]
    assert expected[0]["net/w"] != expected[1]["net_1/w"]
    new = unpack(sketch.doc, f"{second}/{inner(sketch.doc, 'net', 'train')}")
    assert [trained(sketch.doc, name) for name in ("net/train", "net_1/train")] == expected
    assert Analysis(sketch.doc).all_problems() == []
    names = [sketch.doc.definition("net").nodes[i].name for i in new]
    assert not [name for name in names if "net" in name]


def test_settings_that_name_another_instances_optimizer_name_its_group(sketch):
    first, second = twice(sketch)
    train, loss = inner(sketch.doc, "net", "train"), inner(sketch.doc, "net", "loss")
    commands.set_training(sketch.doc, optimizer=f"{first}/{train}")
    unpack(sketch.doc, f"{second}/{train}")
    assert sketch.doc.training == {"optimizer": f"{first}/{train}", "loss": f"{first}/{loss}"}
    assert Task(sketch.doc).training().optimizer.name == "net/train"


def test_an_instance_that_derives_others_has_to_be_independent_first(sketch):
    sketch.add("constant", "row", value=[1.0, 2.0, 3.0])
    sketch.add("constant", "one", value=2.0)
    sketch.add("variable", "v", value=1.0)
    sketch.add("multiply", "product", {"x": "v", "y": "row"})
    sketch.add("reduce_sum", "loss", {"x": "product"})
    sketch.add("gradient_descent", "train", {"loss": "loss"})
    put_in(sketch.doc, "net", "v", "product", "loss", "train")
    second = add_instance(sketch.doc, "net", (0, 300))
    sketch.wire("one", "net_1:row")
    train = inner(sketch.doc, "net", "train")
    expected = trained(sketch.doc, "net/train"), trained(sketch.doc, "net_1/train")
    before = content(sketch.doc)
    with pytest.raises(DocumentError, match=r"net/train derives other nodes.*independent"):
        unpack(sketch.doc, f"{second}/{train}")
    assert content(sketch.doc) == before
    make_independent(sketch.doc, second)
    unpack(sketch.doc, f"{second}/{inner(sketch.doc, 'net_1', 'train')}")
    assert (trained(sketch.doc, "net/train"), trained(sketch.doc, "net_1/train")) == expected


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("inside", "text"),
    [
        (["train"], "which is outside. Unpack the subgraph part first"),
        (["squared", "loss"], "which is in another subgraph. Unpack the subgraph part first"),
    ],
)
def test_what_cannot_be_reached_names_the_subgraph_to_unpack(sketch, inside, text):
    fitted(sketch)
    part = put_in(sketch.doc, "part", *inside)
    held = inside == ["train"]
    path = f"{part}/{inner(sketch.doc, 'part', 'train')}" if held else sketch.id("train")
    with pytest.raises(DocumentError, match=text):
        unpack(sketch.doc, path)
    inner_doc = expansion(sketch.doc, path)
    assert inner_doc.analyse().all_problems() == []


def test_between_two_levels_the_nearest_instance_is_named(sketch):
    fitted(sketch)
    net = put_in(sketch.doc, "net", "w", "line", "error", "squared", "loss", "train")
    definition = sketch.doc.definition("net")
    create(definition, [definition.node_named(n).id for n in ("squared", "loss")], "cost")
    with pytest.raises(DocumentError, match="Unpack the subgraph net/cost first"):
        unpack(sketch.doc, f"{net}/{definition.node_named('train').id}")


def test_a_gradients_node_inside_gives_its_values_to_the_copies(sketch):
    sketch.add("variable", "x", value=3.0)
    sketch.add("square", "y", {"x": "x"})
    sketch.add("gradients", "g", {"y": "y", "xs.0": "x"})
    sketch.add("identity", "shown", {"x": "g:grads.0"})
    commands.set_training(sketch.doc, metrics=[{"node": sketch.id("g")}])
    part = put_in(sketch.doc, "part", "y", "g")
    assert value(sketch.doc, "shown") == 6.0
    unpack(sketch.doc, f"{part}/{inner(sketch.doc, 'part', 'g')}")
    assert value(sketch.doc, "shown") == 6.0
    assert sketch.doc.definition("part").node_named("g") is None
    (metric,) = sketch.doc.training["metrics"]
    assert metric["node"].startswith(f"{part}/")
    assert not [p for p in Analysis(sketch.doc).all_problems() if p.node]
