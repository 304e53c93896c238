"""`tf.distributions.Normal` against the formulas in numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nodeflow.tensorflow1 as tf

LOC, SCALE = np.array([0.5, -1.0], np.float32), np.array([2.0, 0.25], np.float32)
X = np.array([[0.1, -1.2], [3.0, 0.0]], np.float32)


def test_formulas() -> None:
    density = np.exp(-(((X - LOC) / SCALE) ** 2) / 2) / (SCALE * math.sqrt(2 * math.pi))
    below = [[0.5 * math.erfc(-z / math.sqrt(2)) for z in row] for row in (X - LOC) / SCALE]
    entropy = 0.5 * np.log(2 * math.pi * math.e * SCALE**2)
    apart = np.log(1.5 / SCALE) + (SCALE**2 + (LOC - 1) ** 2) / (2 * 1.5**2) - 0.5
    with tf.Graph().as_default() as graph:
        made = tf.distributions.Normal(loc=LOC, scale=SCALE)
        other = tf.contrib.distributions.Normal(1.0, 1.5)
        found = [made.prob(X), made.log_prob(X), made.cdf(X), made.entropy(), made.variance()]
        found += [tf.distributions.kl_divergence(made, other), made.mean()]
    wanted = [density, np.log(density), below, entropy, SCALE**2, apart, LOC]
    for value, expected in zip(tf.Session(graph=graph).run(found), wanted, strict=True):
        np.testing.assert_allclose(value, expected, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize(("shape", "sizes"), [((), (2,)), (3, (3, 2)), ([4, 5], (4, 5, 2))])
def test_samples_have_the_shape_in_front(shape: object, sizes: tuple[int, ...]) -> None:
    with tf.Graph().as_default() as graph:
        drawn = tf.distributions.Normal(LOC, SCALE).sample(shape)
    assert tf.Session(graph=graph).run(drawn).shape == sizes


def test_samples_have_mean_and_deviation_and_gradients() -> None:
    with tf.Graph().as_default() as graph:
        loc, scale = tf.constant(LOC), tf.constant(SCALE)
        drawn = tf.distributions.Normal(loc, scale).sample([40000], seed=3)
        slopes = tf.gradients(tf.reduce_mean(drawn), [loc])
    values, (slope,) = tf.Session(graph=graph).run([drawn, slopes])
    np.testing.assert_allclose(values.mean(0), LOC, atol=0.03)
    np.testing.assert_allclose(values.std(0), SCALE, rtol=0.02)
    np.testing.assert_allclose(slope, [0.5, 0.5], rtol=1e-5)


def test_another_distribution_is_refused() -> None:
    with pytest.raises(tf.errors.OpError, match="must be a Normal"):
        tf.distributions.kl_divergence(3, 4)
