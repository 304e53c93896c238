"""Places in ordered rows against numpy's."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.graph.types import HALVES, NUMBERS

SHAPES = [((2, 5), 3), ((3, 1), 40), ((1000,), 33), ((2, 0), 5), ((65_536,), 1000), ((4, 17), 1)]


@pytest.mark.sample(10)
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("dtype", [d for d in NUMBERS if d not in HALVES])
def test_places_are_those_of_numpy(dtype: str, side: str) -> None:
    random = np.random.default_rng(0)
    for shape, m in SHAPES:
        ordered = random.integers(0, 100, shape).astype(dtype)
        values = random.integers(0, 110, (*shape[:-1], m)).astype(dtype)
        if dtype.startswith("float"):
            ordered.flat[::7], values.flat[::5] = np.nan, np.nan
            ordered.flat[1::9], values.flat[1::9] = -0.0, np.inf
        ordered.sort(-1)
        expected = np.zeros(values.shape, "int64")
        for row in np.ndindex(shape[:-1]):
            expected[row] = np.searchsorted(ordered[row], values[row], side)
        with nf.Graph() as graph:
            places = nf.searchsorted(ordered, values, side=side, dtype="int64")
        for tier, threads in (("reference", 1), *(("compiled", n) for n in (1, 2, 3, 8))):
            with nf.Session(graph, tier=tier, threads=threads) as session:
                np.testing.assert_array_equal(session.run(places), expected)
