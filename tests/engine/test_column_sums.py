"""Sums over columns that compute what they add up, and rows that are repeated: every bit stays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.ir.levels import all_launches
from nodeflow.engine.ir.plan import Plan
from nodeflow.engine.kernels.column_sums import ColumnSums
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from tests.engine.graphs import run, same

ROWS = 5000


def plan_of(wanted: Sequence[nf.Tensor]) -> Plan:
    schedule = build_schedule(wanted, [])
    return make_plan(schedule, schedule.specialise({}), ())


def sums_of(wanted: Sequence[nf.Tensor]) -> list[int]:
    """How many sums each kernel makes that computes what it adds up."""
    return [
        len(a.outputs) for a in plan_of(wanted).actions.items if isinstance(a.lowering, ColumnSums)
    ]


def normal(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(shape[-1]).normal(1, 1, shape).astype(dtype)


def normed(x: nf.Tensor, scale: nf.Tensor, offset: nf.Tensor) -> nf.Tensor:
    axes = tuple(range(len(x.shape) - 1))
    mean = nf.reduce_mean(x, axis=axes)
    variance = nf.reduce_mean(nf.square(x - mean), axis=axes)
    return (x - mean) * (nf.rsqrt(variance + 1e-3) * scale) + offset


def test_a_normalisation_and_its_gradient_keep_nothing_that_they_add_up() -> None:
    """One sum forward; backward three at once, and that of the mean in the variance."""
    with nf.Graph():
        x, g = nf.variable(normal(8, 25, 30, 32)), nf.variable(normal(8, 25, 30, 32))
        scale, offset = nf.variable(normal(32)), nf.variable(normal(32))
        out = nf.relu(normed(x, scale, offset))
        loss = nf.reduce_sum(out * g)
        outs = [out, *nf.gradients(loss, [x, scale, offset])]
    assert sums_of(outs) == [1, 3, 1]
    found = run(outs)
    for options in ({"without": ["sums"]}, {"threads": 2}, {"threads": 3}, {"without": ["fuse"]}):
        assert same(found, run(outs, **options)), options
    for ours, expected in zip(found, run(outs, tier="reference"), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.sample(4)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("columns", [8, 33, 64, 129, 300, 512])
def test_sums_of_formulas_are_right_for_any_number_of_columns(columns: int, dtype: str) -> None:
    """Against sums of numpy's, in float64."""
    x, row = normal(ROWS, columns, dtype=dtype), normal(columns, dtype=dtype)
    with nf.Graph():
        a, b = nf.variable(x), nf.variable(row)
        outs = [
            nf.reduce_sum(nf.where(a > b, a * b, nf.zeros_like(a)), axis=0),
            nf.reduce_sum(nf.square(a - b), axis=0),
        ]
    assert sums_of(outs) == [2]
    found = run(outs)
    assert same(found, run(outs, without=["sums"])) and same(found, run(outs, threads=2))
    x, row = x.astype("float64"), row.astype("float64")
    for ours, expected in zip(
        found, [np.where(x > row, x * row, 0).sum(0), np.square(x - row).sum(0)], strict=True
    ):
        np.testing.assert_allclose(ours, expected, rtol=1e-4 if dtype == "float32" else 1e-12)


def test_minus_zero_stays_the_sum_of_minus_zeros() -> None:
    with nf.Graph():
        x = nf.variable(np.full((ROWS, 16), -0.0, "float32"))
        outs = [nf.reduce_sum(nf.negative(nf.negative(x)), axis=0)]
    assert sums_of(outs) == [1]
    assert np.signbit(run(outs)[0]).all()


def test_what_is_fetched_or_read_by_other_kernels_is_kept_and_read() -> None:
    with nf.Graph():
        x, w = nf.variable(normal(ROWS, 32)), nf.variable(normal(32, 32))
        squares = nf.square(x)
        total = nf.reduce_sum(squares, axis=0)
        product = squares @ w
    assert sums_of([total]) == [1]
    for outs in ([total, squares], [total, product]):
        assert sums_of(outs) == []
        assert same(run(outs), run(outs, without=["sums"]))


def test_an_input_that_is_one_row_for_each_picture_is_left_to_other_kernels() -> None:
    with nf.Graph():
        x, mean = nf.variable(normal(8, 1000, 16)), nf.variable(normal(8, 1, 16))
        outs = [nf.reduce_sum(nf.square(x - mean), axis=(0, 1))]
    assert sums_of(outs) == [1]  # of the squares of what another kernel made
    found = run(outs)
    assert same(found, run(outs, without=["sums"]))
    expected = np.square(normal(8, 1000, 16).astype("d") - normal(8, 1, 16)).sum((0, 1))
    np.testing.assert_allclose(found[0], expected, rtol=1e-4)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("columns", [2, 3, 32, 100, 255, 256, 257, 1000])
def test_rows_that_are_the_same_for_all_are_added_where_they_belong(
    columns: int, threads: int
) -> None:
    """Tasks begin in the middle of rows."""
    x, row = normal(700, columns), normal(columns)
    with nf.Graph():
        outs = [nf.relu(nf.variable(x) * nf.variable(row) + 0.5) - nf.variable(row)]
    expected = np.maximum(x * row + np.float32(0.5), 0) - row
    assert run(outs, threads=threads)[0].tobytes() == expected.tobytes()


def test_an_array_that_is_kept_is_added_up_with_the_formulas_that_read_it() -> None:
    """As a residual's gradient: kept for another branch, and added up both alone and scaled."""
    with nf.Graph():
        x, h, row = (nf.variable(normal(*s)) for s in ((ROWS, 32), (ROWS, 32), (32,)))
        kept = nf.relu(x)
        scaled = kept * row
        outs = [kept, nf.reduce_sum(kept, axis=0), nf.reduce_sum(scaled * h, axis=0)]
        outs.append(scaled - nf.reduce_mean(scaled, axis=0))
    assert sums_of(outs) == [3]
    found = run(outs)
    for options in ({"without": ["sums"]}, {"threads": 3}, {"without": ["fuse"]}):
        assert same(found, run(outs, **options)), options
    for ours, expected in zip(found, run(outs, tier="reference"), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-3)
    plan = plan_of(outs)
    (kernel,) = (
        names
        for phase in plan.phases
        for launch in all_launches(phase.levels)
        if launch.group is not None
        and scaled.node.name in (names := [a.node.name for a in launch.group.actions])
    )
    assert kernel == [scaled.node.name, outs[-1].node.name]  # it is not kept, too
