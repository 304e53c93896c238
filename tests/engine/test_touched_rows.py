"""Updates of tables by rows: the bits of the dense update, for as much work as rows are named."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.columns import Column
from nodeflow.engine.ir.levels import all_launches
from nodeflow.engine.plan.plan import make_plan, make_step_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.engine.session import Session
from nodeflow.errors import RunError
from nodeflow.ops.namespaces import nn
from nodeflow.ops.training.optimizers import (
    AdagradOptimizer,
    AdamOptimizer,
    GradientDescentOptimizer,
    MomentumOptimizer,
    RMSPropOptimizer,
)
from nodeflow.ops.variables.scope import Variable

ROWS, WIDTH, BATCH = 300, 7, 12
OPTIMIZERS = {
    "sgd": lambda: GradientDescentOptimizer(0.1),
    "adagrad": lambda: AdagradOptimizer(0.1),
}
LAZY = {
    "adam": {"learning_rate": 0.01},
    "momentum": {"learning_rate": 0.1, "momentum": 0.9},
    "rmsprop": {"learning_rate": 0.01},
    "adamw": {"learning_rate": 0.01},
}


class Words:
    """Skip-gram with negative samples: one table looked up once, the other twice."""

    def __init__(self, optimizer, rows=ROWS, dtype="float32", width=WIDTH):
        self.graph = nf.Graph()
        with self.graph.as_default():
            self.ids = [nf.placeholder("int32", [BATCH], name=n) for n in ("x", "y", "z")]
            self.tables = [
                Variable(nf.random_uniform([rows, width], -1.0, 1.0, dtype=dtype, seed=seed))
                for seed in (1, 2)
            ]
            words, contexts = self.tables
            x = nn.embedding_lookup(words, self.ids[0])
            near = nf.reduce_sum(x * nn.embedding_lookup(contexts, self.ids[1]), axis=1)
            far = nf.matmul(x, nn.embedding_lookup(contexts, self.ids[2]), transpose_b=True)
            self.loss = nf.reduce_mean(nn.softplus(-near)) + nf.reduce_mean(nn.softplus(far))
            self.train = optimizer(self.loss)

    def numbers(self, steps, rows=ROWS, low=0):
        rng = np.random.default_rng(0)
        return [rng.integers(low, min(rows, 40), (steps, BATCH)).astype("int32") for _ in self.ids]

    def trained(self, steps=6, tier="compiled", low=0, **options):
        """All variables after some steps of ``session.run``, as bytes."""
        with Session(self.graph, tier=tier, **options) as s:
            s.initialize()
            for fed in zip(*self.numbers(steps, low=low), strict=True):
                s.run(self.train, dict(zip(self.ids, fed, strict=True)))
            return {name: value.copy() for name, value in s.variables.items()}

    def stepped(self, steps=6, tier="compiled", **options):
        """The same in steps of the driver."""
        with Session(self.graph, tier=tier, **options) as s:
            s.initialize()
            fed = [column.reshape(-1) for column in self.numbers(steps)]
            data = {t: Column(c, "int32") for t, c in zip(self.ids, fed, strict=True)}
            stepper = s.stepper([self.train], [self.loss], data, BATCH)
            stepper.start_epoch(np.arange(steps * BATCH))
            assert stepper.run(steps)[0] == steps
            return {name: value.copy() for name, value in s.variables.items()}


def labels(target, without=()):
    """What the plan of a training step did by the rewrite."""
    schedule = build_schedule([target], [])
    plan = make_plan(schedule, schedule.specialise({}), without, updating=True)
    return plan.actions.rewritten.get("touched", [])


def same_bits(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].tobytes() == other[name].tobytes(), name


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_has_the_bits_of_the_dense_update(optimizer, dtype):
    words = Words(OPTIMIZERS[optimizer]().minimize, dtype=dtype)
    assert len(labels(words.train)) == 2
    same_bits(words.trained(), words.trained(without=["touched"]))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_steps_of_the_driver_have_the_bits_of_the_dense_update(optimizer):
    words = Words(OPTIMIZERS[optimizer]().minimize)
    same_bits(words.stepped(), words.stepped(without=["touched"]))


@pytest.mark.thorough
@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_any_number_of_threads_gives_the_same_bits(threads):
    words = Words(OPTIMIZERS["adagrad"]().minimize, rows=3000, width=64)
    same_bits(words.stepped(threads=threads), words.stepped(threads=1))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_reference_agrees(optimizer):
    words = Words(OPTIMIZERS[optimizer]().minimize, dtype="float64")
    reference, ours = words.trained(tier="reference"), words.trained()
    for name in reference:
        np.testing.assert_allclose(ours[name], reference[name], rtol=1e-12, atol=1e-12)


def test_numbers_from_the_end_name_the_same_rows():
    words = Words(OPTIMIZERS["adagrad"]().minimize)
    same_bits(words.trained(low=-40), words.trained(low=-40, without=["touched"]))


def test_rows_that_nothing_names_keep_every_bit():
    words = Words(OPTIMIZERS["adagrad"]().minimize)
    named = np.unique(np.concatenate([n.reshape(-1) for n in words.numbers(6)]))
    others = np.setdiff1d(np.arange(ROWS), named)
    with Session(words.graph) as s:
        s.initialize()
        first = {name: value.copy() for name, value in s.variables.items()}
    after = words.trained()
    for name, value in first.items():
        assert after[name][others].tobytes() == value[others].tobytes()
        if value.ndim == 2:
            assert not np.array_equal(after[name][named], value[named])


def test_a_number_outside_the_table_is_an_error_and_changes_nothing():
    words = Words(OPTIMIZERS["sgd"]().minimize)
    with Session(words.graph, tier="compiled") as s:
        s.initialize()
        before = {name: value.copy() for name, value in s.variables.items()}
        fed = [np.zeros(BATCH, "int32") for _ in words.ids]
        fed[1][5] = ROWS
        with pytest.raises(RunError, match=str(ROWS)):
            s.run(words.train, dict(zip(words.ids, fed, strict=True)))
        same_bits(dict(s.variables), before)


def test_a_run_fetches_the_table_from_before_its_update():
    words = Words(OPTIMIZERS["sgd"]().minimize)
    fed = dict(zip(words.ids, (n[0] for n in words.numbers(1)), strict=True))
    with Session(words.graph, tier="compiled") as s:
        s.initialize()
        for _ in range(3):
            before = [s.variables[t.node.name] for t in words.tables]
            _, *fetched = s.run([words.train, *words.tables], fed)
            for ours, theirs in zip(fetched, before, strict=True):
                assert ours.tobytes() == theirs.tobytes()
                assert not np.array_equal(ours, s.variables[words.tables[0].node.name])


# ---- optimizers that leave the other rows alone -------------------------------------------------


def lazily(rule):
    return lambda loss: loss.graph.add_node(rule, [loss], {**LAZY[rule], "rows": "touched"})


@pytest.mark.thorough
@pytest.mark.parametrize("rule", LAZY)
def test_touched_rows_have_the_bits_of_the_update_of_all(rule):
    words = Words(lazily(rule))
    assert len(labels(words.train)) == 2
    same_bits(words.trained(), words.trained(without=["touched"]))
    same_bits(words.stepped(), words.stepped(without=["touched"]))


@pytest.mark.parametrize("rule", LAZY)
def test_both_tiers_touch_the_same_rows(rule):
    words = Words(lazily(rule), dtype="float64")
    reference, ours = words.trained(tier="reference"), words.trained()
    for name in reference:
        np.testing.assert_allclose(ours[name], reference[name], rtol=1e-9, atol=1e-12)


def test_lazy_adam_is_the_papers_rule_for_rows_that_were_looked_up():
    """In numpy, row by row, as PyTorch's SparseAdam: the step's number is that of the whole."""
    rng = np.random.default_rng(5)
    start, targets = rng.normal(size=(50, 3)), rng.normal(size=(4, 3))
    with nf.Graph() as graph:
        ids = nf.placeholder("int32", [4])
        table = Variable(start)
        loss = nf.reduce_sum(nf.square(nf.gather(table, ids) - targets))
        train = graph.add_node("adam", [loss], {"learning_rate": 0.1, "rows": "touched"})
    m, v, expected = np.zeros_like(start), np.zeros_like(start), start.copy()
    with Session(graph, tier="compiled") as s:
        s.initialize()
        for step in range(1, 12):
            numbers = rng.integers(0, 50, 4)
            s.run(train, {ids: numbers.astype("int32")})
            gradient = np.zeros_like(start)
            np.add.at(gradient, numbers, 2 * (expected[numbers] - targets))
            for row in set(numbers):
                m[row] = 0.9 * m[row] + 0.1 * gradient[row]
                v[row] = 0.999 * v[row] + 0.001 * gradient[row] ** 2
                rate = 0.1 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                expected[row] -= rate * m[row] / (np.sqrt(v[row]) + 1e-8)
        np.testing.assert_allclose(s.variables[table.node.name], expected, rtol=1e-10)


def test_rows_touched_means_all_rows_where_the_gradient_is_dense():
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [2, ROWS])
        table = Variable(nf.random_uniform([ROWS, WIDTH], -1.0, 1.0, seed=1))
        loss = nf.reduce_sum(nf.square(nf.matmul(x, table)))
        updates = [
            graph.add_node("momentum", [loss], {"rows": rows, "variables": [table.node.name]})
            for rows in ("all", "touched")
        ]
    found = []
    for update in updates:
        with Session(graph, tier="compiled") as s:
            s.initialize()
            s.run(update, {x: np.ones((2, ROWS), "float32")})
            found.append(s.variables[table.node.name])
    assert found[0].tobytes() == found[1].tobytes()


# ---- what must stay dense -----------------------------------------------------------------------


def lookup(optimizer, rows=ROWS, loss=nf.reduce_sum):
    with nf.Graph():
        ids = nf.placeholder("int32", [BATCH])
        table = Variable(nf.random_uniform([rows, WIDTH], -1.0, 1.0, seed=1))
        x = nn.embedding_lookup(table, ids)
        return optimizer.minimize(loss(x * x) + loss(x))


def test_other_optimizers_move_rows_that_nothing_names():
    assert labels(lookup(GradientDescentOptimizer(0.1)))
    assert not labels(lookup(AdamOptimizer()))
    assert not labels(lookup(MomentumOptimizer(0.1, 0.9)))
    assert not labels(lookup(RMSPropOptimizer(0.1)))


def test_a_sum_of_squares_that_starts_at_zero_divides_by_zero_in_every_row():
    with nf.Graph() as graph:
        ids = nf.placeholder("int32", [BATCH])
        table = Variable(nf.random_uniform([ROWS, WIDTH], -1.0, 1.0, seed=1))
        loss = nf.reduce_sum(nn.embedding_lookup(table, ids))
        update = graph.apply("adagrad", loss, initial_sum=0.0)
    assert not labels(update)


def test_a_small_table_is_updated_whole():
    assert labels(lookup(GradientDescentOptimizer(0.1), rows=4 * BATCH))
    assert not labels(lookup(GradientDescentOptimizer(0.1), rows=2 * BATCH - 1))


def test_whoever_fetches_the_gradient_gets_all_of_it():
    with nf.Graph() as graph:
        ids = nf.placeholder("int32", [BATCH])
        table = Variable(nf.random_uniform([ROWS, WIDTH], -1.0, 1.0, seed=1))
        loss = nf.reduce_sum(nn.embedding_lookup(table, ids))
        optimizer = GradientDescentOptimizer(0.1)
        ((gradient, variable),) = optimizer.compute_gradients(loss)
        train = optimizer.apply_gradients([(gradient, variable)])
    numbers = np.array([3, 3, 7] * 4, "int32")
    with Session(graph, tier="compiled") as s:
        s.initialize()
        _, found = s.run([train, gradient], {ids: numbers})
    expected = np.zeros((ROWS, WIDTH), "float32")
    np.add.at(expected, numbers, 1)
    np.testing.assert_array_equal(found, expected)


def test_a_table_that_is_also_read_whole_is_updated_whole():
    with nf.Graph():
        ids = nf.placeholder("int32", [BATCH])
        table = Variable(nf.random_uniform([ROWS, WIDTH], -1.0, 1.0, seed=1))
        rows = nn.embedding_lookup(table, ids)
        loss = nf.reduce_sum(rows) + nf.reduce_sum(table * table)
        assert not labels(GradientDescentOptimizer(0.1).minimize(loss))


@pytest.mark.parametrize(
    "optimizer",
    [OPTIMIZERS["sgd"]().minimize, OPTIMIZERS["adagrad"]().minimize, *map(lazily, LAZY)],
    ids=[*OPTIMIZERS, *LAZY],
)
def test_the_work_does_not_grow_with_the_table(optimizer):
    def work(rows):
        schedule = build_schedule([Words(optimizer, rows).train], [])
        plan = make_step_plan(schedule, schedule.specialise({}), [])
        assert plan is not None
        return plan.work, max(
            launch.work for phase in plan.phases for launch in all_launches(phase.levels)
        )

    assert work(1_000) == work(1_000_000)
