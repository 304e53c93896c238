"""``nodeflow export --to numpy`` and the like."""

from __future__ import annotations

import numpy as np
import pytest

from nodeflow.resources import example
from nodeflow.train.saving.weights import load_weights


def test_code_with_its_weights(nodeflow, tmp_path):
    found = nodeflow("export", example("spirals"), "--to", "pytorch", "--json").json
    assert found["folder"] == "spirals-pytorch"
    folder = tmp_path / "spirals-pytorch"
    assert sorted(found["files"]) == sorted(path.name for path in folder.iterdir())
    assert "class Spirals(nn.Module)" in (folder / "spirals.py").read_text("utf-8")


@pytest.mark.thorough
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


def test_a_fetched_node_is_predicted_beside_the_answer(nodeflow, tmp_path):
    path = example("spirals")
    nodeflow("export", path, "--to", "pytorch", "-o", "out", "--fetch", "hidden2")
    text = (tmp_path / "out" / "spirals.py").read_text("utf-8")
    assert 'return {"logits": logits, "hidden2": hidden2}' in text
    assert "def forward(self, x: Tensor)" in text and "def measure(self, out" in text
    unknown = nodeflow("export", path, "--to", "jax", "-o", "none", "--fetch", "hiden2")
    assert unknown.code == 1 and "hidden2" in unknown.err
    assert not (tmp_path / "none").exists()
    refused = nodeflow("export", path, "--to", "nodeflow", "--fetch", "hidden2")
    assert refused.code == 1 and "--fetch is not for --to nodeflow" in refused.err


def test_what_cannot_be_written_is_named(nodeflow, tmp_path):
    import nodeflow as nf

    with nf.Graph() as graph:
        nf.cholesky(nf.constant([[4.0]]), name="root")
    nf.save(graph, tmp_path / "a.flow")
    refused = nodeflow("export", "a.flow", "--to", "numpy")
    assert refused.code == 1 and "cholesky (root)" in refused.err
    assert not (tmp_path / "a-numpy").exists()


def test_all_that_is_missing_is_named_before_anything_is_written(nodeflow, tmp_path):
    """Ops with all their nodes, the optimizer, and placeholders that nothing feeds."""
    import nodeflow as nf

    doc = nf.DocumentBuilder()
    data = doc.node("dataset", "spirals", (0, 0), source="spirals")
    x = doc.node("placeholder", "x", (0, 0), {"feed": data["points"]}, shape=[None, 2])
    loose = doc.node("placeholder", "loose", (0, 0), shape=[], sample=1.0)
    weights = doc.node("variable", "W", (0, 0), value=[[1.0, 2.0], [3.0, 4.0]])
    place = doc.node("matmul", "place", (0, 0), {"x": x, "y": weights})
    for n in range(5):
        place = doc.node("digamma", f"psi{n}", (0, 0), {"x": place})
    place = doc.node("lgamma", "gamma", (0, 0), {"x": place})
    scaled = doc.node("multiply", "scaled", (0, 0), {"x": place, "y": loose})
    loss = doc.node("reduce_mean", "loss", (0, 0), {"x": scaled})
    train = doc.node("ftrl", "train", (0, 0), {"loss": loss})
    doc.training(optimizer=train, loss=loss, batch_size=10, epochs=1)
    doc.save(tmp_path / "a.flow")
    wanted = [*(f"psi{n}" for n in range(5)), "lgamma (gamma)", "ftrl (train)", "loose"]
    for target in ("pytorch", "jax", "tensorflow1"):
        refused = nodeflow("export", "a.flow", "--to", target, "-o", "out")
        assert refused.code == 1 and all(name in refused.err for name in wanted), refused.err
        assert not (tmp_path / "out").exists()
