"""The process that reads, writes and compares models for the window."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from nodeflow.document.io import flow
from nodeflow.errors import FileProblem, NodeflowError
from nodeflow.exchange import model_process
from nodeflow.exchange.model_requests import (
    CompareModel,
    ExportModel,
    ImportModel,
    StoredGraph,
)
from tests.integrations.onnx.models import expected, mlp, with_unknown_op

PRINTING = 'print("no answer")\n'
READING = """
import sys
from pathlib import Path
from nodeflow.exchange import model_process
from nodeflow.exchange.model_requests import ImportModel

print(len(model_process.answer(ImportModel(Path("odd.onnx"), Path("odd.flow"), True)).missing))
print("nodeflow.engine.session" in sys.modules)
"""


def asked(request: object, **more: str) -> Any:
    """The answer of a process, or its error."""
    command = [sys.executable, "-m", "nodeflow.exchange.model_process"]
    done = subprocess.run(
        command,
        input=pickle.dumps(request),
        stdout=subprocess.PIPE,
        env={**os.environ, **more},
        check=True,
    )
    return pickle.loads(done.stdout)


@pytest.fixture
def graph(tmp_path: Path) -> StoredGraph:
    """An imported model."""
    onnx.save(mlp(), tmp_path / "net.onnx")
    model_process.answer(ImportModel(tmp_path / "net.onnx", tmp_path / "net.flow", True))
    return StoredGraph(tmp_path / "net.flow", None)


def test_a_model_is_written_beside_what_own_ops_print(tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "chatty.py").write_text(PRINTING)
    onnx.save(with_unknown_op(), tmp_path / "odd.onnx")
    target = tmp_path / "odd.flow"
    found = asked(ImportModel(tmp_path / "odd.onnx", target, False), NODEFLOW_PLUGINS=str(own))
    assert list(found.missing) == ["wobble"]
    assert flow.load(target).node_named("wobble") is not None


def test_a_model_is_read_without_the_engine(tmp_path):
    onnx.save(with_unknown_op(), tmp_path / "odd.onnx")
    command = [sys.executable, "-c", READING]
    printed = subprocess.run(command, cwd=tmp_path, stdout=subprocess.PIPE, check=True).stdout
    assert printed.split() == [b"1", b"False"]


def test_an_error_keeps_its_hint_for_the_window(graph):
    weights = graph.file.with_name("other.npz")
    np.savez(weights, **{"fc1/weight": np.zeros((1, 1), "f4")})
    found = asked(CompareModel(StoredGraph(graph.file, weights), "onnx"))
    assert isinstance(found, FileProblem) and found.node == "fc1/weight"
    assert "Train again." in found.text("window") and "--init" not in found.text("window")


def test_a_program_that_is_missing_is_an_error(graph):
    with pytest.raises(NodeflowError):
        model_process.answer(CompareModel(graph, "nobody"))


def test_an_export_has_the_given_weights(graph):
    weights, target = graph.file.with_name("w.npz"), graph.file.with_name("out.onnx")
    bias = np.arange(7, dtype="f4")
    np.savez(weights, **{"fc2/bias": bias})
    made = model_process.answer(ExportModel(StoredGraph(graph.file, weights), "onnx", target))
    assert made.target == target and "probs" in made.outputs
    given = onnx.load(graph.file.with_suffix(".onnx"))
    for each in given.graph.initializer:
        if each.name == "fc2.bias":
            each.CopyFrom(onnx.numpy_helper.from_array(bias, each.name))
    x = {"x": np.ones((2, 20), "f4")}
    np.testing.assert_allclose(
        expected(onnx.load(target), x)["probs"], expected(given, x)["probs"], rtol=1e-5
    )
