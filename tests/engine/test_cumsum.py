"""Running sums along every axis, of numbers of rows around what is added side by side."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.compiler import compile_kernel
from nodeflow.engine.kernels.cumsum import ROWS, eights_source
from nodeflow.ops.math.cumsum import LONG


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64"])
@pytest.mark.parametrize("rows", [0, 1, ROWS - 1, ROWS, ROWS + 1, 5 * ROWS + 3])
def test_running_sums_are_numpys_to_the_bit(dtype: str, rows: int) -> None:
    x = (np.random.default_rng(rows).standard_normal((rows, 37)) * 9).astype(dtype)
    wide = np.float64 if dtype == "float32" else x.dtype
    with nf.Graph() as g:
        fed = nf.placeholder(dtype, [None, 37])
        forms = [(a, e, r) for a in (0, 1) for e in (False, True) for r in (False, True)]
        sums = [nf.cumsum(fed, axis=a, exclusive=e, reverse=r) for a, e, r in forms]
    for threads in (1, 3):
        results = nf.Session(g, tier="compiled", threads=threads).run(sums, {fed: x})
        for (axis, exclusive, reverse), result in zip(forms, results, strict=True):
            ordered = np.flip(x, axis) if reverse else x
            total = np.cumsum(ordered, axis=axis, dtype=wide)
            if exclusive:
                total = np.roll(total, 1, axis)
                total[(slice(None),) * axis + (slice(0, 1),)] = 0
            expected = (np.flip(total, axis) if reverse else total).astype(dtype)
            np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_running_logarithms_of_sums_may_begin_with_infinities(dtype: str) -> None:
    """Minus infinity is the logarithm of 0, which adds nothing."""
    inf = np.inf
    x = np.array([[-inf, -inf, 1, 2], [-inf, 3, -inf, 3], [inf, inf, 0, 1], [1, 1, -inf, 4]], dtype)
    with nf.Graph() as g:
        sums = nf.logcumsumexp(nf.placeholder(dtype, x.shape, name="x"), axis=1)
    found = nf.Session(g, tier="compiled").run(sums, {"x": x})
    expected = np.logaddexp.accumulate(x.astype("float64"), axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize("n", [LONG - 1, LONG, LONG + 1, LONG + 7, 5000])
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_long_rows_have_the_same_bits_in_both_tiers_and_are_exact(n, exclusive, reverse) -> None:
    """Sums of whole numbers and eighths are exact in float64, in whatever order."""
    rng = np.random.default_rng(n)
    exact = (rng.integers(-(2**20), 2**20, (3, n)) / 8).astype("float32")
    inexact = rng.standard_normal((3, n)).astype("float32")
    special = inexact.copy()
    special[0, 40], special[1, :] = np.inf, -0.0
    special[2, 30], special[2, 33] = np.inf, -np.inf
    with nf.Graph() as g:
        fed = nf.placeholder("float32", [None, None])
        sums = nf.cumsum(fed, axis=-1, exclusive=exclusive, reverse=reverse)
    for x in (exact, inexact, special):
        reference = nf.Session(g, tier="reference").run(sums, {fed: x})
        for threads in (1, 3):
            found = nf.Session(g, tier="compiled", threads=threads).run(sums, {fed: x})
            assert found.tobytes() == reference.tobytes()
        ordered = np.flip(x, 1) if reverse else x
        with np.errstate(invalid="ignore"):
            total = np.cumsum(ordered, axis=1, dtype="float64")
        if exclusive:
            total = np.concatenate([np.zeros((3, 1)), total[:, :-1]], axis=1)
        expected = (np.flip(total, 1) if reverse else total).astype("float32")
        if x is exact:
            np.testing.assert_array_equal(reference, expected)
        else:
            np.testing.assert_allclose(reference, expected, rtol=1e-7, atol=1e-11)
    assert np.all(np.signbit(reference[1]) != exclusive)


def test_long_rows_need_only_our_own_front_end() -> None:
    compile_kernel.prepare_compiler()
    for exclusive in (False, True):
        source = eights_source(exclusive, True)
        compile_kernel.translate_source(source, compile_kernel._entry(source, "<test>"))
