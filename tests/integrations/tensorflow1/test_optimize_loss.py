"""`tf.contrib.layers.optimize_loss` against gradient descent and its clipping in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow.tensorflow1 as tf

START = np.array([3.0, -4.0], np.float32)


def after(steps: int, **given: Any) -> tuple[np.ndarray, list[float], int]:
    """Return a variable after steps on the sum of its squares, with losses and the global step."""
    with tf.Graph() as graph:
        step = tf.train.get_or_create_global_step()
        w = tf.get_variable("w", initializer=START)
        loss = tf.reduce_sum(tf.square(w))
        train = tf.contrib.layers.optimize_loss(loss, step, **given)
        with tf.Session(graph=graph) as session:
            session.run(tf.global_variables_initializer())
            losses = [float(session.run(train)) for _ in range(steps)]
            return *session.run([w]), losses, int(session.run(step))


def test_a_step_of_gradient_descent_returns_the_loss_before_it() -> None:
    w, losses, step = after(2, learning_rate=0.1, optimizer="SGD")
    np.testing.assert_allclose(w, START * 0.8**2, rtol=1e-6)
    np.testing.assert_allclose(losses, [25, 25 * 0.8**2], rtol=1e-6)
    assert step == 2


def test_gradients_are_multiplied_then_clipped_by_their_global_norm() -> None:
    w, _, _ = after(
        1, learning_rate=0.1, optimizer="SGD", clip_gradients=1.0, gradient_multipliers={"w": 0.5}
    )
    np.testing.assert_allclose(w, START - 0.1 * START / 5.0, rtol=1e-6)  # the gradient was START


def test_the_learning_rate_decays_with_the_global_step() -> None:
    decay = lambda rate, step: tf.train.exponential_decay(rate, step, 1, 0.5)  # noqa: E731
    w, _, _ = after(
        2,
        learning_rate=0.1,
        optimizer=tf.train.GradientDescentOptimizer,
        learning_rate_decay_fn=decay,
    )
    np.testing.assert_allclose(w, START * 0.8 * 0.9, rtol=1e-6)


def test_noise_has_its_scale_and_the_global_step_may_stay() -> None:
    w, _, step = after(
        1,
        learning_rate=1.0,
        optimizer=lambda rate: tf.train.GradientDescentOptimizer(rate),
        gradient_noise_scale=1e-3,
        increment_global_step=False,
    )
    apart = np.abs(w + START)
    assert 0 < apart.max() < 2.1e-3 and step == 0


def test_a_wrong_optimizer_is_refused() -> None:
    with pytest.raises(tf.errors.OpError, match="no optimizer 'Sgd'"):
        after(1, learning_rate=0.1, optimizer="Sgd")
    with pytest.raises(tf.errors.OpError, match="optimizer must be"):
        after(1, learning_rate=0.1, optimizer=3)
