"""Runs over many rows, cut into blocks, compute what they compute whole."""

from __future__ import annotations

import random

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.blocks import grid
from nodeflow.engine.blocks.executor import BlockedExecutor
from nodeflow.engine.session import Session
from nodeflow.errors import Cancelled, RunError
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.ops.namespaces import nn
from nodeflow.ops.variables.scope import Variable

ROWS = 203
TIERS = ("reference", "compiled")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells of a few hundred bytes, so that small graphs are cut as large ones are."""
    monkeypatch.setattr(grid, "WHOLE_BYTES", 4_000)
    monkeypatch.setattr(grid, "CELL_BYTES", 2_000)


def images(width: int = 6, seed: int = 0, rows: int = ROWS) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, width)).astype("float32")


def blocked(session: Session) -> BlockedExecutor:
    executor = session._last
    assert isinstance(executor, BlockedExecutor), "the run was not cut"
    assert executor.cut.grid.cells > 3
    return executor


def whole_and_cut(graph: Graph, fetches, feeds, monkeypatch, tier="reference", **options):
    """The values without blocks, and with."""
    with monkeypatch.context() as patch:
        patch.setattr(grid, "WHOLE_BYTES", 1 << 40)
        with Session(graph, tier=tier, seed=3, **options) as session:
            session.initialize()
            whole = session.run(fetches, feeds)
            assert not isinstance(session._last, BlockedExecutor)
    with Session(graph, tier=tier, seed=3, **options) as session:
        session.initialize()
        cut = session.run(fetches, feeds)
        blocked(session)
    return whole, cut


def network(x: Tensor) -> tuple[Tensor, Tensor]:
    w = Variable(np.linspace(-1, 1, 6 * 50).reshape(6, 50).astype("float32"), name="w")
    v = Variable(np.linspace(-1, 1, 50 * 4).reshape(50, 4).astype("float32"), name="v")
    logits = nf.matmul(nf.relu(nf.matmul(x, w)), v)
    return logits, nf.reduce_mean(nf.square(logits), axis=1)


@pytest.mark.parametrize("tier", TIERS)
def test_what_crosses_no_block_has_the_bits_of_the_whole_run(small, monkeypatch, tier) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        hidden = nf.tanh(x * 2) + nf.square(x) / 3
        wide = nf.concat([nf.tile(hidden, [1, 8]), nf.exp(-nf.abs(nf.tile(hidden, [1, 8])))], 1)
        scores = nf.reduce_max(wide, axis=1)
        figures = [
            nf.softmax(hidden), nf.argmax(wide, axis=1), nf.reduce_mean(scores),
            nf.reduce_max(scores), nf.top_k(scores, 5)[0], nf.sort(scores), nf.argmin(scores),
            nf.cumsum(scores), nf.reduce_sum(nf.cast(scores > 1, "int32")),
        ]  # fmt: skip
    whole, cut = whole_and_cut(graph, figures, {x: images()}, monkeypatch, tier)
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_array_equal(one, other)
        assert np.asarray(one).dtype == np.asarray(other).dtype


@pytest.mark.parametrize("tier", TIERS)
def test_sums_that_cross_blocks_agree_closely(small, monkeypatch, tier) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        wide = nf.tanh(nf.tile(x, [1, 8]))
        large = nf.concat([wide, wide * 2], 1)
        figures = [
            nf.reduce_sum(large, axis=0), nf.reduce_mean(large, axis=0, keepdims=True),
            nf.reduce_mean(large), nf.reduce_max(large, axis=0), nf.reduce_min(large),
            nf.matmul(large, wide, transpose_x=True), nf.reduce_sum(nf.cast(large * 9, "int32")),
        ]  # fmt: skip
    whole, cut = whole_and_cut(graph, figures, {x: images()}, monkeypatch, tier)
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    for exact in (3, 4, 6):
        np.testing.assert_array_equal(whole[exact], cut[exact])


@pytest.mark.parametrize("tier", TIERS)
def test_batch_statistics_take_a_pass_each(small, monkeypatch, tier) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        h = nf.tile(x, [1, 8])
        for _ in range(2):
            mean = nf.reduce_mean(h, axis=0)
            spread = nf.reduce_mean(nf.square(h - mean), axis=0)
            h = nf.tanh((h - mean) * nf.rsqrt(spread + 1e-3)) * 1.5
        total = nf.reduce_sum(h, axis=1)
    whole, cut = whole_and_cut(graph, [total, mean], {x: images()}, monkeypatch, tier)
    for one, other in zip(whole, cut, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("tier", TIERS)
def test_random_numbers_are_those_of_the_rows(small, monkeypatch, tier) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        wide = nf.tile(x, [1, 16])
        dropped = nf.dropout(wide, rate=0.4, training=True)
        noisy = dropped + nf.random_normal(nf.shape(wide))
    whole, cut = whole_and_cut(graph, [dropped, noisy], {x: images()}, monkeypatch, tier)
    np.testing.assert_array_equal(whole[0], cut[0])
    np.testing.assert_array_equal(whole[1], cut[1])


@pytest.mark.parametrize("tier", TIERS)
def test_random_numbers_beside_columns_are_those_of_the_whole_run(small, monkeypatch, tier) -> None:
    """A cell has some columns of what is drawn row by row, so it cannot draw them alone."""
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        turned = nf.transpose(nf.tile(x, [1, 16]))
        noisy = nf.transpose(turned + nf.random_normal(nf.shape(turned)))
        tops = nf.reduce_max(nf.tanh(nf.tile(noisy, [1, 2])), axis=1)
    whole, cut = whole_and_cut(graph, [noisy, tops], {x: images()}, monkeypatch, tier)
    np.testing.assert_array_equal(whole[0], cut[0])
    np.testing.assert_array_equal(whole[1], cut[1])


@pytest.mark.parametrize("tier", TIERS)
def test_an_assign_runs_once(small, monkeypatch, tier) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        seen = Variable(0.0, name="seen")
        runs = Variable(0.0, name="runs")
        wide = nf.exp(nf.tile(x, [1, 16]))
        kept = nf.assign(seen, seen + nf.reduce_sum(wide))
        counted = nf.assign(runs, runs + 1)
    with Session(graph, tier=tier) as session:
        session.initialize()
        for _ in range(2):
            session.run([kept, counted], {x: images()})
            blocked(session)
        assert session.variables["runs"] == 2
        expected = 2 * np.exp(np.tile(images(), (1, 16)).astype(float)).sum()
        assert session.variables["seen"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.thorough
def test_all_limits_and_thread_counts_give_the_same_bits(small) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        logits, losses = network(x)
        drawn = nf.dropout(logits, rate=0.5, training=True)
        figures = [logits, nf.reduce_mean(losses), nf.reduce_sum(logits, axis=0), drawn]
    for tier in TIERS:
        found = []
        for memory in (None, 40_000, 10**9):
            for threads in (1, 2, 3):
                with Session(graph, tier=tier, threads=threads, memory=memory) as session:
                    session.initialize()
                    found.append(session.run(figures, {x: images()}))
                    blocked(session)
        for other in found[1:]:
            for a, b in zip(found[0], other, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("tier", TIERS)
def test_a_cell_above_the_limit_names_the_node_and_the_bytes(small, tier) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        wide = nf.sort(nf.tanh(nf.tile(x, [1, 1000], name="repeated")), axis=1, name="sorted")
        total = nf.reduce_sum(wide, axis=1)
    error = pytest.raises(RunError, match="B at a time, and the limit is 10 kB")
    with Session(graph, tier=tier, memory=10_000) as session, error as e:
        session.run(total, {x: images()})
    assert (e.value.node or "").split("/")[0] in ("repeated", "tanh", "sorted")


@pytest.mark.parametrize("tier", TIERS)
def test_kept_rows_above_the_limit_name_the_node_and_the_bytes(small, tier) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        wide = nf.tanh(nf.tile(x, [1, 100]), name="wide")
    error = pytest.raises(RunError, match="take 487 kB at a time, and the limit is 400 kB")
    with Session(graph, tier=tier, memory=400_000) as session, error as e:
        session.run(wide, {x: images()})
    assert e.value.node == "wide"


@pytest.mark.parametrize("tier", TIERS)
def test_what_no_pass_needs_any_more_is_not_held(small, monkeypatch, tier) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        h = nf.tile(x, [1, 8])
        for _ in range(3):
            h = nf.tanh(nf.sort(h - nf.reduce_mean(h, axis=0), axis=1)) * 2
        total = nf.reduce_sum(h, axis=1)
    whole, cut = whole_and_cut(graph, total, {x: images()}, monkeypatch, tier)
    np.testing.assert_allclose(whole, cut, rtol=1e-5, atol=1e-5)
    with Session(graph, tier=tier) as session:
        session.run(total, {x: images()})
        executor = blocked(session)
        dropped = [slot for slots in executor._dropped for slot in slots]
        kept = [t.slot for stage in executor.cut.stages if stage.rows for t in stage.rows.targets]
        assert set(kept) - set(dropped) == set(executor.schedule.fetches)
        assert len(dropped) == len(set(dropped)) >= 5, "three means, and two orders that are kept"


def test_a_run_in_blocks_is_cancelled_between_them(small) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        wide = nf.tanh(nf.tile(x, [1, 100]))
        total = nf.reduce_sum(wide, axis=1)
    calls: list[None] = []

    def stop(*arguments: object) -> None:
        calls.append(session.cancel())

    with Session(graph, tier="reference") as session:
        session.run(total, {x: images()})
        executor = blocked(session)
        session.run(total, {x: images()})
        cell = next(iter(executor._cells[0].values())).executor
        run = cell.run
        cell.run = lambda *a, **k: (stop(), run(*a, **k))[1]  # type: ignore[method-assign]
        with pytest.raises(Cancelled):
            session.run(total, {x: images()})
    assert len(calls) == 1


@pytest.mark.parametrize("tier", TIERS)
def test_sizes_are_those_of_the_block_where_shapes_need_them(small, monkeypatch, tier) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        wide = nf.tanh(nf.tile(x, [1, 16]))
        count = nf.shape(wide)[0]
        cubes = nf.reshape(wide, nf.stack([count, 4, 24]))
        flat = nf.reshape(nf.reduce_sum(cubes, axis=2), [-1, 1])
        start = nf.zeros(nf.stack([count, 4])) + nf.reduce_max(cubes, axis=2)
        mean = nf.reduce_sum(wide) / nf.cast(count, "float32")
    whole, cut = whole_and_cut(graph, [flat, start, mean, count], {x: images()}, monkeypatch, tier)
    np.testing.assert_array_equal(whole[0], cut[0])
    np.testing.assert_array_equal(whole[1], cut[1])
    np.testing.assert_allclose(whole[2], cut[2], rtol=1e-5)
    assert whole[3] == cut[3] == ROWS


@pytest.mark.parametrize("tier", TIERS)
def test_a_table_that_is_longer_than_the_batch_is_no_batch(small, monkeypatch, tier) -> None:
    with nf.Graph() as graph:
        table = nf.placeholder("float32", [None, 6], name="table")
        rows = nf.placeholder("int32", [None], name="rows")
        wide = nf.tanh(nf.tile(nf.gather(table, rows), [1, 16]))
        figures = nf.reduce_sum(wide, axis=1)
    chosen = np.random.default_rng(1).integers(0, 5 * ROWS, ROWS)
    feeds = {table: images(rows=5 * ROWS), rows: chosen}
    whole, cut = whole_and_cut(graph, figures, feeds, monkeypatch, tier)
    np.testing.assert_array_equal(whole, cut)


def test_a_fixed_number_of_rows_is_cut_too(small, monkeypatch) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [ROWS, 6], name="x")
        figures = nf.reduce_sum(nf.exp(nf.tile(x, [1, 16])), axis=1)
    whole, cut = whole_and_cut(graph, figures, {x: images()}, monkeypatch)
    np.testing.assert_array_equal(whole, cut)


def over_time(x: Tensor) -> Tensor:
    cell = nn.rnn_cell.GRUCell(4)
    return nn.dynamic_rnn(cell, nf.reshape(x, [-1, 3, 2]), dtype="float32")[0]


def repeated(x: Tensor) -> Tensor:
    wide, test = nf.tile(x, [1, 16]), lambda i, h: i < 3
    return nf.while_loop(test, lambda i, h: [i + 1, nf.tanh(h * 2)], [nf.constant(0), wide])[1]


LOOPS = {
    "rnn": over_time,
    "while": repeated,
    "map": lambda x: nf.map_fn(lambda row: nf.tanh(nf.tile(row, [16])) * row[0], x),
}


@pytest.mark.sample(3)
@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("kind", LOOPS)
def test_loops_run_on_the_rows_of_a_block(small, monkeypatch, tier, kind) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        made = LOOPS[kind](x)
        total = nf.reduce_sum(made, axis=list(range(1, made.type.rank)))
    whole, cut = whole_and_cut(graph, total, {x: images()}, monkeypatch, tier)
    np.testing.assert_allclose(whole, cut, rtol=1e-6, atol=1e-6)
    with Session(graph, tier=tier, seed=3) as session:
        session.initialize()
        session.run(total, {x: images()})
        stages = blocked(session).cut.stages
        once = [step for stage in stages if stage.once for step in stage.once.schedule.steps]
        assert not {"scan", "while_loop"}.intersection(step.node.op.id for step in once)


def test_a_map_that_draws_runs_whole(small) -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 6], name="x")
        noisy = nf.map_fn(lambda row: nf.tile(row, [16]) + nf.random_uniform([96]), x)
    found = []
    for memory in (None, 10**9):
        with Session(graph, tier="reference", seed=3, memory=memory) as session:
            found.append(session.run(noisy, {x: images()}))
            assert not isinstance(session._last, BlockedExecutor)
    np.testing.assert_array_equal(*found)
    assert np.unique(found[0] - np.tile(images(), (1, 16))).size > ROWS


ALONE = (
    lambda a, b, w, j: nf.tanh(a + b),
    lambda a, b, w, j: a * nf.sigmoid(b),
    lambda a, b, w, j: nf.tanh(nf.matmul(a, w)),
    lambda a, b, w, j: nf.softmax(a),
    lambda a, b, w, j: nf.where(a > b, a, b * 0.5),
    lambda a, b, w, j: nf.tanh(a - j),
    lambda a, b, w, j: nf.sort(a, axis=1),
    lambda a, b, w, j: nf.cumsum(nf.tanh(a), axis=1) / 6,
    lambda a, b, w, j: nf.concat([a[:, :3], b[:, 3:]], 1),
    lambda a, b, w, j: nf.reshape(nf.reshape(nf.sin(a), [-1, 3]), [-1, 6]),
)
JOINS = (
    lambda a, b: nf.reduce_mean(a, axis=0),
    lambda a, b: nf.reduce_max(a * b, axis=0),
    lambda a, b: nf.tanh(nf.reduce_sum(nf.matmul(a, b, transpose_x=True), 0) / 99),
    lambda a, b: nf.reduce_min(nf.cumsum(a, axis=0), axis=0) / 9,
    lambda a, b: nf.sort(a, axis=0)[0],
)


def row_graph(seed: int) -> tuple[Graph, Tensor, Tensor, list[Tensor]]:
    """A random graph over rows: what treats them alone, joins of them, and what mixes them."""
    rng = random.Random(seed)
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None, 6], name="x")
        y = nf.placeholder("float64", [None, 6], name="y")
        w = nf.constant(np.random.default_rng(seed).normal(size=(6, 6)) / 3)
        rows, joined = [x, y, nf.tanh(nf.tile(x, [1, 4])[:, 3:9])], [nf.constant(np.ones(6))]
        for _ in range(14):
            a, b, j = rng.choice(rows[-6:]), rng.choice(rows), rng.choice(joined)
            kind = rng.randrange(16)
            if kind < 10:
                rows.append(ALONE[kind](a, b, w, j))
            elif kind < 15:
                joined.append(JOINS[kind - 10](a, b))
            else:
                rows.append(nf.reverse(a, axis=[0]))
        figures = [*rows[-3:], *joined[-3:], nf.reduce_mean(rows[-1])]
    return graph, x, y, figures


@pytest.mark.sample(5)
@pytest.mark.parametrize("seed", range(24))
def test_random_graphs_over_rows(small, monkeypatch, seed) -> None:
    graph, x, y, figures = row_graph(seed)
    feeds = {x: images(seed=1).astype(float), y: images(seed=2).astype(float)}
    whole, cut = None, []
    with monkeypatch.context() as patch:
        patch.setattr(grid, "WHOLE_BYTES", 1 << 40)
        with Session(graph, tier="reference") as session:
            whole = session.run(figures, feeds)
    for tier in TIERS:
        with Session(graph, tier=tier) as session:
            cut.append(session.run(figures, feeds))
            blocked(session)
    for found in cut:
        for one, other in zip(whole, found, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)
