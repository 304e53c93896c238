"""Each op that code of PyTorch, JAX or TensorFlow 1 writes computes what the op says.

``make test-peers PEERS_PYTHON=... TENSORFLOW_PYTHON=...``; skipped where they are not given.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from nodeflow.integrations.code.body_lines import SEQUENCES
from nodeflow.integrations.code.dialect import Dialect
from nodeflow.integrations.code.numpy_and_jax.numpy_ops import JAX
from nodeflow.integrations.code.pytorch.pytorch_ops import PYTORCH
from nodeflow.integrations.code.tensorflow1.tensorflow1_ops import TENSORFLOW1
from tests.integrations.code.op_samples import Case, cases, is_drawn

PROGRAM = Path(__file__).with_name("op_program.py")
PYTHONS = {
    "pytorch": os.environ.get("PEERS_PYTHON"),
    "jax": os.environ.get("PEERS_PYTHON"),
    "tensorflow1": os.environ.get("TENSORFLOW_PYTHON"),
}
DIALECTS = {"pytorch": PYTORCH, "jax": JAX, "tensorflow1": TENSORFLOW1}
OPS = sorted({op for dialect in DIALECTS.values() for op in dialect.ops if not is_drawn(op)})

INDICES = {
    "one_hot": ("a0",),
    **dict.fromkeys(("gather", "gather_nd", "embedding_lookup", "take_along_axis"), ("a1",)),
}
"""Op -> its indices or classes."""


def written(dialect: Dialect, op: str) -> list[Case]:
    """The samples of an op that a dialect writes as expressions, one for each expression."""
    if op not in dialect.ops or op in dialect.modules:
        return []
    found = [case for case in cases(dialect, op) if is_common(case)]
    return list({case.code: case for case in reversed(found)}.values())


def is_common(case: Case) -> bool:
    """Whether there are no infinities or NaN, which libraries order and limit otherwise, and no
    indices below 0, which count from the end here, and which PyTorch or TensorFlow refuse."""
    numbers = [array for array in case.values.values() if array.dtype.kind == "f"]
    indices = [case.values[name] for name in INDICES.get(case.op, ()) if name in case.values]
    finite = all(np.isfinite(array).all() for array in numbers)
    return finite and all(array.min() >= 0 for array in indices)


@pytest.fixture(scope="module", params=PYTHONS)
def found(request, tmp_path_factory) -> tuple[str, Mapping[str, list[Case]], Mapping[str, str]]:
    """The target, its cases by op, and by ``OP/NUMBER`` a file of results, or a problem."""
    target, python = request.param, PYTHONS[request.param]
    if not python:
        pytest.skip("no Python with the library is given")
    dialect, place = DIALECTS[target], tmp_path_factory.mktemp(target)
    by_op = {op: written(dialect, op) for op in OPS}
    jobs, arrays = [], {}
    for op, samples in by_op.items():
        for number, case in enumerate(samples):
            key = f"{op.replace('/', '.')}:{number}"
            several = len(case.truth) > 1 or op in SEQUENCES or op in dialect.moving
            jobs.append({"key": key, "code": case.code, "several": several})
            arrays.update({f"{key}:{name}": value for name, value in case.values.items()})
    np.savez(place / "given.npz", **arrays)
    facts = {"target": target, "helpers": list(dialect.helpers.values()), "jobs": jobs}
    (place / "jobs.json").write_text(json.dumps(facts))
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run([python, PROGRAM, place], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    problems = json.loads((place / "problems.json").read_text())
    with np.load(place / "found.npz") as file:
        return target, by_op, {**problems, **dict(file)}


@pytest.mark.parametrize("op", OPS)
def test_an_op_computes_what_it_says(found, op: str):
    target, by_op, results = found
    for number, case in enumerate(by_op[op]):
        key = f"{op.replace('/', '.')}:{number}"
        assert key not in results, f"{case.code}: {results.get(key)}"
        for place, truth in enumerate(case.truth):
            tolerance = 1e-9 if truth.dtype == np.float64 else 5e-5
            np.testing.assert_allclose(
                results[f"{key}:{place}"], truth, rtol=tolerance, atol=tolerance,
                err_msg=f"{target}: {case.code}",
            )  # fmt: skip
