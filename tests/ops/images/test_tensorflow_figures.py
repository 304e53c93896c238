"""Ops on pictures against the figures that TensorFlow gives for the same calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.ops.namespaces import image
from tests.ops.images.tensorflow_cases import CASES, FIGURES, Case


@pytest.fixture(scope="module")
def figures() -> dict[str, np.ndarray]:
    with np.load(FIGURES) as stored:
        return dict(stored)


def function_of(path: str) -> Any:
    space, _, name = path.rpartition(".")
    return getattr(nf if not space and name in dir(nf) else image, name)


@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize(
    "number", range(len(CASES)), ids=[f"{n}-{c.function}" for n, c in enumerate(CASES)]
)
def test_figures_are_tensorflows(number: int, tier: Any, figures: dict[str, np.ndarray]) -> None:
    case: Case = CASES[number]
    expected = figures[f"{number:03d}"]
    with nf.Graph():
        inputs = [nf.constant(x) if isinstance(x, np.ndarray) else x for x in case.inputs]
        made = function_of(case.function)(*inputs, **case.settings)
        with nf.Session(tier=tier) as session:
            found = session.run(made)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    if expected.dtype.kind in "iub":
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=case.near)


def test_every_figure_is_compared(figures: dict[str, np.ndarray]) -> None:
    assert len(figures) == len(CASES) >= 140
