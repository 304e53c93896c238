"""Collections and the graph seed in files: kept, changed alone, and nothing without them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create as make_subgraph
from nodeflow.document.from_graph.kept_collections import NotKept
from nodeflow.document.io import flow
from nodeflow.ops.namespaces import losses, nn
from nodeflow.ops.variables.collections import (
    GraphKeys,
    add_to_collection,
    add_to_collections,
    get_collection,
)
from nodeflow.ops.variables.scope import Variable

X = np.arange(12, dtype="float32").reshape(3, 4)


def program() -> nf.Graph:
    """Losses, variables of other collections, members of all kinds, and a seed."""
    with nf.Graph() as graph:
        nf.set_random_seed(7)
        x = nf.placeholder("float32", [None, 4], name="x")
        with nf.name_scope("tower"):
            hidden = nf.layers.dense(x, 3, kernel_regularizer=nn.l2_loss, name="dense")
            first, second = nf.split(nf.concat([hidden, hidden], 1), 2, axis=1, name="parts")
            add_to_collection("ends", second)
        add_to_collection("ends", first)
        counter = Variable(
            0, name="count", trainable=False, collections=["local_variables", "mine"]
        )
        step = nf.assign(counter, counter + 1, name="step").op
        add_to_collections(["steps", "ends"], step)
        noise = nf.random_normal([3], seed=5, name="noise")
        losses.add_loss(nf.reduce_sum(noise, name="loss"))
        add_to_collection(GraphKeys.WEIGHTS, graph.tensor("tower/dense/kernel"))
    return graph


def members(graph: nf.Graph) -> dict[str, list[str]]:
    with graph:
        keys = ["ends", "steps", "mine", "losses", "regularization_losses", "weights"]
        keys += ["variables", "local_variables", "trainable_variables"]
        return {key: sorted(m.name for m in get_collection(key)) for key in keys}


def reopened(graph: nf.Graph, path: Path) -> nf.Graph:
    nf.save(graph, path)
    return nf.load(path)


def test_collections_and_the_seed_are_kept(tmp_path: Path) -> None:
    graph = program()
    again = reopened(graph, tmp_path / "a.flow")
    assert members(again) == members(graph)
    assert members(again)["ends"] == ["step", "tower/parts", "tower/parts:1"]
    assert members(again)["weights"] == ["tower/dense/kernel"]
    assert members(again)["local_variables"] == ["count"]
    with again:
        inside = {t.name for t in get_collection("ends", scope="tower")}
        assert inside == {"tower/parts", "tower/parts:1"}
    assert again.seed == 7
    drawn = []
    for each in (graph, again):
        with nf.Session(each, tier="reference") as session:
            drawn.append(session.run("noise").tobytes())
    assert drawn[0] == drawn[1]


def test_unchanged_is_the_same_bytes_and_a_change_is_that_alone(tmp_path: Path) -> None:
    path, other = tmp_path / "a.flow", tmp_path / "b.flow"
    again = reopened(program(), path)
    nf.save(again, other)
    assert other.read_text() == path.read_text()
    again.add_to_collection("more", again.tensor("noise"))
    again.seed = 8
    nf.save(again, other)
    before, after = path.read_text().splitlines(), other.read_text().splitlines()
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert [json.loads(b.rstrip(","))["name"] for _, b in changed[:-1]] == ["noise"]
    assert '"collections": {"more": ["out"]}' in changed[0][1]
    assert changed[-1][1] == ' "seed": 8}'
    with nf.load(other) as third:
        assert [t.name for t in get_collection("more")] == ["noise"]
        assert third.seed == 8


def test_a_file_without_them_says_nothing_of_them(tmp_path: Path) -> None:
    with nf.Graph() as graph:
        nf.layers.dense(nf.constant(X), 2)
    nf.save(graph, tmp_path / "a.flow")
    text = (tmp_path / "a.flow").read_text()
    assert "collections" not in text and "seed" not in text
    again = nf.load(tmp_path / "a.flow")
    assert again.seed is None
    nf.save(again, tmp_path / "b.flow")
    assert (tmp_path / "b.flow").read_text() == text


def test_added_nodes_bring_their_collections(tmp_path: Path) -> None:
    again = reopened(program(), tmp_path / "a.flow")
    with again:
        add_to_collection("ends", nf.negative(again.tensor("noise"), name="added"))
    third = reopened(again, tmp_path / "b.flow")
    assert "added" in members(third)["ends"] and len(members(third)["ends"]) == 4


def test_edits_in_a_document_take_members_along(tmp_path: Path) -> None:
    path = tmp_path / "a.flow"
    nf.save(program(), path)
    doc = flow.load(path)
    commands.rename(doc, doc.node_named("noise").id, "other")
    commands.remove(doc, [doc.node_named("step").id])
    make_subgraph(doc, [doc.node_named(n).id for n in ("loss", "other")], "inner")
    flow.save(doc, path)
    graph = nf.load(path)
    assert members(graph)["losses"] == ["inner/loss"]
    assert members(graph)["steps"] == []
    nf.save(graph, tmp_path / "b.flow")
    assert (tmp_path / "b.flow").read_text() == path.read_text()


def test_scopes_that_are_alike_are_instances_only_in_equal_collections(tmp_path: Path) -> None:
    def scopes(marked: int) -> nf.Graph:
        with nf.Graph() as graph:
            for index in range(3):
                with nf.name_scope("part"):
                    out = nf.square(nf.exp(nf.negative(nf.constant(X))))
                    if index < marked:
                        add_to_collection("ends", out)
        return graph

    for marked, instances in ((0, 3), (3, 3), (2, 2)):
        graph = scopes(marked)
        again = reopened(graph, tmp_path / "a.flow")
        ops = [record.op for record in flow.load(tmp_path / "a.flow").nodes.values()]
        assert ops.count("subgraph") == instances
        names = [[t.name for t in g.collections.get("ends", [])] for g in (graph, again)]
        assert names[0] == names[1]


@pytest.mark.parametrize(
    "fields",
    [
        {"collections": 3},
        {"collections": {"a": "out"}},
        {"collections": {"a": [1, "nothing", "/nothing", "/a:x"]}},
        {"variable_collections": "mine"},
        {"variable_collections": [1]},
    ],
)
def test_fields_that_mean_nothing_are_kept_as_they_are(fields: Any, tmp_path: Path) -> None:
    nf.save(program(), tmp_path / "a.flow")
    data = json.loads((tmp_path / "a.flow").read_text())
    data["seed"] = "much"
    next(n for n in data["nodes"] if n["name"] == "x").update(fields)
    (tmp_path / "b.flow").write_text(json.dumps(data))
    text = flow.dumps(flow.load(tmp_path / "b.flow"))
    graph = nf.load(tmp_path / "b.flow")
    assert graph.seed is None and graph.get_collection("a") == []
    nf.save(graph, tmp_path / "c.flow")
    assert (tmp_path / "c.flow").read_text() == text


def test_what_is_no_node_or_tensor_is_named(tmp_path: Path) -> None:
    graph = program()
    graph.add_to_collection("settings", "fast")
    with pytest.warns(NotKept, match=r"'settings' \(str\)"):
        nf.save(graph, tmp_path / "a.flow")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nf.save(program(), tmp_path / "a.flow")
