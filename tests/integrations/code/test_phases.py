"""Exported code in training and afterwards, and what it predicts, as text and in numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.document.io import flow
from nodeflow.document.to_graph.task import Task
from nodeflow.exchange.code_targets import code_of, export_code
from nodeflow.resources import example
from tests.integrations.code import phased_graphs
from tests.integrations.code.test_code import loaded


def test_numpy_normalizes_by_the_batch_in_training_and_moves_the_averages(tmp_path: Path):
    export_code(phased_graphs.task("normalized", tmp_path), "normalized", "numpy", tmp_path)
    module = loaded(tmp_path, "normalized")
    params = module.initial()
    x = np.random.default_rng(1).normal(size=(32, 2)).astype("f4")
    hidden = x @ params["hidden_kernel"] + params["hidden_bias"]
    mean, variance = hidden.mean(0), hidden.var(0)
    found = module.predict(params, x, training=True)["logits"]
    active = np.maximum((hidden - mean) / np.sqrt(variance + 1e-3), 0)
    truth = active @ params["logits_kernel"] + params["logits_bias"]
    np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(params["norm_moving_mean"], 0.1 * mean, rtol=1e-4, atol=1e-6)
    moved = 0.9 + 0.1 * variance
    np.testing.assert_allclose(params["norm_moving_variance"], moved, rtol=1e-4)
    kept = params["norm_moving_mean"].copy()
    after = module.predict(params, x)["logits"]
    assert np.array_equal(params["norm_moving_mean"], kept) and not np.allclose(after, found)


def test_numpy_drops_by_its_generator_in_training_alone(tmp_path: Path):
    export_code(phased_graphs.task("sequence", tmp_path), "sequence", "numpy", tmp_path)
    module = loaded(tmp_path, "sequence")
    params, x = module.initial(), np.random.default_rng(1).random((50, 784), "f4")
    first, again, other = (
        module.predict(params, x, training=True, rng=seed)["logits"] for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert np.array_equal(module.predict(params, x)["logits"], module.predict(params, x)["logits"])


@pytest.mark.parametrize(
    ("name", "answer", "measured_from"),
    [
        ("mnist_layers", "logits", "y"),
        ("mnist_cnn_layers", "logits", "y"),
        ("mnist", "probabilities", "y"),
        ("autoencoder", "restored", "x"),
    ],
)
def test_a_module_takes_inputs_and_gives_predictions(name: str, answer: str, measured_from: str):
    text = code_of(Task(flow.load(example(name)), file=example(name)), name, "pytorch").text
    assert "def forward(self, x: Tensor) -> dict[str, Tensor]:" in text
    assert f'return {{"{answer}": {answer}}}' in text
    assert f"def measure(self, out: dict[str, Tensor], {measured_from}: Tensor)" in text


def test_each_library_says_in_its_way_that_averages_move(tmp_path: Path):
    task = phased_graphs.task("normalized", tmp_path)
    texts = {t: code_of(task, "net", t).text for t in ("pytorch", "jax", "tensorflow1", "numpy")}
    assert 'self.register_buffer("norm_moving_mean", torch.empty(16))' in texts["pytorch"]
    assert "training=self.training" in "".join(texts["pytorch"].split())
    assert "out, state = predict(params, state, batch" in texts["jax"]
    assert "tf.get_collection(tf.GraphKeys.UPDATE_OPS)" in texts["tensorflow1"]
    assert "training: bool = False" in texts["numpy"]


def test_a_frozen_layer_stays_so_in_pytorch(tmp_path: Path):
    text = code_of(phased_graphs.task("normalized_by_hand", tmp_path), "net", "pytorch").text
    assert "self.hidden = nn.Linear(2, 16).requires_grad_(False)" in text
    assert "training=False" in text and "training=self.training" in text


def test_an_assign_that_code_would_lose_is_named(tmp_path: Path):
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [2], name="x")
        total = nf.variable([0.0, 0.0], name="total")
        with nf.control_dependencies([nf.assign(total, total + x, name="count")]):
            nf.identity(x * 2.0, name="y")
    nf.save(graph, tmp_path / "a.flow")
    with pytest.raises(nf.errors.NodeflowError, match=r"assign \(count\)"):
        code_of(Task(flow.load(tmp_path / "a.flow")), "a", "jax")
