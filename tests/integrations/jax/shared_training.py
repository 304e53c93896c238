"""One process of a training by several: ``python -m tests.integrations.jax.shared_training JOB``.

JOB is JSON: the model, how many steps, the place of the process, and the file for what came out.
Tests run the same in their own process with one process, and compare.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.graph.graph import Node, Tensor
from nodeflow.ops.layers.functions.pooling_functions import max_pooling2d
from nodeflow.ops.namespaces import nn
from nodeflow.ops.training.optimizers import (
    AdamOptimizer,
    GradientDescentOptimizer,
    MomentumOptimizer,
)
from nodeflow.train.events import Done, Epoch, Steps

Model = tuple[Node, Tensor, dict[Tensor, np.ndarray], list[Tensor]]
"""Optimizer, loss, the rows of each placeholder, metrics."""
ROWS, BATCH = 48, 12


def dense() -> Model:
    """A network with dropout, and a metric that is measured on the rows of training."""
    x = nf.placeholder("float32", [None, 20], name="x")
    y = nf.placeholder("float32", [None, 5], name="y")
    hidden = nf.dropout(nf.layers.dense(x, 16, activation="relu"), rate=0.3)
    found = nf.layers.dense(hidden, 5)
    loss = nf.mean_squared_error(y, found, name="loss")
    far = nf.reduce_mean(nf.abs(y - found), name="distance")
    draws = np.random.default_rng(0)
    rows = {x: draws.normal(size=(ROWS, 20)), y: draws.normal(size=(ROWS, 5))}
    return AdamOptimizer(0.01).minimize(loss), loss, rows, [far]


def classes() -> Model:
    """Classes, and how many are right."""
    x = nf.placeholder("float32", [None, 20], name="x")
    y = nf.placeholder("int64", [None], name="y")
    logits = nf.layers.dense(nf.layers.dense(x, 16, activation="relu"), 5)
    loss = nf.reduce_mean(nf.sparse_softmax_cross_entropy(y, logits), name="loss")
    accuracy = y.graph.apply("accuracy", y, logits, name="accuracy")
    return AdamOptimizer(0.01).minimize(loss), loss, classified(x, y, 5), [accuracy]


def convolution() -> Model:
    """Batch norm between convolutions, and gradients clipped by their norm."""
    x = nf.placeholder("float32", [None, 8, 8, 2], name="x")
    y = nf.placeholder("int64", [None], name="y")
    made = nf.layers.batch_normalization(nf.layers.conv2d(x, 6, 3, padding="same"))
    made = max_pooling2d(nf.relu(made), 2, 2)
    made = nf.relu(nf.layers.batch_normalization(nf.layers.conv2d(made, 8, 3)))
    logits = nf.layers.dense(nf.dropout(nf.flatten(made), rate=0.2), 5)
    loss = nf.reduce_mean(nf.sparse_softmax_cross_entropy(y, logits), name="loss")
    optimizer = MomentumOptimizer(0.05, 0.9)
    pairs = [(g, v) for g, v in optimizer.compute_gradients(loss) if g is not None]
    clipped, _ = nf.clip_by_global_norm([g for g, _ in pairs], 1.0)
    train = optimizer.apply_gradients(zip(clipped, [v for _, v in pairs], strict=True))
    return train, loss, classified(x, y, 5), []


def transformer() -> Model:
    """Words, an embedding, a block with attention."""
    x = nf.placeholder("int64", [None, 10], name="x")
    y = nf.placeholder("int64", [None, 10], name="y")
    block = nf.layers.transformer_block(nf.layers.embedding(x, 30, 16), num_heads=4, units=32)
    logits = nf.layers.dense(block, 30)
    loss = nf.reduce_mean(nf.sparse_softmax_cross_entropy(y, logits), name="loss")
    draws = np.random.default_rng(1)
    words = draws.integers(0, 30, (ROWS, 11))
    train = MomentumOptimizer(0.05, 0.9).minimize(loss)
    return train, loss, {x: words[:, :-1], y: words[:, 1:]}, []


def recurrent() -> Model:
    """An LSTM over time."""
    x = nf.placeholder("float32", [None, 7, 3], name="x")
    y = nf.placeholder("float32", [None, 6], name="y")
    loss = nf.mean_squared_error(y, nf.layers.lstm(x, 6), name="loss")
    draws = np.random.default_rng(2)
    rows = {x: draws.normal(size=(ROWS, 7, 3)), y: draws.uniform(-0.5, 0.5, (ROWS, 6))}
    return GradientDescentOptimizer(0.5).minimize(loss), loss, rows, []


def scattered() -> Model:
    """Rows between other things on one axis, for ops that mind their order and ops that do not."""
    x = nf.placeholder("float32", [None, 4, 3], name="x")
    y = nf.placeholder("float32", [None, 4, 5], name="y")
    weights = nf.variable(np.random.default_rng(5).normal(size=(3, 5)).astype("float32"), name="w")
    flat = nf.reshape(nf.transpose(x, perm=[1, 0, 2]), [-1, 3])  # of each step, all rows
    drawn = nf.dropout(nf.tanh(nf.matmul(flat, weights)), rate=0.3)
    made = nf.cumsum(nf.softmax(nf.tile(drawn, [2, 1])), axis=1)
    halves = nf.reduce_mean(nf.reshape(made, [2, 4, -1, 5]), axis=0)
    loss = nf.mean_squared_error(y, nf.transpose(halves, perm=[1, 0, 2]), name="loss")
    draws = np.random.default_rng(6)
    rows = {x: draws.normal(size=(ROWS, 4, 3)), y: draws.normal(size=(ROWS, 4, 5))}
    return GradientDescentOptimizer(2.0).minimize(loss), loss, rows, []


def augmented() -> Model:
    """Each picture turned and cut by draws of its own, behind and before what is trained."""
    x = nf.placeholder("float32", [None, 8, 8, 2], name="x")
    y = nf.placeholder("int64", [None], name="y")
    made = nf.layers.conv2d(nf.layers.random_rotation(x, 0.1), 4, 3, padding="same")
    made = nf.layers.random_crop(nf.layers.random_translation(made, 0.2, 0.2), 6, 6)
    logits = nf.layers.dense(nf.flatten(nf.relu(made)), 5)
    loss = nf.reduce_mean(nf.sparse_softmax_cross_entropy(y, logits), name="loss")
    return AdamOptimizer(0.01).minimize(loss), loss, classified(x, y, 5), []


def words() -> Model:
    """word2vec: noise is drawn for the whole batch, and a table is updated by rows."""
    x = nf.placeholder("int64", [None], name="x")
    y = nf.placeholder("int64", [None, 1], name="y")
    table = nf.variable(np.random.default_rng(3).uniform(-1, 1, (40, 8)).astype("float32"))
    weights, biases = (
        nf.variable(np.zeros((40, 8), "float32")),
        nf.variable(np.zeros(40, "float32")),
    )
    losses = nn.nce_loss(weights, biases, y, nn.embedding_lookup(table, x), 6, 40)
    loss = nf.reduce_mean(losses, name="loss")
    draws = np.random.default_rng(4)
    rows = {x: draws.integers(0, 40, ROWS), y: draws.integers(0, 40, (ROWS, 1))}
    return GradientDescentOptimizer(0.5).minimize(loss), loss, rows, []


MODELS: Mapping[str, Callable[[], Model]] = {
    f.__name__: f
    for f in (dense, classes, convolution, augmented, transformer, recurrent, scattered, words)
}


def classified(x: Tensor, y: Tensor, classes: int) -> dict[Tensor, np.ndarray]:
    draws = np.random.default_rng(0)
    rows = draws.normal(size=(ROWS, *(size or 0 for size in x.shape[1:]))).astype("float32")
    return {x: rows, y: draws.integers(0, classes, ROWS)}


def trained(
    model: str, steps: int, peers: Any = None, **options: Any
) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, float]]:
    """The losses of the steps, the variables at the end, and the metrics of the last epoch."""
    with nf.Graph() as graph:
        optimizer, loss, rows, metrics = MODELS[model]()
        session = nf.Session(graph, seed=5, backend="jax")
        session.peers = peers
        epochs = -(-steps * BATCH // ROWS)
        events = nf.train.train(
            optimizer=optimizer, loss=loss, data=rows, metrics=metrics, session=session,
            epochs=epochs, batch_size=BATCH, seed=7, keep_run=False, **options,
        )  # fmt: skip
        losses: list[np.ndarray] = []
        measured: dict[str, float] = {}
        for event in events:
            if isinstance(event, Steps):
                losses.append(event.losses)
            if isinstance(event, (Epoch, Done)):
                measured = dict(event.metrics) or measured
        return np.concatenate(losses)[:steps], dict(session.variables.items()), measured


def main(job: Mapping[str, Any]) -> None:
    from nodeflow.integrations.jax.parallel.peers import Place, connect, disconnect

    peers = connect(Place(job["address"], job["number"], job["index"]))
    losses, variables, metrics = trained(job["model"], job["steps"], peers)
    named = {f"variable {name}": array for name, array in variables.items()}
    named |= {f"metric {name}": np.array(value) for name, value in metrics.items()}
    np.savez(job["file"], losses=losses, **named)
    disconnect()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
