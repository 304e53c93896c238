"""Every example on the JAX backend: 50 steps in float64 within 1e-9, and what is not trained too.

``make test-peers PEERS_PYTHON=...`` or ``NODEFLOW_NIGHTLY=1``, with the JAX of this environment.
Three quick examples are in ``test_jax_training.py``.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.resources import examples
from tests.engine.test_examples_agree import TRAINED, first_losses
from tests.volumes import is_nightly

pytest.importorskip("jax")
pytestmark = pytest.mark.skipif(
    not (is_nightly() or os.environ.get("PEERS_PYTHON")), reason="minutes: see the docstring"
)
STEPS = 50


@pytest.fixture(autouse=True)
def embedded_images(monkeypatch):
    """The 5 000 images that come with the program, for all."""
    monkeypatch.delenv("NODEFLOW_DATA_DIR", raising=False)


@pytest.mark.parametrize("path", TRAINED, ids=lambda path: path.stem)
def test_an_example_has_the_same_losses_in_float64(path: Path):
    ours = first_losses(path, "float64", "compiled", STEPS)
    theirs = first_losses(path, "float64", "auto", STEPS, backend="jax")
    assert len(ours) == STEPS
    np.testing.assert_allclose(theirs, ours, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("path", examples(), ids=lambda path: path.stem)
def test_an_example_computes_the_same(path: Path):
    task = Task(flow.load(path))
    names = task.default_fetches()
    fetches = [task.fetchable(name) for name in names]
    feeds = task.feeds(fetches, "test")
    values = []
    for backend in ("numba", "jax"):
        with Session(task.graph, seed=task.build.settings.seed, backend=backend) as session:
            session.initialize()
            values.append(session.run(fetches, feeds))
    assert names
    for name, one, other in zip(names, *values, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-5, err_msg=name)
