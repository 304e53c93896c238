"""Chunks last 20 to 50 ms wherever a whole number of steps does, whatever a step costs."""

from __future__ import annotations

from itertools import pairwise

import pytest

from nodeflow.engine.chunker import GROWTH, LARGEST, Chunker


class Clock:
    """Time that passes only when steps run."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def run(self, chunker: Chunker, seconds_per_step: float, limit: int = 10**9) -> float:
        """Run one chunk; returns how long it took."""
        steps = chunker.begin(limit)
        self.now += steps * seconds_per_step
        chunker.end(steps)
        return steps * seconds_per_step


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize("per_step", [1e-5, 1e-4, 7e-4, 2e-3, 9e-3, 0.016, 0.02, 0.031, 0.05])
def test_a_steady_chunk_lasts_20_to_50_ms(clock, per_step):
    chunker = Chunker(clock)
    for _ in range(8):
        took = clock.run(chunker, per_step)
    assert 0.0199 <= took <= 0.0501


def test_the_first_chunk_is_one_step_and_sizes_grow_at_most_fourfold(clock):
    chunker = Chunker(clock)
    sizes = []
    for _ in range(7):
        sizes.append(chunker.begin(10**9))
        clock.now += sizes[-1] * 1e-6
        chunker.end(sizes[-1])
    assert sizes[0] == 1
    assert all(after <= GROWTH * before for before, after in pairwise(sizes))
    assert sizes[-1] == LARGEST


def test_steps_that_become_slower_shrink_the_next_chunk_at_once(clock):
    chunker = Chunker(clock)
    for _ in range(8):
        clock.run(chunker, 1e-4)
    clock.run(chunker, 0.01)
    assert chunker.size == 3


def test_a_step_longer_than_a_chunk_runs_alone(clock):
    chunker = Chunker(clock)
    clock.run(chunker, 2.0)
    assert chunker.size == 1


def test_a_limit_below_the_size_does_not_shrink_the_next_chunk(clock):
    """The end of an epoch or a pause cuts a chunk short; a step costs the same afterwards."""
    chunker = Chunker(clock)
    for _ in range(8):
        clock.run(chunker, 1e-3)
    assert chunker.size == 30
    clock.run(chunker, 1e-3, limit=10)
    assert chunker.size == 30


@pytest.mark.parametrize("done", [0, 1])
def test_a_clock_that_stands_still_and_chunks_without_steps_are_survived(clock, done):
    chunker = Chunker(clock)
    chunker.begin(5)
    chunker.end(done)
    assert 1 <= chunker.size <= GROWTH
