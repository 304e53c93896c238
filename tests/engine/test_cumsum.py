"""Running sums along every axis, of numbers of rows around what is added side by side."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.kernels.cumsum import ROWS


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
