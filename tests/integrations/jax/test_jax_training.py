"""Trainings on JAX: the same losses, records, checkpoints, breakpoints and past steps."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.columns import Column, LazyColumn, mapped_column
from nodeflow.engine.mapped_rows import FileMap
from nodeflow.errors import RunError
from nodeflow.integrations.jax import rows
from nodeflow.resources import example
from nodeflow.train.events import Steps
from tests.engine.graphs import network
from tests.engine.test_examples_agree import first_losses

pytest.importorskip("jax")

QUICK = ("linear_regression", "regression", "spirals")
"""Examples of the normal run; ``test_every_example.py`` has all."""


@pytest.fixture(autouse=True)
def embedded_images(monkeypatch):
    monkeypatch.delenv("NODEFLOW_DATA_DIR", raising=False)


def events(**options):
    """Two epochs of 7 steps of a small network."""
    rng = np.random.default_rng(1)
    net = network("float64", (6, 5, 3), rate=0.1)
    data = {net.x: rng.normal(size=(28, 6)), net.y: np.eye(3)[rng.integers(0, 3, 28)]}
    settings = {"epochs": 2, "batch_size": 4, "seed": 5, "keep_run": False, **options}
    return net, nf.train.train(net.graph, data=data, **settings)


def losses_of(found) -> list[float]:
    return list(itertools.chain(*(e.losses for e in found if isinstance(e, Steps))))


@pytest.mark.thorough
@pytest.mark.parametrize("name", QUICK)
def test_examples_train_to_the_same_losses_in_float64(name):
    ours = first_losses(example(name), "float64", "reference", 50)
    theirs = first_losses(example(name), "float64", "auto", 50, backend="jax")
    np.testing.assert_allclose(theirs, ours, rtol=1e-9, atol=1e-12)
    assert len(ours) == 50


@pytest.mark.thorough
def test_nothing_is_compiled_again_from_chunk_to_chunk(monkeypatch):
    import jax

    compiled = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, *_, **__: compiled.append(name) if "backend_compile" in name else None
    )
    _, found = events(epochs=30, backend="jax")
    steps = [e for e in found if isinstance(e, Steps)]
    assert len({len(e.losses) for e in steps}) > 1  # chunks of several sizes
    before = len(compiled)
    _, found = events(epochs=30, backend="jax")
    losses_of(found)
    again = len(compiled) - before
    assert 0 < again <= 4


@pytest.mark.thorough
def test_columns_that_do_not_fit_are_sent_block_by_block(monkeypatch):
    _, found = events(backend="jax")
    whole = losses_of(found)
    monkeypatch.setattr(rows, "_fits", lambda size: False)
    monkeypatch.setattr(rows, "MOST_STEPS", 3)
    _, found = events(backend="jax")
    assert losses_of(found) == whole


@pytest.mark.parametrize("kind", ["scaled", "one-hot", "lazy", "mapped"])
def test_batches_are_those_of_the_columns(kind, tmp_path):
    rng = np.random.default_rng(0)
    stored = rng.integers(0, 3, 12).astype("uint8")
    pictures = rng.integers(0, 256, (12, 2)).astype("uint8")
    columns = {
        "scaled": Column(pictures, scale=1 / 255),
        "one-hot": Column(stored, depth=3),
        "lazy": LazyColumn(lambda n: pictures[n], np.arange(12), (2,), scale=1 / 255),
    }
    (tmp_path / "rows").write_bytes(pictures.astype("float32").tobytes())
    file = FileMap(tmp_path / "rows", (12, 2), np.dtype("float32"), 0)
    columns["mapped"] = mapped_column(file, "float32")
    column = columns[kind]
    assert column.lazy == (kind in ("lazy", "mapped"))
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, *column.type.shape[1:]], name="x")
        w = nf.variable(0.5, name="w")
        total = nf.reduce_sum(x * np.arange(1.0, 1 + column.type.shape[1], dtype="float32"))
        loss = nf.square(w - 0.1)
        train = graph.apply("gradient_descent", loss, learning_rate=0.1, name="train")
    orders = [rng.permutation(12) for _ in range(2)]
    with nf.Session(graph, backend="jax") as session:
        session.initialize()
        stepper = session.stepper([train], [total], {x: column}, 4)
        epochs = []
        for order in orders:
            stepper.start_epoch(order)
            epochs.append(stepper.run(10))
    weights = np.arange(1, 1 + column.type.shape[1])
    for order, (done, scalars) in zip(orders, epochs, strict=True):
        expected = [(column.rows(order[i : i + 4]) * weights).sum() for i in (0, 4, 8)]
        assert done == 3
        np.testing.assert_allclose(scalars[:, 0], expected, rtol=1e-6)


@pytest.mark.thorough
def test_a_training_that_is_resumed_has_the_same_bits(tmp_path):
    _, found = events(epochs=4, backend="jax")
    whole = losses_of(found)
    _, found = events(epochs=2, backend="jax", checkpoint=tmp_path)
    first = losses_of(found)
    _, found = events(epochs=4, backend="jax", resume=tmp_path)
    assert first + losses_of(found) == whole


@pytest.mark.thorough
def test_another_backend_is_named_when_a_training_goes_on(tmp_path):
    _, found = events(epochs=2, backend="jax", checkpoint=tmp_path)
    losses_of(found)
    _, found = events(epochs=4, resume=tmp_path)
    with pytest.raises(nf.errors.NodeflowError, match=r"backend \(was jax, is cpu\)"):
        list(found)


def test_a_step_that_fails_leaves_what_the_step_before_it_left():
    with nf.Graph() as graph:
        n = nf.placeholder("int32", [None], name="n")
        w = nf.variable(np.float64(1.0), name="w")
        share = nf.floor_divide(12, n, name="share")
        loss = nf.square(w) * nf.cast(nf.reduce_sum(share), "float64")
        train = graph.apply("gradient_descent", loss, learning_rate=0.01, name="train")
    with nf.Session(graph, backend="jax") as session:
        session.initialize()
        stepper = session.stepper([train], [loss], {n: Column(np.int32([1, 2, 0, 3]))}, 1)
        stepper.start_epoch(np.arange(4))
        assert stepper.run(1)[0] == 1
        with pytest.raises(RunError, match=r"share.*zero") as caught:
            stepper.run(3)
        assert caught.value.node == "share"
        assert stepper.step == 2
        expected = 1.0 * (1 - 0.02 * 12) * (1 - 0.02 * 6)
        assert session.variables["w"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.thorough
def test_a_nonfinite_loss_ends_a_training_and_names_the_node():
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None], name="x")
        w = nf.variable(np.float64(1.0), name="w")
        loss = nf.reduce_mean(nf.exp(nf.square(w * x)), name="loss")
        graph.apply("gradient_descent", loss, learning_rate=5.0, name="train")
    found = nf.train.train(graph, data={x: np.ones(8)}, batch_size=4, epochs=20, backend="jax")
    with pytest.raises(nf.errors.NonFiniteError) as caught:
        list(found)
    assert caught.value.node
