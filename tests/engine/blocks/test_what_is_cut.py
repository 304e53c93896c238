"""Graphs that say how many rows there are, or take and join rows: all of them run in blocks."""

from __future__ import annotations

import gc
import random
import tracemalloc
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.blocks import grid
from nodeflow.engine.blocks.cut import Cut, Stage
from nodeflow.engine.blocks.executor import BlockedExecutor
from nodeflow.engine.session import Session
from nodeflow.graph.graph import Tensor
from nodeflow.ops.namespaces.linear import matrix_diag, matrix_diag_part

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
        lambda x: nf.reduce_max(matrix_diag(wide(x)), axis=[1, 2]),
        lambda x: np.maximum(wide_of(x).max(1), 0),
    ),
    "matrix_diag_part": Case(
        lambda x: nf.reduce_max(matrix_diag_part(nf.reshape(wide(x), [-1, 8, 12])), axis=1),
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
    "rows from the first": Case(
        lambda x: nf.reduce_max(wide(x[:150]), axis=1), lambda x: wide_of(x[:150]).max(1)
    ),
    "every other row, backwards": Case(
        lambda x: nf.reduce_max(wide(nf.reverse(x, axis=[0])[::2]), axis=1),
        lambda x: wide_of(x[::-2]).max(1),
    ),
    "some rows of what is large": Case(
        lambda x: wide(x)[7:180:9, 2:5], lambda x: wide_of(x)[7:180:9, 2:5]
    ),
    "the last row of what is large": Case(
        lambda x: nf.slice(wide(x), [ROWS - 1, 0], [1, 50])[0], lambda x: wide_of(x)[-1, :50]
    ),
    "no row at all": Case(lambda x: wide(x)[10:10], lambda x: wide_of(x)[10:10]),
    "rows backwards": Case(
        lambda x: nf.reduce_max(wide(nf.reverse(x, axis=[0])), 1), lambda x: wide_of(x[::-1]).max(1)
    ),
    "rows of rows of rows": Case(
        lambda x: nf.reduce_max(
            wide(nf.reverse(wide(wide(x[:180])[20:, :6])[:, :6], axis=[0])), axis=1
        ),
        lambda x: wide_of(wide_of(wide_of(x[:180])[20:, :6])[::-1, :6]).max(1),
    ),
    "rows named by numbers": Case(
        lambda x: nf.reduce_max(wide(nf.gather(x, nf.range(190) // 2)), axis=1),
        lambda x: wide_of(x[np.arange(190) // 2]).max(1),
    ),
    "rows in order": Case(
        lambda x: nf.reduce_max(wide(nf.sort(x, axis=0)), axis=1),
        lambda x: wide_of(np.sort(x, 0)).max(1),
    ),
    "some rows beside the mean of all": Case(
        lambda x: nf.reduce_max(wide(x[:150] - nf.reduce_mean(wide(x), 0)[:6]), axis=1),
        lambda x: wide_of(x[:150] - wide_of(x).mean(0)[:6]).max(1),
    ),
    "two batches one after the other": Case(
        lambda x: nf.reduce_max(nf.concat([wide(x), wide(x * 2)], axis=0), axis=1),
        lambda x: np.concatenate([wide_of(x).max(1), wide_of(x * 2).max(1)]),
    ),
    "three batches, and one of them again": Case(
        lambda x: nf.reduce_max(wide(nf.concat([x, -x, x * 2], 0)[ROWS : 2 * ROWS]), axis=1),
        lambda x: wide_of(-x).max(1),
    ),
    "two batches, taken apart": Case(
        lambda x: nf.subtract(
            *(nf.reduce_max(t, 1) for t in nf.split(wide(nf.concat([x, x * 2], 0)), [ROWS, ROWS]))
        ),
        lambda x: wide_of(x).max(1) - wide_of(x * 2).max(1),
    ),
    "a batch beside rows that are no batch": Case(
        lambda x: nf.reduce_max(wide(nf.concat([x, nf.ones([7, 6])], axis=0)), axis=1),
        lambda x: wide_of(np.concatenate([x, np.ones((7, 6))])).max(1),
        frozenset(("concat",)),
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


def stages_of(cut: Cut) -> Iterator[Stage]:
    """All stages, those of what is cut inside too."""
    for stage in cut.stages:
        yield stage
        if stage.inner is not None:
            yield from stages_of(stage.inner)


def run_once(executor: BlockedExecutor) -> Iterator[str]:
    """Ids of ops that need all rows and have more of them than the feed."""
    for stage in stages_of(executor.cut):
        if stage.once is not None and stage.inner is None:
            for step in stage.once.schedule.steps:
                if any((stage.once.types[s].size or 0) > 6 * ROWS for s in step.outputs):
                    yield step.node.op.id


@pytest.mark.sample(12)
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


@pytest.mark.parametrize("fixed", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_memory_is_that_of_a_cell_and_of_what_is_kept(name, fixed) -> None:
    """By the account of the plan: much less than the large values have, all rows together."""
    case = CASES[name]
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [ROWS if fixed else None, 6], name="x")
        out = case.build(x)
    for tier in TIERS:
        with Session(graph, tier=tier, memory=10**9) as session:
            session.initialize()
            found = session.run(out, {x: rows()})
            assert isinstance(session._last, BlockedExecutor)
            needed = session._last.needs().bytes
        kept = np.asarray(found).nbytes + 3 * rows().nbytes
        assert needed <= kept + 8 * grid.CELL_BYTES < 4 * WIDE * ROWS


@pytest.mark.thorough
def test_memory_that_is_measured() -> None:
    """Of a run whose values take 3 MB whole: in blocks what its plan says, and what the sort and
    the copy of its result take beside the values."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        out = nf.reduce_max(wide(nf.sort(x[:3900], axis=0)), axis=1)
    found, taken = [], []
    for limit in (None, 400_000):
        whole = 1 << 40 if limit is None else grid.WHOLE_BYTES
        with (
            pytest.MonkeyPatch.context() as patch,
            Session(graph, tier="reference", memory=limit) as session,
        ):
            patch.setattr(grid, "WHOLE_BYTES", whole)
            session.run(out, {x: rows(4000)})
            said = session.needs([out], {x: rows(4000)}).bytes
            feed = rows(4000)
            tracemalloc.start()
            found.append(session.run(out, {x: feed}))
            taken.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            assert isinstance(session._last, BlockedExecutor) is (limit is not None)
            assert limit is None or said <= limit
    np.testing.assert_array_equal(*found)
    assert taken[0] > 2.9e6
    assert taken[1] < said + 2 * 4 * 6 * 3900


@pytest.mark.thorough
@pytest.mark.parametrize("tier", TIERS)
def test_nothing_that_was_kept_is_held_after_a_run(tier, monkeypatch) -> None:
    monkeypatch.setattr(grid, "CELL_BYTES", 1_000_000)  # what is small is copied anyway
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        out = nf.reduce_max(wide(nf.sort(x, axis=0) - nf.reduce_mean(wide(x), 0)[:6]))
    feed = rows(20_000)
    with Session(graph, tier=tier, memory=10**7) as session:
        session.run(out, {x: feed})
        assert isinstance(session._last, BlockedExecutor)
        tracemalloc.start()
        session.run(out, {x: feed})
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    assert held < feed.nbytes / 2


ALONE = (
    lambda a, b, j: nf.tanh(a + b) * 1.5,
    lambda a, b, j: wide(a)[:, 30:36] - b,
    lambda a, b, j: nf.sort(wide(a), axis=1)[:, ::16] + j,
    lambda a, b, j: nf.reshape(wide(nf.reshape(a, [-1, 3])), [-1, 96])[:, :6],
)
OTHER = (
    lambda a: a[5:],
    lambda a: nf.reverse(a, axis=[0]),
    lambda a: nf.concat([a, a * 2], axis=0),
    lambda a: nf.concat([a, nf.ones([3, 6], "float64")], axis=0),
    lambda a: a[: (a.shape[0] or 0) // 2],
    lambda a: nf.sort(a, axis=0),
)


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(16))
def test_random_graphs_with_rows_of_different_kinds(seed, monkeypatch) -> None:
    rng = random.Random(seed)
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [ROWS, 6], name="x")
        batches, joined = [[x]], [nf.constant(np.ones(6))]
        for _ in range(14):
            batch = rng.choice(batches[-3:])
            a, b, kind = rng.choice(batch[-3:]), rng.choice(batch), rng.randrange(8)
            if kind < 5:
                batch.append(ALONE[kind % 4](a, b, rng.choice(joined)))
            elif kind == 5:
                joined.append(nf.reduce_mean(wide(a), axis=0)[:6])
            elif (a.shape[0] or 0) > 40:
                batches.append([rng.choice(OTHER)(a)])
        figures = [*(batch[-1] for batch in batches), joined[-1]]
    feeds = {x: rows().astype(float)}
    with monkeypatch.context() as patch:
        patch.setattr(grid, "WHOLE_BYTES", 1 << 40)
        with Session(graph, tier="reference") as session:
            whole = session.run(figures, feeds)
    cut = []
    for tier in TIERS:
        for limit, threads in ((None, 1), (10**6, 2), (10**9, 3)):
            with Session(graph, tier=tier, memory=limit, threads=threads) as session:
                cut.append(session.run(figures, feeds))
                assert isinstance(session._last, BlockedExecutor)
        for one, other in zip([*whole, *whole], [*cut[-3], *cut[-1]], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)
        for one, other in zip([*cut[-3], *cut[-3]], [*cut[-2], *cut[-1]], strict=True):
            np.testing.assert_array_equal(one, other)
