"""The same random graphs and optimizers in TensorFlow, as TensorFlow 1: within 1e-9 in float64.

``make test-peers TENSORFLOW_PYTHON=...``; skipped where that is not given. Half of the graphs get
inputs with many equal values, so that gradients at ties are TensorFlow's too.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.session import Session
from tests.engine.random_graphs import GROWING, INPUT_SHAPES, build, inputs, program

PYTHON = os.environ.get("TENSORFLOW_PYTHON")
TOLERANCE = 1e-9
SEEDS = range(300)
STEPS = 25
OPTIMIZERS: dict[str, tuple[str, dict[str, Any]]] = {
    "gradient_descent": ("GradientDescentOptimizer", {"learning_rate": 0.3}),
    "momentum": ("MomentumOptimizer", {"learning_rate": 0.1, "momentum": 0.9}),
    "nesterov": (
        "MomentumOptimizer",
        {"learning_rate": 0.1, "momentum": 0.9, "use_nesterov": True},
    ),
    "adam": ("AdamOptimizer", {"learning_rate": 0.05}),
    "adam_betas": (
        "AdamOptimizer",
        {"learning_rate": 0.05, "beta1": 0.5, "beta2": 0.9, "epsilon": 0.1},
    ),
    "rmsprop": ("RMSPropOptimizer", {"learning_rate": 0.02}),
    "rmsprop_momentum": (
        "RMSPropOptimizer",
        {"learning_rate": 0.02, "decay": 0.8, "momentum": 0.7, "epsilon": 1e-3},
    ),
    "rmsprop_centered": ("RMSPropOptimizer", {"learning_rate": 0.02, "centered": True}),
    "adagrad": ("AdagradOptimizer", {"learning_rate": 0.3}),
    "adagrad_start": (
        "AdagradOptimizer",
        {"learning_rate": 0.3, "initial_accumulator_value": 1.0},
    ),
    "adadelta": ("AdadeltaOptimizer", {}),
    "adadelta_fast": ("AdadeltaOptimizer", {"learning_rate": 1.0, "rho": 0.9, "epsilon": 1e-4}),
    "ftrl": ("FtrlOptimizer", {"learning_rate": 0.3}),
}

pytestmark = pytest.mark.skipif(not PYTHON, reason="TENSORFLOW_PYTHON names no Python with it")


def rows_of(seed: int) -> list:
    return program(seed, 8 + 6 * (seed % 8), kinks=seed % 3 != 0)


def inputs_of(seed: int) -> list[np.ndarray]:
    return inputs(seed, "float64", ties=seed % 2 == 0)


def optimizer_inputs() -> tuple[np.ndarray, np.ndarray]:
    """The variable's start, (3, 2), and the matrix of the loss, (5, 3)."""
    rng = np.random.default_rng(11)
    return rng.normal(size=(3, 2)), rng.normal(size=(5, 3))


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """What TensorFlow finds for everything, from one start of the other interpreter."""
    folder = tmp_path_factory.mktemp("peers")
    job, source, target = (folder / name for name in ("job.json", "in.npz", "out.npz"))
    jobs = {
        "programs": {str(seed): rows_of(seed) for seed in SEEDS},
        "growing": sorted(GROWING),
        "inputs": len(INPUT_SHAPES),
        "optimizers": {
            key: {"name": name, "arguments": arguments, "steps": STEPS}
            for key, (name, arguments) in OPTIMIZERS.items()
        },
    }
    job.write_text(json.dumps(jobs))
    start, matrix = optimizer_inputs()
    arrays = {f"{seed}/{i}": a for seed in SEEDS for i, a in enumerate(inputs_of(seed))}
    np.savez(source, start=start, matrix=matrix, **arrays)
    script = Path(__file__).with_name("tensorflow_program.py")
    command = [str(PYTHON), str(script), str(job), str(source), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(target) as found:
        return dict(found)


@pytest.mark.parametrize("seed", SEEDS)
def test_values_and_gradients_equal_those_of_tensorflow(seed: int, theirs: dict) -> None:
    graph, fed, values, total = build(rows_of(seed), "float64")
    with graph:
        slopes = nf.gradients(total, fed)
    wanted = {f"value{i}": v for i, v in enumerate(values)}
    wanted |= {f"slope{i}": s for i, s in enumerate(slopes) if s is not None}
    with Session(graph, tier="reference") as session:
        found = session.run({**wanted, "total": total}, dict(zip(fed, inputs_of(seed))))
    for i, slope in enumerate(slopes):
        if slope is None:  # no row uses this input
            assert not theirs[f"{seed}/slope{i}"].any()
    for key, ours in found.items():
        expected = theirs[f"{seed}/{key}"]
        assert np.shape(ours) == expected.shape, key
        scale = max(1.0, float(np.abs(expected).max(initial=0)))
        assert np.abs(ours - expected).max(initial=0) <= TOLERANCE * scale, key


@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("key", OPTIMIZERS)
def test_optimizers_take_the_steps_of_tensorflow(key: str, tier: Any, theirs: dict) -> None:
    name, arguments = OPTIMIZERS[key]
    start, matrix = optimizer_inputs()
    with nf.Graph() as graph:
        variable = nf.Variable(start, dtype="float64")
        loss = nf.reduce_mean(nf.square(nf.tanh(nf.matmul(matrix, variable)) - 0.5))
        loss = loss + 0.1 * nf.reduce_sum(nf.square(variable))
        train = getattr(nf.train, name)(**arguments).minimize(loss)
    with Session(graph, tier=tier) as session:
        session.initialize()
        path = []
        for _ in range(STEPS):
            session.run(train)
            path.append(session.run(variable))
    np.testing.assert_allclose(np.stack(path), theirs[key], rtol=TOLERANCE, atol=TOLERANCE)
