"""Transposed copies: by tiles where that pays, and the same elements as numpy's every time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nodeflow as nf
from nodeflow.engine.kernels.copies import CopyKernel, PermuteKernel
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.types import DTYPES, TensorType, numpy_dtype
from nodeflow.ops.lowering import Block, Copy, Permute


def transposed(x: np.ndarray, perm: tuple[int, ...], threads: int) -> np.ndarray:
    with nf.Graph() as g:
        fed = nf.placeholder(x.dtype.name, [None] * x.ndim)
        turned = nf.transpose(fed, perm=perm)
    return nf.Session(g, tier="compiled", threads=threads).run(turned, {fed: x})


@pytest.mark.thorough
@settings(max_examples=60)
@given(data=st.data())
def test_any_order_of_axes(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.sampled_from([1, 2, 3, 4, 15, 16, 17, 33]), max_size=4))
    perm = data.draw(st.permutations(range(len(shape))))
    dtype = data.draw(st.sampled_from(sorted(DTYPES)))
    count = int(np.prod(shape, dtype=int))
    x = (np.arange(count) % 251).reshape(shape).astype(numpy_dtype(dtype))
    result = transposed(x, tuple(perm), data.draw(st.sampled_from([1, 2, 3])))
    np.testing.assert_array_equal(result, x.transpose(perm))


@pytest.mark.parametrize("rows", [3, 4, 16, 40])
@pytest.mark.parametrize("columns", [3, 4, 16, 40])
def test_tiles_are_for_both_sides_of_four_and_more(rows: int, columns: int) -> None:
    types = [TensorType("float32", (5, rows, columns)), TensorType("float32", (5, columns, rows))]
    (call,) = PermuteKernel().calls(Permute((0, 2, 1)), types)
    assert ("tile" in call.source) == (min(rows, columns) >= 4)


def test_every_part_of_an_array_may_be_turned() -> None:
    x = np.arange(40 * 50, dtype="float32").reshape(40, 50)
    with nf.Graph() as g:
        fed = nf.placeholder("float32", [40, 50])
        parts = [fed[i : i + 20, j : j + 25] for i, j in itertools.product((0, 20), (0, 25))]
        turned = [nf.transpose(p, perm=(1, 0)) for p in parts]
        joined = nf.concat(turned, axis=1)
    result = nf.Session(g, tier="compiled").run(joined, {fed: x})
    expected = [x[i : i + 20, j : j + 25].T for i, j in itertools.product((0, 20), (0, 25))]
    np.testing.assert_array_equal(result, np.concatenate(expected, axis=1))


def test_rows_and_parts_of_rows_may_be_turned_round() -> None:
    x = np.arange(60, dtype="float32").reshape(5, 12)
    with nf.Graph() as g:
        fed = nf.placeholder("float32", [5, 12])
        turned = [fed[:, ::-1], fed[::-1, 8:2:-1], fed[2, ::-1]]
    found = nf.Session(g, tier="compiled").run(turned, {fed: x})
    for value, expected in zip(found, [x[:, ::-1], x[::-1, 8:2:-1], x[2, ::-1]], strict=True):
        np.testing.assert_array_equal(value, expected)


@pytest.mark.thorough
@settings(max_examples=60)
@given(data=st.data())
def test_any_padding(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=4))
    widths = [data.draw(st.tuples(st.integers(0, 3), st.integers(0, 3))) for _ in shape]
    dtype = data.draw(st.sampled_from(["float32", "float64", "int64", "uint8"]))
    count = int(np.prod(shape, dtype=int))
    x = (np.arange(count) % 251).reshape(shape).astype(dtype)
    with nf.Graph() as g:
        fed = nf.placeholder(dtype, [None] * x.ndim)
        padded = nf.pad(fed, paddings=[list(w) for w in widths], value=7)
    session = nf.Session(g, tier="compiled", threads=data.draw(st.sampled_from([1, 2, 3])))
    expected = np.pad(x, widths, constant_values=7)
    np.testing.assert_array_equal(session.run(padded, {fed: x}), expected)


@pytest.mark.thorough
@settings(max_examples=80)
@given(data=st.data())
def test_any_slice_of_any_step(data: st.DataObject) -> None:
    """Rows in order, turned round and with gaps; a single long row is cut among tasks."""
    steps = st.sampled_from([1, -1, 2, -3])
    if data.draw(st.booleans()):
        shape = [data.draw(st.sampled_from([1, 1023, 2049, 70_001]))]
    else:
        shape = data.draw(st.lists(st.sampled_from([0, 1, 3, 16, 65]), min_size=1, max_size=3))
    starts = st.sampled_from([None, 1])
    key = tuple(slice(data.draw(starts), None, data.draw(steps)) for _ in shape)
    dtype = data.draw(st.sampled_from(sorted(DTYPES)))
    x = (np.arange(np.prod(shape, dtype=int)) % 251).reshape(shape).astype(numpy_dtype(dtype))
    with nf.Graph() as g:
        fed = nf.placeholder(dtype, [None] * x.ndim)
        part = fed[key]
    for threads in (1, 3):
        result = nf.Session(g, tier="compiled", threads=threads).run(part, {fed: x})
        np.testing.assert_array_equal(result, x[key])


def test_a_long_row_is_work_for_several() -> None:
    block = Block((1 << 22,), 3, (1,), 0, (1,))
    types = [TensorType("float32", ((1 << 22) + 3,)), TensorType("float32", (1 << 22,))]
    (call,) = CopyKernel().calls(Copy((block,)), types)
    assert call.units > 1000


@pytest.mark.thorough
@settings(max_examples=60)
@given(data=st.data())
def test_any_pieces_joined_and_taken_apart(data: st.DataObject) -> None:
    """Short rows, whose length the text says, and longer ones; pieces of one element, too."""
    before = tuple(data.draw(st.lists(st.sampled_from([1, 2, 7, 40]), max_size=2)))
    after = tuple(data.draw(st.lists(st.integers(1, 5), max_size=1)))
    widths = data.draw(st.lists(st.sampled_from([1, 2, 3, 7, 16, 17, 70]), min_size=1, max_size=4))
    dtype = data.draw(st.sampled_from(sorted(DTYPES)))
    arrays = [
        (np.arange(np.prod((*before, w, *after), dtype=int)) % (113 + w))
        .reshape(*before, w, *after)
        .astype(numpy_dtype(dtype))
        for w in widths
    ]
    axis = len(before)
    with nf.Graph() as g:
        fed = [nf.placeholder(dtype, [None] * a.ndim) for a in arrays]
        joined = nf.concat(fed, axis=axis)
        apart = nf.split(joined, widths, axis=axis)
    with nf.Session(g, tier="compiled", threads=data.draw(st.sampled_from([1, 2, 3]))) as s:
        whole, *parts = s.run([joined, *apart], dict(zip(fed, arrays, strict=True)))
    assert whole.tobytes() == np.concatenate(arrays, axis).tobytes()
    for part, array in zip(parts, arrays, strict=True):
        assert part.tobytes() == array.tobytes()


def test_pieces_of_short_rows_are_written_by_the_same_tasks() -> None:
    """Threads would write to the same lines of the caches; longer rows have lines of their own."""

    def heads(rows: int, widths: tuple[int, ...]) -> list[list[int]]:
        """The numbers of tasks of launches that follow each other."""
        with nf.Graph():
            pieces = [nf.variable(np.ones((rows, w), "float32")) for w in widths]
            joined = nf.concat(pieces, axis=1)
        schedule = build_schedule([joined], [])
        (phase,) = make_plan(schedule, schedule.specialise({}), ()).phases
        (level,) = phase.levels
        return [[launch.tasks for launch in head.chain()] for head in level]

    ((first, second, third),) = heads(20_000, (3, 1, 40))
    assert first == second == third > 1
    assert len(heads(2000, (300, 400))) == 2
    assert len(heads(1, (3, 4, 5))) == 3
