"""Optimizers and gradients as nodes, against the formulas in plain numpy."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import AttributeProblem, DtypeError, GradientError, GraphError, ShapeError
from nodeflow.ops.macro_ops import UnreachedVariable
from nodeflow.ops.training_mode import training_feeds
from tests.ops.evaluate import evaluate, resolve

START = np.array([1.0, -2.0, 3.0])
PULL = np.array([2.0, 1.0, 0.5])


def quadratic(graph: nf.Graph) -> nf.Tensor:
    """0.5 * sum(PULL * w * w): its gradient is PULL * w."""
    w = nf.variable(START, name="w")
    return nf.reduce_sum(w * w * PULL, name="sum") * 0.5


def train(graph: nf.Graph, optimizer: nf.Node, steps: int) -> dict[str, np.ndarray]:
    """The variables after some steps; all assigns of a step see the values before it."""
    now = {v: evaluate([v], {})[0] for v in graph.variables}
    flags = {flag: np.array(True) for flag in training_feeds(graph)}
    for _ in range(steps):
        assigns = [a.outputs[0] for a in optimizer.control_inputs]
        new = evaluate(assigns, {**now, **flags})
        now |= {a.node.inputs[0]: value for a, value in zip(assigns, new, strict=True)}
    return {v.name: value for v, value in now.items()}


def test_gradient_descent() -> None:
    with nf.Graph() as graph:
        step = nf.gradient_descent(quadratic(graph), learning_rate=0.1, name="train")
    w = START.copy()
    for _ in range(5):
        w -= 0.1 * (PULL * w)
    np.testing.assert_allclose(train(graph, step, 5)["w"], w, rtol=1e-14)


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum(nesterov: bool) -> None:
    with nf.Graph() as graph:
        loss = quadratic(graph)
        step = nf.momentum(loss, learning_rate=0.1, momentum=0.7, nesterov=nesterov, name="train")
    w, velocity = START.copy(), np.zeros(3)
    for _ in range(6):
        g = PULL * w
        velocity = 0.7 * velocity + g
        w = w - 0.1 * (g + 0.7 * velocity if nesterov else velocity)
    after = train(graph, step, 6)
    np.testing.assert_allclose(after["w"], w, rtol=1e-13)
    np.testing.assert_allclose(after["train/w/velocity"], velocity, rtol=1e-13)


def test_adam() -> None:
    with nf.Graph() as graph:
        step = nf.adam(quadratic(graph), learning_rate=0.2, beta1=0.8, beta2=0.95, name="train")
    w, m, v = START.copy(), np.zeros(3), np.zeros(3)
    for t in range(1, 8):
        g = PULL * w
        m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g * g
        rate = 0.2 * math.sqrt(1 - 0.95**t) / (1 - 0.8**t)
        w = w - rate * m / (np.sqrt(v) + 1e-8)
    after = train(graph, step, 7)
    np.testing.assert_allclose(after["w"], w, rtol=1e-12)
    np.testing.assert_allclose(after["train/w/m"], m, rtol=1e-12)
    np.testing.assert_allclose(after["train/beta2_power"], 0.95**7, rtol=1e-12)


def test_an_optimizer_derives_visible_nodes() -> None:
    with nf.Graph() as graph:
        loss = quadratic(graph)
        before = set(graph.nodes)
        with graph.name_scope("outer"):
            step = nf.momentum(loss, name="train")
    derived = set(graph.nodes) - before - {step}
    assert step.name == "outer/train"
    assert step.outputs == ()
    assert {n.derived_from for n in derived} == {"outer/train"}
    assert all(n.name.startswith(("gradients/", "outer/train/")) for n in derived)
    assert {a.op.id for a in step.control_inputs} == {"assign"}
    assert graph.node("outer/train/learning_rate").attrs["value"] == 0.01
    slot = graph.node("outer/train/w/velocity")
    assert not slot.attrs["trainable"]
    assert slot.outputs[0].type == graph.tensor("w").type


def test_variables_of_two_dtypes_get_numbers_of_their_own() -> None:
    with nf.Graph() as graph:
        a, b = nf.variable(2.0, name="a"), nf.variable(np.float64(3.0), name="b")
        loss = nf.cast(a * a, "float64") + b * b
        after = train(graph, nf.adam(loss, learning_rate=0.5, name="train"), 1)
    assert after["a"].dtype == np.float32
    np.testing.assert_allclose([after["a"], after["b"]], [1.5, 2.5], rtol=1e-6)


def test_only_the_named_variables_are_changed() -> None:
    with nf.Graph() as graph:
        a, b, c = (nf.variable(1.0, name=n, trainable=n != "c") for n in "abc")
        loss = a * b * c
        assert updated(nf.gradient_descent(loss)) == ["a", "b"]
        assert updated(nf.gradient_descent(loss, variables=["c"])) == ["c"]
        assert updated(nf.gradient_descent(loss, variables=[b, a, b])) == ["b", "a"]
        with pytest.raises(GraphError, match=r"there is no node 'd'"):
            nf.gradient_descent(loss, variables=["d"])
        with pytest.raises(GraphError, match="is a multiply, not a variable") as caught:
            nf.gradient_descent(loss, variables=[loss.name])
        assert caught.value.port == "variables"
    assert len([n for n in graph.nodes if n.op.id == "gradient_descent"]) == 3


def updated(step: nf.Node) -> list[str]:
    return [a.inputs[0].name for a in step.control_inputs]


def test_unreached_variables_are_left_out_with_a_warning() -> None:
    with nf.Graph():
        a, b = nf.variable(1.0, name="a"), nf.variable(2.0, name="b")
        loss = a * nf.stop_gradient(b)
        with pytest.warns(UnreachedVariable, match="does not depend on b; left out"):
            assert updated(nf.gradient_descent(loss)) == ["a"]
        with pytest.raises(GradientError, match="no trainable variable") as caught:
            nf.gradient_descent(nf.stop_gradient(a), name="train")
        assert (caught.value.node, caught.value.port) == ("train", "loss")
        with pytest.raises(GradientError, match="no trainable variable"):
            nf.gradient_descent(nf.constant(1.0))


def test_a_failed_optimizer_leaves_the_graph_as_it_was() -> None:
    with nf.Graph() as graph:
        loss = nf.stop_gradient(nf.variable(1.0)) * 2
        names = [n.name for n in graph.nodes]
        with pytest.raises(GradientError):
            nf.adam(loss, name="train")
        assert [n.name for n in graph.nodes] == names
        assert "train" not in graph


def test_a_loss_must_be_a_float_scalar() -> None:
    with nf.Graph():
        with pytest.raises(ShapeError, match="must be a scalar, not of shape") as caught:
            nf.adam(nf.variable([1.0, 2.0]))
        assert "reduce_mean" in caught.value.hint
        with pytest.raises(DtypeError):
            nf.adam(nf.variable(1))
        with pytest.raises(AttributeProblem, match="at least 0"):
            nf.adam(nf.variable(1.0), learning_rate=-1)


# ---- gradients --------------------------------------------------------------------------------


def test_gradients_are_nodes_that_stand_for_derived_tensors() -> None:
    with nf.Graph() as graph:
        x, y = nf.variable(np.float64(3.0), name="x"), nf.variable(np.float64(2.0), name="y")
        unused = nf.variable(np.float64(1.0))
        by_x, by_y, none = nf.gradients(x * x * y, [x, y, unused])
        assert none is None
        assert (by_x.name, by_y.name) == ("gradients", "gradients:1")
        assert graph.tensor("gradients:grads.1") is by_y
        assert resolve(by_x).node.derived_from == "gradients"
        assert evaluate([by_x, by_y], {}) == [12.0, 9.0]


def test_every_order_of_gradient() -> None:
    with nf.Graph():
        x = nf.variable(np.float64(0.7))
        out = nf.sin(x) * nf.exp(x * 2)
        found = []
        for _ in range(4):
            (out,) = nf.gradients(out, x)
            found.append(evaluate([out], {})[0])
    z = 2 + 1j  # sin(x) exp(2x) is the imaginary part of exp(z x)
    expected = [(z**n * np.exp(z * 0.7)).imag for n in range(1, 5)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_several_ys_and_their_weights() -> None:
    with nf.Graph():
        x = nf.variable(np.array([1.0, 2.0]))
        (both,) = nf.gradients([x * x, x * 3], [x])
        assert evaluate([both], {})[0].tolist() == [5.0, 7.0]
        (weighted,) = nf.gradients(x * x, [x], grad_ys=nf.constant(np.array([10.0, 100.0])))
        assert evaluate([weighted], {})[0].tolist() == [20.0, 400.0]


def test_gradients_with_respect_to_integers_are_refused() -> None:
    with nf.Graph():
        n = nf.variable(2)
        with pytest.raises(DtypeError, match=r"float16 or bfloat16 at 'xs\.0', not int32"):
            nf.gradients(nf.cast(n, "float32"), [n])
        x = nf.variable(2.0)
        through = nf.cast(nf.argmax(nf.expand_dims(x, 0), 0), "float32")
        assert nf.gradients(through, [x]) == [None]


def test_training_does_not_warn_needlessly() -> None:
    with nf.Graph() as graph, warnings.catch_warnings():
        warnings.simplefilter("error")
        nf.adam(quadratic(graph))
