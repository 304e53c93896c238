"""Metric nodes of a graph are measured by themselves, unless its settings choose metrics."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.cli.main import main
from nodeflow.resources import example

ROWS = 60


def classifier(*, metric=nf.accuracy, name: str = "hit_rate") -> nf.Graph:
    """A graph that tells two classes of points apart, with a metric that nobody chose."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", (None, 2), name="x")
        y = nf.placeholder("float32", (None, 2), name="y")
        logits = nf.layers.dense(x, 2, name="d")
        loss = nf.reduce_mean(nf.softmax_cross_entropy_with_logits(y, logits), name="loss")
        metric(y, nf.softmax(logits), name=name)
        nf.gradient_descent(loss, learning_rate=0.5, name="train")
    return graph


def rows() -> dict[str, np.ndarray]:
    draws = np.random.default_rng(3).normal(size=(ROWS, 2)).astype("float32")
    return {"x": draws, "y": np.eye(2, dtype="float32")[(draws[:, 0] > 0).astype(int)]}


def elements(given: dict[str, np.ndarray]) -> nf.data.Dataset:
    """Batches that Python makes one by one, and that are no rows of a table."""
    types = dict.fromkeys(given, "float32")
    shapes = {name: (None, array.shape[1]) for name, array in given.items()}
    return nf.data.Dataset.from_generator(lambda: iter([given]), types, shapes)


def mnist_file(folder: Path, **training: object) -> Path:
    """The layers of MNIST as a file without chosen metrics, or with those that are given."""
    content = json.loads(example("mnist_layers").read_text())
    content["training"] = {
        **{k: v for k, v in content["training"].items() if k != "metrics"},
        "epochs": 1, "batch_size": 500, **training,
    }  # fmt: skip
    path = folder / "classifier.flow"
    path.write_text(json.dumps(content))
    return path


@pytest.mark.thorough
def test_python_measures_the_metric_nodes_of_a_graph() -> None:
    graph = classifier()
    history = nf.train.fit(graph, data=rows(), test=rows(), epochs=3, batch_size=20)
    assert list(history.metrics) == ["hit_rate"] and len(history.metrics["hit_rate"]) == 3
    right = history.variables["d/kernel"], history.variables["d/bias"]
    scores = rows()["x"] @ right[0] + right[1]
    share = np.mean(scores.argmax(1) == rows()["y"].argmax(1))
    assert history.metrics["hit_rate"][-1] == pytest.approx(share, abs=1e-6)


@pytest.mark.thorough
def test_rows_to_train_with_are_measured_where_there_are_no_others() -> None:
    history = nf.train.fit(classifier(), data=rows(), epochs=1, batch_size=20)
    assert 0 <= history.metrics["hit_rate"][0] <= 1


@pytest.mark.thorough
def test_metrics_that_are_given_are_the_only_ones() -> None:
    history = nf.train.fit(classifier(), data=rows(), metrics="loss", epochs=1, batch_size=20)
    assert list(history.metrics) == ["loss"]
    assert not nf.train.fit(classifier(), data=rows(), metrics=[], epochs=1, batch_size=20).metrics


@pytest.mark.thorough
def test_what_is_no_number_or_has_no_rows_is_left_out() -> None:
    matrix = classifier(metric=lambda y, p, name: nf.confusion_matrix(y, p, name=name))
    assert not nf.train.fit(matrix, data=rows(), epochs=1, batch_size=20).metrics
    graph = classifier()
    with graph:
        other = nf.placeholder("float32", (None, 2), name="other")
        nf.accuracy(other, other, name="elsewhere")
    history = nf.train.fit(graph, data=rows(), epochs=1, batch_size=20)
    assert list(history.metrics) == ["hit_rate"]


@pytest.mark.thorough
def test_a_stream_of_elements_trains_without_them() -> None:
    assert not nf.train.fit(classifier(), data=elements(rows()), epochs=1).metrics


@pytest.mark.thorough
def test_a_file_that_chooses_nothing_measures_its_metric_nodes_everywhere(
    tmp_path: Path, capsys
) -> None:
    path = mnist_file(tmp_path)
    history = nf.train.fit(nf.load(path))
    assert list(history.metrics) == ["accuracy"]
    assert main(["train", str(path), "--json", "--no-run"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    epochs = [line["metrics"] for line in lines if "metrics" in line]
    assert epochs and all(list(found) == ["accuracy"] for found in epochs)
    assert epochs[-1]["accuracy"] == pytest.approx(history.metrics["accuracy"][-1], abs=1e-6)
    assert "metrics" not in json.loads(path.read_text())["training"]


@pytest.mark.thorough
def test_a_file_that_chooses_no_metric_measures_none(tmp_path: Path) -> None:
    assert not nf.train.fit(nf.load(mnist_file(tmp_path, metrics=[]))).metrics


@pytest.mark.thorough
def test_a_stream_for_a_file_is_trained_with_and_its_own_rows_are_measured(tmp_path: Path) -> None:
    graph = nf.load(mnist_file(tmp_path))
    sizes = {n.name: n.outputs[0].shape[1] for n in graph.nodes if n.op.id == "placeholder"}
    given = {name: np.zeros((20, size), "float32") for name, size in sizes.items()}
    history = nf.train.fit(graph, data=elements(given), epochs=1, shuffle=False)
    assert list(history.metrics) == ["accuracy"]
