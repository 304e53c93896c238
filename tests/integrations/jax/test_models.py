"""GAN, VAE and small GPT train on the JAX backend as on the own engine, within 1e-4."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nodeflow.resources import example
from tests.drawn_arrays import MODELS, STEPS, losses, write

pytest.importorskip("jax")
pytestmark = pytest.mark.thorough


@pytest.fixture(autouse=True)
def embedded_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NODEFLOW_DATA_DIR", raising=False)


@pytest.mark.parametrize("name", MODELS)
def test_the_first_losses_are_the_same(name: str, tmp_path: Path) -> None:
    path = write(name, tmp_path)
    ours, theirs = losses(path), losses(path, backend="jax")
    assert len(ours) == STEPS
    np.testing.assert_allclose(theirs, ours, rtol=1e-4)


@pytest.mark.parametrize("name", ["gan", "vae", "wgan"])
def test_with_numbers_that_each_engine_draws_itself(name: str) -> None:
    """Both draw from the same streams, so the files as they are train alike, too."""
    ours, theirs = (losses(example(name), backend=backend) for backend in ("numba", "jax"))
    np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-5)
