"""Processes that share the rows of each batch train as one with the whole batch does.

Two real processes are here; four, and two hosts, are in `test_many_processes`. What devices of one
process do is the same program.
"""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.columns import Column, LazyColumn
from nodeflow.errors import NodeflowError
from nodeflow.ops.training.optimizers import GradientDescentOptimizer

pytest.importorskip("jax")  # an extra

from nodeflow.integrations.jax.parallel.errors import (
    MixedRows,
    ProcessesProblem,
    UnevenBatch,
)
from nodeflow.integrations.jax.parallel.peers import Peers, Place
from nodeflow.integrations.jax.parallel.steps import ShareOfRows, check_even
from tests.integrations.jax.processes import ROOT, SECONDS, assert_together, together
from tests.integrations.jax.shared_training import trained


class FourDevices(Peers):
    """Peers with a device each, without a connection."""

    devices = property(lambda self: self.number)  # type: ignore[assignment]


@pytest.mark.thorough
def test_two_processes_train_as_one_does(tmp_path):
    found = together("dense", 20, 2, tmp_path)
    assert_together(found, trained("dense", 20), 20)
    assert np.ptp(found[0]["losses"]) > 0.1


BY_SUMS = ["convolution", "recurrent", "augmented"]


@pytest.mark.thorough
def test_statistics_and_loops_are_shared_by_all_reduce_alone():
    command = [sys.executable, "-m", "tests.integrations.jax.shared_devices", *BY_SUMS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [f["model"] for f in found] == BY_SUMS
    for one in found:
        losses, variables, _ = trained(one["model"], 20)
        np.testing.assert_allclose(one["losses"], losses, rtol=1e-5, atol=1e-5)
        for name, array in variables.items():
            assert abs(np.abs(array).max() - one["largest"][name]) < 1e-5, name
        assert set(one["communication"]) == {"all-reduce"}


def stepper_error(build, batch_size: int = 8) -> NodeflowError:
    """What a training by four processes says that cannot be."""
    with nf.Graph() as graph:
        optimizer, loss, rows = build()
    session = nf.Session(graph, backend="jax")
    session.initialize()
    session.peers = FourDevices(4, 1)
    columns = {tensor: Column(array) for tensor, array in rows.items()}
    stepper = session.stepper([optimizer], [loss], columns, batch_size)
    stepper.start_epoch(np.arange(len(next(iter(rows.values())))))
    with pytest.raises(NodeflowError) as caught:
        stepper.run(1)
    return caught.value


def contrastive():
    """Each row is compared with all others."""
    x = nf.placeholder("float32", [None, 6], name="x")
    made = nf.layers.dense(x, 4)
    scores = nf.matmul(made, made, transpose_y=True, name="scores")
    loss = nf.reduce_mean(nf.square(scores), name="loss")
    rows = np.ones((16, 6), "float32")
    return GradientDescentOptimizer(0.1).minimize(loss), loss, {x: rows}


def test_the_first_node_that_mixes_rows_is_named():
    error = stepper_error(contrastive)
    assert isinstance(error, MixedRows)
    assert error.node == "scores"
    assert error.message == (
        "4 processes share the rows of a batch, and it multiplies rows with rows"
    )


def linear():
    x = nf.placeholder("float32", [None, 6], name="x")
    loss = nf.reduce_mean(nf.square(nf.layers.dense(x, 4)), name="loss")
    rows = np.ones((20, 6), "float32")
    return GradientDescentOptimizer(0.1).minimize(loss), loss, {x: rows}


def test_a_batch_that_cannot_be_shared_evenly_is_refused():
    error = stepper_error(linear, 10)
    assert isinstance(error, UnevenBatch)
    assert error.message == "4 processes cannot share the 10 rows of a batch evenly"
    assert error.hint == "Choose a batch size that 4 divides, such as 8."


def test_fewer_rows_than_processes_are_refused_with_a_size_that_fits():
    with pytest.raises(UnevenBatch, match="4 processes cannot share the 3 rows") as caught:
        check_even(3, FourDevices(4, 0))
    assert caught.value.hint == "Choose a batch size that 4 divides, such as 4."


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (("host:1234", 2, 2), "there is no process 2 of 2"),
        (("host", 2, 0), "expected an address like host:port, not 'host'"),
    ],
)
def test_a_place_that_is_none_is_refused(place, said):
    with pytest.raises(ProcessesProblem, match=said):
        Place(*place)


class Noted(ShareOfRows):
    """Keeps what it would send."""

    def _sent(self, rows):
        return rows


@pytest.mark.parametrize("index", [0, 1, 2, 3])
def test_a_process_reads_its_own_rows_and_no_others(index):
    """From a column that is read from disk, row by row."""
    asked: list[int] = []

    def read(numbers):
        asked.extend(np.arange(1000)[numbers].tolist())
        return np.stack([np.full(3, n, "float32") for n in asked[-len(numbers) :]])

    column = LazyColumn(read, np.arange(1000), (3,), "float32")
    order = np.random.default_rng(0).permutation(1000)
    share = Noted({7: column}, 20, FourDevices(4, index))
    (rows,), _, at, count = share.piece(order, 10, 3)
    assert (at, count) == (0, 3)
    batches = order[200:260].reshape(3, 4, 5)  # steps, processes, rows of each
    assert asked == batches[:, index].ravel().tolist()
    np.testing.assert_array_equal(rows[:, 0], asked)


@pytest.mark.thorough
def test_pieces_hold_as_many_steps_as_fit():
    wide = Column(np.zeros((100, 1 << 18), "float32"))
    assert Noted({0: wide}, 40, FourDevices(4, 0)).piece(np.arange(80), 0, 50)[3] == 1
    narrow = Column(np.zeros((4000, 3), "float32"))
    assert Noted({0: narrow}, 40, FourDevices(4, 0)).piece(np.arange(4000), 0, 90)[3] == 64
