"""Training steps over many rows under a limit of memory: in blocks, by the same grid for each."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.blocks import grid
from nodeflow.engine.blocks.executor import BlockedExecutor
from nodeflow.engine.columns import Column
from nodeflow.engine.session import Session
from nodeflow.graph.graph import Graph
from nodeflow.ops.namespaces import nn
from nodeflow.ops.training.optimizers import AdamOptimizer
from nodeflow.ops.variables.scope import Variable

BATCH = 96
TIERS = ("reference", "compiled")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid, "STEP_BYTES", 20_000)
    monkeypatch.setattr(grid, "CELL_BYTES", 16_000)


def network(*, statistics: bool = True) -> Graph:
    """A picture network with dropout, and with batch normalisation or without."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 8, 8, 1], name="x")
        y = nf.placeholder("float32", [None, 3], name="y")
        filters = Variable(nf.random_normal([3, 3, 1, 4], stddev=0.3, seed=1), name="filters")
        h = nf.relu(nn.conv2d(x, filters, strides=[1, 1, 1, 1], padding="SAME"))
        h = nn.max_pool(h, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="VALID")
        if statistics:
            h = nf.layers.batch_normalization(h, training=True)
        h = nf.dropout(nf.reshape(h, [-1, 64]), rate=0.3)
        w = Variable(nf.random_normal([64, 3], stddev=0.2, seed=2), name="w")
        losses = nn.softmax_cross_entropy_with_logits(labels=y, logits=nf.matmul(h, w))
        loss = nf.identity(nf.reduce_mean(losses), name="loss")
        AdamOptimizer(0.01).minimize(loss, name="train")
    return graph


def data() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2 * BATCH, 8, 8, 1)).astype("float32")
    return {"x": x, "y": np.eye(3, dtype="float32")[rng.integers(0, 3, len(x))]}


def train(graph: Graph, tier: str, memory: int | None, threads: int = 2):
    """Losses and variables of four steps, and how many ops their passes over the rows have."""
    with Session(graph, tier=tier, seed=4, memory=memory, threads=threads) as session:
        session.initialize()
        columns = {name: Column(array) for name, array in data().items()}
        stepper = session.stepper(["train"], ["loss"], columns, BATCH)
        losses = []
        for _ in range(2):
            stepper.start_epoch(np.arange(2 * BATCH))
            losses.append(stepper.run(2)[1])
        values = {name: np.array(session.variables[name]) for name in session.variables}
        cut, count = stepper._executor, 0
        if isinstance(cut, BlockedExecutor):
            count = sum(len(stage.rows.steps) for stage in cut.cut.stages if stage.rows)
            assert memory is not None and cut.needs().bytes <= memory
        return np.concatenate(losses), values, count


@pytest.mark.thorough
@pytest.mark.parametrize("tier", TIERS)
def test_all_limits_have_the_same_bits_and_none_nearly_the_same(tier) -> None:
    graph = network()
    losses, variables, count = train(graph, tier, None)
    assert not count
    found = [train(graph, tier, *each) for each in ((10**9, 1), (300_000, 2), (120_000, 3))]
    assert found[0][2] < found[2][2], "what the limit lets be kept is computed again"
    for others, values, count in found:
        assert count
        np.testing.assert_array_equal(others, found[0][0])
        np.testing.assert_allclose(others, losses, rtol=1e-5)
        for name, value in values.items():
            np.testing.assert_array_equal(value, found[0][1][name], err_msg=name)
            np.testing.assert_allclose(value, variables[name], rtol=2e-3, atol=2e-4, err_msg=name)


@pytest.mark.thorough
def test_a_run_that_trains_has_the_bits_of_the_training_loop() -> None:
    graph, arrays = network(), data()
    looped = train(graph, "reference", 300_000)
    with Session(graph, tier="reference", seed=4, memory=300_000) as session:
        session.initialize()
        losses = []
        for _ in range(2):
            for start in (0, BATCH):
                feeds = {name: a[start : start + BATCH] for name, a in arrays.items()}
                losses.append(session.run(["train", "loss"], feeds)[1])
                assert isinstance(session._last, BlockedExecutor)
        np.testing.assert_array_equal(np.array(losses, float), looped[0][:, 0])
        for name, value in looped[1].items():
            np.testing.assert_array_equal(session.variables[name], value)


def test_gradients_do_not_wait_for_the_loss() -> None:
    """They begin with ones in its shape, so the way forth and back is one pass over the rows."""
    with Session(network(statistics=False), tier="reference", memory=10**9) as session:
        session.initialize()
        session.run(["train", "loss"], {n: a[:BATCH] for n, a in data().items()})
        executor = session._last
        assert isinstance(executor, BlockedExecutor)
        assert [stage.rows is not None for stage in executor.cut.stages] == [True, False]
