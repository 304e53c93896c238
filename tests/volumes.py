"""How much the random tests do: here alone, for all of them.

``make test-all`` does a hundredth. ``NODEFLOW_NIGHTLY=1`` does all, and a share such as
``NODEFLOW_NIGHTLY=0.1`` so much of it. Volumes that take several nights are split by
``NODEFLOW_FIRST_SEED``: seeds count from it, and the header of each run says which they were.
"""

from __future__ import annotations

import os

USUAL = 0.01
VOLUMES = {
    "byte faults of runs and checkpoints": 100_000,
    "cycles of a long session": 1_000,
    "edit sequences": 100_000,
    "edit sequences with shared weights": 1_000,
    "hostile documents": 200_000,
    "inputs of a reader": 1_000_000,
    "kills of a store of runs": 300,
    "kills of a training": 1_000,
    "kills of a window": 10_000,
    "kills of an edited document": 10_000,
    "kills of an engine": 2_000,
    "live edit sequences": 7_000,
    "merges": 10_000,
    "saves around the end of a training": 500,
}


def share() -> float:
    """How much of the volumes this run does."""
    return float(os.environ.get("NODEFLOW_NIGHTLY") or USUAL)


def is_nightly() -> bool:
    """Whether this run does more than usual."""
    return share() > USUAL


def volume(name: str) -> int:
    """How many of these this run does; at least one."""
    return max(1, round(VOLUMES[name] * share()))


def seeds(name: str) -> range:
    """The seeds of these in this run."""
    first = int(os.environ.get("NODEFLOW_FIRST_SEED") or 0)
    return range(first, first + volume(name))


def header() -> str:
    """What a run says of its volumes, so that it can be repeated."""
    first = int(os.environ.get("NODEFLOW_FIRST_SEED") or 0)
    counts = ", ".join(f"{volume(name)} {name}" for name in VOLUMES)
    return f"volumes ({share():g} of the nightly ones, seeds from {first}): {counts}"
