"""An optimizer's `variables` may be patterns, which follow renaming, copying and unpacking."""

from __future__ import annotations

from itertools import pairwise

import pytest

import nodeflow as nf
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.edit.inserting import clipboard
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build import build
from nodeflow.errors import GraphError
from nodeflow.graph.graph import ancestors


def layers() -> Document:
    """Two layers, `part/first` and `part/second`, and a third called `last`."""
    document = Document()

    def add(op, name, **attrs):
        return commands.add_node(document, op, (0, 0), name=name, attrs=attrs)

    ids = [add("placeholder", "x", shape=[None, 4])]
    ids += [add("layers/dense", name, units=3) for name in ("part/first", "part/second", "last")]
    ids += [add("reduce_mean", "loss"), add("gradient_descent", "train")]
    for source, target in pairwise(ids):
        port = "loss" if document.nodes[target].name == "train" else "x"
        commands.connect(document, source, "out", target, port)
    return document


def train(document: Document) -> str:
    record = document.node_named("train")
    assert record is not None
    return record.id


def changed(document: Document) -> set[str]:
    found = build(document)
    runs = ancestors([found.graph.node("train")])
    return {node.inputs[0].node.name for node in runs if node.op.id == "assign"}


def problems(document: Document) -> list[str]:
    return [p.message for p in Analysis(document).all_problems() if p.severity == "error"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["part/*"], {"part/first/kernel", "part/first/bias"}
         | {"part/second/kernel", "part/second/bias"}),
        (["*/kernel"], {"part/first/kernel", "part/second/kernel", "last/kernel"}),
        (["last/*", "part/first/bias"], {"last/kernel", "last/bias", "part/first/bias"}),
        (["part/first/*", "*/first/*"], {"part/first/kernel", "part/first/bias"}),
    ],
)  # fmt: skip
def test_a_pattern_stands_for_the_variables_that_match(names, expected):
    document = layers()
    commands.set_attr(document, train(document), "variables", names)
    assert not problems(document)
    assert changed(document) == expected


def test_a_pattern_without_a_match_is_a_problem():
    document = layers()
    commands.set_attr(document, train(document), "variables", ["other/*"])
    assert "no variable matches 'other/*'" in problems(document)
    with nf.Graph() as graph:
        loss = nf.reduce_mean(nf.square(nf.variable([1.0], name="w")))
        with pytest.raises(GraphError, match=r"no variable that matches 'b\*'"):
            nf.gradient_descent(loss, learning_rate=0.1, variables=["b*"])
    assert graph


def test_a_pattern_follows_the_name_of_its_layer():
    document = layers()
    commands.set_attr(document, train(document), "variables", ["last/*"])
    last = document.node_named("last")
    assert last is not None
    commands.rename(document, last.id, "end")
    assert document.nodes[train(document)].attrs["variables"] == ["end/*"]
    document.undo()
    assert document.nodes[train(document)].attrs["variables"] == ["last/*"]


def test_a_pattern_names_a_subgraph():
    document = layers()
    ids = [n.id for n in document.nodes.values() if n.name.startswith("part")]
    instance = create(document, ids, "encoder")
    name = document.nodes[instance].name
    commands.set_attr(document, train(document), "variables", [f"{name}/*"])
    assert not problems(document)
    assert len(changed(document)) == 4
    assert all(each.startswith(f"{name}/") for each in changed(document))
    commands.rename(document, instance, "front")
    assert document.nodes[train(document)].attrs["variables"] == ["front/*"]
    assert len(changed(document)) == 4


def test_a_pattern_inside_a_subgraph_means_its_variables():
    document = layers()
    commands.set_attr(document, train(document), "variables", ["part/*"])
    create(document, [n for n in document.nodes if n != "n1"], "whole")
    assert not problems(document)
    found = build(document)
    (optimizer,) = (n for n in found.graph.nodes if n.name.endswith("train"))
    assigned = {n.inputs[0].node.name for n in ancestors([optimizer]) if n.op.id == "assign"}
    assert len(assigned) == 4


def test_a_copy_trains_the_copies():
    document = layers()
    commands.set_attr(document, train(document), "variables", ["last/*"])
    text = clipboard.copy_json(document, [*document.nodes])
    new = clipboard.paste(document, text, (0, 100))
    copied = next(document.nodes[i] for i in new if document.nodes[i].op == "gradient_descent")
    layer = next(document.nodes[i].name for i in new if document.nodes[i].name.startswith("last"))
    assert copied.attrs["variables"] == [f"{layer}/*"] and layer != "last"
