"""A network that is called twice with the same weights learns the same on JAX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nodeflow.document.io import flow
from tests.document.test_shared_weights import on_data
from tests.engine.test_examples_agree import first_losses

pytest.importorskip("jax")


@pytest.mark.thorough
def test_shared_weights_train_to_the_same_losses(tmp_path: Path) -> None:
    path = tmp_path / "net.flow"
    flow.save(on_data(), path)
    ours = first_losses(path, "float64", "reference", 20)
    theirs = first_losses(path, "float64", "auto", 20, backend="jax")
    np.testing.assert_allclose(theirs, ours, rtol=1e-9, atol=1e-12)
    assert len(ours) == 20
