"""Several optimizers take turns on JAX as on the own engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from tests.train.test_schedule import BATCH, TURNS, data, gan, trained

pytest.importorskip("jax")


def test_losses_are_those_of_the_own_engine() -> None:
    how: dict[str, Any] = {"data": data(), "epochs": 2, "batch_size": BATCH, "keep_run": False}
    own, on_jax = (
        nf.train.fit(gan(), schedule=TURNS, backend=backend, **how) for backend in ("numba", "jax")
    )
    np.testing.assert_allclose(on_jax.steps, own.steps, atol=1e-4)
    assert [*on_jax.epochs[0].losses] == ["loss/d", "loss/g"]


@pytest.mark.thorough
@pytest.mark.parametrize("step", [1, 4, 6, 13])
def test_a_training_resumes_in_the_middle_of_its_schedule(tmp_path: Path, step: int) -> None:
    whole = trained(backend="jax")
    trained(backend="jax", checkpoint=tmp_path, every=1, leave_at=step)
    rest = trained(backend="jax", resume=tmp_path)
    assert rest.resumed is not None and rest.resumed.step >= step
    rest.agrees(whole)
