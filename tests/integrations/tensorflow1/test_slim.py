"""`tf.contrib.slim`: arguments from scopes, repeated layers, and what models are trained with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from nodeflow.tensorflow1.contrib import slim

import nodeflow.tensorflow1 as tf
from nodeflow.errors import ArgumentProblem, GraphError

IMAGES = np.random.RandomState(0).randn(2, 6, 6, 3).astype("float32")


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


def run(fetches: Any) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches)


def names() -> list[str]:
    return [v.op.name for v in tf.global_variables()]


def test_scopes_give_arguments_and_calls_come_first() -> None:
    with slim.arg_scope([slim.conv2d, slim.fully_connected], activation_fn=None):
        with slim.arg_scope([slim.conv2d], padding="VALID", stride=2) as inner:
            a = slim.conv2d(IMAGES, 4, 3)
            b = slim.conv2d(IMAGES, 4, 3, stride=1, activation_fn=tf.nn.relu)
        c = slim.conv2d(IMAGES, 4, 3)
    d = slim.conv2d(IMAGES, 4, 3)
    with slim.arg_scope(inner):
        e = tf.contrib.layers.conv2d(IMAGES, 4, 3)
    shapes = [t.shape for t in (a, b, c, d, e)]
    assert shapes == [(2, 2, 2, 4), (2, 4, 4, 4), (2, 6, 6, 4), (2, 6, 6, 4), (2, 2, 2, 4)]
    lowest = [value.min() < 0 for value in run([a, b, c, d, e])]
    assert lowest == [True, False, True, False, True]


def test_a_normalizer_takes_its_arguments_from_scopes() -> None:
    with (
        slim.arg_scope([slim.conv2d], normalizer_fn=slim.batch_norm),
        slim.arg_scope([slim.batch_norm], scale=True, decay=0.5),
    ):
        slim.conv2d(IMAGES, 4, 3, scope="conv")
    made = {name.removeprefix("conv/batch_normalization/") for name in names()}
    assert made == {"conv/weights", "beta", "gamma", "moving_mean", "moving_variance"}
    assert [v.op.name for v in slim.get_model_variables()] == names()
    assert [v.op.name for v in slim.get_variables("conv", "gamma")] == [
        "conv/batch_normalization/gamma"
    ]
    assert slim.get_variables_by_name("beta") == slim.get_variables(suffix="beta")
    assert len(slim.get_variables_to_restore(exclude=["conv/batch_normalization"])) == 1


def test_own_functions_take_arguments_from_scopes() -> None:
    @slim.add_arg_scope
    def scaled(x: float, factor: float = 1.0) -> float:
        return x * factor

    with slim.arg_scope([scaled], factor=3.0):
        assert (scaled(2.0), scaled(2.0, factor=5.0)) == (6.0, 10.0)
    assert scaled(2.0) == 2.0 and slim.has_arg_scope(scaled) and not slim.has_arg_scope(print)
    with pytest.raises(GraphError, match="print takes no arguments from arg_scope"):
        slim.arg_scope([print], sep="").__enter__()
    with pytest.raises(GraphError, match="takes no more arguments"):
        slim.arg_scope({}, factor=1.0).__enter__()
    with slim.arg_scope([slim.conv2d], nothing=1), pytest.raises(ArgumentProblem, match="nothing"):
        slim.conv2d(IMAGES, 4, 3)


def test_layers_are_repeated_and_stacked() -> None:
    out = slim.repeat(IMAGES, 2, slim.conv2d, 5, [3, 3], scope="conv1")
    flat = slim.flatten(slim.max_pool2d(out, [2, 2], scope="pool"))
    rows = slim.stack(flat, slim.fully_connected, [8, 4], scope="fc")
    assert rows.shape == (2, 4) and flat.shape == (2, 45)
    slim.stack(out, slim.conv2d, [(2, [1, 1]), (3, [3, 3], 2)], scope="last")
    weights = [name.removesuffix("/weights") for name in names() if name.endswith("weights")]
    assert weights == [
        "conv1/conv1_1", "conv1/conv1_2", "fc/fc_1", "fc/fc_2", "last/last_1", "last/last_2"
    ]  # fmt: skip


@pytest.mark.parametrize(("padding", "size"), [("SAME", 12), ("VALID", 13)])
@pytest.mark.parametrize("known", [True, False])
def test_a_transposed_convolution_enlarges(padding: str, size: int, known: bool) -> None:
    x = tf.placeholder(tf.float32, [2, 6, 6, 3] if known else [None, None, None, 3])
    out = slim.conv2d_transpose(x, 4, [3, 3], 2, padding, activation_fn=None, scope="up")
    with tf.variable_scope("up", reuse=True):
        weights = tf.get_variable("weights", [3, 3, 4, 3])
    plain = tf.nn.conv2d_transpose(x, weights, [2, size, size, 4], [1, 2, 2, 1], padding)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found, wanted = session.run([out, plain], {x: IMAGES})
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
    assert found.shape == (2, size, size, 4) and names() == ["up/weights", "up/biases"]


def test_losses_take_predictions_first() -> None:
    logits, bits = tf.constant([[1.0, -2.0]]), tf.constant([[1.0, 0.0]])
    pairs = [
        (slim.losses.sigmoid_cross_entropy(logits, bits),
         tf.losses.sigmoid_cross_entropy(bits, logits)),
        (slim.losses.softmax_cross_entropy(logits, bits),
         tf.losses.softmax_cross_entropy(bits, logits)),
        (slim.losses.sparse_softmax_cross_entropy(logits, tf.constant([0])),
         tf.losses.sparse_softmax_cross_entropy(tf.constant([0]), logits)),
        (slim.losses.mean_squared_error(logits, bits), tf.losses.mean_squared_error(bits, logits)),
        (slim.losses.absolute_difference(logits, bits),
         tf.losses.absolute_difference(bits, logits)),
        (tf.reduce_mean(tf.contrib.losses.hinge_loss(logits, bits)),
         tf.losses.hinge_loss(bits, logits)),
    ]  # fmt: skip
    for ours, theirs in run(pairs):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    total = slim.losses.get_total_loss()
    np.testing.assert_allclose(run(total), sum(run(slim.losses.get_losses())), rtol=1e-6)


def test_a_train_op_returns_the_loss_and_steps() -> None:
    v = tf.Variable([3.0, 4.0], name="v")
    other = tf.Variable(1.0, name="other")
    loss = tf.reduce_sum(v) * other
    op = slim.learning.create_train_op(
        loss, tf.train.GradientDescentOptimizer(1.0), variables_to_train=[v], clip_gradient_norm=0.5
    )
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(op) == 7.0
        step = 0.5 / np.sqrt(2)
        np.testing.assert_allclose(session.run(v), [3 - step, 4 - step], rtol=1e-6)
        assert session.run([other, tf.train.get_global_step()]) == [1.0, 1]


def test_variables_are_counted(capsys) -> None:
    slim.fully_connected(tf.zeros([2, 3]), 4, scope="fc")
    count = slim.model_analyzer.analyze_vars(tf.global_variables(), print_info=True)
    assert count == (16, 64)
    assert "fc/weights (float32 (3, 4)) [12, bytes: 48]" in capsys.readouterr().out
