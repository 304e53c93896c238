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
import nodeflow.tensorflow1 as tf
from nodeflow.engine.session import Session
from nodeflow.ops.namespaces import nn
from nodeflow.ops.training import optimizers
from nodeflow.ops.variables.scope import Variable
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
PENALTIES = {"l1_regularization_strength": 0.01, "l2_regularization_strength": 0.02}
TABLES: dict[str, tuple[str, dict[str, Any]]] = {
    "gradient_descent": ("GradientDescentOptimizer", {"learning_rate": 0.3}),
    "adam": ("AdamOptimizer", {"learning_rate": 0.05}),
    "adagrad": ("AdagradOptimizer", {"learning_rate": 0.3}),
    "momentum": ("MomentumOptimizer", {"learning_rate": 0.1, "momentum": 0.9}),
    "nesterov": (
        "MomentumOptimizer",
        {"learning_rate": 0.1, "momentum": 0.9, "use_nesterov": True},
    ),
    "rmsprop": ("RMSPropOptimizer", {"learning_rate": 0.02, "momentum": 0.5}),
    "centered": ("RMSPropOptimizer", {"learning_rate": 0.02, "centered": True}),
    "adadelta": ("AdadeltaOptimizer", {"learning_rate": 1.0, "epsilon": 1e-4}),
    "ftrl": ("FtrlOptimizer", {"learning_rate": 0.3, **PENALTIES}),
    "proximal": ("ProximalGradientDescentOptimizer", {"learning_rate": 0.3, **PENALTIES}),
    "proximal_adagrad": ("ProximalAdagradOptimizer", {"learning_rate": 0.3, **PENALTIES}),
    "dual_averaging": ("AdagradDAOptimizer", {"learning_rate": 0.3, **PENALTIES}),
}
CLIPS = ("no", "norm", "value")
ROWS = ([0, 2, 3], [1, 2, 0], [4, 3, 1], [0, 1, 2], [2, 3, 4], [4, 0, 1])
"""The rows that each step looks up, of a table that has one more. Clipping takes a row that a step
names twice for two in TensorFlow, so none is."""

pytestmark = pytest.mark.skipif(not PYTHON, reason="TENSORFLOW_PYTHON names no Python with it")


def rows_of(seed: int) -> list:
    return program(seed, 8 + 6 * (seed % 8), kinks=seed % 3 != 0)


def inputs_of(seed: int) -> list[np.ndarray]:
    return inputs(seed, "float64", ties=seed % 2 == 0)


def optimizer_inputs() -> tuple[np.ndarray, np.ndarray]:
    """The variable's start, (3, 2), and the matrix of the loss, (5, 3)."""
    rng = np.random.default_rng(11)
    return rng.normal(size=(3, 2)), rng.normal(size=(5, 3))


def table_start() -> np.ndarray:
    return np.linspace(-1, 1, 12, dtype="float32").reshape(6, 2)


def others() -> tuple[np.ndarray, np.ndarray]:
    """A square whose middle is where the roots begin, and labels that do not sum to 1."""
    rng = np.random.default_rng(5)
    return np.arange(9.0).reshape(3, 3) / 4, rng.uniform(size=(3, 3))


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
        "tables": {
            f"{key}/{clip}": {"name": name, "arguments": arguments, "clip": clip}
            for key, (name, arguments) in TABLES.items()
            for clip in CLIPS
        },
        "rows": ROWS,
    }
    job.write_text(json.dumps(jobs))
    start, matrix = optimizer_inputs()
    arrays: dict[str, Any] = {
        f"{seed}/{i}": a for seed in SEEDS for i, a in enumerate(inputs_of(seed))
    }
    square, labels = others()
    arrays |= {"table": table_start(), "others": square, "labels": labels}
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
        variable = Variable(start, dtype="float64")
        loss = nf.reduce_mean(nf.square(nf.tanh(nf.matmul(matrix, variable)) - 0.5))
        loss = loss + 0.1 * nf.reduce_sum(nf.square(variable))
        train = getattr(optimizers, name)(**arguments).minimize(loss)
    with Session(graph, tier=tier) as session:
        session.initialize()
        path = []
        for _ in range(STEPS):
            session.run(train)
            path.append(session.run(variable))
    np.testing.assert_allclose(np.stack(path), theirs[key], rtol=TOLERANCE, atol=TOLERANCE)


@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("clip", CLIPS)
@pytest.mark.parametrize("key", TABLES)
def test_rows_of_a_table_move_as_in_tensorflow(
    key: str, clip: str, tier: Any, theirs: dict
) -> None:
    name, arguments = TABLES[key]
    with nf.Graph() as graph:
        table = Variable(table_start())
        named = nf.placeholder("int32", [None])
        loss = nf.reduce_mean(nf.square(nn.embedding_lookup(table, named) - 0.5))
        given = {"global_step": None, **arguments} if name == "AdagradDAOptimizer" else arguments
        optimizer = getattr(tf.train, name)(**given)
        slopes, variables = zip(*optimizer.compute_gradients(loss), strict=True)
        if clip == "norm":
            slopes, _ = nf.clip_by_global_norm(slopes, 0.1)
        elif clip == "value":
            slopes = [nf.clip_by_value(slope, -0.05, 0.05) for slope in slopes]
        train = optimizer.apply_gradients(zip(slopes, variables, strict=True))
    with Session(graph, tier=tier) as session:
        session.initialize()
        for rows in ROWS:
            session.run(train, {named: rows})
        np.testing.assert_allclose(session.run(table), theirs[f"{key}/{clip}"], atol=1e-6)


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_calls_that_differ_from_the_textbook_are_tensorflows(tier: Any, theirs: dict) -> None:
    square, labels = others()
    shift = square[1, 1]
    with nf.Graph() as graph:
        x, y = nf.constant(square), nf.constant(labels)
        made = {
            "rows": tf.where(nf.constant([True, False, True]), x, -x),
            "elements": tf.where(x > shift, x, -x),
            "sqrt": nf.where(x > shift, nf.sqrt(x - shift), nf.zeros_like(x)),
            "rsqrt": nf.where(x > shift, nf.rsqrt(x - shift), nf.zeros_like(x)),
            "relu6": nn.relu6(x * 6),
            "one_hot": nf.one_hot([0, 2], 3, on_value=7),
            "range": nf.range(0.0, 1.0, 0.25),
            "columns": nf.meshgrid([1, 2, 3], [4, 5])[0],
            "loss": nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x),
        }
        wanted = dict(made)
        for name in ("rows", "sqrt", "rsqrt", "relu6", "loss"):
            (slope,) = nf.gradients(made[name], x)
            assert slope is not None
            wanted[f"slope of {name}"] = slope
    with Session(graph, tier=tier) as session:
        found = session.run(wanted)
    for name, ours in found.items():
        expected = theirs[f"others/{name}"]
        assert np.asarray(ours).dtype == expected.dtype, name
        np.testing.assert_allclose(ours, expected, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)
