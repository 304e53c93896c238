"""``nodeflow verify --against onnxruntime``, in a Python that has it.

``make test-peers ONNX_PYTHON=...``; skipped where that has no onnxruntime.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import onnx
import pytest

from nodeflow.resources import example
from tests.integrations.onnx.models import cnn, flat_blocks, mlp, recurrent, with_unknown_op
from tests.peers.test_onnx_runtime import PYTHON, release

pytestmark = pytest.mark.skipif(not release(), reason="ONNX_PYTHON has no onnxruntime")
ROOT = Path(__file__).parents[2]


def called(*arguments: str | Path) -> Any:
    """What a command prints as JSON there, where only numpy computes."""
    assert PYTHON
    command = [PYTHON, "-m", "nodeflow", *map(str, arguments), "--tier", "reference", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NODEFLOW_RUNS": "off"}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


@pytest.mark.parametrize("make", [mlp, cnn, flat_blocks, lambda: recurrent("GRU")])
def test_a_model_is_verified(make, tmp_path):
    onnx.save(make(), tmp_path / "m.onnx")
    found = called("verify", tmp_path / "m.onnx", "--against", "onnxruntime")
    assert found["verified"] and not found["not_computed"]
    assert found["programs"][1] == f"onnxruntime {release()}"


def test_an_op_that_neither_knows(tmp_path):
    onnx.save(with_unknown_op(), tmp_path / "m.onnx")
    found = called("verify", tmp_path / "m.onnx", "--against", "onnxruntime")
    assert found["verified"] and list(found["not_computed"]) == ["wobble"]


@pytest.mark.parametrize("name", ["mnist_cnn", "lstm"])
def test_a_graph_is_verified(name):
    found = called("verify", example(name), "--against", "onnxruntime")
    assert found["verified"] and found["against"] == "onnxruntime"
