"""The dense layer: numbers against numpy, variables, names, gradients, and the Python API."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

import nodeflow as nf
from nodeflow.errors import AttributeProblem, DtypeError, GraphError, ShapeError

FORMULAS = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "gelu": lambda x: x * 0.5 * (1 + special.erf(x / np.sqrt(2))),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "sigmoid": special.expit,
    "softmax": lambda x: special.softmax(x, axis=-1),
    "softplus": lambda x: np.logaddexp(x, 0),
    "tanh": np.tanh,
}
tiers = pytest.mark.parametrize("tier", ["reference", "compiled"])


@tiers
@pytest.mark.parametrize("activation", FORMULAS)
def test_equals_the_formula(tier: str, activation: str) -> None:
    rng = np.random.default_rng(3)
    x, kernel, bias = rng.normal(size=(5, 4)), rng.normal(size=(4, 3)), rng.normal(size=3)
    with nf.Graph() as graph:
        fed = nf.placeholder("float64", [None, 4])
        out = nf.layers.dense(fed, 3, activation, name="hidden")
    assert out.name == "hidden"
    assert out.type.shape == (None, 3)
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        session.variables["hidden/kernel"] = kernel
        session.variables["hidden/bias"] = bias
        got = session.run(out, {fed: x})
    np.testing.assert_allclose(got, FORMULAS[activation](x @ kernel + bias), rtol=1e-12)


@tiers
def test_gradients_of_the_weights_match_finite_differences(tier: str) -> None:
    rng = np.random.default_rng(4)
    x, weight = rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
    values = {"d/kernel": rng.normal(size=(4, 3)), "d/bias": rng.normal(size=3)}
    with nf.Graph() as graph:
        out = nf.layers.dense(nf.constant(x), 3, nf.tanh, name="d")
        total = nf.reduce_sum(out * nf.constant(weight))
        variables = [graph.tensor(name) for name in values]
        slopes = nf.gradients(total, variables)
    with nf.Session(graph, tier=tier) as session:
        session.initialize()

        def at(changed: dict) -> float:
            session.variables.update({**values, **changed})
            return float(session.run(total))

        at({})
        found = session.run(slopes)
        for (name, value), slope in zip(values.items(), found, strict=True):
            for index in np.ndindex(value.shape):
                step = np.zeros_like(value)
                step[index] = 1e-5
                up, down = at({name: value + step}), at({name: value - step})
                assert slope[index] == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-9)


@pytest.mark.thorough
@settings(max_examples=25)
@given(
    shape=st.lists(st.integers(0, 4), min_size=2, max_size=4),
    units=st.integers(1, 5),
    use_bias=st.booleans(),
)
def test_any_shape(shape: list[int], units: int, use_bias: bool) -> None:
    x = np.random.default_rng(5).normal(size=shape)
    with nf.Graph() as graph:
        out = nf.layers.dense(nf.constant(x), units, use_bias=use_bias, name="d")
    with nf.Session(graph, tier="reference") as session:
        session.initialize()
        got = session.run(out)
        expected = x @ session.variables["d/kernel"]
        assert ("d/bias" in session.variables) == use_bias
    assert out.type.shape == got.shape == (*shape[:-1], units)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-14)


def test_it_is_one_node_with_trainable_variables_of_keras_names() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 8], name="x")
        nf.layers.dense(x, 4)
        nf.layers.dense(x, 4, trainable=False, use_bias=False)
    own = [node.name for node in graph.nodes if node.derived_from is None]
    assert own == ["x", "dense", "dense_1"]
    assert [v.name for v in graph.variables] == ["dense/kernel", "dense/bias", "dense_1/kernel"]
    assert [v.name for v in graph.trainable_variables] == ["dense/kernel", "dense/bias"]


def test_initial_values_follow_the_initializers() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None, 200])
        nf.layers.dense(x, 300, name="glorot")
        start = {"op": "random_normal", "stddev": 0.03}
        nf.layers.dense(x, 300, kernel_initializer=start, bias_initializer=start, name="normal")
        nf.layers.dense(x, 3, kernel_initializer="he_normal", name="he")
    with nf.Session(graph) as session:
        session.initialize()
        values = dict(session.variables)
    limit = np.sqrt(6 / 500)
    assert np.abs(values["glorot/kernel"]).max() <= limit
    assert values["glorot/kernel"].std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
    assert not values["glorot/bias"].any()
    assert values["normal/kernel"].std() == pytest.approx(0.03, rel=0.02)
    assert values["normal/bias"].std() == pytest.approx(0.03, rel=0.2)
    assert values["he/kernel"].std() == pytest.approx(np.sqrt(2 / 200), rel=0.1)


@pytest.mark.thorough
def test_an_optimizer_trains_it() -> None:
    """Least squares: a dense layer finds what numpy finds."""
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    with nf.Graph() as graph:
        out = nf.layers.dense(nf.constant(x), 2, name="d")
        loss = nf.reduce_mean(nf.square(out - nf.constant(y)))
        train = nf.gradient_descent(loss, learning_rate=0.3)
    with nf.Session(graph) as session:
        session.initialize()
        for _ in range(500):
            session.run(train)
        kernel, bias = session.variables["d/kernel"], session.variables["d/bias"]
    expected = np.linalg.lstsq(np.c_[x, np.ones(50)], y, rcond=None)[0]
    np.testing.assert_allclose(np.vstack([kernel, bias]), expected, rtol=1e-8, atol=1e-10)


def test_named_and_other_functions_as_activation() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 8])
        nf.layers.dense(x, 4, nf.relu, name="a")
        out = nf.layers.dense(x, 4, lambda t: nf.tanh(t) * 2.0, name="b")
    assert graph.node("a").attrs["activation"] == "relu"
    assert graph.node("b").attrs["activation"] == "linear"
    assert out.node.op.id == "multiply"
    with pytest.raises(AttributeProblem, match="must be a function or its name"):
        nf.layers.dense(x, 4, activation=3)  # type: ignore[arg-type]


def test_problems_name_the_layer_and_what_is_wrong() -> None:
    with nf.Graph():
        with pytest.raises(ShapeError, match="number of features") as unknown:
            nf.layers.dense(nf.placeholder("float32", [None, None]), 4, name="hidden")
        assert (unknown.value.node, unknown.value.port) == ("hidden", "x")
        with pytest.raises(ShapeError, match="needs rows of features") as flat:
            nf.layers.dense(nf.placeholder("float32", [4]), 4, name="hidden")
        assert flat.value.hint == "Give it two axes: (rows, features)."
        with pytest.raises(
            DtypeError, match="dense takes float32, float64, float16 or bfloat16 at 'x', not uint8"
        ):
            nf.layers.dense(nf.placeholder("uint8", [None, 4]), 4)
        x = nf.placeholder("float32", [None, 4])
        with pytest.raises(GraphError) as initializer:
            nf.layers.dense(x, 4, kernel_initializer="relu", name="hidden")
        assert (initializer.value.node, initializer.value.port) == ("hidden", "kernel_initializer")
        with pytest.raises(AttributeProblem, match="units must be at least 1"):
            nf.layers.dense(x, 0)


@pytest.mark.parametrize(("name", "hint"), [("dens", "dense"), ("Linear", "dense")])
def test_other_names_are_answered_with_the_right_one(name: str, hint: str) -> None:
    with pytest.raises(AttributeError, match=f"Did you mean {hint}"):
        getattr(nf.layers, name)
