"""Products of small matrices, many in one launch, beside sums in the same order."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.compiler import cache
from nodeflow.engine.devicelib import blas
from nodeflow.engine.kernels import matmul_small
from nodeflow.engine.kernels.matmul_small import is_small

LAYOUTS = [(False, False), (False, True), (True, False), (True, True)]
SHAPES = [(4, 4, 4), (2, 3, 5), (8, 8, 8), (5, 9, 40), (20, 20, 20), (11, 31, 7), (32, 2, 30)]
"""m, n and k."""
BATCHES = [
    ((6,), ()),
    ((), (6,)),
    ((1, 6), (6,)),
    ((2, 3), (3,)),
    ((2, 1), (1, 3)),
    ((0,), (0,)),
    ((0,), ()),
]


def product(
    x: np.ndarray,
    y: np.ndarray,
    layout: tuple[bool, bool],
    threads: int = 2,
    tier: str = "compiled",
) -> np.ndarray:
    with nf.Graph() as g:
        wanted = nf.matmul(
            nf.constant(x), nf.variable(y), transpose_x=layout[0], transpose_y=layout[1]
        )
    with nf.Session(g, tier=tier, threads=threads) as s:
        s.initialize()
        return s.run(wanted)


def stored(x: np.ndarray, transposed: bool) -> np.ndarray:
    return np.ascontiguousarray(np.swapaxes(x, -1, -2)) if transposed else x


def in_order(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x @ y in float32, from the first term to the last; products of its numbers are exact."""
    total = np.zeros((x[..., :1] * y[..., :1, :]).shape, "float32")
    for t in range(x.shape[-1]):
        exact = x[..., t : t + 1].astype("float64") * y[..., t : t + 1, :]
        total = (total + exact).astype("float32")
    return total


def numbers(seed: int, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    """Of few bits."""
    random = np.random.default_rng(seed)
    return [random.integers(-(2**10), 2**10, shape).astype("float32") / 64 for shape in shapes]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("m", "n", "k"), SHAPES)
def test_terms_are_added_up_in_order(m, n, k, layout) -> None:
    x, y = numbers(m + n + k, (13, m, k), (13, k, n))
    expected = in_order(x, y)
    x, y = stored(x, layout[0]), stored(y, layout[1])
    for threads in (1, 2, 3, 8):
        assert product(x, y, layout, threads).tobytes() == expected.tobytes()
    assert product(x[5], y[5], layout).tobytes() == expected[5].tobytes(), "alone"


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("a", "b"), BATCHES)
def test_matrices_are_repeated_as_in_numpy(a, b, layout) -> None:
    x, y = numbers(3, (*a, 5, 7), (*b, 7, 6))
    found = product(stored(x, layout[0]), stored(y, layout[1]), layout)
    assert found.shape == (x @ y).shape
    assert found.tobytes() == in_order(x, y).tobytes()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_results_are_those_of_the_reference_in_float64(layout) -> None:
    random = np.random.default_rng(4)
    x, y = random.normal(size=(30, 12, 12)), random.normal(size=(30, 12, 12))
    found = product(x, y, layout)
    expected = product(x, y, layout, tier="reference")
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_nothing_beyond_a_matrix_counts() -> None:
    """The last vectors of a matrix read and write nothing of the next one."""
    x, y = numbers(5, (4, 5, 5), (4, 5, 5))
    y[1::2] = np.nan
    found = product(x, y, (False, False))
    assert np.isnan(found[1::2]).all()
    assert found[::2].tobytes() == in_order(x[::2], y[::2]).tobytes()


def test_what_is_small(monkeypatch) -> None:
    most, beyond = matmul_small.ROWS, matmul_small.TERMS + 1
    assert is_small(4, 4, 4, "float32", False)
    assert is_small(8, 16, 64, "float32", False)
    assert not is_small(8, 17, 64, "float32", False), "much work"
    assert not is_small(most + 1, 2, 2, "float32", False), "many rows"
    assert not is_small(1, 70, 70, "float32", False), "a large second operand"
    assert not is_small(4, 4, 0, "float32", False), "no terms"
    assert not is_small(4, 4, 4, "float16", False)
    assert not is_small(4, 4, 4, "int32", False)
    monkeypatch.setattr(blas, "small_products", lambda: True)
    assert is_small(4, 4, beyond, "float32", False)
    assert not is_small(4, 4, beyond, "float32", True)
    assert not is_small(4, 4, beyond, "float64", False)
    monkeypatch.setattr(blas, "small_products", lambda: False)
    assert is_small(4, 4, beyond, "float32", True)
    assert is_small(4, 4, beyond, "float64", False)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_number_of_rows_compiles_nothing(layout) -> None:
    """A batch that is not full, for small products and for few rows of larger ones."""
    for k, n in ((5, 9), (40, 300), (130, 70)):
        with nf.Graph() as g:
            x = nf.placeholder("float32", (None, None), name="x")
            y = nf.constant(np.ones((n, k) if layout[1] else (k, n), "float32"))
            wanted = nf.matmul(x, y, transpose_x=layout[0], transpose_y=layout[1])
        with nf.Session(g, tier="compiled") as s:
            s.run(wanted, {x: stored(np.ones((3, k), "float32"), layout[0])})
            before = cache.compile_count()
            for m in (4, 5, 7, 10):
                found = s.run(wanted, {x: stored(np.ones((m, k), "float32"), layout[0])})
                assert found.tobytes() == np.full((m, n), k, "float32").tobytes()
            assert cache.compile_count() == before
