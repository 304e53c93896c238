"""``nodeflow export --to numpy`` and the like."""

from __future__ import annotations

import numpy as np

from nodeflow.resources import example
from nodeflow.train.saving.weights import load_weights


def test_code_with_its_weights(nodeflow, tmp_path):
    found = nodeflow("export", example("spirals"), "--to", "pytorch", "--json").json
    assert found["folder"] == "spirals-pytorch"
    folder = tmp_path / "spirals-pytorch"
    assert sorted(found["files"]) == sorted(path.name for path in folder.iterdir())
    assert "class Spirals(nn.Module)" in (folder / "spirals.py").read_text("utf-8")


def test_trained_weights_are_written(nodeflow, tmp_path):
    path = example("spirals")
    nodeflow("train", path, "--epochs", 1, "--save-weights", "w.safetensors", "--no-run")
    nodeflow("export", path, "--to", "numpy", "-o", "out", "--weights", "w.safetensors")
    trained = load_weights(tmp_path / "w.safetensors")
    written = load_weights(tmp_path / "out" / "spirals.safetensors")
    assert set(written) == {"W1", "b1", "W2", "b2", "W3", "b3"}
    assert all(np.array_equal(written[name], trained[name]) for name in written)


def test_options_of_onnx_are_refused(nodeflow):
    refused = nodeflow("export", example("spirals"), "--to", "jax", "--opset", 17)
    assert refused.code == 1 and "--opset is for ONNX" in refused.err


def test_what_cannot_be_written_is_named(nodeflow, tmp_path):
    import nodeflow as nf

    with nf.Graph() as graph:
        nf.cholesky(nf.constant([[4.0]]), name="root")
    nf.save(graph, tmp_path / "a.flow")
    refused = nodeflow("export", "a.flow", "--to", "numpy")
    assert refused.code == 1 and "cholesky (root)" in refused.err
    assert not (tmp_path / "a-numpy").exists()
