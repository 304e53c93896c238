"""Rows that go through formulas and the sums along them in one pass: every bit stays."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.ir.levels import all_launches
from nodeflow.engine.kernels.row_formulas import RowFormulas
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from tests.engine.graphs import run, same

WITHOUT = {"without": ["rowwise"]}


def passes_of(wanted: Sequence[nf.Tensor], without: Collection[str] = ()) -> list[RowFormulas]:
    """The passes of rows, each with what it does."""
    schedule = build_schedule(wanted, [])
    plan = make_plan(schedule, schedule.specialise({}), without)
    launches = [e for phase in plan.phases for e in all_launches(phase.levels)]
    found = [e.group.actions[0].lowering for e in launches if e.group is not None]
    return [each for each in found if isinstance(each, RowFormulas)]


def normal(*shape: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(shape[-1]).normal(1, 1, shape).astype(dtype)


def normed(x: np.ndarray, epsilon: float = 1e-5) -> np.ndarray:
    x = x.astype("float64")
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + epsilon)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 16), (7, 33), (300, 128), (3, 40, 100), (2, 3, 5, 2048)])
def test_a_layer_normalisation_is_one_pass_of_which_nothing_but_the_result_is_kept(
    shape: tuple[int, ...], dtype: str
) -> None:
    value = normal(*shape, dtype=dtype)
    with nf.Graph():
        x, scale = nf.variable(value), nf.variable(normal(shape[-1], dtype=dtype))
        outs = [nf.layer_normalization(x, scale, scale)]
    (only,) = passes_of(outs)
    assert sum(value.argument is not None for value in only.program.values) == 4
    found = run(outs)
    for options in (WITHOUT, {"threads": 2}, {"threads": 3}, {"without": ["fuse"]}):
        assert same(found, run(outs, **options)), options
    row = normal(shape[-1], dtype=dtype)
    np.testing.assert_allclose(
        found[0], normed(value) * row + row, rtol=1e-4, atol=1e-4 if dtype == "float32" else 1e-12
    )


def block(x: nf.Tensor, w: nf.Tensor, scale: nf.Tensor, offset: nf.Tensor) -> nf.Tensor:
    return x + nf.gelu(nf.layer_normalization(x, scale, offset) @ w)


@pytest.mark.thorough
def test_gradients_compute_again_what_comes_from_one_array() -> None:
    """Backward, the rows without their mean come from x, which the sum after them needs as well."""
    with nf.Graph():
        x, w = nf.variable(normal(6, 50, 64)), nf.variable(normal(64, 64) / 8)
        scale, offset = nf.variable(normal(64)), nf.variable(normal(64))
        out = block(block(x, w, scale, offset), w, scale, offset)
        loss = nf.reduce_sum(nf.square(out))
        outs = [loss, *nf.gradients(loss, [x, w, scale, offset])]
    kept = {len(p.program.steps): sum(v.argument is not None and v.pattern == (True, True)
            for v in p.program.values) for p in passes_of(outs)}  # fmt: skip
    assert max(kept.values()) <= 6, kept
    found = run(outs)
    for options in (WITHOUT, {"threads": 2}, {"threads": 3}, {"without": ["chain"]},
                    {"without": ["reuse"]}):  # fmt: skip
        assert same(found, run(outs, **options)), options
    for ours, expected in zip(found, run(outs, tier="reference"), strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-3, atol=1e-2)


def test_inner_values_that_are_fetched_have_the_same_bits() -> None:
    value = normal(100, 64)
    with nf.Graph():
        x = nf.variable(value)
        mean = nf.reduce_mean(x, axis=-1, keepdims=True)
        rest = x - mean
        variance = nf.reduce_mean(nf.square(rest), axis=-1, keepdims=True)
        out = rest * nf.rsqrt(variance + 1e-3)
        loss = nf.reduce_sum(out * nf.square(out))
        grad = nf.gradients(loss, [x])[0]
    every = [out, rest, mean, variance, grad]
    found = run(every)
    assert same(found, run(every, **WITHOUT))
    for index in range(len(every)):
        assert same(found[index : index + 1], run([every[index]]))
    np.testing.assert_allclose(found[0], normed(value, 1e-3), rtol=1e-3, atol=1e-4)


def test_what_is_no_row_or_no_column_is_left_to_other_kernels() -> None:
    """A position of each step is the same for all sequences: no array of rows, and no row."""
    value, place = normal(4, 10, 32), normal(10, 32)
    with nf.Graph():
        x = nf.variable(value) * nf.variable(place)
        outs = [x - nf.reduce_max(x, axis=-1, keepdims=True)]
    found = run(outs)
    assert same(found, run(outs, **WITHOUT))
    product = value * place
    assert found[0].tobytes() == (product - product.max(-1, keepdims=True)).tobytes()


def test_one_vector_as_numbers_of_rows_and_as_a_row_is_not_taken_for_the_same() -> None:
    value = normal(48, 48)
    with nf.Graph():
        x = nf.variable(value)
        total = nf.reduce_sum(x, axis=1)
        outs = [x * nf.reshape(total, [48, 1]), x * total, nf.square(total)]
    found = run(outs)
    assert same(found, run(outs, **WITHOUT))
    np.testing.assert_allclose(found[0], value * value.sum(1, keepdims=True), rtol=1e-4)
    np.testing.assert_allclose(found[1], value * value.sum(1), rtol=1e-4)


def test_extremes_and_nan_go_through_a_pass() -> None:
    value = normal(20, 64)
    value[3, 5], value[4, 6] = np.nan, np.inf
    with nf.Graph():
        x = nf.variable(value) * 2
        high = nf.reduce_max(x, axis=1, keepdims=True)
        low = nf.reduce_min(x, axis=1, keepdims=True)
        outs = [(x - low) / (high - low)]
    assert len(passes_of(outs)) == 1
    found = run(outs)
    assert same(found, run(outs, **WITHOUT)) and same(found, run(outs, threads=3))
    with np.errstate(invalid="ignore"):
        value = value * 2
        high, low = value.max(1, keepdims=True), value.min(1, keepdims=True)
        np.testing.assert_array_equal(found[0], (value - low) / (high - low))
