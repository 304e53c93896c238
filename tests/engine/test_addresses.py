"""Where arrays lie, and what is copied to and from memory that stays."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.runtime.addresses import STAYS, address_of

SMALL, LARGE = 4, STAYS
"""Floats of an array that is copied, and of one that is not."""


@pytest.mark.parametrize("dtype", ["float32", "bool", "complex64", ml_dtypes.bfloat16])
@pytest.mark.parametrize("shape", [(), (0,), (6,), (2, 3)])
def test_an_address_is_that_of_the_first_byte(dtype, shape) -> None:
    array = np.zeros(shape, dtype)
    for one in (array, array.T, array[::-1] if array.ndim else array):
        assert address_of(one) == one.__array_interface__["data"][0]
    array.flags.writeable = False
    assert address_of(array) == array.__array_interface__["data"][0]


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_feeds_of_any_layout_are_read_and_not_held(size) -> None:
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None], name="x")
        y = nf.identity(x * 2)
    with nf.Session(g, tier="compiled", threads=1) as s:
        wide = np.arange(2 * size, dtype="float32")
        frozen = wide[:size].copy()
        frozen.flags.writeable = False
        for fed in (wide[::2], wide[size:][::-1], frozen, wide[:size]):
            np.testing.assert_array_equal(s.run(y, {x: fed}), 2 * fed)
        wide[:] = 7
        assert (s.run(y, {x: wide[:size]}) == 14).all()


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_results_and_fed_values_are_the_caller_s(size) -> None:
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None], name="x")
        y = nf.identity(x + 1)
    with nf.Session(g, tier="compiled", threads=1) as s:
        given = np.zeros(size, "float32")
        first = s.run([y, y, x], {x: given})
        for one in first:
            one += 5
        assert (given == 0).all()
        assert [v[0] for v in s.run([y, y, x], {x: given})] == [1, 1, 0]
        assert [v[-1] for v in first] == [6, 6, 5]
        assert len({address_of(v) for v in (*first, given)}) == 4
