"""Random numbers: known answers, the same bits compiled, and the distributions they claim."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from nodeflow.engine.compiler.cache import load_kernel
from nodeflow.engine.kernels.random_fill import fill_args, fill_source
from nodeflow.engine.runtime.program import ProgramBuilder
from nodeflow.engine.runtime.thread_pool import Team
from nodeflow.engine.threefry_streams import Stream, inverse_normal, stream_key
from nodeflow.ops.distributions.random_bits import threefry2x32

# kat_vectors of the Random123 distribution: threefry2x32, 20 rounds: counter, key, result.
KNOWN = [
    ((0x00000000, 0x00000000), (0x00000000, 0x00000000), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
]
BITS = """
import numpy as np
from nodeflow.engine.devicelib.intrinsics import set_slot, slot
from nodeflow.engine.devicelib.random_functions import threefry2x32
def kernel(args, task, ntasks):
    for i in range(slot(args, 0)):
        row = slot(args, 1) + 48 * i
        x, y = threefry2x32(
            np.uint32(slot(row, 0)), np.uint32(slot(row, 1)),
            np.uint32(slot(row, 2)), np.uint32(slot(row, 3)),
        )
        set_slot(row, 4, np.int64(x))
        set_slot(row, 5, np.int64(y))
"""


def compiled_bits(words: np.ndarray) -> np.ndarray:
    """Results for rows of (key, key, counter, counter)."""
    rows = np.zeros((len(words), 6), np.int64)
    rows[:, :4] = words
    assert load_kernel(BITS)(np.array([len(rows), rows.ctypes.data])) == 0
    return rows[:, 4:]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter: tuple, key: tuple, expected: tuple) -> None:
    assert tuple(int(w) for w in threefry2x32(*key, *counter)) == expected
    assert tuple(compiled_bits(np.array([[*key, *counter]]))[0]) == expected


def test_compiled_bits_are_numpys_bits() -> None:
    words = np.random.default_rng(3).integers(0, 2**32, (5000, 4))
    np.testing.assert_array_equal(compiled_bits(words), np.stack(threefry2x32(*words.T), axis=1))


def filled(
    distribution: str, dtype: str, n: int, stream: Stream, threads: int = 1, **options: float
) -> np.ndarray:
    """What the compiled kernel draws."""
    out, execution = np.empty(n, dtype), np.array([stream.execution], np.int64)
    args = fill_args(out.ctypes.data, n, stream.key, execution.ctypes.data, **options)
    tasks = 1 + n // 8192
    builder = ProgramBuilder()
    builder.add(load_kernel(fill_source(distribution, dtype)), args, tasks)
    Team(threads).run(builder.build())
    return out


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("distribution", ["uniform", "normal", "truncated_normal"])
def test_kernels_draw_what_numpy_draws(distribution: str, dtype: str) -> None:
    stream = Stream(7, "weights", 3)
    expected = getattr(stream, distribution)((150_001,), dtype)
    found = filled(distribution, dtype, expected.size, stream, threads=2)
    if distribution == "uniform":
        np.testing.assert_array_equal(found, expected)
    else:
        assert np.abs(found - expected).max() <= 8 * np.finfo(dtype).eps
    again = filled(distribution, dtype, expected.size, stream, threads=1)
    np.testing.assert_array_equal(again, found)


def test_kernels_scale_in_the_arrays_own_dtype() -> None:
    stream = Stream(7, "w")
    plain, scaled = (
        filled("normal", "float32", 1000, stream, **options)
        for options in ({}, {"offset": 0.5, "scale": 0.03})
    )
    np.testing.assert_array_equal(scaled, np.float32(0.5) + np.float32(0.03) * plain)


def test_an_element_does_not_depend_on_the_size_of_the_draw() -> None:
    stream = Stream(1, "x", 9)
    np.testing.assert_array_equal(stream.normal((3, 4)).reshape(-1), stream.normal((50,))[:12])
    assert stream.uniform(()).shape == () and stream.uniform((0, 3)).size == 0


def test_seed_name_execution_and_purpose_each_change_the_draw() -> None:
    draws = [
        Stream(*which).bits(64)[0].tolist()
        for which in [(1, "a"), (2, "a"), (1, "b"), (1, "a", 1), (1, "a", 0, "watch")]
    ]
    assert len({tuple(d) for d in draws}) == 5
    assert draws[0] == Stream(1, "a").bits(64)[0].tolist()


def test_keys_are_stable() -> None:
    """A changed key would silently change everybody's seeds."""
    assert stream_key(1, "w") == (0x2FD3B3F9, 0x206B2C5E)  # sha256 of "1//w"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_far_tail_of_a_truncated_normal_is_drawn(dtype: str) -> None:
    """Beyond what 32 bits of an ordinary normal reach, in a block with none of the centre."""
    stream, bounds = Stream(7, "far"), {"low": -9.0, "high": -6.0}
    found = filled("truncated_normal", dtype, 2000, stream, threads=2, **bounds)
    expected = stream.truncated_normal((2000,), dtype, **bounds)
    assert np.all((found >= -9) & (found <= -6)) and len(np.unique(found)) > 1990
    np.testing.assert_allclose(found, expected, rtol=4 * np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("distribution", ["uniform", "normal", "truncated_normal"])
def test_where_tasks_begin_changes_no_bit(distribution: str, dtype: str) -> None:
    stream, n = Stream(5, "weights", 1), 3 * 512 * 41 + 77
    whole = filled(distribution, dtype, n, stream)
    for size in (1, 511, 513, 7 * 512 + 3):
        np.testing.assert_array_equal(filled(distribution, dtype, size, stream), whole[:size])
    for threads in (2, 3, 8):
        np.testing.assert_array_equal(
            filled(distribution, dtype, n, stream, threads=threads), whole
        )


def test_inverse_normal_against_pythons() -> None:
    p = np.concatenate([np.linspace(1e-4, 1 - 1e-4, 999), 10.0 ** -np.arange(1.0, 300.0, 7)])
    expected = np.array([NormalDist().inv_cdf(x) for x in p])
    np.testing.assert_allclose(inverse_normal(p), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_distributions_are_what_they_claim(dtype: str) -> None:
    """Kolmogorov's statistic below its 0.1 % point, for one fixed stream."""
    n, stream = 200_000, Stream(5, "draw")
    limit = 1.95 / math.sqrt(n)
    inside = NormalDist().cdf(2) - NormalDist().cdf(-2)
    cases = {
        "uniform": lambda x: x,
        "normal": lambda x: np.array([NormalDist().cdf(v) for v in x]),
        "truncated_normal": lambda x: np.array(
            [(NormalDist().cdf(v) - NormalDist().cdf(-2)) / inside for v in x]
        ),
    }
    for name, cdf in cases.items():
        drawn = np.sort(getattr(stream, name)((n,), dtype).astype(np.float64))
        assert np.abs(cdf(drawn) - (np.arange(n) + 0.5) / n).max() < limit, name
        assert str(getattr(stream, name)((3,), dtype).dtype) == dtype


@pytest.mark.thorough
def test_bounds_hold() -> None:
    stream = Stream(5, "draw")
    for dtype in ("float32", "float64"):
        uniform = stream.uniform((300_000,), dtype)
        assert uniform.min() >= 0 and uniform.max() < 1
        cut = stream.truncated_normal((300_000,), dtype)
        assert cut.min() >= -2 and cut.max() <= 2
        high = stream.truncated_normal((1000,), dtype, low=1.0, high=1.5)
        assert high.min() >= 1 and high.max() <= 1.5


def test_integers_cover_their_range_evenly() -> None:
    drawn = Stream(3, "i").integers((70_000,), -3, 4)
    assert drawn.dtype == np.int32
    counts = np.bincount(drawn + 3)
    assert len(counts) == 7 and np.abs(counts - 10_000).max() < 400
    wide = Stream(3, "i").integers((1000,), -(2**31), 2**31, "int64")
    assert wide.min() < -(2**30) and wide.max() > 2**30
    with pytest.raises(ValueError, match="between 1 and"):
        Stream(3, "i").integers((1,), 2, 2)
