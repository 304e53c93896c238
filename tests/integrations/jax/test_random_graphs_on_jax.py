"""Random graphs compute on JAX what they compute by reference, gradients included."""

from __future__ import annotations

import os

import numpy as np
import pytest

pytest.importorskip("jax")

import nodeflow as nf
from nodeflow.engine.session import Session
from tests.engine.random_graphs import build, inputs, program

NIGHTLY = bool(os.environ.get("NODEFLOW_NIGHTLY"))
CASES = [(seed, 5 + 7 * seed % 50, bool(seed % 3)) for seed in range(60 if NIGHTLY else 3)]
"""Seed, nodes, and whether values have ties where gradients jump."""


def arrays(found: list) -> list[np.ndarray]:
    values, total, slopes = found
    return [*values, total, *slopes]


@pytest.mark.thorough
@pytest.mark.parametrize(("seed", "nodes", "kinks"), CASES)
def test_values_and_gradients_are_those_of_the_reference(seed, nodes, kinks):
    graph, fed, values, total = build(program(seed, nodes, kinks=kinks), "float64")
    with graph:
        slopes = [g for g in nf.gradients(total, fed) if g is not None]
    feeds = dict(zip(fed, inputs(seed, "float64", ties=False), strict=False))
    found = []
    for options in ({"backend": "jax"}, {"tier": "reference"}):
        with Session(graph, **options) as session:
            found.append(arrays(session.run([values, total, slopes], feeds)))
    for ours, theirs in zip(*found, strict=True):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape)
        scale = max(1.0, float(np.abs(theirs).max(initial=0)))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9 * scale)
