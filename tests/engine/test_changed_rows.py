"""Rows of a variable that are changed by their numbers: numpy's values, in place, or not at all."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import RunError

CHANGES = {
    "update": nf.scatter_update,
    "add": nf.scatter_add,
    "multiply": nf.scatter_mul,
    "max": nf.scatter_max,
    "min": nf.scatter_min,
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
        change = nf.scatter_nd_add(v, nf.constant(places), nf.constant(values))
    with nf.Session(g, tier="compiled", threads=2) as session:
        session.initialize()
        np.testing.assert_array_equal(session.run(change), expected)


def test_a_row_outside_changes_nothing():
    table, rows, values = data((40, 4), 30, "float32")
    rows[-1] = 40
    with nf.Graph() as g:
        v = nf.variable(table)
        change = nf.scatter_add(v, nf.constant(rows), nf.constant(values))
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
        change = nf.scatter_update(v, places, nf.gather(v, places) * 2 + nf.reduce_sum(v, axis=0))
        total = nf.reduce_sum(v)
    with nf.Session(g, tier="compiled", threads=2) as session:
        session.initialize()
        before, found = session.run([total, change])
        same = session.run(v)
    values = table[rows] * np.float32(2) + table.sum(0)
    np.testing.assert_allclose(found, changed("update", table, rows, values), rtol=1e-5)
    np.testing.assert_allclose(before, table.sum(), rtol=1e-4)
    np.testing.assert_array_equal(same, found)


def test_a_fetched_value_is_not_the_variables_memory():
    table, rows, values = data((20, 4), 6, "float32")
    with nf.Graph() as g:
        v = nf.variable(table)
        change = nf.scatter_add(v, nf.constant(rows), nf.constant(values))
    with nf.Session(g, tier="compiled") as session:
        session.initialize()
        first = session.run(change)
        kept = first.copy()
        session.run(change)
        np.testing.assert_array_equal(first, kept)
