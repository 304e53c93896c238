"""``nodeflow export --to onnx``: the inference graph with its weights."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from nodeflow.resources import example
from tests.integrations.onnx.models import expected, mlp


@pytest.mark.thorough
def test_a_trained_graph_answers_as_here(nodeflow, tmp_path):
    graph = example("regression")
    trained = ("--epochs", "3", "--tier", "reference", "--save-weights", "w.safetensors")
    assert nodeflow("train", graph, *trained).code == 0
    result = nodeflow(
        "export", graph, "--to", "onnx", "-o", "m.onnx", "--weights", "w.safetensors", "--json"
    )
    assert result.code == 0, result.err
    assert (result.json["inputs"], result.json["outputs"]) == (["x"], ["prediction"])
    made = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(made, full_check=True)
    x = np.linspace(-1, 1, 5, dtype="f4")[:, None]
    (found,) = ReferenceEvaluator(made).run(None, {"x": x})
    np.save(tmp_path / "x.npy", x)
    ours = nodeflow(
        *("run", graph, "--feed", "x=@x.npy", "--fetch", "prediction", "--json"),
        *("--weights", "w.safetensors"),
    )
    np.testing.assert_allclose(found, ours.json["fetches"]["prediction"], rtol=1e-4, atol=1e-6)


def test_import_and_export_keep_the_model(nodeflow, tmp_path):
    made = mlp()
    onnx.save(made, tmp_path / "net.onnx")
    assert nodeflow("import", "net.onnx").code == 0
    assert nodeflow("export", "net.flow", "--to", "onnx", "-o", "again.onnx").code == 0
    x = {"x": np.ones((2, 20), "f4")}
    found = expected(onnx.load(tmp_path / "again.onnx"), x)
    np.testing.assert_allclose(found["probs"], expected(made, x)["probs"], rtol=1e-5)


def test_other_outputs_and_another_opset(nodeflow, tmp_path):
    result = nodeflow(
        *("export", example("mnist_layers"), "--to", "onnx", "-o", "m.onnx", "--json"),
        *("--fetch", "hidden", "--opset", "20", "--init"),
    )
    assert result.code == 0, result.err
    assert result.json["outputs"] == ["hidden"] and result.json["opset"] == 20


def test_an_opset_that_cannot_be_written(nodeflow, tmp_path):
    result = nodeflow(
        "export", example("regression"), "--to", "onnx", "--opset", "9", "-o", "m.onnx"
    )
    assert result.code == 1 and "opset 9 cannot be written" in result.err
    assert not (tmp_path / "m.onnx").exists()
