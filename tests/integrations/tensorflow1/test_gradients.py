"""Gradients that differ between TensorFlow and the textbook: the numbers that TensorFlow gives.

The numbers were printed by TensorFlow 2.21.0 (``tf.compat.v1``) for the same calls.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow as nf
import nodeflow.tensorflow1 as tf
from tests.backends import SESSIONS

ROOTS = np.array([0.0, 1.0, 4.0])
LABELS = np.array([[0.0, 2.0, 0.0], [0.2, 0.3, 0.1]])
LOGITS = np.array([[0.1, 0.2, 0.3], [1.0, -1.0, 0.5]])


def found(tensor: nf.Tensor | None, tier: Any) -> np.ndarray:
    assert tensor is not None
    with nf.Session(tensor.graph, **tier) as session:
        return session.run(tensor)


@pytest.mark.parametrize("tier", SESSIONS, ids=lambda s: "-".join(s.values()))
@pytest.mark.parametrize(
    ("root", "slopes"), [("sqrt", [0.0, 0.5, 0.25]), ("rsqrt", [0.0, -0.5, -0.0625])]
)
def test_roots_that_where_leaves_out_have_no_gradient(root: str, slopes: Any, tier: Any) -> None:
    with nf.Graph():
        x = nf.constant(ROOTS)
        y = nf.where(x > 0, getattr(nf, root)(x), nf.zeros_like(x))
        np.testing.assert_allclose(found(nf.gradients(y, x)[0], tier), slopes, rtol=1e-15)


@pytest.mark.parametrize("tier", SESSIONS, ids=lambda s: "-".join(s.values()))
def test_roots_keep_their_infinite_slope_and_their_second_derivative(tier: Any) -> None:
    with nf.Graph():
        x = nf.constant(ROOTS)
        (slope,) = nf.gradients(nf.sqrt(x), x)
        np.testing.assert_allclose(found(slope, tier), [np.inf, 0.5, 0.25])
        (slope,) = nf.gradients(nf.square(nf.sqrt(x) - 1), x)  # 0 at 1, where it changes
        assert slope is not None
        np.testing.assert_allclose(found(nf.gradients(slope, x)[0], tier)[1:], [0.5, 0.0625])


@pytest.mark.parametrize("tier", SESSIONS, ids=lambda s: "-".join(s.values()))
def test_labels_that_do_not_sum_to_one_pull_as_they_are(tier: Any) -> None:
    softmax = np.exp(LOGITS) / np.exp(LOGITS).sum(1, keepdims=True)
    with nf.Graph():
        labels, logits = nf.constant(LABELS), nf.constant(LOGITS)
        loss = tf.nn.softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits)
        by_labels, by_logits = nf.gradients(loss, [labels, logits])
        assert by_logits is not None
        np.testing.assert_allclose(found(by_logits, tier), softmax - LABELS, rtol=1e-12)
        np.testing.assert_allclose(
            found(by_logits, tier),
            [[0.3006096054, -1.6677750065, 0.3671654011],
             [0.374096993, -0.2223044209, 0.2482074279]],
            rtol=1e-9,
        )  # fmt: skip
        np.testing.assert_allclose(found(by_labels, tier), -np.log(softmax), rtol=1e-12)
        (second,) = nf.gradients(nf.reduce_sum(nf.square(by_logits)), logits)
        np.testing.assert_allclose(
            found(second, tier),
            [[0.3784732525, -0.8896154979, 0.5111422454],
             [0.1035365957, -0.078663352, -0.0248732436]],
            rtol=1e-8,
        )  # fmt: skip


@pytest.mark.parametrize("tier", SESSIONS, ids=lambda s: "-".join(s.values()))
def test_relu6_is_flat_at_both_bounds(tier: Any) -> None:
    with nf.Graph():
        x = nf.constant(np.array([0.0, 6.0, 3.0, -1.0, 7.0]))
        (slope,) = nf.gradients(tf.nn.relu6(x), x)
        np.testing.assert_array_equal(found(slope, tier), [0, 0, 1, 0, 0])
        assert found(tf.nn.relu6(nf.constant([-1, 3, 7])), tier).tolist() == [0, 3, 6]
