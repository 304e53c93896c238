"""Functions with TensorFlow 1's names: the numbers, dtypes and shapes that TensorFlow gives.

Every name is looked up in the table, as the converter does.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.tensorflow1.answers import answer, exists_in
from tests.tensorflow1.agreement import calls, programs

EXISTS = exists_in(nf)
PREFIXES = ("bitwise", "debugging", "linalg", "math", "nn", "random", "train")


class Library:
    """TensorFlow's names, answered by nodeflow."""

    def __init__(self, path: str = "") -> None:
        self._path = path

    def __getattr__(self, name: str) -> Any:
        path = f"{self._path}.{name}" if self._path else name
        found: Any = answer(path, EXISTS).here
        if found is None or path in PREFIXES:
            assert path in PREFIXES, f"tf.{path} is not here"
            return Library(path)
        target: Any = nf
        for part in found.split("."):
            target = getattr(target, part)
        return Library(path) if isinstance(target, ModuleType) else target


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
        tensors = calls.CASES[name](Library())
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        agree(name, list(map(np.asarray, session.run(list(tensors)))))


@pytest.mark.parametrize("program", [programs.metric_cases, programs.train_cases])
def test_programs_give_what_tensorflow_gives(program: Any) -> None:
    with nf.Graph().as_default():
        agree(program.__name__, program(Library()))
