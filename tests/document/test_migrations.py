"""Files of earlier versions: they open, and they compute what they computed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from nodeflow.document.io import flow
from nodeflow.document.to_graph.build import build
from tests.ops.test_macro_ops import train
from tests.ops.test_optimizers import Rule, adadelta, adagrad, rmsprop

START = 2.0


def file_of_version_1(op: str, attrs: dict[str, Any]) -> str:
    """Minimise w * w; the file stores only the attributes that are given."""
    variable = {"dtype": "float64", "value": START}
    nodes = [
        {"id": "n1", "op": "variable", "name": "w", "attrs": variable, "pos": [0, 0]},
        {"id": "n2", "op": "square", "name": "loss", "attrs": {}, "pos": [1, 0]},
        {"id": "n3", "op": op, "name": "train", "attrs": attrs, "pos": [2, 0]},
    ]
    wires = [["n1", "out", "n2", "x"], ["n2", "out", "n3", "loss"]]
    head = {"format": "nodeflow", "version": 1, "next_id": 4}
    return json.dumps({**head, "nodes": nodes, "wires": wires})


def steps_of(rule: Rule, count: int) -> float:
    rows, w = rule(), START
    next(rows)
    for _ in range(count):
        w = w - rows.send(2 * w)
    return w


@pytest.mark.parametrize(
    ("op", "attrs", "rule"),
    [
        ("rmsprop", {"learning_rate": 0.05}, rmsprop(0.05, 0.9, 0.0, 1e-7, False, 0.0)),
        ("rmsprop", {"epsilon": 1e-3}, rmsprop(0.001, 0.9, 0.0, 1e-3, False, 0.0)),
        ("adadelta", {}, adadelta(1.0, 0.95, 1e-6)),
        ("adadelta", {"learning_rate": 0.5}, adadelta(0.5, 0.95, 1e-6)),
        ("adagrad", {"learning_rate": 0.3}, adagrad(0.3, 0.1, 1e-7)),
    ],
)
def test_optimizers_of_version_1_keep_their_defaults(op: str, attrs: dict, rule: Rule) -> None:
    document = flow.loads(file_of_version_1(op, attrs))
    graph = build(document).graph
    after = train(graph, graph.node("train"), 20)["w"]
    np.testing.assert_allclose(after, steps_of(rule, 20), rtol=1e-13)


def test_the_defaults_are_written_and_saved_as_the_newest_version() -> None:
    document = flow.loads(file_of_version_1("rmsprop", {"learning_rate": 0.05}))
    written = json.loads(flow.dumps(document))
    assert written["version"] == flow.VERSION
    attrs = written["nodes"][2]["attrs"]
    assert attrs == {"learning_rate": 0.05, "epsilon": 1e-7, "initial_mean_square": 0.0}


def test_a_placeholder_without_a_shape_was_a_scalar() -> None:
    old = {"op": "placeholder", "name": "x", "pos": [0, 0]}
    nodes = [
        {**old, "id": "n1", "attrs": {"dtype": "float64"}},
        {**old, "id": "n2", "name": "y", "attrs": {"shape": [None, 3]}},
        {**old, "id": "n3", "name": "z"},
    ]
    head = {"format": "nodeflow", "version": 1, "next_id": 4, "wires": []}
    document = flow.loads(json.dumps({**head, "nodes": nodes}))
    assert [document.nodes[f"n{i}"].attrs.get("shape") for i in (1, 2, 3)] == [[], [None, 3], []]
    graph = build(document).graph
    assert [graph.tensor(name).shape for name in "xyz"] == [(), (None, 3), ()]


def test_a_placeholder_without_a_shape_takes_any_shape_from_version_2_on() -> None:
    node = {"id": "n1", "op": "placeholder", "name": "x", "attrs": {"shape": None}, "pos": [0, 0]}
    head = {"format": "nodeflow", "version": flow.VERSION, "next_id": 4, "wires": []}
    for attrs in ({}, {"shape": None}):
        document = flow.loads(json.dumps({**head, "nodes": [{**node, "attrs": attrs}]}))
        assert not build(document).graph.tensor("x").type.has_rank
        assert flow.loads(flow.dumps(document)).nodes["n1"].attrs == attrs


def test_optimizers_inside_subgraphs_migrate_too() -> None:
    data = json.loads(file_of_version_1("rmsprop", {}))
    inner = {"nodes": data.pop("nodes"), "wires": data.pop("wires")}
    data |= {"nodes": [], "wires": [], "subgraphs": {"part": inner}}
    part = flow.loads(json.dumps(data)).definition("part")
    assert part is not None
    assert part.nodes["n3"].attrs == {"epsilon": 1e-7, "initial_mean_square": 0.0}


def test_a_split_of_version_1_keeps_its_number_of_parts() -> None:
    data = json.loads(file_of_version_1("split", {"parts": [4]}))
    assert flow.loads(json.dumps(data)).nodes["n3"].attrs == {"parts": 4}
    data["nodes"][2]["attrs"] = {"parts": [1, 3]}
    assert flow.loads(json.dumps(data)).nodes["n3"].attrs == {"parts": [1, 3]}


@pytest.mark.parametrize("spoilt", [None, 3, [3], [{"op": ["rmsprop"]}], [{"op": "rmsprop"}]])
def test_a_damaged_file_is_refused_as_before(spoilt: object) -> None:
    text = json.dumps({"format": "nodeflow", "version": 1, "next_id": 1, "nodes": spoilt})
    with pytest.raises(flow.FlowError):
        flow.loads(text)


def test_names_that_version_2_did_not_know_are_kept_under_other_names() -> None:
    data = {"format": "nodeflow", "version": 2, "next_id": 4, "nodes": [], "wires": []}
    data |= {"stage": 5, "lesson": "one", "stage_of_version_2": 1}
    data["training"] = {"speed": "fast", "schedule": {}, "until_stopped": 0, "epochs": 3}
    written = json.loads(flow.dumps(flow.loads(json.dumps(data))))
    assert (written["stage_of_version_2"], written["stage_of_version_2_"]) == (1, 5)
    assert written["lesson_of_version_2"] == "one"
    assert written["training"] == {
        "epochs": 3,
        "schedule_of_version_2": {},
        "speed_of_version_2": "fast",
        "until_stopped_of_version_2": 0,
    }
    assert "stage" not in written and "lesson" not in written


def test_a_file_of_version_2_computes_and_saves_as_version_3() -> None:
    old = file_of_version_1("rmsprop", {"epsilon": 1e-3}).replace('"version": 1', '"version": 2')
    document = flow.loads(old)
    assert document.nodes["n3"].attrs == {"epsilon": 1e-3}
    assert json.loads(flow.dumps(document))["version"] == 3


def test_a_file_of_a_newer_version_is_refused_in_words() -> None:
    with pytest.raises(flow.NewerVersion, match="has version 4, and this program reads up to 3"):
        flow.loads(json.dumps({"format": "nodeflow", "version": 4}))
