"""Layers of TensorFlow 1 without `training` act as in inference, also in a step of training."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import nodeflow as nf
import nodeflow.tensorflow1 as tf
from nodeflow.errors import NodeflowError

X = np.arange(1.0, 13.0, dtype="float32").reshape(4, 3)


def in_a_step(layer) -> np.ndarray:
    """Return the value of a layer in a run that trains."""
    with tf.Graph().as_default():
        w = tf.Variable(X)
        out = layer(w)
        step = tf.train.GradientDescentOptimizer(0.0).minimize(tf.reduce_sum(out))
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            return session.run([out, step])[0]


@pytest.mark.parametrize(
    "layer", [lambda x: tf.layers.dropout(x, 0.5, seed=1), lambda x: tf.layers.Dropout(0.5)(x)]
)
def test_dropout_without_training_drops_nothing(layer):
    np.testing.assert_array_equal(in_a_step(layer), X)


@pytest.mark.parametrize(
    "layer",
    [
        lambda x: tf.layers.dropout(x, 0.5, seed=1, training=True),
        lambda x: tf.layers.dropout(x, 0.5, None, 1, True),
        lambda x: tf.layers.Dropout(0.5)(x, training=True),
        lambda x: nf.layers.Dropout(0.5)(x),
    ],
)
def test_dropout_drops_where_training_is_given_or_nf_leaves_it_to_the_run(layer):
    found = in_a_step(layer)
    assert ((found == 0) | (found == 2 * X)).all() and (found == 0).any()


@pytest.mark.parametrize(
    "layer", [tf.layers.batch_normalization, lambda x: tf.layers.BatchNormalization()(x)]
)
def test_batch_normalization_without_training_uses_its_averages(layer):
    np.testing.assert_allclose(in_a_step(layer), X / np.sqrt(1 + 1e-3), rtol=1e-6)


def test_batch_normalization_with_training_uses_the_batch():
    found = in_a_step(lambda x: tf.layers.batch_normalization(x, training=True))
    truth = (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3)
    np.testing.assert_allclose(found, truth, rtol=1e-5)


def test_the_signature_shows_the_default_and_wrong_names_are_errors():
    for function in (tf.layers.dropout, tf.layers.batch_normalization):
        assert inspect.signature(function).parameters["training"].default is False
    with tf.Graph().as_default(), pytest.raises(NodeflowError, match="rat"):
        tf.layers.dropout(tf.constant(X), rat=0.5)
