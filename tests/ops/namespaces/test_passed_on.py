"""Functions that are composed of others pass on every argument."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow.tensorflow1 as tf
from nodeflow.errors import NodeflowError

RANDOM = np.random.default_rng(7)


@pytest.fixture
def session():
    with tf.Graph().as_default() as graph, tf.Session(graph=graph) as session:
        yield session


def test_the_total_loss_of_a_scope_has_the_regularization_of_that_scope(session) -> None:
    for scope, share in (("first", 0.5), ("second", 0.25)):
        with tf.variable_scope(scope):
            tf.get_variable(
                "w",
                initializer=np.ones(4, np.float32),
                regularizer=lambda w, share=share: share * tf.reduce_sum(w),
            )
    session.run(tf.global_variables_initializer())
    assert session.run(tf.losses.get_total_loss(scope="second")) == 1.0
    assert session.run(tf.losses.get_total_loss()) == 3.0


def test_an_array_of_another_shape_ends_the_run(session) -> None:
    x = tf.placeholder(tf.float32, [None])
    checked = tf.ensure_shape(x, [3])
    assert session.run(checked, {x: [1, 2, 3]}).tolist() == [1, 2, 3]
    with pytest.raises(NodeflowError, match=r"\(3,\) is expected"):
        session.run(checked, {x: [1, 2]})


def test_a_step_with_a_given_gradient_counts_itself(session) -> None:
    w = tf.Variable(np.float32(1), name="w")
    step = tf.Variable(0, trainable=False, name="step")
    optimizer = tf.train.GradientDescentOptimizer(0.5)
    train = optimizer.minimize(w * 1.0, global_step=step, grad_loss=tf.constant(2.0))
    session.run(tf.global_variables_initializer())
    session.run(train)
    assert session.run([w, step]) == [0.0, 1]


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
def test_a_separable_convolution_mixes_the_channels(session, layout) -> None:
    x = RANDOM.normal(size=(2, 5, 6, 3)).astype(np.float32)
    depthwise = RANDOM.normal(size=(1, 1, 3, 2)).astype(np.float32)
    pointwise = RANDOM.normal(size=(1, 1, 6, 4)).astype(np.float32)
    given = x if layout == "NHWC" else x.transpose(0, 3, 1, 2)
    found = session.run(
        tf.nn.separable_conv2d(
            given, depthwise, pointwise, (1, 1, 1, 1), "VALID", data_format=layout
        )
    )
    each = x[..., :, None] * depthwise[0, 0]
    expected = each.reshape(2, 5, 6, 6) @ pointwise[0, 0]
    if layout == "NCHW":
        expected = expected.transpose(0, 3, 1, 2)
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-5)


def test_a_bilinear_move_by_half_a_pixel_gives_the_means_of_neighbours(session) -> None:
    picture = RANDOM.random((4, 6, 1)).astype(np.float32)
    moved = session.run(tf.contrib.image.translate(picture, [0.5, 0.0], "BILINEAR"))
    assert moved[:, 1:] == pytest.approx((picture[:, 1:] + picture[:, :-1]) / 2, rel=1e-5)


def test_patches_lie_strides_apart_and_their_pixels_rates_apart(session) -> None:
    picture = np.arange(49, dtype=np.float32).reshape(1, 7, 7, 1)
    sizes, strides, rates = (1, 2, 2, 1), (1, 3, 3, 1), (1, 2, 2, 1)
    found = session.run(tf.image.extract_patches(picture, sizes, strides, rates, "VALID"))
    starts = [(row, column) for row in (0, 3) for column in (0, 3)]
    expected = [picture[0, r : r + 3 : 2, c : c + 3 : 2, 0].ravel() for r, c in starts]
    assert found.reshape(4, 4).tolist() == np.array(expected).tolist()


def test_whole_numbers_become_half_floats_between_0_and_1(session) -> None:
    largest = np.iinfo(np.int32).max
    x = np.array([[[0], [largest // 2], [largest]]], np.int32)
    found = session.run(tf.image.convert_image_dtype(x, tf.float16))
    assert found.dtype == np.float16 and found.ravel().tolist() == [0.0, 0.5, 1.0]


def test_gradients_of_several_results_add_up(session) -> None:
    x = tf.constant([1.0, 2.0, 3.0])
    (both,) = tf.gradients([x * x, tf.reduce_sum(x)], [x])
    assert session.run(both).tolist() == [3.0, 5.0, 7.0]
    (large,) = tf.gradients([tf.reduce_sum(3.0 * x), tf.fill([4], 1.0) * x[0]], [x])
    assert session.run(large).tolist() == [7.0, 3.0, 3.0]
