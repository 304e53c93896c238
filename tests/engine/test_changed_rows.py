"""Rows of a variable that are changed by their numbers: numpy's values, in place, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.columns import Column
from nodeflow.engine.session import Session
from nodeflow.errors import RunError
from nodeflow.ops.program.assertion import Assert
from nodeflow.ops.variables.scatter import (
    scatter_add,
    scatter_max,
    scatter_min,
    scatter_mul,
    scatter_nd_add,
    scatter_update,
)

CHANGES = {
    "update": scatter_update,
    "add": scatter_add,
    "multiply": scatter_mul,
    "max": scatter_max,
    "min": scatter_min,
}
COMBINE = {"add": np.add, "multiply": np.multiply, "max": np.maximum, "min": np.minimum}


def changed(mode: str, table: np.ndarray, rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """By numpy, one row after the other."""
    out = table.copy()
    for row, value in zip(rows, values, strict=True):
        out[row] = value if mode == "update" else COMBINE[mode](out[row], value)
    return out


def data(shape: tuple[int, ...], named: int, dtype: str) -> tuple[np.ndarray, ...]:
    """A table, rows of which some are named often and some from the end, and values."""
    rng = np.random.default_rng(3)
    table = (rng.standard_normal(shape) * 5).astype(dtype)
    rows = np.minimum(rng.geometric(0.02, named), shape[0]) - 1
    rows[::7] -= shape[0]
    return table, rows, (rng.standard_normal((named, *shape[1:])) * 5).astype(dtype)


@pytest.mark.parametrize("mode", CHANGES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8"])
@pytest.mark.parametrize("width", [(), (3,), (257,), (5, 2)])
def test_every_number_of_threads_changes_rows_in_their_order(mode, dtype, width):
    table, rows, values = data((300, *width), 2000, dtype)
    with np.errstate(all="ignore"):
        expected = changed(mode, table, rows, values)
    with nf.Graph() as g:
        v = nf.variable(table)
        change = CHANGES[mode](v, nf.constant(rows), nf.constant(values))
    for threads in (1, 2, 3, 8):
        with nf.Session(g, tier="compiled", threads=threads) as session:
            session.initialize()
            session.run(nf.group(change) if threads == 2 else change)
            np.testing.assert_array_equal(session.variables["variable"], expected)


@pytest.mark.parametrize("mode", CHANGES)
def test_a_tensor_that_is_no_variable_is_copied(mode):
    table, rows, values = data((50_000, 16), 4000, "float32")
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 16])
        places = nf.expand_dims(nf.constant(rows), axis=-1)
        out = nf.tensor_scatter(x, places, nf.constant(values), mode=mode)
    with np.errstate(all="ignore"):
        expected = changed(mode, table, rows, values)
    for threads in (1, 3):
        with nf.Session(g, tier="compiled", threads=threads) as session:
            before = table.copy()
            np.testing.assert_array_equal(session.run(out, {x: table}), expected)
            np.testing.assert_array_equal(table, before)


def test_elements_of_several_axes():
    rng = np.random.default_rng(0)
    table, places = rng.random((9, 8, 7)), rng.integers(-7, 7, (400, 3))
    values = rng.random(400)
    expected = table.copy()
    np.add.at(expected, tuple(places.T), values)
    with nf.Graph() as g:
        v = nf.variable(table)
        change = scatter_nd_add(v, nf.constant(places), nf.constant(values))
    with nf.Session(g, tier="compiled", threads=2) as session:
        session.initialize()
        np.testing.assert_array_equal(session.run(change), expected)


def test_a_row_outside_changes_nothing():
    table, rows, values = data((40, 4), 30, "float32")
    rows[-1] = 40
    with nf.Graph() as g:
        v = nf.variable(table)
        change = scatter_add(v, nf.constant(rows), nf.constant(values))
    with nf.Session(g, tier="compiled", threads=2) as session:
        session.initialize()
        with pytest.raises(RunError, match="40"):
            session.run(change)
        np.testing.assert_array_equal(session.variables["variable"], table)


def test_who_reads_the_old_value_reads_it_before():
    """Also an update that is made of the rows that it changes."""
    table, rows, _ = data((200, 8), 100, "float32")
    with nf.Graph() as g:
        v = nf.variable(table)
        places = nf.constant(rows)
        change = scatter_update(v, places, nf.gather(v, places) * 2 + nf.reduce_sum(v, axis=0))
        total = nf.reduce_sum(v)
    with nf.Session(g, tier="compiled", threads=2) as session:
        session.initialize()
        before, found = session.run([total, change])
        same = session.run(v)
    values = table[rows] * np.float32(2) + table.sum(0)
    np.testing.assert_allclose(found, changed("update", table, rows, values), rtol=1e-5)
    np.testing.assert_allclose(before, table.sum(), rtol=1e-4)
    np.testing.assert_array_equal(same, found)


def both_tiers(g: nf.Graph, fetched, variables) -> None:
    """What is fetched, and the variables afterwards, are the same in both tiers."""
    found = {}
    for tier in ("reference", "compiled"):
        with nf.Session(g, tier=tier, threads=2) as session:
            session.initialize()
            values = session.run(fetched)
            found[tier] = [*values, *(session.run(v) for v in variables)]
    for expected, value in zip(*found.values(), strict=True):
        np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_a_variable_that_gets_the_changed_rows_of_another_tensor():
    table, rows, values = data((50, 4), 12, "float32")
    with nf.Graph() as g:
        v = nf.variable(table)
        places = nf.expand_dims(nf.constant(rows), axis=-1)
        change = nf.assign(v, nf.tensor_scatter(v * 2, places, nf.constant(values), mode="add"))
    both_tiers(g, [change], [v])


def test_the_new_value_is_read_by_what_follows():
    table, rows, values = data((50, 4), 12, "float32")
    with nf.Graph() as g:
        v = nf.variable(table)
        change = scatter_add(v, nf.constant(rows), nf.constant(values))
        total = nf.reduce_sum(change, axis=0) * 2
    both_tiers(g, [total, change], [v])


@pytest.mark.parametrize("without", [(), ("touched",)])
def test_the_old_value_is_fetched_beside_the_new(without):
    table, rows, values = data((50, 4), 12, "float32")
    with nf.Graph() as g:
        v = nf.variable(table)
        change = scatter_add(v, nf.constant(rows), nf.constant(values))
    with Session(g, tier="compiled", threads=2, without=without) as session:
        session.initialize()
        before, after = session.run([v, change])
        np.testing.assert_array_equal(before, table)
        np.testing.assert_array_equal(after, changed("add", table, rows, values))
        np.testing.assert_array_equal(session.run(v), after)


def test_two_variables_that_change_each_others_rows():
    table, rows, _ = data((30, 4), 30, "float32")
    with nf.Graph() as g:
        u, v = nf.variable(table, name="u"), nf.variable(table * 2, name="v")
        places = nf.constant(rows)
        fetched = [scatter_update(u, places, v), scatter_add(v, places, u)]
    both_tiers(g, fetched, [u, v])


def test_a_later_failure_changes_nothing():
    """Of an op that runs by reference as well as of a kernel."""
    table, rows, values = data((30, 4), 8, "float32")
    with nf.Graph() as g:
        v, bad = nf.variable(table), nf.placeholder("int32", [])
        change = scatter_add(v, nf.constant(rows), nf.constant(values))
        checked = Assert(nf.less(bad, 1), [bad])
        found = nf.gather(nf.constant(values), bad)
    with nf.Session(g, tier="compiled", threads=2) as session:
        session.initialize()
        for other, number in ((checked, 3), (found, 9)):
            with pytest.raises(RunError):
                session.run([change, other], {bad: np.int32(number)})
            np.testing.assert_array_equal(session.run(v), table)
        session.run([change, checked, found], {bad: np.int32(0)})
        np.testing.assert_array_equal(session.run(v), changed("add", table, rows, values))


def test_a_fetched_value_is_not_the_variables_memory():
    table, rows, values = data((20, 4), 6, "float32")
    with nf.Graph() as g:
        v = nf.variable(table)
        change = scatter_add(v, nf.constant(rows), nf.constant(values))
    with nf.Session(g, tier="compiled") as session:
        session.initialize()
        first = session.run(change)
        kept = first.copy()
        session.run(change)
        np.testing.assert_array_equal(first, kept)


def test_a_step_through_indices_of_several_axes_is_compiled():
    """Of what is gathered, and of its gradient, which is added up where it came from."""
    rng = np.random.default_rng(1)
    table, places = rng.random((6, 5, 3)), rng.integers(0, 5, (8, 20, 2))
    found = {}
    for tier in ("reference", "compiled"):
        with nf.Graph() as g:
            v = nf.variable(table)
            at = nf.placeholder("int64", [None, 2])
            spread = nf.scatter_nd(at, nf.gather_nd(v, at), shape=(6, 5, 3))
            loss = nf.reduce_sum(nf.square(nf.gather_nd(v, at))) + nf.reduce_sum(spread)
            train = g.apply("gradient_descent", loss, learning_rate=0.01)
        with nf.Session(g, tier=tier, threads=2) as session:
            session.initialize()
            losses = [session.run([train, loss], {at: each})[1] for each in places]
            if tier == "compiled":
                columns = {at: Column(places.reshape(-1, 2), "int64")}
                stepper = session.stepper([train], [loss], columns, 20)
                stepper.start_epoch(np.arange(160))
                stepper.run(8)
            else:
                for each in places:
                    session.run(train, {at: each})
            found[tier] = losses, session.run(v)
    np.testing.assert_allclose(found["compiled"][0], found["reference"][0], rtol=1e-12)
    np.testing.assert_allclose(found["compiled"][1], found["reference"][1], rtol=1e-12)


def test_an_element_outside_is_an_error_of_its_node():
    with nf.Graph() as g:
        x = nf.variable(np.ones((3, 4)))
        at = nf.placeholder("int32", [None, 2])
        found = nf.gather_nd(x, at, name="found")
    with nf.Session(g, tier="compiled") as session:
        session.initialize()
        with pytest.raises(RunError, match="4"):
            session.run(found, {at: np.array([[0, 4]], np.int32)})
