"""Every example computes in blocks of rows what it computes whole."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.blocks import grid
from nodeflow.engine.blocks.executor import BlockedExecutor
from nodeflow.engine.session import Session
from nodeflow.resources import example

EXAMPLES = (
    "mnist", "mnist_adam", "mnist_cnn", "mnist_cnn_layers", "mnist_layers", "autoencoder", "lstm",
    "spirals", "regression", "word2vec",
)  # fmt: skip
ROWS = 96
STEP_ROWS = 4 * ROWS
"""More, since rows of a cell may take as much as the gradients."""


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", EXAMPLES)
def test_values_of_an_example(name, monkeypatch) -> None:
    task = Task(flow.loads(example(f"{name}.flow").read_text()))
    training = task.training()
    fetches = [training.loss, *(m.tensor for m in training.metrics)]
    columns = {t: b.dataset.split("train")[b.column] for t, b in training.bindings.items()}
    rows = min(ROWS, *(len(column) for column in columns.values()))
    feeds = {t: column.rows(slice(0, rows)) for t, column in columns.items()}
    feeds = {**training.feeds, **feeds}
    graph = training.loss.node.graph
    found, cut = [], []
    for tier, whole in (("reference", 1 << 40), ("reference", 1000), ("compiled", 1000)):
        monkeypatch.setattr(grid, "WHOLE_BYTES", whole)
        monkeypatch.setattr(grid, "CELL_BYTES", 20_000)
        with Session(graph, tier=tier, seed=1) as session:
            session.initialize()
            found.append(session.run(fetches, feeds))
            cut.append(isinstance(session._last, BlockedExecutor))
    assert cut == [False, True, True]
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", EXAMPLES)
def test_a_step_of_an_example(name, monkeypatch) -> None:
    """Under a limit the step is cut; without one it is not."""
    task = Task(flow.loads(example(f"{name}.flow").read_text()))
    training = task.training()
    graph = training.loss.node.graph
    columns = {t: b.dataset.split("train")[b.column] for t, b in training.bindings.items()}
    used = training.used_bindings([training.optimizer, training.loss.node])
    rows = min(STEP_ROWS, *(len(column) for column in columns.values()))
    feeds = {t: columns[t].rows(slice(0, rows)) for t in used}
    monkeypatch.setattr(grid, "STEP_BYTES", 1000)
    monkeypatch.setattr(grid, "CELL_BYTES", 20_000)
    found, cut = [], []
    for memory in (None, 10**9):
        with Session(graph, tier="reference", seed=1, memory=memory) as session:
            session.initialize()
            _, loss = session.run([training.optimizer, training.loss], {**training.feeds, **feeds})
            cut.append(isinstance(session._last, BlockedExecutor))
            found.append((loss, {n: np.array(session.variables[n]) for n in session.variables}))
    assert cut == [False, True]
    (loss, variables), (other, others) = found
    np.testing.assert_allclose(loss, other, rtol=2e-5)
    for variable, value in variables.items():
        np.testing.assert_allclose(value, others[variable], rtol=5e-3, atol=5e-4, err_msg=variable)
