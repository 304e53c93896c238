"""Products along the rows of both operands, beside sums in the same order."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.devicelib.vector_width import vector_registers
from nodeflow.engine.kernels import matmul_dots
from nodeflow.engine.kernels.matmul_dots import is_dots
from nodeflow.ops.training.optimizers import GradientDescentOptimizer

FLOATS = ["float32", "float64"]


def product(
    x: np.ndarray, y: np.ndarray, threads: int = 2, tier: str = "compiled", **layout: bool
) -> np.ndarray:
    with nf.Graph() as g:
        wanted = nf.matmul(nf.constant(x), nf.variable(y), **(layout or {"transpose_y": True}))
    with nf.Session(g, tier=tier, threads=threads) as s:
        s.initialize()
        return s.run(wanted)


def numbers(m: int, n: int, k: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Of few bits: products and what is added to them are exact in float64."""
    random = np.random.default_rng(m + n + k)
    return tuple(
        (random.integers(-(2**10), 2**10, size) / 64 * 2.0 ** random.integers(-3, 3, size)).astype(
            dtype
        )
        for size in ((m, k), (n, k))
    )


@pytest.mark.parametrize(("n", "k"), [(64, 64), (37, 130), (100, 784), (513, 65)])
@pytest.mark.parametrize("m", [1, 2, 3, 5, 7, matmul_dots.ROWS])
def test_terms_go_to_lanes_and_lanes_are_halved(m, n, k) -> None:
    assert is_dots(m, n, k, "float32", False, True)
    x, y = numbers(m, n, k, "float32")
    assert product(x, y).tobytes() == sums_of_lanes(x, y).tobytes()


