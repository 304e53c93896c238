"""Data sets of a graph made in Python, in its file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.cli.main import main
from nodeflow.document.edit.subgraphs.create_subgraph import create
from nodeflow.document.from_graph.data_of_graph import DataNotKept
from nodeflow.document.io import flow

Dataset = nf.data.Dataset


@pytest.fixture
def arrays(tmp_path: Path) -> Path:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(60, 3)).astype("float32")
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "rows.npz", x=x, y=x.sum(axis=1, keepdims=True))
    return tmp_path / "data" / "rows.npz"


def regression(dataset: Dataset) -> nf.Graph:
    with nf.Graph() as graph:
        element = dataset.make_one_shot_iterator().get_next(name="batch")
        w = nf.variable(np.zeros((3, 1), "float32"), name="w")
        loss = nf.reduce_mean(nf.square(element["x"] @ w - element["y"]), name="loss")
        nf.gradient_descent(loss, learning_rate=0.1, name="train")
    return graph


@pytest.mark.thorough
def test_a_data_set_of_a_source_becomes_a_dataset_node(arrays, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    source = nf.data.npz("data/rows.npz", splits=[1.0, 0.0, 0.0])
    size = len(list(source)) // 4
    graph = regression(source.shuffle(1000, seed=5).batch(size, drop_remainder=True))
    (tmp_path / "graphs").mkdir()
    path = tmp_path / "graphs" / "a.flow"
    nf.save(graph, path)
    saved = json.loads(path.read_text())
    node = next(n for n in saved["nodes"] if n["op"] == "dataset")
    assert node["attrs"]["source"] == "npz:../data/rows.npz"
    placeholders = {n["id"]: n["name"] for n in saved["nodes"] if n["op"] == "placeholder"}
    assert {(w[1], placeholders[w[2]], w[3]) for w in saved["wires"] if w[0] == node["id"]} == {
        ("x", "batch/x", "feed"), ("y", "batch/y", "feed"),
    }  # fmt: skip
    assert saved["training"]["shuffle"] is True and saved["training"]["batch_size"] == size
    assert saved["training"]["seed"] == 5
    history = nf.train.fit(graph, epochs=3, seed=5, tier="reference")
    allowed = ["--allow-data", "data"]
    assert (
        main(["train", str(path), "--epochs", "3", "--tier", "reference", "--json", *allowed]) == 0
    )
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [e["loss"] for e in printed if e["event"] == "epoch"] == history.loss


@pytest.mark.thorough
def test_rows_in_order_are_not_shuffled_by_the_file(arrays, tmp_path) -> None:
    graph = regression(nf.data.npz(os.fspath(arrays)).batch(6, drop_remainder=True))
    nf.save(graph, tmp_path / "a.flow")
    training = json.loads((tmp_path / "a.flow").read_text())["training"]
    assert training["shuffle"] is False and "seed" not in training


def test_an_initializer_is_no_node_of_the_file(arrays, tmp_path) -> None:
    with nf.Graph() as graph:
        iterator = nf.data.npz(os.fspath(arrays)).batch(6).make_initializable_iterator()
        element = iterator.get_next()
        nf.group(iterator.initializer, nf.reduce_sum(element["x"]), name="both")
    nf.save(graph, tmp_path / "a.flow")
    saved = json.loads((tmp_path / "a.flow").read_text())
    assert "make_iterator" not in [n["name"] for n in saved["nodes"]]
    assert "batch_size" in saved["training"]


@pytest.mark.parametrize(
    "make, why",
    [
        (lambda source: source.map(lambda e: e), "computed in Python"),
        (lambda source: source.shuffle(3), "computed in Python"),
        (lambda source: source.repeat(2), "computed in Python"),
        (
            lambda source: Dataset.from_tensor_slices(
                {"x": np.ones((8, 3), "float32"), "y": np.ones((8, 1), "float32")}
            ),
            "arrays in memory",
        ),
    ],
)
def test_what_a_file_cannot_hold_is_said(make, why: str, arrays, tmp_path) -> None:
    graph = regression(make(nf.data.npz(os.fspath(arrays))).batch(4))
    with pytest.warns(DataNotKept, match=f"feeds batch/x, batch/y: its .*{why}"):
        nf.save(graph, tmp_path / "a.flow")
    saved = json.loads((tmp_path / "a.flow").read_text())
    assert [n["op"] for n in saved["nodes"]].count("placeholder") == 2
    assert "dataset" not in [n["op"] for n in saved["nodes"]]


def test_other_splits_are_not_kept(arrays, tmp_path) -> None:
    graph = regression(nf.data.npz(os.fspath(arrays), "test", splits=[0.5, 0.0, 0.5]).batch(4))
    with pytest.warns(DataNotKept, match="rows of the test split"):
        nf.save(graph, tmp_path / "a.flow")


# ---- of a graph that was loaded -----------------------------------------------------------------


@pytest.fixture
def loaded(tmp_path: Path) -> nf.Graph:
    """A regression whose placeholders nothing feeds, from its file."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        y = nf.placeholder("float32", [None, 1], name="y")
        w = nf.variable(np.zeros((3, 1), "float32"), name="w")
        loss = nf.reduce_mean(nf.square(x @ w - y), name="loss")
        nf.gradient_descent(loss, learning_rate=0.1, name="train")
    nf.save(graph, tmp_path / "plain.flow")
    return nf.load(tmp_path / "plain.flow")


