"""Products of many terms with a small result: parts of the sum, right in every shape and order."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine import processor
from nodeflow.engine.compiler.compile_kernel import _entry, translate_source
from nodeflow.engine.kernels.matmul import Product
from nodeflow.engine.kernels.matmul_thin import parts_of_sum, thin_source
from nodeflow.engine.plan.lower import build_actions
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.ops.lowering import Elementwise

SHAPES = [(64, 64, 16384), (13, 17, 40001), (100, 20, 5003), (128, 128, 4096), (25, 90, 4001)]
"""Rows, columns and terms; some fill neither tiles nor panels nor pieces."""

needs_vectors = pytest.mark.skipif(
    "avx2" not in processor.features(), reason="no processor with these products"
)


@pytest.mark.thorough
@needs_vectors
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("transposed", [False, True])
def test_products_are_right_and_the_same_for_every_number_of_threads(
    dtype: str, transposed: bool
) -> None:
    random = np.random.default_rng(1)
    for m, n, k in SHAPES:
        assert parts_of_sum(m, n, k, dtype, False) > 1
        a, b = random.normal(size=(m, k)).astype(dtype), random.normal(size=(k, n)).astype(dtype)
        with nf.Graph() as g:
            x = nf.placeholder(dtype, [k, m] if transposed else [m, k], name="x")
            y = nf.placeholder(dtype, [k, n], name="y")
            product = nf.matmul(x, y, transpose_x=transposed)
        fed = {x: np.ascontiguousarray(a.T) if transposed else a, y: b}
        found = []
        for threads in (1, 2, 5):
            with nf.Session(g, tier="compiled", threads=threads) as s:
                found.append(s.run(product, fed))
        bound = np.abs(a).astype(np.float64) @ np.abs(b).astype(np.float64)
        error = np.abs(found[0] - a.astype(np.float64) @ b.astype(np.float64))
        assert (error <= (k + 2) * np.finfo(dtype).eps * bound).all(), (m, n, k)
        assert all(f.tobytes() == found[0].tobytes() for f in found), (m, n, k)


@needs_vectors
def test_batches_are_products_each() -> None:
    random = np.random.default_rng(2)
    x, y = random.normal(size=(3, 40, 9000)), random.normal(size=(3, 9000, 30))
    with nf.Graph() as g:
        product = nf.matmul(nf.variable(x), nf.variable(y))
    assert parts_of_sum(40, 30, 9000, "float64", False) == 8
    with nf.Session(g, tier="compiled") as s:
        s.initialize()
        np.testing.assert_allclose(s.run(product), x @ y, rtol=1e-10, atol=1e-10)


@needs_vectors
def test_parts_cover_the_sum_once_and_are_added_in_pairs() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [64, 5003], name="x")
        y = nf.placeholder("float32", [5003, 64], name="y")
        schedule = build_schedule([x @ y], [])
    made = [a.lowering for a in build_actions(schedule, schedule.specialise({})).items]
    parts = [low for low in made if isinstance(low, Product)]
    assert len(parts) == 4 and sum(isinstance(low, Elementwise) for low in made) == 3
    ends = [0, *(part.first + part.depth for part in parts)]
    assert [part.first for part in parts] == ends[:-1] and ends[-1] == 5003


@needs_vectors
def test_nan_and_infinity_stay_where_they_are() -> None:
    a, b = np.ones((40, 16000), np.float32), np.ones((16000, 21), np.float32)
    a[3, 5], b[15999, 20] = np.nan, np.inf
    with nf.Graph() as g:
        product = nf.variable(a) @ nf.variable(b)
    with nf.Session(g, tier="compiled") as s:
        s.initialize()
        found = s.run(product)
    expected = np.full((40, 21), 16000, np.float32)
    expected[:, 20], expected[3] = np.inf, np.nan
    np.testing.assert_array_equal(found, expected)


def test_which_sums_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "features", lambda: frozenset({"avx2", "avx512f"}))
    assert parts_of_sum(64, 64, 16384, "float32", False) == 8
    assert parts_of_sum(64, 64, 4100, "float64", False) == 4
    assert parts_of_sum(64, 64, 2048, "float32", False) == 2
    assert parts_of_sum(64, 64, 2047, "float32", False) == 1, "few terms"
    assert parts_of_sum(128, 64, 2048, "float32", False) == 1, "too few terms for 128 rows"
    assert parts_of_sum(129, 64, 16384, "float32", False) == 1, "many rows"
    assert parts_of_sum(8, 64, 16384, "float32", False) == 1, "few rows"
    assert parts_of_sum(20, 20, 16384, "float32", False) == 1, "little work"
    assert parts_of_sum(64, 2, 16384, "float32", False) == 1, "less than a vector"
    assert parts_of_sum(64, 64, 16384, "float32", True) == 1, "to be turned"
    assert parts_of_sum(64, 64, 16384, "int32", False) == 1
    assert parts_of_sum(64, 64, 16384, "float16", False) == 1
    monkeypatch.setattr(processor, "features", lambda: frozenset({"neon"}))
    assert parts_of_sum(64, 64, 16384, "float32", False) == 1


@pytest.mark.sample(3)
@pytest.mark.parametrize(
    ("dtype", "transposed"), [*itertools.product(["float32", "float64"], [False, True])]
)
def test_its_kernels_compile_without_numbas_front_end(dtype: str, transposed: bool) -> None:
    for columns in (64, 20, 100):
        source = thin_source(dtype, transposed, columns)
        translate_source(source, _entry(source, "<test>"))
