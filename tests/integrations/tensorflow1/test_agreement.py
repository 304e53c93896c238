"""Functions with TensorFlow 1's names: the numbers, dtypes and shapes that TensorFlow gives."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
import nodeflow.tensorflow1 as tf
from tests.integrations.tensorflow1.agreement import calls, programs


def stored() -> dict[str, list[np.ndarray]]:
    found: dict[str, list[np.ndarray]] = defaultdict(list)
    with np.load(Path(__file__).parent / "agreement" / "values.npz") as file:
        for key in file.files:
            found[key.split("/")[0]].append(file[key])
    return found


STORED = stored()


def agree(name: str, values: list[np.ndarray]) -> None:
    assert len(values) == len(STORED[name])
    for number, (ours, theirs) in enumerate(zip(values, STORED[name], strict=True)):
        what = f"{name}, result {number}"
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), what
        tolerance = 2e-6 if theirs.dtype == np.float32 else 1e-9
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance, err_msg=what)


@pytest.mark.parametrize("tier", ["reference", "compiled"])
@pytest.mark.parametrize("name", calls.CASES)
def test_calls_give_what_tensorflow_gives(name: str, tier: Any) -> None:
    calls.seed(name)
    with nf.Graph() as graph:
        tensors = calls.CASES[name](tf)
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        agree(name, list(map(np.asarray, session.run(list(tensors)))))


@pytest.mark.parametrize("program", [programs.metric_cases, programs.train_cases])
def test_programs_give_what_tensorflow_gives(program: Any) -> None:
    with nf.Graph().as_default():
        agree(program.__name__, program(tf))
