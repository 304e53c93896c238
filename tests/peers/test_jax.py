"""The same random graphs in JAX, in another interpreter: values and gradients within 1e-9.

``make test-peers PEERS_PYTHON=...``; skipped where that is not given. Half of the graphs get inputs
with many equal values, so that the rules for gradients at ties are compared too.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.session import Session
from tests.engine.random_graphs import GROWING, INPUT_SHAPES, build, inputs, program

PYTHON = os.environ.get("PEERS_PYTHON")
TOLERANCE = 1e-9
SEEDS = range(30)

pytestmark = pytest.mark.skipif(not PYTHON, reason="PEERS_PYTHON names no Python with JAX")


def rows_of(seed: int) -> list:
    return program(seed, 8 + 6 * (seed % 8), kinks=seed % 3 != 0)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What JAX finds for every graph, from one start of the other interpreter."""
    folder = tmp_path_factory.mktemp("peers")
    job, source, target = (folder / name for name in ("job.json", "in.npz", "out.npz"))
    programs = {str(seed): rows_of(seed) for seed in SEEDS}
    job.write_text(
        json.dumps({"programs": programs, "growing": sorted(GROWING), "inputs": len(INPUT_SHAPES)})
    )
    arrays = {
        f"{seed}/{i}": a
        for seed in SEEDS
        for i, a in enumerate(inputs(seed, "float64", ties=seed % 2 == 0))
    }
    np.savez(source, **arrays)
    script = Path(__file__).with_name("jax_program.py")
    command = [str(PYTHON), str(script), str(job), str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    with np.load(target) as found:
        return dict(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_values_and_gradients_equal_those_of_jax(seed: int, theirs: dict) -> None:
    graph, fed, values, total = build(rows_of(seed), "float64")
    with graph:
        slopes = nf.gradients(total, fed)
    feeds = dict(zip(fed, inputs(seed, "float64", ties=seed % 2 == 0)))
    wanted = {f"value{i}": v for i, v in enumerate(values)}
    wanted |= {f"slope{i}": s for i, s in enumerate(slopes) if s is not None}
    with Session(graph, tier="reference") as session:
        found = session.run({**wanted, "total": total}, feeds)
    for i, slope in enumerate(slopes):
        if slope is None:  # no row uses this input
            assert not theirs[f"{seed}/slope{i}"].any()
    for key, ours in found.items():
        expected = theirs[f"{seed}/{key}"]
        assert np.shape(ours) == expected.shape, key
        scale = max(1.0, float(np.abs(expected).max(initial=0)))
        assert np.abs(ours - expected).max(initial=0) <= TOLERANCE * scale, key


def test_ties_are_met_on_purpose() -> None:
    """Without ties the rules for them would not be compared at all."""
    ties = 0
    for seed in SEEDS:
        rows, arrays = rows_of(seed), inputs(seed, "float64", ties=seed % 2 == 0)
        graph, fed, values, _ = build(rows, "float64")
        with Session(graph, tier="reference") as session:
            known = [*arrays, *session.run(values, dict(zip(fed, arrays)))]
        for name, operands, _ in rows:
            x, y = known[operands[0]], known[operands[-1]]
            if name in ("maximum", "minimum"):
                ties += int(np.equal(x, y).any())
            elif name in ("relu", "abs", "leaky_relu"):
                ties += int((x == 0).any())
            elif name == "clip":
                ties += int((np.abs(x) == 1).any())
            elif name in ("reduce_max", "reduce_min"):
                best = (
                    x.max(-1, keepdims=True) if name == "reduce_max" else x.min(-1, keepdims=True)
                )
                ties += int(((x == best).sum(-1) > 1).any())
    assert ties >= 20
