"""Exported code answers and trains as the graph does, in PyTorch, JAX, TensorFlow 1 and numpy.

``make test-peers PEERS_PYTHON=...`` (PyTorch, JAX and safetensors) and ``TENSORFLOW_PYTHON=...``
(TensorFlow and safetensors); skipped where they are not given. All examples run, wgan only in
numpy: the other targets refuse its clipping after each step (`test_turns.py`). So do graphs with
batch normalization, dropout, augmentation, two outputs and no labels. What they answer before a
training is the same within 1e-5, the losses of the first 20 steps within 1e-4, and so is what they
answer then, with the averages that have moved. There, dropout and augmentation are switched off,
since each library draws other numbers; what is drawn has the right mean and variance.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.task import Task
from nodeflow.exchange.code_targets import export_code
from nodeflow.integrations.code.numpy_and_jax.numpy_ops import JAX, NUMPY
from nodeflow.integrations.code.program import Program, program_of
from nodeflow.integrations.code.pytorch.pytorch_ops import PYTORCH
from nodeflow.integrations.code.tensorflow1.tensorflow1_ops import TENSORFLOW1
from nodeflow.integrations.code.training_rows import batches, used_bindings
from nodeflow.resources import example, examples
from tests.integrations.code import phased_graphs
from tests.integrations.code.feeding import fed
from tests.integrations.code.float64 import compute_in_float64

PROGRAM = Path(__file__).with_name("code_program.py")
STEPS = 20
PYTHONS = {
    "pytorch": os.environ.get("PEERS_PYTHON"),
    "jax": os.environ.get("PEERS_PYTHON"),
    "tensorflow1": os.environ.get("TENSORFLOW_PYTHON"),
    "numpy": sys.executable,
}
DIALECTS = {"pytorch": PYTORCH, "jax": JAX, "tensorflow1": TENSORFLOW1, "numpy": NUMPY}
NAMES = [*(path.stem for path in examples()), *phased_graphs.GRAPHS]
DRAWING = ("flipped", "draws", "gan", "vae", "wgan")
"""Graphs that draw numbers, so that no two runs agree."""
ROUNDING = {("pytorch", "mnist_cnn_layers"), ("tensorflow1", "mnist_cnn_layers")}
"""Adam enlarges the rounding of float32 in the first steps of these, so they train in float64."""


@dataclass(frozen=True)
class Ran:
    """What a library made of a graph.

    Attributes:
        program: the graph as it was written.
        fed: values by placeholder.
        answers: arrays by ``before/NAME``, ``losses`` and ``after/NAME``.
    """

    program: Program
    fed: Mapping[str, np.ndarray]
    answers: Mapping[str, np.ndarray]


def document_of(name: str) -> Document:
    found = phased_graphs.document(name) if name in phased_graphs.GRAPHS else None
    return flow.load(example(name)) if found is None else found


def exported(target: str, name: str, folder: Path) -> tuple[Program, dict]:
    """Export a graph; returns its program, and the job of running it."""
    document = document_of(name)
    in_training = name in DRAWING
    if not in_training:
        phased_graphs.switch_chances_off(document)
    if (target, name) in ROUNDING:
        compute_in_float64(document)
    task = Task(document, file=example(name) if name not in phased_graphs.GRAPHS else None)
    export_code(task, name, target, folder)
    program = program_of(task, name, DIALECTS[target])
    rows = fed(task)
    if name == "flipped":
        rows = {"x": np.tile(np.float32([[[0], [1]], [[2], [5]]]), (10000, 1, 1, 1))}
    np.savez(folder / "fed.npz", **rows)  # type: ignore[arg-type]
    trains = program.training is not None and target != "numpy"
    facts = {"target": target, "folder": str(folder), "name": name, "fed": str(folder / "fed.npz")}
    return program, {**facts, "steps": STEPS * trains, "in_training": in_training}


@pytest.fixture(scope="module", params=PYTHONS)
def ran(request, tmp_path_factory) -> Mapping[str, Ran | str]:
    """Graph -> what the library made of it, or its problem in words."""
    target, python = request.param, PYTHONS[request.param]
    if not python:
        pytest.skip("no Python with the library is given")
    place = tmp_path_factory.mktemp(target)
    names = [name for name in NAMES if name != "wgan" or target == "numpy"]
    made = {name: exported(target, name, place / name) for name in names}
    (place / "jobs.json").write_text(json.dumps([job for _, job in made.values()]))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [python, PROGRAM, place / "jobs.json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    print(target, done.stdout)  # the versions
    return {name: answered(program, place / name) for name, (program, _) in made.items()}


def answered(program: Program, folder: Path) -> Ran | str:
    """What a library made of a graph, or its problem in words."""
    problem = folder / "problem.txt"
    if problem.exists():
        return problem.read_text()
    with np.load(folder / "fed.npz") as rows, np.load(folder / "answers.npz") as file:
        return Ran(program, dict(rows), dict(file))


def outcome(ran: Mapping[str, Ran | str], name: str) -> Ran:
    found = ran[name]
    assert isinstance(found, Ran), found
    return found


def assert_answers(found: Ran, when: str, session: nf.Session, tolerance: float) -> None:
    """The answers and measures are those of a session, none left out."""
    program = found.program
    tensors = {**program.predictions, **program.measured}
    assert {n for n in found.answers if n.startswith(when)} == {f"{when}/{n}" for n in tensors}
    for name, tensor in tensors.items():
        truth = session.run(tensor, dict(found.fed))
        np.testing.assert_allclose(
            found.answers[f"{when}/{name}"], truth, rtol=tolerance, atol=tolerance, err_msg=name
        )


def train(session: nf.Session, program: Program) -> list[float]:
    """Make the first steps, on the batches that the code takes, too; returns their losses."""
    training = program.training
    assert training is not None
    placeholders = (*program.inputs, *program.labels)
    columns = {t: b.dataset.split("train")[b.column]
               for t, b in used_bindings(training, placeholders).items()}  # fmt: skip
    losses = []
    for chosen in batches(training)[:STEPS]:
        feeds = {tensor: column.rows(chosen) for tensor, column in columns.items()}
        loss, _ = session.run([training.loss, training.optimizer], feeds)
        losses.append(float(loss))
    return losses


@pytest.mark.sample(17)
@pytest.mark.parametrize("name", [name for name in NAMES if name not in DRAWING])
def test_exported_code_answers_and_trains_as_the_graph_does(ran, name: str):
    """After the training, the answers come from the averages that have moved."""
    found = outcome(ran, name)
    task = found.program.task
    with nf.Session(task.graph, seed=task.build.settings.seed) as session:
        session.initialize()
        assert_answers(found, "before", session, 1e-5)
        if "losses" in found.answers:
            losses = train(session, found.program)
            np.testing.assert_allclose(found.answers["losses"], losses, rtol=1e-4, atol=1e-4)
            if name in phased_graphs.GRAPHS:
                assert_answers(found, "after", session, 1e-3)


MOMENTS = {
    "normal": (1.0, 4.0, 2 * 4.0**2),
    "alike": (0.5, 1 / 12, 1 / 80 - 1 / 144),
    "cut": (1.0, 4 * 0.7737413035, 16 * (1.4161 - 0.7737413035**2)),
    "coins": (0.3, 0.21, 0.21 * (1 - 4 * 0.21)),
    "classes": (0.7310585786, 0.1966119332, 0.1966119332 * (1 - 4 * 0.1966119332)),
    "gaps": (0.3, 0.03, 0.16 * 0.1875 * (1 - 4 * 0.1875) * 0.16),
}
"""Draw -> its mean, its variance, and the variance of a squared distance from the mean."""


def assert_moments(drawn: np.ndarray, mean: float, variance: float, spread: float) -> None:
    """Mean and variance of independent draws are within four standard errors."""
    count = len(drawn)
    drawn = drawn.astype("float64")
    assert abs(drawn.mean() - mean) < 4 * np.sqrt(variance / count)
    squares = np.square(drawn - mean)
    assert abs(squares.mean() - variance) <= 4 * np.sqrt(spread / count) + 1e-6


@pytest.mark.parametrize("name", MOMENTS)
def test_draws_have_their_mean_and_variance(ran, name: str):
    drawn = outcome(ran, "draws").answers[f"before/{name}"].ravel()
    assert len(drawn) == 10000
    assert_moments(drawn, *MOMENTS[name])


def test_a_shuffle_is_another_order_of_all(ran):
    drawn = outcome(ran, "draws").answers["before/mixed"]
    assert np.array_equal(np.sort(drawn), np.arange(10000)) and drawn[0] != 0


def test_half_of_the_pictures_are_mirrored_along_each_axis(ran):
    """Each pixel comes from each corner as often: 0, 1, 2 and 5."""
    pictures = outcome(ran, "flipped").answers["before/flip"]
    assert pictures.shape == (10000, 2, 2, 1)
    corners = np.array([0.0, 1.0, 2.0, 5.0])
    spread = np.square(corners - 2).var()
    for pixel in pictures.reshape(10000, 4).T:
        assert_moments(pixel, 2.0, corners.var(), spread)
    assert len(np.unique(pictures.reshape(10000, 4), axis=0)) == 4
