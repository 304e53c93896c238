"""`tf.contrib.layers`: names of variables, defaults and formulas of `tf.contrib.layers`."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
import nodeflow.tensorflow1 as tf
from tests.engine.test_touched_rows import Words, labels, lazily


def run(tensor: nf.Tensor, feeds: dict | None = None, training: bool | None = None) -> np.ndarray:
    with nf.Session(tensor.graph) as session:
        session.initialize()
        return session.run(tensor, feeds or {}, training=training)


def value(graph: nf.Graph, name: str) -> np.ndarray:
    with nf.Session(graph) as session:
        session.initialize()
        return session.run(name)


def test_fully_connected_is_relu_of_a_product() -> None:
    x = np.random.RandomState(0).randn(4, 3).astype("float32")
    with nf.Graph() as graph:
        y = tf.contrib.layers.fully_connected(
            x, 2, scope="fc1", biases_initializer=tf.constant_initializer(0.5),
            weights_regularizer=tf.contrib.layers.l2_regularizer(0.1),
        )  # fmt: skip
        again = tf.contrib.layers.fully_connected(x, 2, scope="fc1", reuse=True)
        plain = tf.contrib.layers.linear(x, 2, scope="fc2")
        assert [v.node.name for v in nf.trainable_variables()] == [
            "fc1/weights", "fc1/biases", "fc2/weights", "fc2/biases",
        ]  # fmt: skip
        (penalty,) = tf.losses.get_regularization_losses()
    w = value(graph, "fc1/weights")
    np.testing.assert_allclose(run(y), np.maximum(x @ w + 0.5, 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(run(again), run(y))
    np.testing.assert_allclose(run(penalty), 0.05 * np.sum(w**2), rtol=1e-5)
    assert (run(plain) < 0).any()
    limit = np.sqrt(6 / (3 + 2))
    assert np.abs(w).max() <= limit


def test_convolution_and_pooling() -> None:
    x = np.random.RandomState(1).randn(2, 6, 6, 3).astype("float32")
    with nf.Graph() as graph:
        y = tf.contrib.layers.conv2d(x, 4, [3, 3], activation_fn=None, scope="conv")
        w, b = (graph.tensor(f"conv/{n}") for n in ("weights", "biases"))
        same = tf.nn.conv2d(x, w, [1, 1, 1, 1], "SAME") + b
        pooled = tf.contrib.layers.max_pool2d(y, 2)
        assert y.shape == (2, 6, 6, 4) and pooled.shape == (2, 3, 3, 4)
    np.testing.assert_allclose(run(y), run(same), rtol=1e-5, atol=1e-5)


def test_a_normaliser_takes_the_place_of_biases() -> None:
    x = np.random.RandomState(2).randn(64, 3).astype("float32")
    with nf.Graph() as graph:
        y = tf.contrib.layers.fully_connected(
            x, 5, activation_fn=None, normalizer_fn=tf.contrib.layers.batch_norm,
            normalizer_params={"is_training": True, "decay": 0.9}, scope="fc",
        )  # fmt: skip
        names = [v.node.name for v in nf.global_variables()]
    assert "fc/biases" not in names
    found, spread = run(y), (x @ value(graph, "fc/weights")).var(0)
    np.testing.assert_allclose(found.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(found.var(0), spread / (spread + 0.001), rtol=1e-4)


def test_scaled_initial_weights() -> None:
    with nf.Graph() as graph:
        init = tf.contrib.layers.variance_scaling_initializer()
        tf.get_variable("w", [400, 300], initializer=init)
    w = value(graph, "w")
    assert w.std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    with pytest.raises(nf.errors.AttributeProblem, match="mode"):
        tf.contrib.layers.variance_scaling_initializer(mode="fan")


@pytest.mark.parametrize(("time", "batch"), [(a, b) for a in (True, False) for b in (True, False)])
def test_sequence_loss(time: bool, batch: bool) -> None:
    random = np.random.RandomState(3)
    logits, targets = random.randn(2, 4, 5), random.randint(0, 5, (2, 4))
    weights = random.rand(2, 4)
    shifted = logits - logits.max(-1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    each = -np.take_along_axis(logs, targets[..., None], -1)[..., 0] * weights
    axes = tuple(a for a, on in ((0, batch), (1, time)) if on)
    wanted = each.sum(axes) / weights.sum(axes) if axes else each
    with nf.Graph():
        loss = tf.contrib.layers.sequence_loss(
            nf.constant(logits), nf.constant(targets), nf.constant(weights), time, batch
        )
    np.testing.assert_allclose(run(loss), wanted, rtol=1e-9)


def test_dropout_keeps_a_share() -> None:
    with nf.Graph():
        x = nf.ones([1000])
        dropped = tf.contrib.layers.dropout(x, 0.8)
        kept = tf.contrib.layers.dropout(x, 0.8, is_training=False)
        rows = tf.contrib.layers.one_hot_encoding(nf.constant([1, 0]), 2)
    share = (run(dropped) > 0).mean()
    assert 0.7 < share < 0.9
    np.testing.assert_array_equal(run(kept), np.ones(1000))
    np.testing.assert_array_equal(run(rows), [[0, 1], [1, 0]])


@pytest.mark.thorough
def test_tensorflows_lazy_adam_is_the_same():
    words = Words(tf.contrib.opt.LazyAdamOptimizer(0.01).minimize)
    assert len(labels(words.train)) == 2
    other = Words(lazily("adam"))
    ours, theirs = words.trained(), other.trained()
    assert [v.tobytes() for v in ours.values()] == [v.tobytes() for v in theirs.values()]
