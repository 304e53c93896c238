"""`nf.train.train` and `nf.train.fit`: the loop as users call it from Python."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow import resources
from nodeflow.cli.main import main
from nodeflow.data.shuffling import epoch_order
from nodeflow.errors import DataError, FeedError, GraphError, NodeflowError
from nodeflow.train.saving.weights import load_weights

RNG = np.random.default_rng(5)
ROWS = RNG.normal(size=(60, 3)).astype("float32")
TARGETS = (ROWS @ np.array([[1.0], [-2.0], [0.5]]) + 0.25).astype("float32")


def line() -> nf.Graph:
    """A linear regression, with its parts by name: x, y, w, b, loss, error, train."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        y = nf.placeholder("float32", [None, 1], name="y")
        w = nf.variable(np.zeros((3, 1), "float32"), name="w")
        b = nf.variable(np.zeros((1,), "float32"), name="b")
        miss = nf.matmul(x, w) + b - y
        loss = nf.reduce_mean(nf.square(miss), name="loss")
        nf.reduce_mean(nf.abs(miss), name="error")
        nf.gradient_descent(loss, learning_rate=0.1, name="train")
    return graph


def by_numpy(epochs: int, batch: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Weights, bias and epoch losses of the same regression, written out in numpy."""
    w, b, losses = np.zeros((3, 1)), np.zeros(1), []
    for epoch in range(epochs):
        order = epoch_order(len(ROWS), seed, epoch)
        steps = []
        for start in range(0, len(ROWS) - batch + 1, batch):
            rows = order[start : start + batch]
            x, y = ROWS[rows].astype("float64"), TARGETS[rows].astype("float64")
            miss = x @ w + b - y
            steps.append(float(np.mean(miss**2)))
            w = w - 0.1 * 2 * x.T @ miss / batch
            b = b - 0.1 * 2 * miss.mean(axis=0)
        losses.append(float(np.mean(steps)))
    return w, b, losses


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_the_events_are_those_of_gradient_descent(tier: str) -> None:
    graph = line()
    data = {"x": ROWS, graph.tensor("y"): TARGETS}
    with nf.Session(graph, tier=tier) as session:
        events = list(nf.train.train(graph, data=data, epochs=3, batch_size=16, session=session))
        w, b = session.variables["w"], session.variables["b"]
    expected_w, expected_b, losses = by_numpy(3, 16)
    np.testing.assert_allclose(w, expected_w, rtol=2e-5, atol=1e-6)
    np.testing.assert_allclose(b, expected_b, rtol=2e-5, atol=1e-6)
    assert isinstance(events[0], nf.train.Started)
    assert (events[0].epochs, events[0].steps_per_epoch) == (3, 3)
    ended = [e for e in events if isinstance(e, nf.train.Epoch)]
    np.testing.assert_allclose([e.loss for e in ended], losses, rtol=1e-5)
    assert sum(len(e.losses) for e in events if isinstance(e, nf.train.Steps)) == 9
    assert isinstance(events[-1], nf.train.Done) and events[-1].epochs == 3


def test_fit_gives_the_history_and_leaves_no_session_behind() -> None:
    history = nf.train.fit(
        line(), data={"x": ROWS, "y": TARGETS}, test={"x": ROWS[:7], "y": TARGETS[:7]},
        metrics="error", epochs=4, batch_size=20, seed=9,
    )  # fmt: skip
    w, b, losses = by_numpy(4, 20, seed=9)
    np.testing.assert_allclose(history.loss, losses, rtol=1e-5)
    assert len(history.steps) == 12 and history.done.epochs == 4
    miss = np.abs(ROWS[:7] @ w + b - TARGETS[:7]).mean()
    assert history.metrics["error"][-1] == pytest.approx(miss, rel=1e-4)
    np.testing.assert_allclose(history.variables["w"], w, rtol=2e-5, atol=1e-6)


def test_a_given_session_goes_on_from_its_values_and_keeps_the_new_ones() -> None:
    graph = line()
    data = {"x": ROWS, "y": TARGETS}
    whole = nf.train.fit(graph, data=data, epochs=4, batch_size=20)
    with nf.Session(graph) as session:
        nf.train.fit(graph, data=data, epochs=2, batch_size=20, session=session)
        halfway = session.variables["w"]
        nf.train.fit(graph, data=data, epochs=2, batch_size=20, session=session, first_epoch=3)
        assert not np.array_equal(halfway, session.variables["w"])
        assert np.array_equal(session.variables["w"], whole.variables["w"])


@pytest.fixture(params=["linear_regression", "spirals"])
def example(request, tmp_path: Path) -> Path:
    try:
        found = resources.example(request.param)
    except NodeflowError:
        pytest.skip(f"there is no example {request.param}")
    path = tmp_path / f"{request.param}.flow"
    shutil.copy(found, path)
    return path


def test_a_loaded_file_trains_to_the_bits_of_the_command(example: Path, capsys) -> None:
    weights = example.with_suffix(".safetensors")
    options = ["--epochs", "1", "--set", "training.batch_size=50"]
    command = ["train", str(example), *options, "--tier", "reference", "--json"]
    assert main([*command, "--save-weights", str(weights)]) == 0
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    epoch = next(line for line in printed if line["event"] == "epoch")
    graph = nf.load(example)
    history = nf.train.fit(graph, epochs=1, batch_size=50, tier="reference")
    assert history.loss == [epoch["loss"]]
    assert history.epochs[0].metrics == {
        k: v for k, v in epoch["metrics"].items() if not isinstance(v, list)
    }
    saved = load_weights(weights)
    assert saved.keys() == history.variables.keys()
    for name, value in saved.items():
        assert value.tobytes() == history.variables[name].tobytes(), name


@pytest.mark.thorough
def test_what_is_given_replaces_what_the_file_says(tmp_path: Path) -> None:
    path = tmp_path / "line.flow"
    nf.save(line(), path)
    graph = nf.load(path)
    history = nf.train.fit(
        graph, data={"x": ROWS, "y": TARGETS}, metrics=[graph.tensor("error")], epochs=2
    )
    assert history.epochs[-1].epoch == 2 and list(history.metrics) == ["error"]


@pytest.mark.thorough
def test_a_group_of_updates_trains_with_the_loss_that_is_named() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None], name="x")
        w = nf.variable(np.float32(0), name="w")
        loss = nf.reduce_mean(nf.square(x - w), name="loss")
        step = nf.assign(w, w + 0.5 * nf.reduce_mean(x - w))
        nf.group(step, name="update")
    rows = {"x": np.full(8, 3, np.float32)}
    with pytest.raises(GraphError, match="no loss of its own"):
        nf.train.train(graph, optimizer="update", data=rows)
    history = nf.train.fit(graph, optimizer="update", loss=loss, data=rows, epochs=3, batch_size=8)
    assert history.loss == [9.0, 2.25, 0.5625]


def test_early_stopping_watches_the_validation_loss() -> None:
    far = {"x": ROWS[:10], "y": TARGETS[:10] + np.linspace(-9, 9, 10, dtype="float32")[:, None]}
    history = nf.train.fit(
        line(), data={"x": ROWS, "y": TARGETS}, validation=far, epochs=100, patience=2,
        min_change=1e-3,
    )  # fmt: skip
    assert history.done.reason and history.done.epochs < 100
    assert list(history.metrics) == ["validation/loss"]


def test_rows_are_converted_where_nothing_is_lost() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 2], name="x")
        nf.gradient_descent(nf.reduce_mean(nf.square(x @ nf.variable(np.ones((2, 1), "float32")))))
    for dtype in ("float64", "int64", "uint8"):
        history = nf.train.fit(graph, data={"x": np.ones((4, 2), dtype)}, epochs=1, batch_size=4)
        assert history.loss == [4.0]
    history = nf.train.fit(graph, data={"x": [[1, 1.0]] * 4}, epochs=1, batch_size=4)
    assert history.loss == [4.0]


@pytest.mark.parametrize(
    "arguments, error, text",
    [
        ({"data": ROWS}, DataError, "the train split are ndarray, not a dict"),
        ({"data": {"x": ROWS[:, :2], "y": TARGETS}}, FeedError, "x: expected rows of"),
        ({"data": {"x": ROWS[:5], "y": TARGETS}}, DataError, "x has 5 rows and y has 60 rows"),
        ({"data": {"x": ROWS, "y": TARGETS}, "test": {"x": ROWS}}, DataError, "test split has"),
        ({"data": {"x": ROWS, "y": TARGETS}, "epoch": 3}, GraphError, "no training setting"),
        ({"data": {"x": ROWS, "y": TARGETS}, "epochs": 0}, NodeflowError, "at least 1"),
        ({"data": {"x": 3.0, "y": TARGETS}}, FeedError, "has none"),
        ({"data": {"z": ROWS}}, NodeflowError, "no node 'z'"),
        ({"data": {"x": ROWS, "y": TARGETS}, "monitor": "loss"}, GraphError, "patience"),
        ({"data": {"x": ROWS, "y": TARGETS}, "metrics": "x"}, GraphError, "must be a scalar"),
    ],
)
def test_what_does_not_fit_is_named_before_the_first_step(arguments, error, text) -> None:
    with pytest.raises(error, match=text):
        nf.train.train(line(), **arguments)


def test_a_graph_without_optimizer_says_so() -> None:
    with nf.Graph() as graph:
        nf.placeholder("float32", [None], name="x")
    with pytest.raises(GraphError, match="no optimizer to train with"):
        nf.train.train(graph)
    with pytest.raises(GraphError, match="expected a Graph"):
        nf.train.train("mnist.flow")
    with nf.Session(graph) as session, pytest.raises(GraphError, match="another graph"):
        nf.train.train(line(), session=session)
