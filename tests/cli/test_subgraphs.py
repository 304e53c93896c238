"""A file with nested subgraphs on the command line: all of it by scoped names."""

from __future__ import annotations

import pytest

from nodeflow.document.edit import commands
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.io import flow
from nodeflow.resources import example
from nodeflow.train.saving.weights import load_weights


def id_of(doc, name):
    return doc.node_named(name).id


@pytest.fixture
def nested(tmp_path):
    """The expression, its sums in a subgraph, in a subgraph with the product."""
    doc = flow.load(example("expression.flow"))
    sums = create(doc, [id_of(doc, "d"), id_of(doc, "e")], "sums")
    create(doc, [sums, id_of(doc, "a"), id_of(doc, "c")], "outer")
    flow.save(doc, tmp_path / "nested.flow")
    return tmp_path / "nested.flow"


def test_nested_nodes_are_fetched_and_set_by_scoped_names(nodeflow, nested):
    fetches = ("--fetch", "outer", "--fetch", "outer/sums/e", "--fetch", "outer:a")
    result = nodeflow("run", nested, *fetches, "--json")
    assert result.json == {"fetches": {"outer": 9.0, "outer/sums/e": 3.0, "outer:a": 9.0}}
    assert nodeflow("run", nested, "--json").json == {"fetches": {"outer/a": 9.0}}
    changed = nodeflow("run", nested, "--set", "outer/c.value=2", "--fetch", "outer", "--json")
    assert changed.json == {"fetches": {"outer": 16.0}}
    fed = nodeflow("run", nested, "--feed", "outer/sums/d=10", "--fetch", "outer/a", "--json")
    assert fed.json == {"fetches": {"outer/a": 30.0}}


def test_an_unknown_name_inside_is_an_error_with_near_ones(nodeflow, nested):
    result = nodeflow("run", nested, "--fetch", "outer/sums/f")
    assert result.code == 1 and "outer/sums/" in result.err
    assert nodeflow("run", nested, "--set", "outer/k.value=2").code == 1


def test_check_names_a_problem_by_its_path(nodeflow, nested):
    doc = flow.load(nested)
    sums = doc.definition("sums")
    commands.disconnect(sums, (id_of(sums, "e"), "y"))
    flow.save(doc)
    result = nodeflow("check", nested, "--json")
    assert result.code == 1
    assert [p["node"] for p in result.json[0]["problems"]] == ["outer/sums/e"]


def test_a_network_inside_a_subgraph_trains_and_its_weights_have_scoped_names(nodeflow, tmp_path):
    doc = flow.load(example("linear_regression.flow"))
    create(doc, [n.id for n in doc.nodes.values() if n.op != "dataset"], "model")
    flow.save(doc, tmp_path / "model.flow")
    weights = tmp_path / "model.safetensors"
    result = nodeflow(
        *("train", tmp_path / "model.flow", "--epochs", "1", "--tier", "reference"),
        *("--save-weights", weights, "--json"),
    )
    assert result.code == 0, result.err
    assert load_weights(weights) and all(n.startswith("model/") for n in load_weights(weights))
