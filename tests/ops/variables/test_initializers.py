"""Initializers and regularizers against TensorFlow 1's formulas."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import scipy.stats

import nodeflow as nf
from nodeflow.errors import AttributeProblem
from nodeflow.ops.variables import initializers
from nodeflow.ops.variables.collections import GraphKeys, get_collection
from nodeflow.ops.variables.initializers import (
    Initializer,
    constant_initializer,
    glorot_normal_initializer,
    glorot_uniform_initializer,
    identity_initializer,
    ones_initializer,
    orthogonal_initializer,
    random_normal_initializer,
    random_uniform_initializer,
    truncated_normal_initializer,
    uniform_unit_scaling_initializer,
    variance_scaling_initializer,
    zeros_initializer,
)
from nodeflow.ops.variables.regularizers import (
    apply_regularization,
    l1_l2_regularizer,
    l1_regularizer,
    l2_regularizer,
)
from nodeflow.ops.variables.scope import Variable, get_variable

SHAPE = (5, 4, 30, 50)
INPUTS, OUTPUTS = 5 * 4 * 30, 5 * 4 * 50
CUT = 0.87962566103423978

EXPECTED = [
    (random_normal_initializer(), scipy.stats.norm()),
    (random_normal_initializer(2.0, 0.5), scipy.stats.norm(2, 0.5)),
    (truncated_normal_initializer(1.0, 0.5), scipy.stats.truncnorm(-2, 2, 1, 0.5)),
    (random_uniform_initializer(), scipy.stats.uniform(0, 1)),
    (random_uniform_initializer(-2.0, 3.0), scipy.stats.uniform(-2, 5)),
    (random_uniform_initializer(-1.0, 0.0), scipy.stats.uniform(-1, 1)),
    (
        uniform_unit_scaling_initializer(1.4),
        scipy.stats.uniform(-1.4 * math.sqrt(3 / INPUTS), 2.8 * math.sqrt(3 / INPUTS)),
    ),
    (
        variance_scaling_initializer(),
        scipy.stats.truncnorm(-2, 2, 0, math.sqrt(1 / INPUTS) / CUT),
    ),
    (
        variance_scaling_initializer(2.0, "fan_out", "untruncated_normal"),
        scipy.stats.norm(0, math.sqrt(2 / OUTPUTS)),
    ),
    (
        variance_scaling_initializer(3.0, "fan_avg", "uniform"),
        scipy.stats.uniform(
            -math.sqrt(18 / (INPUTS + OUTPUTS)), 2 * math.sqrt(18 / (INPUTS + OUTPUTS))
        ),
    ),
    (
        glorot_uniform_initializer(),
        scipy.stats.uniform(
            -math.sqrt(6 / (INPUTS + OUTPUTS)), 2 * math.sqrt(6 / (INPUTS + OUTPUTS))
        ),
    ),
    (
        glorot_normal_initializer(),
        scipy.stats.truncnorm(-2, 2, 0, math.sqrt(2 / (INPUTS + OUTPUTS)) / CUT),
    ),
    (initializers.he_normal(), scipy.stats.truncnorm(-2, 2, 0, math.sqrt(2 / INPUTS) / CUT)),
    (
        initializers.lecun_uniform(),
        scipy.stats.uniform(-math.sqrt(3 / INPUTS), 2 * math.sqrt(3 / INPUTS)),
    ),
]


def initial(initializer: Initializer, shape: tuple[int, ...], dtype: str = "float64") -> np.ndarray:
    with nf.Graph() as graph:
        v = get_variable("v", shape, dtype, initializer)
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        return session.run(v)


@pytest.mark.parametrize(("initializer", "law"), EXPECTED, ids=lambda v: repr(v)[:60])
def test_the_numbers_follow_the_law(initializer: Initializer, law) -> None:
    drawn = initial(initializer, SHAPE).ravel()
    assert scipy.stats.kstest(drawn, law.cdf).pvalue > 1e-3
    assert law.support()[0] <= drawn.min()
    assert drawn.max() <= law.support()[1]


def test_constants() -> None:
    assert initial(zeros_initializer(), (2,)).tolist() == [0, 0]
    assert initial(ones_initializer(), (2,), "bool").tolist() == [True, True]
    assert initial(constant_initializer(3), (2,), "int32").tolist() == [3, 3]
    given = constant_initializer([1, 2, 3])
    assert initial(given, (2, 3)).tolist() == [[1, 2, 3], [3, 3, 3]]
    assert initial(constant_initializer(np.eye(2)), (2, 2)).tolist() == [[1, 0], [0, 1]]
    with pytest.raises(AttributeProblem, match="do not fill"):
        initial(given, (2,))
    with pytest.raises(AttributeProblem, match="has shape"):
        constant_initializer([1, 2], verify_shape=True)((4,))
    assert initial(identity_initializer(2.0), (2, 3)).tolist() == [[2, 0, 0], [0, 2, 0]]
    with pytest.raises(AttributeProblem, match="two sizes"):
        initial(identity_initializer(), (2,))


def test_orthogonal() -> None:
    tall = initial(orthogonal_initializer(2.0), (3, 2, 4))
    flat = tall.reshape(6, 4)
    np.testing.assert_allclose(flat.T @ flat, 4 * np.eye(4), atol=1e-12)


def test_mistakes_are_named() -> None:
    with pytest.raises(AttributeProblem, match="positive"):
        variance_scaling_initializer(0.0)
    with pytest.raises(AttributeProblem, match="mode must be one of"):
        variance_scaling_initializer(mode="fan")
    with pytest.raises(AttributeProblem, match="distribution must be one of"):
        variance_scaling_initializer(distribution="gauss")


def test_seeds_and_calls() -> None:
    one = initial(random_normal_initializer(seed=4), (3, 2))
    np.testing.assert_array_equal(one, initial(random_normal_initializer(seed=4), (3, 2)))
    assert not np.array_equal(one, initial(random_normal_initializer(seed=5), (3, 2)))
    with nf.Graph() as graph:
        tensor = Variable(initializers.glorot_uniform(seed=4)((3, 2), "float64"))
        flags = initializers.ones()((2,), "bool")
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        first, on = session.run([tensor, flags])
    np.testing.assert_array_equal(first, initial(glorot_uniform_initializer(seed=4), (3, 2)))
    assert on.tolist() == [True, True]


def test_a_file_keeps_initializers(tmp_path: Path) -> None:
    with nf.Graph() as graph:
        get_variable("w", [4, 3], initializer=variance_scaling_initializer(2.0, seed=3))
        get_variable("v", [4], initializer=constant_initializer([1.0, 2.0]))
        x = nf.placeholder("float32", [None, 4], name="x")
        nf.layers.dense(x, 3, kernel_initializer=identity_initializer(0.5), name="dense")
    path = tmp_path / "g.flow"
    nf.save(graph, path)
    again = nf.load(path)
    names = ["w", "v", "dense/kernel"]
    for name in names:
        assert again.node(name).attrs["initializer"] == graph.node(name).attrs["initializer"]
    with nf.Session(graph, tier="reference") as one, nf.Session(again, tier="reference") as other:
        one.initialize()
        other.initialize()
        for first, second in zip(one.run(names), other.run(names), strict=True):
            np.testing.assert_array_equal(first, second)


def test_regularizers() -> None:
    w = np.array([[1.0, -2.0], [3.0, 0.5]])
    with nf.Graph() as graph:
        v = Variable(w)
        terms = [
            l1_regularizer(0.3)(v),
            l2_regularizer(0.3)(v),
            l1_l2_regularizer(0.1, 0.2)(v),
            apply_regularization(l2_regularizer(0.1), [v, v]),
        ]
        assert l2_regularizer(0.0)(v) is None
        assert get_collection(GraphKeys.REGULARIZATION_LOSSES) == terms[-1:]
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        found = session.run(terms)
    l1, l2 = np.abs(w).sum(), (w**2).sum() / 2
    expected = [0.3 * l1, 0.3 * l2, 0.1 * l1 + 0.2 * l2, 0.2 * l2]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    with pytest.raises(AttributeProblem, match="fraction") as caught:
        l2_regularizer(1)
    assert caught.value.hint == "Write 1.0."
    with pytest.raises(AttributeProblem, match="0 or more"):
        l1_regularizer(-0.1)
