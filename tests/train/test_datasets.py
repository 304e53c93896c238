"""Trainings on `nf.data` sets: the same steps as the loop of runs that a tutorial writes."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import DataError, GraphError

Dataset = nf.data.Dataset
RNG = np.random.default_rng(7)
ROWS = RNG.normal(size=(40, 3)).astype("float32")
TARGETS = (ROWS @ np.array([[1.0], [-2.0], [0.5]])).astype("float32")


def line(x, y) -> nf.Tensor:
    """A linear regression of y on x with its optimizer; returns the loss."""
    w = nf.variable(np.zeros((3, 1), "float32"), name="w")
    loss = nf.reduce_mean(nf.square(x @ w - y), name="loss")
    nf.reduce_mean(nf.abs(x @ w - y), name="error")
    nf.adam(loss, learning_rate=0.05, name="train")
    return loss


def with_placeholders() -> nf.Graph:
    with nf.Graph() as graph:
        line(nf.placeholder("float32", [None, 3], name="x"),
             nf.placeholder("float32", [None, 1], name="y"))  # fmt: skip
    return graph


def looped(dataset: Dataset, epochs: int, tier: str) -> tuple[list[float], np.ndarray]:
    """The losses and weights of a loop over the elements of a data set."""
    graph = with_placeholders()
    losses = []
    with nf.Session(graph, tier=tier, seed=1) as session:
        session.initialize()
        for _ in range(epochs):
            for x, y in dataset:
                losses.append(float(session.run(["train", "loss"], {"x": x, "y": y})[1]))
        return losses, session.variables["w"]


def slices() -> Dataset:
    return Dataset.from_tensor_slices((ROWS, TARGETS))


PIPELINES = {
    "plain": lambda: slices().shuffle(40, seed=3).batch(8),
    "in order": lambda: slices().batch(10, drop_remainder=True).prefetch(2),
    "partial last batch": lambda: slices().shuffle(40, seed=3).batch(16),
    "small buffer": lambda: slices().shuffle(7, seed=3).batch(8),
    "mapped": lambda: slices().map(lambda x, y: (x * 0.5, y)).batch(8),
    "generated": lambda: Dataset.from_generator(
        lambda: zip(ROWS, TARGETS), ("float32", "float32"), ((3,), (1,))
    ).batch(8),
    "filtered": lambda: slices().filter(lambda x, y: nf.greater(x[0], 0.0)).batch(4).prefetch(1),
}


@pytest.mark.thorough
@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("name", PIPELINES)
def test_a_training_takes_the_steps_of_a_loop_over_the_data_set(name: str, tier: str) -> None:
    losses, weights = looped(PIPELINES[name](), 3, tier)
    graph = with_placeholders()
    PIPELINES[name]().bind("x", "y", graph=graph)
    history = nf.train.fit(graph, epochs=3, tier=tier)
    assert [float(v) for v in np.float32(history.steps)] == losses
    assert history.variables["w"].tobytes() == weights.tobytes()
    steps = len(losses) // 3
    assert history.loss == [
        float(np.mean(np.float64(losses[e * steps : (e + 1) * steps]))) for e in range(3)
    ]
    assert history.done.steps == len(losses)


@pytest.mark.thorough
def test_an_iterator_of_a_graph_is_trained_by_itself() -> None:
    with nf.Graph() as graph:
        x, y = PIPELINES["plain"]().make_one_shot_iterator().get_next()
        line(x, y)
    history = nf.train.fit(graph, epochs=2)
    assert len(history.steps) == 10
    with nf.Graph() as graph:
        iterator = PIPELINES["small buffer"]().make_initializable_iterator()
        line(*iterator.get_next())
        iterator.initializer  # noqa: B018  connects the data set
    assert len(nf.train.fit(graph, epochs=2).steps) == 10


@pytest.mark.thorough
def test_components_feed_the_placeholders_that_are_called_like_them() -> None:
    data = Dataset.from_tensor_slices({"x": ROWS, "y": TARGETS, "unused": np.arange(40)})
    history = nf.train.fit(with_placeholders(), data=data, epochs=2)
    assert len(history.steps) == 2 * 10  # batches that fit 40 rows
    with pytest.raises(DataError, match="no placeholder has the name of"):
        nf.train.train(with_placeholders(), data=slices())


@pytest.mark.thorough
def test_metrics_are_measured_on_rows_of_data_sets() -> None:
    graph = with_placeholders()
    PIPELINES["generated"]().bind("x", "y", graph=graph)
    with pytest.raises(DataError, match="only a stream of training elements"):
        nf.train.train(graph, metrics="error")
    for test in (
        slices().batch(7),
        {"x": ROWS, "y": TARGETS},
        slices().map(lambda x, y: (x * 1.0, y)).batch(7),
        slices().map(lambda x, y: (x * 1.0, y)),
        slices().batch(7).map(lambda x, y: (x * 1.0, y)).prefetch(1),
    ):
        history = nf.train.fit(graph, test=test, metrics="error", epochs=2, tier="reference")
        miss = np.abs(ROWS @ history.variables["w"] - TARGETS).mean()
        assert history.metrics["error"][-1] == pytest.approx(miss, rel=1e-5)


def test_a_data_set_without_end_needs_the_steps_of_an_epoch() -> None:
    endless = slices().repeat().batch(8)
    graph = with_placeholders()
    endless.bind("x", "y", graph=graph)
    history = nf.train.fit(graph, steps_per_epoch=3, epochs=4)
    losses, _ = looped(slices().repeat(3).batch(8).take(12), 1, "auto")
    np.testing.assert_allclose(history.steps, losses, rtol=1e-6)
    assert len(history.epochs) == 4
    with pytest.raises(DataError, match="no end"):
        nf.train.train(graph, steps_per_epoch=3, test=endless)
    with pytest.raises(DataError, match=r"no end.*steps_per_epoch"):
        nf.train.train(graph)


@pytest.mark.thorough
def test_settings_that_are_given_win_over_the_data_set() -> None:
    graph = with_placeholders()
    slices().shuffle(40, seed=3).batch(8).bind("x", "y", graph=graph)
    assert len(nf.train.fit(graph, epochs=1, batch_size=20).steps) == 2
    ordered = nf.train.fit(graph, epochs=1, shuffle=False, tier="reference")
    losses, _ = looped(slices().batch(8), 1, "reference")
    assert [float(v) for v in np.float32(ordered.steps)] == losses


def test_what_cannot_be_trained_is_said() -> None:
    graph = with_placeholders()
    Dataset.from_tensor_slices((ROWS[:0], TARGETS[:0])).take(0).batch(2).bind("x", "y", graph=graph)
    with pytest.raises(DataError, match=r"no elements|exceeds the 0"):
        nf.train.fit(graph)
    with nf.Graph() as graph:
        x = slices().batch(4).make_one_shot_iterator().get_next()[0]
        y = slices().batch(4).make_one_shot_iterator().get_next()[1]
        line(x, y)
    with pytest.raises(DataError, match="several feed this graph"):
        nf.train.train(graph)
    with nf.Graph() as graph:
        rows = nf.placeholder("float32", [None, 3])
        iterator = (
            Dataset.from_tensor_slices((rows, TARGETS)).batch(4).make_initializable_iterator()
        )
        line(*iterator.get_next())
        iterator.initializer  # noqa: B018
    with pytest.raises(DataError, match="made from tensors"):
        nf.train.train(graph)
    with pytest.raises(GraphError, match="no training setting"):
        nf.train.train(graph, steps=3)
