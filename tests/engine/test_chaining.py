"""Tasks that go on through neighbouring kernels: where they may, and that no bit changes."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine import processor
from nodeflow.engine.columns import Column
from nodeflow.engine.devicelib import blas
from nodeflow.engine.devicelib.vector_width import tile_shape
from nodeflow.engine.ir.launches import KernelLaunch, even_tiling
from nodeflow.engine.ir.plan import Plan
from nodeflow.engine.plan.plan import make_plan, make_step_plan
from nodeflow.engine.schedule.schedule import build_schedule

from .graphs import images_and_labels, network
from .random_graphs import build, inputs, program


def levels_of(target, without: frozenset[str] = frozenset()) -> list[list[list[set[str]]]]:
    """For each level its chains, and for each kernel in them the names of its nodes."""
    schedule = build_schedule([target], [])
    return names_in(make_plan(schedule, schedule.specialise({}), without))


def names_in(plan: Plan) -> list[list[list[set[str]]]]:
    return [[[names(r) for r in head.chain()] for head in level] for level in plan.phases[0].levels]


def names(row: KernelLaunch) -> set[str]:
    return {a.node.name for a in row.group.actions} if row.group else set()


def test_a_layer_and_what_follows_row_by_row_is_one_level() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [100, 40], name="x")
        w, b = nf.placeholder("float32", [40, 10], name="w"), nf.placeholder("float32", [10])
        p = nf.softmax(nf.relu(x @ w + b, name="h"), name="p")
        total = nf.reduce_sum(p * p, axis=1, name="total")
    (chains,) = levels_of(total)
    assert len(chains) == 1 and len(chains[0]) == 5
    assert len(levels_of(total, frozenset({"chain"}))) == 5


def test_what_needs_other_rows_meets_first() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [100, 64], name="x")
        w = nf.placeholder("float32", [64, 64], name="w")
        down = nf.reduce_sum(x @ w, axis=0)  # over rows
        turned = nf.matmul(nf.matmul(x, w), x, transpose_x=True)
        second = nf.matmul(w, nf.matmul(w, w))
        spread = nf.matmul(w, w) + nf.reduce_sum(nf.matmul(w, w), axis=1)  # a column's sum per row
    for target in (down, turned, second, spread):
        assert len(levels_of(target)) == 2, target.name


def test_a_reshape_between_keeps_rows_together() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [6, 50, 16], name="x")
        w = nf.placeholder("float32", [16, 8], name="w")
        flat = nf.reshape(nf.exp(x), [300, 16])
        y = nf.softmax(nf.reshape(flat @ w, [6, 50, 8]))
    (chains,) = levels_of(y)
    assert len(chains) == 1 and len(chains[0]) == 3


@pytest.mark.thorough
def test_a_variable_is_overwritten_only_after_all_have_read_it() -> None:
    net = network("float32", (40, 24, 10))
    schedule = build_schedule([net.train], [net.x, net.y])
    given = {schedule.feeds[net.x]: net.x.type.with_shape((64, 40)),
             schedule.feeds[net.y]: net.y.type.with_shape((64, 10))}  # fmt: skip
    plan = make_step_plan(schedule, schedule.specialise(given), [])
    assert plan is not None and len(plan.inplace) == 4
    homes = set(plan.inplace.values())
    writers = {h: r for r, h in plan.inplace.items()}
    for home in homes:
        reads, writes = [], []
        for number, level in enumerate(plan.phases[0].levels):
            for head in level:
                for row in head.chain():
                    assert row.group is not None
                    if writers[home] in row.group.outputs:
                        writes.append(number)
                    elif home in row.group.inputs:
                        reads.append(number)
        assert len(writes) == 1 and all(number < writes[0] for number in reads)


def test_tasks_of_a_chain_are_those_of_its_products() -> None:
    if not (blas.small_products() or "avx2" in processor.features()):
        pytest.skip("another BLAS: not cut as finely")
    with nf.Graph():
        x = nf.placeholder("float32", [784, 100], name="x")
        d, w = nf.placeholder("float32", [100, 300]), nf.placeholder("float32", [784, 300])
        new = w - nf.matmul(x, d) * 0.5
    schedule = build_schedule([new], [])
    ((head,),) = make_plan(schedule, schedule.specialise({})).phases[0].levels
    assert head.tasks >= 8 and len(head.then) == 1 and head.then[0].tasks == head.tasks


@pytest.mark.parametrize(("tiles", "channels", "levels"), [(8, 24, 1), (11, 24, 2), (11, 1, 1)])
def test_a_long_convolution_is_chained_where_threads_have_as_many_tiles(
    tiles: int, channels: int, levels: int
) -> None:
    pictures = tiles * tile_shape("float32", 64).positions
    with nf.Graph():
        x = nf.placeholder("float32", [pictures, 14, 14, channels])
        y = nf.relu(nf.conv2d(x, nf.placeholder("float32", [5, 5, channels, 64])), name="y")
    assert len(levels_of(y)) == 1 + levels  # the first one packs filters


@pytest.mark.parametrize(
    ("units", "tasks"), [(1, 1), (31, 31), (33, 17), (100, 20), (112, 28), (336, 28), (616, 28)]
)
def test_tasks_that_are_cut_freely_are_shared_evenly_where_that_costs_little(
    units: int, tasks: int
) -> None:
    """At most 32, and a quarter longer than they had to be."""
    tiling = even_tiling(units, 1e9)
    assert tiling.tasks == tasks and (tasks - 1) * tiling.height < units <= tasks * tiling.height


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_training_has_the_same_bits_on_any_number_of_threads(threads: int) -> None:
    def train(threads: int, without: tuple[str, ...]) -> list[np.ndarray]:
        net = network("float32", (96, 80, 10), rate=0.1)
        images, labels = images_and_labels(300, 96)
        columns = {
            net.x: Column(images, "float32", scale=1 / 255),
            net.y: Column(labels, "float32", depth=10),
        }
        with nf.Session(net.graph, tier="compiled", threads=threads, without=without) as s:
            s.initialize()
            stepper = s.stepper([net.train], [net.loss], columns, 100)
            for _ in range(4):
                stepper.start_epoch(np.arange(300))
                losses = stepper.run(3)[1]
            return [losses, *(value for _, value in s.variables.items())]

    expected = train(2, ("chain",))
    for found, value in zip(train(threads, ()), expected, strict=True):
        assert np.array_equal(found, value)


@pytest.mark.parametrize("seed", [5, 31])
def test_random_graphs_have_the_same_bits_without_chains(seed: int) -> None:
    graph, fed, values, total = build(program(seed, 12, kinks=True), "float32")
    feeds = dict(zip(fed, inputs(seed, "float32", ties=False), strict=True))
    found = []
    for without in ((), ("chain",)):
        with nf.Session(graph, tier="compiled", threads=2, without=without) as session:
            found.append(session.run([total, *values], feeds))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_chain_uses_memory_again_between_its_own_kernels() -> None:
    with nf.Graph():
        v = x = nf.placeholder("float32", [256, 32], name="x")
        w = nf.placeholder("float32", [32, 32], name="w")
        for _ in range(6):
            v = nf.matmul(v, w)
    schedule = build_schedule([v], [])
    types = schedule.specialise({})
    ((chain,),) = (plan := make_plan(schedule, types)).phases[0].levels
    assert len(chain.chain()) == 6
    assert plan.arena_size <= 3 * 4 * 256 * 32
    feeds = {x: np.eye(256, 32, dtype="float32"), w: np.eye(32, dtype="float32")[::-1]}
    for threads in (1, 3):
        with nf.Session(v.node.graph, tier="compiled", threads=threads) as s:
            np.testing.assert_array_equal(s.run(v, feeds), feeds[x])
