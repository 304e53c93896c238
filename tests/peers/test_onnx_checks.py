"""``nodeflow verify --against onnxruntime``, in a Python that has it.

``make test-peers ONNX_PYTHON=...``; skipped where that has no onnxruntime.
"""

from __future__ import annotations

import json
import os
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from nodeflow.resources import example
from tests.integrations.onnx.models import (
    cnn,
    flat_blocks,
    mlp,
    model,
    recurrent,
    value,
    with_unknown_op,
)
from tests.peers.test_onnx_runtime import PYTHON, release

pytestmark = pytest.mark.skipif(not release(), reason="ONNX_PYTHON has no onnxruntime")
ROOT = Path(__file__).parents[2]
QUANTIZER = Path(__file__).with_name("onnx_quantizer.py")
CHANNELS = (3, 8, 12, 12, 16)


def called(*arguments: str | Path, code: int = 0) -> Any:
    """What a command prints as JSON there, where only numpy computes."""
    assert PYTHON
    command = [PYTHON, "-m", "nodeflow", *map(str, arguments), "--tier", "reference", "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NODEFLOW_RUNS": "off"}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert found.returncode == code, found.stderr
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


def convolutions() -> onnx.ModelProto:
    rng = np.random.default_rng(1)
    nodes, weights, x = [], [], "x"
    for i, (read, made) in enumerate(pairwise(CHANNELS)):
        filters = rng.normal(size=(made, read, 3, 3)) / np.sqrt(read * 4.5)
        held = {f"w{i}": filters, f"b{i}": rng.normal(size=made) * 0.1}
        weights += [numpy_helper.from_array(a.astype("f4"), name) for name, a in held.items()]
        nodes += [
            helper.make_node("Conv", [x, *held], [f"c{i}"], f"/conv{i}/Conv", pads=[1, 1, 1, 1]),
            helper.make_node("Relu", [f"c{i}"], [f"r{i}"], f"/conv{i}/Relu"),
        ]
        x = f"r{i}"
    nodes.append(helper.make_node("GlobalAveragePool", [x], ["y"], "/pool"))
    ends = [value("x", ["n", 3, 16, 16])], [value("y", ["n", 16, 1, 1])]
    return model(nodes, *ends, weights, opset=17)


def spoil(path: Path, layer: int, coarse: int = 40) -> None:
    """Give the filters of a layer a coarse scale, and the bias the scale that belongs to it."""
    made = onnx.load(path)
    for tensor in made.graph.initializer:
        array, name = numpy_helper.to_array(tensor), tensor.name
        if name in (f"w{layer}_quantized", f"b{layer}_quantized"):
            array = np.rint(array / coarse).astype(array.dtype)
        elif name in (f"w{layer}_scale", f"b{layer}_quantized_scale"):
            array = (array * coarse).astype("f4")
        else:
            continue
        tensor.CopyFrom(numpy_helper.from_array(array, name))
    onnx.save(made, path)


@pytest.mark.parametrize("values", ["nodeflow", "onnxruntime"])
@pytest.mark.parametrize("way", ["QDQ", "QOperator"])
def test_a_layer_that_is_spoilt_after_quantization_is_found(way, values, tmp_path):
    assert PYTHON
    source, result = tmp_path / "a.onnx", tmp_path / "b.onnx"
    onnx.save(convolutions(), source)
    samples = np.random.default_rng(2).normal(size=(6, 1, 3, 16, 16)).astype("f4")
    (tmp_path / "samples").mkdir()
    np.save(tmp_path / "samples" / "one.npy", samples[0])
    np.save(tmp_path / "all.npy", samples)
    command = [PYTHON, QUANTIZER, source, tmp_path / "all.npy", way, result]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    good = result.read_bytes()
    how = ("compare", source, result, "--samples", tmp_path / "samples", "--values", values)
    found = called(*how)
    assert found["first"] is None and found["nodes"][0]["isolated"] < 0.05
    for layer in range(len(CHANNELS) - 1):
        result.write_bytes(good)
        spoil(result, layer)
        found = called(*how, code=1)
        assert found["first"].startswith(f"/conv{layer}/")
        assert found["nodes"][0]["node"] == found["first"]
