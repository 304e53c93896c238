"""GAN, VAE and small GPT: their exported code trains as they do here, with the same drawn arrays.

``make test-peers PEERS_PYTHON=...`` (PyTorch and JAX) and ``TENSORFLOW_PYTHON=...``; skipped where
they are not given. The first 20 losses are the same within 1e-4. Window and JAX backend are
compared in ``tests/ui/test_models_in_window.py`` and ``tests/integrations/jax/test_models.py``.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.exchange.code_targets import export_code
from tests.drawn_arrays import MODELS, STEPS, losses, write
from tests.integrations.code.feeding import fed

PROGRAM = Path(__file__).with_name("code_program.py")
PYTHONS = {
    "pytorch": os.environ.get("PEERS_PYTHON"),
    "jax": os.environ.get("PEERS_PYTHON"),
    "tensorflow1": os.environ.get("TENSORFLOW_PYTHON"),
}


@pytest.fixture(scope="module", params=PYTHONS)
def trained(request, tmp_path_factory) -> Mapping[str, tuple[np.ndarray, np.ndarray]]:
    """Model -> its first losses here, and those of its exported code."""
    target, python = request.param, PYTHONS[request.param]
    if not python:
        pytest.skip("no Python with the library is given")
    place = tmp_path_factory.mktemp(target)
    jobs, ours = [], {}
    for name in MODELS:
        path = write(name, place)
        folder = place / name
        task = Task(flow.load(path), file=path)
        export_code(task, name, target, folder)
        np.savez(folder / "fed.npz", **fed(task))  # type: ignore[arg-type]
        facts = {"target": target, "folder": str(folder), "name": name, "steps": STEPS}
        jobs.append({**facts, "fed": str(folder / "fed.npz"), "in_training": False})
        ours[name] = losses(path)
    (place / "jobs.json").write_text(json.dumps(jobs))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [python, PROGRAM, place / "jobs.json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    problems = [p.read_text() for p in place.glob("*/problem.txt")]
    assert not problems, problems[0]
    theirs = {name: np.load(place / name / "answers.npz")["losses"] for name in MODELS}
    return {name: (ours[name], theirs[name]) for name in MODELS}


@pytest.mark.parametrize("name", MODELS)
def test_the_first_losses_of_exported_code_are_the_same(trained, name: str) -> None:
    ours, theirs = trained[name]
    assert len(ours) == len(theirs) == STEPS
    np.testing.assert_allclose(theirs, ours, rtol=1e-4)