def sums_of_lanes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x times y transposed, in numpy, as documented."""
    (m, k), n, lanes = x.shape, len(y), vector_registers()[0] // 4
    terms = -(-k // lanes) * lanes
    wide = [np.pad(a.astype("float64"), ((0, 0), (0, terms - k))) for a in (x, y)]
    sums = np.zeros((m, n, lanes), "float32")
    for first in range(0, terms, lanes):
        a, b = (w[:, first : first + lanes] for w in wide)
        sums = (sums + a[:, None] * b[None]).astype("float32")
    while sums.shape[-1] > 1:
        half = sums.shape[-1] // 2
        sums = sums[..., :half] + sums[..., half:]
    return sums[..., 0]


@pytest.mark.parametrize(("m", "k"), [(1, 64), (7, 130), (100, 784), (1000, 65), (20, 5000)])
def test_a_single_column_is_multiplied_along_rows(m, k) -> None:
    assert is_dots(m, 1, k, "float32", False, False)
    x, y = numbers(m, 1, k, "float32")
    expected = sums_of_lanes(x, y).tobytes()
    for threads in (1, 2, 3, 8):
        assert product(x, y, threads).tobytes() == expected
        assert product(x, y.T, threads, transpose_y=False).tobytes() == expected
    assert product(x[-1:], y).tobytes() == expected[-4:], "alone"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("terms", "rows"), [(1, 40), (8, 10), (32, 300), (1000, 10), (700, 300), (300, 1100)]
)
def test_a_transposed_matrix_times_a_vector_is_the_row_times_the_matrix(terms, rows, dtype) -> None:
    random = np.random.default_rng(terms + rows)
    x = random.normal(size=(terms, rows)).astype(dtype)
    y = random.normal(size=(terms, 1)).astype(dtype)
    found = product(x, y, 1, transpose_x=True)
    assert found.shape == (rows, 1)
    assert product(y.T, x, 1, transpose_y=False).tobytes() == found.tobytes()
    for threads in (2, 3, 8):
        assert product(x, y, threads, transpose_x=True).tobytes() == found.tobytes()
        other = product(x, y.T, threads, transpose_x=True, transpose_y=True)
        assert other.tobytes() == found.tobytes()
    tolerance = 1e-4 if dtype == "float32" else 1e-11
    for expected in (x.T.astype("float64") @ y, product(x, y, tier="reference", transpose_x=True)):
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("a", "b"), [((3,), (3,)), ((3,), ()), ((), (3,)), ((0,), (0,))])
def test_many_transposed_matrices_times_vectors(a, b) -> None:
    random = np.random.default_rng(9)
    x, y = (random.normal(size=s).astype("float32") for s in ((*a, 40, 50), (*b, 40, 1)))
    expected = np.swapaxes(x, -1, -2).astype("float64") @ y
    found = product(x, y, transpose_x=True)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_a_layer_of_one_output_trains() -> None:
    """A regression: its gradients are products with a column and with a transposed matrix."""
    random = np.random.default_rng(10)
    x = random.normal(size=(200, 90)).astype("float32")
    wanted, start = random.normal(size=(200, 1)).astype("float32"), np.zeros((90, 1), "float32")
    with nf.Graph() as g:
        weights = nf.variable(start, name="w")
        loss = nf.reduce_mean(nf.square(nf.constant(x) @ weights - nf.constant(wanted)))
        step = GradientDescentOptimizer(0.1).minimize(loss)
    with nf.Session(g, tier="compiled", threads=2) as s:
        s.initialize()
        for _ in range(20):
            s.run(step)
        found = s.run(weights)
    expected = start.astype("float64")
    for _ in range(20):
        expected = expected - 0.1 * 2 / 200 * (x.T.astype("float64") @ (x @ expected - wanted))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", FLOATS)
def test_results_are_those_of_float64_and_of_the_reference(dtype) -> None:
    random = np.random.default_rng(3)
    for m, n, k in ((1, 300, 784), (4, 81, 100), (9, 130, 333)):
        x, y = random.normal(size=(m, k)).astype(dtype), random.normal(size=(n, k)).astype(dtype)
        tolerance = 2e-4 if dtype == "float32" else 1e-12
        for expected in (x.astype("float64") @ y.T, product(x, y, tier="reference")):
            np.testing.assert_allclose(product(x, y), expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", FLOATS)
def test_rows_have_the_same_bits_alone_and_on_any_number_of_threads(dtype) -> None:
    random = np.random.default_rng(4)
    x, y = random.normal(size=(7, 301)).astype(dtype), random.normal(size=(203, 301)).astype(dtype)
    whole = product(x, y, 1)
    for threads in (2, 3, 8):
        assert product(x, y, threads).tobytes() == whole.tobytes()
    for row in range(7):
        assert product(x[row : row + 1], y).tobytes() == whole[row : row + 1].tobytes()


def test_nothing_beyond_a_row_counts() -> None:
    """The last vector of a row reads no number of the next one, not even a NaN."""
    x, y = numbers(3, 40, 131, "float32")
    y[1::2] = np.nan
    x[1] = np.inf
    found = product(x, y)
    assert np.isnan(found[:, 1::2]).all()
    assert np.isfinite(found[::2, ::2]).all()


def test_what_goes_along_rows() -> None:
    most = matmul_dots.ROWS
    assert is_dots(most, 100, 100, "float32", False, True)
    assert is_dots(1, 100, 100, "float64", False, True)
    assert not is_dots(most + 1, 100, 100, "float32", False, True)
    assert not is_dots(1, 100, 100, "float32", False, False), "not stored transposed"
    assert not is_dots(1, 100, 100, "float32", True, True), "rows are columns"
    assert not is_dots(1, 4, 4000, "float32", False, True), "few rows of the matrix"
    assert not is_dots(1, 4000, 10, "float32", False, True), "few terms"
    assert not is_dots(1, 60, 60, "float32", False, True), "small"
    assert not is_dots(1, 100, 100, "float16", False, True)
    assert is_dots(4000, 1, 40, "float32", False, False), "a column lies like a row"
    assert not is_dots(4000, 1, 40, "float32", True, False)
    assert not is_dots(4000, 1, 10, "float32", False, False), "few terms"
    assert not is_dots(1, 100, 100, "int32", False, True)


def test_a_step_of_deep_layers_trains_on_one_row() -> None:
    """Gradients go back through products with transposed weights, as numpy computes them."""
    random = np.random.default_rng(5)
    x, a, b = (random.normal(size=s).astype("float32") for s in ((1, 90), (90, 150), (150, 70)))
    with nf.Graph() as g:
        first, second = nf.variable(a, name="a"), nf.variable(b, name="b")
        loss = nf.reduce_sum(nf.tanh(nf.tanh(nf.constant(x) @ first * 0.1) @ second * 0.1))
        (slope,) = nf.gradients(loss, [first])
    with nf.Session(g, tier="compiled", threads=2) as s:
        s.initialize()
        found = s.run(slope)
    hidden = np.tanh(x.astype("float64") @ a * 0.1)
    out = np.tanh(hidden @ b * 0.1)
    back = ((1 - out**2) * 0.1) @ b.T.astype("float64") * (1 - hidden**2) * 0.1
    np.testing.assert_allclose(found, x.T.astype("float64") @ back, rtol=1e-3, atol=1e-5)
