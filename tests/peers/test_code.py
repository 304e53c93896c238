"""Exported code trains as the graph does: the losses of the first 20 steps, within 1e-4.

``make test-peers PEERS_PYTHON=...`` (PyTorch, JAX and safetensors) and ``TENSORFLOW_PYTHON=...``
(TensorFlow and safetensors); skipped where they are not given. Dropout is switched off, since each
library draws other numbers.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.build.task import Task
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.exchange.code.export import export_code
from nodeflow.resources import examples
from nodeflow.train.events import Steps
from nodeflow.train.loop import train
from tests.exchange.code.float64 import compute_in_float64

PROGRAM = Path(__file__).with_name("code_program.py")
STEPS = 20
TOLERANCE = 1e-4
PYTHONS = {
    "pytorch": os.environ.get("PEERS_PYTHON"),
    "jax": os.environ.get("PEERS_PYTHON"),
    "tensorflow1": os.environ.get("TENSORFLOW_PYTHON"),
}
TRAINED = [path for path in examples() if '"op": "adam"' in path.read_text("utf-8")
           or '"op": "gradient_descent"' in path.read_text("utf-8")]  # fmt: skip
ROUNDING = {("pytorch", "mnist_cnn_layers"), ("tensorflow1", "mnist_cnn_layers")}
"""Adam enlarges the rounding of float32 in the first steps of these, so they train in float64."""


@pytest.mark.parametrize("path", TRAINED, ids=lambda path: path.stem)
@pytest.mark.parametrize("target", PYTHONS)
def test_the_first_losses_are_the_same(tmp_path: Path, target: str, path: Path):
    python = PYTHONS[target]
    if not python:
        pytest.skip("no Python with the library is given")
    document = flow.load(path)
    for node in list(document.nodes.values()):
        if node.op == "dropout":
            commands.set_attr(document, node.id, "rate", 0.0)
    if (target, path.stem) in ROUNDING:
        compute_in_float64(document)
    task = Task(document, file=path)
    export_code(task, path.stem, target, tmp_path)
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [python, str(PROGRAM), str(tmp_path), path.stem, str(STEPS)]
    printed = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    ).stdout
    theirs = json.loads(printed.splitlines()[-1])
    ours: list[float] = []
    with nf.Session(task.graph, seed=task.build.settings.seed) as session:
        session.initialize()
        for event in train(session, task.training()):
            if isinstance(event, Steps):
                ours += event.losses.tolist()
            if len(ours) >= STEPS:
                break
    np.testing.assert_allclose(theirs[:STEPS], ours[:STEPS], rtol=TOLERANCE, atol=TOLERANCE)
