"""Gradients that a function gives itself: the numbers that TensorFlow 2.21.0 gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
import nodeflow.tensorflow1 as tf
from nodeflow.document.model.errors import NotInFile
from nodeflow.errors import GradientError, GraphError
from tests.backends import SESSIONS

TIERS = pytest.mark.parametrize("tier", SESSIONS, ids=lambda s: "-".join(s.values()))


def found(tensors: Any, tier: Any) -> Any:
    with tf.Session(**tier) as session:
        session.run(tf.global_variables_initializer())
        return session.run(tensors)


@TIERS
def test_it_replaces_the_gradient_that_would_overflow(tier: Any) -> None:
    @tf.custom_gradient
    def log1pexp(x: Any) -> Any:
        e = tf.exp(x)
        return tf.log(1 + e), lambda dy: dy * (1 - 1 / (1 + e))

    with nf.Graph().as_default():
        x = tf.constant([1.0, 100.0])
        y = log1pexp(x)
        (slope,) = tf.gradients(y, x)
        (second,) = tf.gradients(slope, x)
        values = found([y, slope, second], tier)
    np.testing.assert_allclose(values[0], [1.3132616, np.inf], rtol=1e-6)
    np.testing.assert_allclose(values[1], [0.7310586, 1.0], rtol=1e-6)
    np.testing.assert_allclose(values[2], [0.19661194, np.nan], rtol=1e-6)


@TIERS
def test_a_result_that_the_loss_does_not_reach_gives_zeros(tier: Any) -> None:
    @tf.custom_gradient
    def both(x: Any, y: Any) -> Any:
        return [x * y, x + y], lambda da, db: (2 * da, 3 * db)

    with nf.Graph().as_default():
        x = tf.constant([1.0, 100.0])
        a, b = both(x, x + 1)
        slopes = [tf.gradients([a, b], x)[0], tf.gradients(a, x)[0]]
        values = found([a, b, *slopes], tier)
    np.testing.assert_allclose(values, [[2, 10100], [3, 201], [5, 5], [2, 2]])


@TIERS
def test_variables_of_the_function_get_their_gradients(tier: Any) -> None:
    @tf.custom_gradient
    def scaled(x: Any) -> Any:
        w = tf.get_variable("w", initializer=tf.constant([2.0, 3.0]))
        return x * w, lambda dy, variables: (10 * dy, [100 * dy for _ in variables])

    with nf.Graph().as_default():
        x = tf.constant([1.0, 100.0])
        y = scaled(x)
        slopes = tf.gradients(y, [x, *tf.trainable_variables()])
        values = found([y, *slopes], tier)
    np.testing.assert_allclose(values, [[2, 300], [10, 10], [100, 100]])


@TIERS
def test_gradients_pass_through(tier: Any) -> None:
    with nf.Graph().as_default():
        x = tf.constant([1.0, 100.0])
        y = tf.grad_pass_through(lambda v: tf.round(v * 3))(x)
        values = found([y, *tf.gradients(y * 2, x)], tier)
    np.testing.assert_allclose(values, [[3, 300], [2, 2]])


def test_wrong_functions_are_explained() -> None:
    with nf.Graph().as_default():
        x = tf.constant([1.0])
        with pytest.raises(GraphError, match="returns results and a function of gradients"):
            tf.custom_gradient(lambda x: x * 2)(x)
        w = tf.Variable([2.0], name="w")
        with pytest.raises(GraphError, match="uses w, and its gradients do not take variables"):
            tf.custom_gradient(lambda x: (x * w, lambda dy: dy))(x)
        y = tf.custom_gradient(lambda x: (x * 2, lambda dy: (dy, dy)))(x)
        with pytest.raises(GradientError, match="gave 2 gradients for 1 arguments"):
            tf.gradients(y, x)


def test_no_file_holds_it(tmp_path) -> None:
    with nf.Graph().as_default() as graph:
        tf.custom_gradient(lambda x: (x * 2, lambda dy: dy))(tf.constant([1.0]))
    with pytest.raises(NotInFile, match="runs a Python function"):
        nf.save(graph, tmp_path / "graph.flow")
