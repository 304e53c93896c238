"""What a run is said to take, before it runs, is what it takes: loops and branches included."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.blocks import grid
from nodeflow.engine.blocks.executor import BlockedExecutor
from nodeflow.engine.session import Session
from nodeflow.errors import RunError
from nodeflow.graph.graph import Tensor

ROWS = 2000


def wide(h: Tensor) -> Tensor:
    """Takes 4 MB at a time twice, and gives 80 kB."""
    return nf.reduce_max(nf.tanh(nf.sin(nf.tile(h, [1, 50]))), axis=1, keepdims=True) + h


def drawn(h: Tensor) -> Tensor:
    """What no kernel computes in a loop."""
    return wide(h) + nf.random_uniform([1, 10])


def loop(x: Tensor, body=wide) -> Tensor:
    return nf.while_loop(lambda i, h: i < 3, lambda i, h: [i + 1, body(h)], [nf.constant(0), x])[1]


def branch(x: Tensor, body=wide) -> Tensor:
    return nf.cond(nf.reduce_sum(x) > -1e9, lambda: body(x), lambda: x)


KINDS = {
    "no loop": wide,
    "while": loop,
    "branch": branch,
    "branch in a loop": lambda x: loop(x, branch),
    "steps": lambda x: nf.scan(lambda h, e: wide(h) + e, nf.reshape(x, [2, ROWS // 2, 10])),
    "map": lambda x: nf.map_fn(wide, nf.reshape(x, [2, ROWS // 2, 10])),
    "while that draws": lambda x: loop(x, drawn),
    "branch that draws": lambda x: branch(x, drawn),
    "map that draws": lambda x: nf.map_fn(drawn, nf.reshape(x, [2, ROWS // 2, 10])),
}


def numbers() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(ROWS, 10)).astype("float32")


@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_run_is_said_to_take_is_what_it_takes(kind, tier) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [ROWS, 10], name="x")
        out = KINDS[kind](x)
    with Session(graph, tier=tier, seed=1) as session:
        feeds = {x: numbers()}
        said = session.needs([out], feeds).bytes
        session.run(out, feeds)
        tracemalloc.start()
        session.run(out, feeds)
        taken = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    draws = "draws" in kind
    if tier == "reference" or draws:  # memory of kernels is none of Python's
        assert 0.8 * taken <= said <= 1.3 * taken
    assert said >= (4e6 if "map" in kind or "steps" in kind else 8e6) * (tier == "reference" or 0.3)


@pytest.mark.parametrize("kind", ["while", "branch", "while that draws", "map"])
def test_a_limit_below_what_a_body_takes_names_node_and_bytes(kind) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [ROWS, 10], name="x")
        out = nf.identity(KINDS[kind](nf.sort(x, axis=0)), name="out")
    problem = pytest.raises(RunError, match="MB at a time, and the limit is 1 MB")
    with Session(graph, tier="reference", memory=1_000_000) as session, problem as error:
        session.run(out, {x: numbers()})
    assert error.value.node in ("while", "cond", "map")


@pytest.mark.thorough
@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("kind", ["while", "branch in a loop"])
def test_rows_of_a_cell_are_those_that_a_body_has_room_for(kind, tier, monkeypatch) -> None:
    """Outside the loop the rows take 80 kB, inside it 100 times as much."""
    monkeypatch.setattr(grid, "CELL_BYTES", 400_000)
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 10], name="x")
        body = {"while": wide, "branch in a loop": branch_by_number}[kind]
        out = loop(x, body)
    found = []
    for limit, threads in ((2_000_000, 1), (10**9, 2), (10**9, 3), (10**9, 8)):
        with Session(graph, tier=tier, memory=limit, threads=threads) as session:
            found.append(session.run(out, {x: numbers()}))
            assert isinstance(session._last, BlockedExecutor)
            assert session._last.needs().bytes <= 1_000_000
    with Session(graph, tier=tier) as session:
        whole = session.run(out, {x: numbers()})
        assert not isinstance(session._last, BlockedExecutor)
    for each in found:
        np.testing.assert_array_equal(each, whole)


def branch_by_number(h: Tensor) -> Tensor:
    return nf.cond(nf.constant(2) > 1, lambda: wide(h), lambda: h)
