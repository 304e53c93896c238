"""What provokes each error of the backend; `tests/errors` tries them."""

from __future__ import annotations

import numpy as np

import nodeflow as nf
from nodeflow.engine.columns import Column
from nodeflow.ops.training.optimizers import GradientDescentOptimizer
from tests.errors.provocations import Provocation, graph


def chosen_on_jax() -> None:
    """A run on JAX of an op whose output has a size that values decide."""
    with nf.Graph() as g:
        nf.boolean_mask(nf.constant([1.0, -1.0]), nf.constant([True, False]), name="chosen")
    with nf.Session(g, backend="jax") as session:
        session.run("chosen")


def shared_by_two(rows: int, mixing: bool = False) -> None:
    """A step whose batch two processes cannot share."""
    from nodeflow.integrations.jax.parallel.peers import Peers

    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 3], name="x")
        made = nf.matmul(x, nf.variable([[1.0]] * 3, name="w"), name="made")
        made = nf.matmul(made, made, transpose_y=True, name="pairs") if mixing else made
        loss = nf.reduce_mean(made, name="loss")
        optimizer = GradientDescentOptimizer(0.1).minimize(loss)
    with nf.Session(g, backend="jax") as session:
        session.initialize()
        session.peers = Peers(2, 0)
        columns = {x: Column(np.ones((rows, 3), "float32"))}
        stepper = session.stepper([optimizer], [loss], columns, rows)
        stepper.start_epoch(np.arange(rows))
        stepper.run(1)


def without_peer() -> None:
    """What a step says whose message does not come back."""
    from nodeflow.integrations.jax.parallel.peers import watched

    with watched():
        raise ValueError("UNKNOWN: Gloo all-reduce failed: Connection closed by peer")


TABLE = {
    "MixedRows": Provocation(call=lambda: shared_by_two(4, mixing=True)),
    "UnevenBatch": Provocation(call=lambda: shared_by_two(5)),
    "ProcessesProblem": Provocation(
        (
            "train",
            "a.flow",
            "--backend",
            "jax",
            "--coordinator",
            "a:1",
            "--num-processes",
            "2",
            "--process-id",
            "2",
        ),
        {"a.flow": graph()},
    ),
    "PeerLost": Provocation(call=without_peer),
    "NotOnJax": Provocation(call=chosen_on_jax),
}