def ops(path: Path) -> list[str]:
    return [node["op"] for node in json.loads(path.read_text())["nodes"]]


def test_a_data_set_that_is_bound_to_a_loaded_graph_is_kept(loaded, arrays, tmp_path, capsys):
    source = nf.data.npz(os.fspath(arrays), splits=[1.0, 0.0, 0.0])
    dataset = source.shuffle(1000, seed=5).batch(20, drop_remainder=True)
    dataset.bind({loaded.tensor("x"): "x", loaded.tensor("y"): "y"}, graph=loaded)
    path = tmp_path / "bound.flow"
    nf.save(loaded, path)
    before = (tmp_path / "plain.flow").read_text().splitlines()
    after = path.read_text().splitlines()
    kept = [line.rstrip(",") for line in after]
    assert {line.rstrip(",") for line in before if '"id": "n' in line} <= set(kept)
    saved = json.loads(path.read_text())
    (node,) = [n for n in saved["nodes"] if n["op"] == "dataset"]
    assert node["attrs"]["source"] == "npz:data/rows.npz"
    assert {w[1] for w in saved["wires"] if w[0] == node["id"] and w[3] == "feed"} == {"x", "y"}
    assert saved["training"]["batch_size"] == 20 and saved["training"]["seed"] == 5
    history = nf.train.fit(loaded, epochs=3, seed=5, tier="reference")
    allowed = ["--allow-data", "data"]
    assert (
        main(["train", str(path), "--epochs", "3", "--tier", "reference", "--json", *allowed]) == 0
    )
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [e["loss"] for e in printed if e["event"] == "epoch"] == history.loss
    nf.save(nf.load(path), tmp_path / "again.flow")
    assert (tmp_path / "again.flow").read_text() == path.read_text()


def test_a_data_set_takes_the_place_of_the_one_before(loaded, arrays, tmp_path) -> None:
    places = ("x", "y")
    nf.data.npz(os.fspath(arrays)).batch(6).bind(*(loaded.tensor(n) for n in places), graph=loaded)
    nf.save(loaded, tmp_path / "one.flow")
    again = nf.load(tmp_path / "one.flow")
    other = tmp_path / "data" / "other.npz"
    np.savez(other, x=np.ones((20, 3), "float32"), y=np.ones((20, 1), "float32"))
    nf.data.npz(os.fspath(other)).batch(5).bind(*(again.tensor(n) for n in places), graph=again)
    nf.save(again, tmp_path / "two.flow")
    saved = json.loads((tmp_path / "two.flow").read_text())
    (node,) = [n for n in saved["nodes"] if n["op"] == "dataset"]
    assert node["attrs"]["source"] == "npz:data/other.npz"
    assert saved["training"]["batch_size"] == 5


def test_an_iterator_in_a_loaded_graph_is_kept_with_its_placeholders(loaded, arrays, tmp_path):
    with loaded:
        iterator = nf.data.npz(os.fspath(arrays)).batch(6).make_initializable_iterator()
        nf.reduce_sum(iterator.get_next(name="batch")["x"], name="total")
        assert iterator.initializer.name == "make_iterator"
    nf.save(loaded, tmp_path / "a.flow")
    saved = json.loads((tmp_path / "a.flow").read_text())
    names = [n["name"] for n in saved["nodes"]]
    assert {"batch/x", "batch/y", "total"} <= set(names) and "make_iterator" not in names
    assert ops(tmp_path / "a.flow").count("dataset") == 1


def test_what_a_loaded_graph_cannot_keep_is_said(loaded, tmp_path) -> None:
    rows = {"x": np.ones((8, 3), "float32"), "y": np.ones((8, 1), "float32")}
    dataset = Dataset.from_tensor_slices(rows).batch(4)
    dataset.bind({loaded.tensor("x"): "x", loaded.tensor("y"): "y"}, graph=loaded)
    with pytest.warns(DataNotKept, match="feeds x, y: its rows are arrays in memory"):
        nf.save(loaded, tmp_path / "a.flow")
    assert (tmp_path / "a.flow").read_text() == (tmp_path / "plain.flow").read_text()


def test_placeholders_in_a_subgraph_are_said(loaded, arrays, tmp_path) -> None:
    doc = flow.load(tmp_path / "plain.flow")
    create(doc, [doc.node_named(n).id for n in ("x", "matmul", "w")], "inner")
    flow.save(doc, tmp_path / "inner.flow")
    graph = nf.load(tmp_path / "inner.flow")
    dataset = nf.data.npz(os.fspath(arrays)).batch(4)
    dataset.bind({graph.tensor("inner/x"): "x", graph.tensor("y"): "y"}, graph=graph)
    with pytest.warns(DataNotKept, match="in a scope that is a subgraph"):
        nf.save(graph, tmp_path / "b.flow")
    assert "dataset" not in ops(tmp_path / "b.flow")
