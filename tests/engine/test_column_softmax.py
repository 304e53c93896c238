"""Softmax along an axis that is not the last: one kernel, with the bits of its parts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

import nodeflow as nf


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize(("shape", "axis"), [((5, 7, 3), 0), ((3, 300, 70), 1), ((2, 9, 3, 5), -2)])
def test_columns_have_the_bits_of_the_parts_and_the_values_of_scipy(shape, axis, log, dtype):
    value = np.random.default_rng(0).normal(size=shape).astype(dtype)
    with nf.Graph() as graph:
        x = nf.variable(value)
        y = (nf.log_softmax if log else nf.softmax)(x, axis=axis)

    def run(**options):
        with nf.Session(graph, tier="compiled", **options) as session:
            session.initialize()
            return session.run(y)

    whole = run(threads=2)
    assert whole.tobytes() == run(without=["rows"]).tobytes() == run(threads=1).tobytes()
    truth = (special.log_softmax if log else special.softmax)(value.astype(np.float64), axis=axis)
    np.testing.assert_allclose(whole, truth, rtol=1e-5 if dtype == "float32" else 1e-13)


def test_special_values_have_the_bits_of_the_parts():
    value = np.random.default_rng(0).normal(size=(4, 6, 5)).astype("float32")
    value.flat[[3, 50, 70]] = np.nan, np.inf, -np.inf
    with nf.Graph() as graph:
        y = nf.softmax(nf.variable(value), axis=1)
    results = []
    for without in ([], ["rows"]):
        with nf.Session(graph, tier="compiled", without=without) as session:
            session.initialize()
            results.append(session.run(y).tobytes())
    assert results[0] == results[1]
