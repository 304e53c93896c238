"""Normalize: the statistics of the data, forwards and back, as a node of the file."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import AttributeProblem, ShapeError
from nodeflow.ops.norms.known_statistics import MissingStatistics

X = np.array([[1.0, 200.0, 5.0], [3.0, 100.0, 5.0]], np.float32)
MEAN, DEVIATION = [2.0, 150.0, 5.0], [1.0, 50.0, 0.0]


def run(tier: str, x: np.ndarray, **attrs) -> np.ndarray:
    graph = nf.Graph()
    with graph:
        placeholder = nf.placeholder("float32", [None, 3], name="x")
        out = nf.normalize(placeholder, **attrs)
    return nf.Session(graph, tier=tier).run(out, {placeholder: x})


@pytest.mark.parametrize("tier", ["reference", "compiled"])
def test_forwards_and_back(tier):
    scaled = run(tier, X, mean=MEAN, deviation=DEVIATION)
    np.testing.assert_array_equal(scaled, [[-1, 1, 0], [1, -1, 0]])
    back = run(tier, scaled, mean=MEAN, deviation=DEVIATION, inverse=True)
    np.testing.assert_array_equal(back, X)


def test_one_number_serves_all_features():
    got = run("reference", X, mean=1.0, deviation=2.0)
    np.testing.assert_array_equal(got, (X - 1) / 2)


def test_without_statistics_values_pass_and_the_node_says_so():
    with pytest.warns(MissingStatistics, match="not set"):
        np.testing.assert_array_equal(run("reference", X), X)


def test_the_gradient_is_the_factor():
    graph = nf.Graph()
    with graph:
        x = nf.placeholder("float32", [None, 3], name="x")
        forward = nf.normalize(x, mean=MEAN, deviation=[2.0, 4.0, 0.0])
        back = nf.normalize(x, mean=MEAN, deviation=[2.0, 4.0, 0.0], inverse=True)
        gradients = [nf.gradients(nf.reduce_sum(y), [x])[0] for y in (forward, back)]
    first, second = nf.Session(graph).run(gradients, {x: X})
    np.testing.assert_array_equal(first, [[0.5, 0.25, 1]] * 2)
    np.testing.assert_array_equal(second, [[2, 4, 1]] * 2)


@pytest.mark.parametrize(
    ("attrs", "error", "message"),
    [
        ({"mean": [1.0, 2.0]}, ShapeError, "does not broadcast.*x has 3 features"),
        ({"deviation": [1.0, -2.0, 1.0]}, AttributeProblem, "must not be negative"),
        ({"mean": [1.0, "NaN", 1.0]}, AttributeProblem, "must be finite"),
        ({"mean": [[1.0], [2.0, 3.0]]}, AttributeProblem, "one number for each feature"),
    ],
)
def test_statistics_that_do_not_fit_are_refused(attrs, error, message):
    with pytest.raises(error, match=message):
        run("reference", X, **attrs)
