"""Random numbers on JAX: the bits of the generator in numpy."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.threefry_streams import Stream as Numbers

pytest.importorskip("jax")

from nodeflow.integrations.jax.settings import settings
from nodeflow.integrations.jax.streams import Stream


def both(seed: int = 3, execution: int = 5) -> tuple[Stream, Numbers]:
    return Stream(seed, "noise", "run", execution), Numbers(seed, "noise", execution, "run")


@pytest.mark.thorough
def test_raw_bits_are_the_same():
    ours, numbers = both()
    with settings():
        found = ours.bits((3, 700))
    for a, b in zip(found, numbers.bits(2100), strict=True):
        assert np.array_equal(np.asarray(a).ravel(), b)


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_uniform_numbers_have_the_same_bits(dtype):
    ours, numbers = both()
    with settings():
        found = np.asarray(ours.uniform((40, 50), dtype))
    expected = numbers.uniform((40, 50), dtype)
    assert found.dtype == expected.dtype
    assert np.array_equal(found, expected)


@pytest.mark.thorough
def test_whole_numbers_are_the_same():
    ours, numbers = both()
    with settings():
        found = np.asarray(ours.integers((500,), -7, 2**31, "int64"))
    assert np.array_equal(found, numbers.integers((500,), -7, 2**31, "int64"))


@pytest.mark.sample(1)
@pytest.mark.parametrize("kind", ["normal", "truncated_normal"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_normal_numbers_are_within_four_ulp(dtype, kind):
    ours, numbers = both()
    with settings():
        found = np.asarray(getattr(ours, kind)((300, 300), dtype))
    expected = getattr(numbers, kind)((300, 300), dtype)
    assert found.dtype == expected.dtype
    assert np.abs(expected).max() > (1.9 if kind == "truncated_normal" else 4)
    assert np.all(np.abs(found - expected) <= 4 * np.spacing(np.abs(expected)))


@pytest.mark.thorough
def test_a_part_begins_at_its_first_element():
    _, numbers = both()
    part = Stream(3, "noise", "run", 5, start=1000)
    with settings():
        found = np.asarray(part.uniform((50,)))
    assert np.array_equal(found, numbers.uniform((1050,))[1000:])


@pytest.mark.thorough
def test_inside_loops_keys_follow_the_iterations():
    ours, numbers = both()
    with settings():
        inner = ours.inside("cell", 300).inside("deep", 2, seed=9)
        found = np.asarray(inner.uniform((20,)))
    expected = numbers.inside("cell", 300).inside("deep", 2, seed=9).uniform((20,))
    assert np.array_equal(found, expected)


@pytest.mark.thorough
def test_runs_draw_what_the_reference_draws():
    with nf.Graph() as graph:
        nf.random_uniform(shape=(30, 40), low=-0.3, high=1.7, name="even")
        nf.random_uniform(shape=(30, 40), seed=5, name="seeded")
        nf.random_normal(shape=(30, 40), mean=1.0, stddev=0.2, name="normal")
        nf.dropout(nf.ones([30, 40]), rate=0.3, name="dropped")
    fetches = ["even", "seeded", "normal", "dropped"]
    with nf.Session(graph, tier="reference", seed=4) as ours, \
            nf.Session(graph, backend="jax", seed=4) as theirs:  # fmt: skip
        for _ in range(2):  # the second run draws other numbers
            expected = ours.run(fetches, training=True)
            found = theirs.run(fetches, training=True)
            for name, a, b in zip(fetches, expected, found, strict=True):
                if name == "normal":
                    assert np.all(np.abs(a - b) <= 4 * np.spacing(np.abs(a)))
                else:
                    assert np.array_equal(a, b), name
    assert 0.2 < np.mean(expected[3] == 0) < 0.4
