"""Graphs that say how many rows there are, or take and join rows: all of them run in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.blocks import grid
from nodeflow.engine.blocks.executor import BlockedExecutor
from nodeflow.engine.session import Session
from nodeflow.graph.graph import Tensor

ROWS = 203
WIDE = 96
TIERS = ("reference", "compiled")


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells of a few kilobytes, so that small graphs are cut as large ones are."""
    monkeypatch.setattr(grid, "WHOLE_BYTES", 6_000)
    monkeypatch.setattr(grid, "CELL_BYTES", 6_000)


def rows(count: int = ROWS) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, 6)).astype("float32")


def wide(x: Tensor) -> Tensor:
    """Much more of each row; without a product, so that no sum depends on the number of rows."""
    return nf.tanh(nf.tile(x, [1, WIDE // 6]))


def wide_of(x: np.ndarray) -> np.ndarray:
    return np.tanh(np.tile(x.astype(float), (1, WIDE // 6)))


class Case(NamedTuple):
    """A graph over rows, and what it computes.

    Attributes:
        whole: ids of large ops that nevertheless run once.
    """

    build: Callable[[Tensor], Tensor]
    truth: Callable[[np.ndarray], np.ndarray]
    whole: frozenset[str] = frozenset()


CASES = {
    "reshape to a number of rows": Case(
        lambda x: nf.reduce_max(nf.reshape(wide(x), [ROWS, 8, 12]), axis=[1, 2]),
        lambda x: wide_of(x).max(1),
    ),
    "reshape to a number of rows, the rest as it is": Case(
        lambda x: nf.reduce_max(wide(nf.reshape(nf.reshape(x, [ROWS, 2, 3]), [ROWS, -1])), 1),
        lambda x: wide_of(x).max(1),
    ),
    "reshape to a number of words": Case(
        lambda x: nf.reduce_max(nf.reshape(nf.reshape(wide(x), [ROWS * 8, 12]), [-1, 96]), 1),
        lambda x: wide_of(x).max(1),
    ),
    "reshape to a shape that is wired": Case(
        lambda x: nf.reduce_max(nf.reshape(wide(x), nf.stack([ROWS, nf.constant(8), 12])), [1, 2]),
        lambda x: wide_of(x).max(1),
    ),
    "broadcast to a number of rows": Case(
        lambda x: nf.reduce_max(nf.broadcast_to(wide(x)[:, None], [ROWS, 2, WIDE]), axis=[1, 2]),
        lambda x: wide_of(x).max(1),
    ),
    "a slice of all rows": Case(
        lambda x: nf.reduce_max(nf.slice(wide(x), begin=[0, 3], size=[ROWS, 7]), axis=1),
        lambda x: wide_of(x)[:, 3:10].max(1),
    ),
    "matrix_diag": Case(
        lambda x: nf.reduce_max(nf.matrix_diag(wide(x)), axis=[1, 2]),
        lambda x: np.maximum(wide_of(x).max(1), 0),
    ),
    "matrix_diag_part": Case(
        lambda x: nf.reduce_max(nf.matrix_diag_part(nf.reshape(wide(x), [-1, 8, 12])), axis=1),
        lambda x: np.diagonal(wide_of(x).reshape(-1, 8, 12), 0, 1, 2).max(1),
    ),
    "einsum of three rows": Case(
        lambda x: nf.reduce_max(nf.einsum("bi,bj,bk->bijk", x, x, x), axis=[1, 2, 3]),
        lambda x: np.einsum("bi,bj,bk->bijk", *[x.astype(float)] * 3).max((1, 2, 3)),
    ),
    "einsum that sums over rows": Case(
        lambda x: nf.einsum("bi,bj,bk->ijk", wide(x), x, x),
        lambda x: np.einsum("bi,bj,bk->ijk", wide_of(x), x.astype(float), x.astype(float)),
    ),
}


def run(case: Case, **options) -> tuple[np.ndarray, BlockedExecutor]:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        out = case.build(x)
    with Session(graph, seed=3, **options) as session:
        session.initialize()
        found = session.run(out, {x: rows()})
        executor = session._last
    assert isinstance(executor, BlockedExecutor), "the run was not cut"
    return np.asarray(found), executor


def run_once(executor: BlockedExecutor) -> Iterator[str]:
    """Ids of ops that need all rows and have more of them than the feed."""
    for stage in executor.cut.stages:
        if stage.once is not None:
            for step in stage.once.schedule.steps:
                if any((stage.once.types[s].size or 0) > 6 * ROWS for s in step.outputs):
                    yield step.node.op.id


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", CASES)
def test_in_blocks_as_whole(name, tier, monkeypatch) -> None:
    case = CASES[name]
    cut, executor = run(case, tier=tier)
    assert set(run_once(executor)) == case.whole
    np.testing.assert_allclose(cut, case.truth(rows()), rtol=2e-5, atol=2e-5)
    for limit, threads in ((200_000, 1), (10**9, 2), (None, 3), (None, 8)):
        other, _ = run(case, tier=tier, memory=limit, threads=threads)
        np.testing.assert_array_equal(other, cut)
