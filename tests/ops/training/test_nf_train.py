"""Optimizers against TensorFlow 1's update rules, written again in numpy."""

from __future__ import annotations

import inspect
import warnings
from pathlib import Path

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.errors import AttributeProblem, DtypeError, GradientError, GraphError, ShapeError
from nodeflow.graph.registry import REGISTRY
from nodeflow.ops.training import optimizers
from nodeflow.ops.training.global_step import (
    get_global_step,
    get_or_create_global_step,
    global_step,
)
from nodeflow.ops.training.optimizers import (
    AdamOptimizer,
    GradientDescentOptimizer,
    RMSPropOptimizer,
)
from nodeflow.ops.training.rates_by_global_step import exponential_decay

STEPS = 5
START = np.array([1.0, -2.0, 0.5, 0.02])
PULL = np.array([2.0, 1.0, 0.5, 3.0])


def gradient(w: np.ndarray) -> np.ndarray:
    """Of 0.5 * sum(PULL * w^2) + sum(w)."""
    return PULL * w + 1


def loss_of_graph() -> tuple[nf.Tensor, nf.Tensor]:
    w = nf.variable(START, name="w")
    return nf.reduce_sum(0.5 * (nf.constant(PULL) * w * w) + w, name="loss"), w


# core/kernels/training_ops.cc of TensorFlow 1, one variable, step by step


def descent(w, lr):
    while True:
        w = w - lr * gradient(w)
        yield w


def momentum(w, lr, momentum, nesterov=False):
    accum = 0 * w
    while True:
        g = gradient(w)
        accum = momentum * accum + g
        w = w - (lr * g + lr * momentum * accum if nesterov else lr * accum)
        yield w


def adam(w, lr=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8):
    m, v, t = 0 * w, 0 * w, 0
    while True:
        g, t = gradient(w), t + 1
        m, v = m + (1 - beta1) * (g - m), v + (1 - beta2) * (g * g - v)
        w = w - lr * np.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(v) + epsilon)
        yield w


def rmsprop(w, lr, decay=0.9, momentum=0.0, epsilon=1e-10, centered=False):
    ms, mg, mom = 0 * w + 1, 0 * w, 0 * w
    while True:
        g = gradient(w)
        ms, mg = ms + (1 - decay) * (g * g - ms), mg + (1 - decay) * (g - mg)
        mom = momentum * mom + lr * g / np.sqrt(ms - (mg * mg if centered else 0) + epsilon)
        w = w - mom
        yield w


def adagrad(w, lr, start=0.1):
    accum = 0 * w + start
    while True:
        g = gradient(w)
        accum = accum + g * g
        w = w - lr * g / np.sqrt(accum)
        yield w


def adadelta(w, lr=0.001, rho=0.95, epsilon=1e-8):
    accum, update = 0 * w, 0 * w
    while True:
        g = gradient(w)
        accum = rho * accum + (1 - rho) * g * g
        delta = np.sqrt(update + epsilon) / np.sqrt(accum + epsilon) * g
        update = rho * update + (1 - rho) * delta * delta
        w = w - lr * delta
        yield w


def ftrl(w, lr, power=-0.5, start=0.1, l1=0.0, l2=0.0):
    accum, linear = 0 * w + start, 0 * w
    while True:
        g = gradient(w)
        new = accum + g * g
        linear = linear + g - (new**-power - accum**-power) / lr * w
        quadratic = new**-power / lr + 2 * l2
        w = np.where(np.abs(linear) > l1, (np.sign(linear) * l1 - linear) / quadratic, 0.0)
        accum = new
        yield w


def near(w, rate, l1, l2):
    return np.sign(w) * np.maximum(np.abs(w) - rate * l1, 0) / (1 + rate * l2)


def proximal_descent(w, lr, l1=0.0, l2=0.0):
    while True:
        w = near(w - lr * gradient(w), lr, l1, l2)
        yield w


def proximal_adagrad(w, lr, start=0.1, l1=0.0, l2=0.0):
    accum = 0 * w + start
    while True:
        g = gradient(w)
        accum = accum + g * g
        rate = lr / np.sqrt(accum)
        w = near(w - rate * g, rate, l1, l2)
        yield w


CASES = {
    "GradientDescent": (lambda t: t.GradientDescentOptimizer(0.1), descent(START, 0.1)),
    "Momentum": (lambda t: t.MomentumOptimizer(0.1, 0.9), momentum(START, 0.1, 0.9)),
    "Nesterov": (
        lambda t: t.MomentumOptimizer(0.1, 0.8, use_nesterov=True),
        momentum(START, 0.1, 0.8, True),
    ),
    "Adam": (lambda t: t.AdamOptimizer(), adam(START)),
    "Adam2": (lambda t: t.AdamOptimizer(0.1, 0.5, 0.9, 1e-3), adam(START, 0.1, 0.5, 0.9, 1e-3)),
    "RMSProp": (lambda t: t.RMSPropOptimizer(0.1), rmsprop(START, 0.1)),
    "RMSProp2": (
        lambda t: t.RMSPropOptimizer(0.1, 0.8, 0.5, 1e-4, centered=True),
        rmsprop(START, 0.1, 0.8, 0.5, 1e-4, True),
    ),
    "Adagrad": (lambda t: t.AdagradOptimizer(0.1, 0.3), adagrad(START, 0.1, 0.3)),
    "Adadelta": (lambda t: t.AdadeltaOptimizer(1.0), adadelta(START, 1.0)),
    "Ftrl": (lambda t: t.FtrlOptimizer(0.1), ftrl(START, 0.1)),
    "Ftrl2": (
        lambda t: t.FtrlOptimizer(0.1, -0.4, 0.2, 1.5, 0.3),
        ftrl(START, 0.1, -0.4, 0.2, 1.5, 0.3),
    ),
    "ProximalGradientDescent": (
        lambda t: t.ProximalGradientDescentOptimizer(0.1, 0.9, 0.5),
        proximal_descent(START, 0.1, 0.9, 0.5),
    ),
    "ProximalAdagrad": (
        lambda t: t.ProximalAdagradOptimizer(0.1, 0.2, 0.9, 0.5),
        proximal_adagrad(START, 0.1, 0.2, 0.9, 0.5),
    ),
}
EXPECTED = {name: [next(rule) for _ in range(STEPS)] for name, (_, rule) in CASES.items()}
BOTH = pytest.mark.parametrize("tier", ["reference", "compiled"])


def trajectory(graph: nf.Graph, name: str, tier: str) -> np.ndarray:
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        found = []
        for _ in range(STEPS):
            session.run(name)
            found.append(session.variables["w"])
        return np.array(found)


@pytest.mark.thorough
@BOTH
@pytest.mark.parametrize("case", CASES)
def test_it_makes_tensorflows_steps_saved_and_by_given_gradients_too(
    case: str, tier: str, tmp_path: Path
) -> None:
    make, _ = CASES[case]
    runs = []
    for given in (False, True):
        with nf.Graph() as graph:
            loss, _ = loss_of_graph()
            optimizer = make(optimizers)
            if given:
                node = optimizer.apply_gradients(optimizer.compute_gradients(loss))
            else:
                node = optimizer.minimize(loss)
        assert node.name == optimizer.get_name()
        nf.save(graph, tmp_path / "saved.flow")
        runs.append(trajectory(graph, node.name, tier))
        runs.append(trajectory(nf.load(tmp_path / "saved.flow"), node.name, tier))
    np.testing.assert_allclose(runs[0], EXPECTED[case], rtol=1e-12, atol=1e-14)
    for other in runs[1:]:
        np.testing.assert_array_equal(other, runs[0])


@pytest.mark.parametrize("case", ["Ftrl2", "ProximalGradientDescent"])
def test_penalties_make_weights_exactly_zero(case: str) -> None:
    with nf.Graph() as graph:
        node = CASES[case][0](optimizers).minimize(loss_of_graph()[0])
    found = trajectory(graph, node.name, "compiled")
    assert (found == 0).any()
    np.testing.assert_array_equal(found == 0, np.array(EXPECTED[case]) == 0)


SIGNATURES = {
    "GradientDescentOptimizer": "learning_rate, use_locking=False, name='GradientDescent'",
    "MomentumOptimizer": "learning_rate, momentum, use_locking=False, name='Momentum', "
    "use_nesterov=False",
    "AdamOptimizer": "learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-08, "
    "use_locking=False, name='Adam'",
    "RMSPropOptimizer": "learning_rate, decay=0.9, momentum=0.0, epsilon=1e-10, "
    "use_locking=False, centered=False, name='RMSProp'",
    "AdagradOptimizer": "learning_rate, initial_accumulator_value=0.1, use_locking=False, "
    "name='Adagrad'",
    "AdadeltaOptimizer": "learning_rate=0.001, rho=0.95, epsilon=1e-08, use_locking=False, "
    "name='Adadelta'",
    "FtrlOptimizer": "learning_rate, learning_rate_power=-0.5, initial_accumulator_value=0.1, "
    "l1_regularization_strength=0.0, l2_regularization_strength=0.0, use_locking=False, "
    "name='Ftrl'",
    "ProximalGradientDescentOptimizer": "learning_rate, l1_regularization_strength=0.0, "
    "l2_regularization_strength=0.0, use_locking=False, name='ProximalGradientDescent'",
    "ProximalAdagradOptimizer": "learning_rate, initial_accumulator_value=0.1, "
    "l1_regularization_strength=0.0, l2_regularization_strength=0.0, use_locking=False, "
    "name='ProximalAdagrad'",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_are_tensorflows(name: str) -> None:
    parameters = inspect.signature(getattr(optimizers, name)).parameters.values()
    shown = ", ".join(
        p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters
    )
    assert shown == SIGNATURES[name]


@BOTH
@pytest.mark.parametrize("given", [False, True])
def test_a_learning_rate_may_be_fed(given: bool, tier: str) -> None:
    with nf.Graph() as graph:
        rate = nf.placeholder("float32", name="rate")
        loss, w = loss_of_graph()
        optimizer = GradientDescentOptimizer(rate)
        pairs = optimizer.compute_gradients(loss, [w])
        node = optimizer.apply_gradients(pairs) if given else optimizer.minimize(loss)
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        expected = START
        for size in (0.5, 0.25):
            session.run(node, {rate: size})
            expected = expected - size * gradient(expected)
            np.testing.assert_allclose(session.variables["w"], expected, rtol=1e-14)


@pytest.mark.thorough
@BOTH
def test_gradients_may_be_clipped_on_the_way(tier: str, tmp_path: Path) -> None:
    with nf.Graph() as graph:
        loss, _ = loss_of_graph()
        b = nf.variable(np.array(3.0), name="b")
        loss = loss + 0.5 * b * b
        optimizer = GradientDescentOptimizer(0.5)
        gradients, variables = zip(*optimizer.compute_gradients(loss), strict=True)
        clipped, norm = nf.clip_by_global_norm(gradients, 2.0)
        optimizer.apply_gradients(zip(clipped, variables, strict=True), name="train")
    nf.save(graph, tmp_path / "clipped.flow")
    length = np.sqrt(np.square(gradient(START)).sum() + 9)
    for each in (graph, nf.load(tmp_path / "clipped.flow")):
        with nf.Session(each, tier=tier) as session:
            session.initialize()
            found = session.run([norm.name, "train"])[0]
            np.testing.assert_allclose(found, length, rtol=1e-14)
            after = dict(session.variables.items())
        np.testing.assert_allclose(after["w"], START - gradient(START) / length, rtol=1e-14)
        np.testing.assert_allclose(after["b"], 3 - 3 / length, rtol=1e-14)


@pytest.mark.thorough
def test_a_step_by_given_gradients_is_a_training_step_with_its_loss_in_the_file(
    tmp_path: Path,
) -> None:
    from nodeflow.document.analysis.training_settings import training_settings
    from nodeflow.document.from_graph.convert import from_graph

    with nf.Graph() as graph:
        w = nf.variable(np.ones(50, np.float32), name="w")
        out = nf.dropout(w, rate=0.5, name="out")
        loss = nf.reduce_sum(out, name="loss")
        slope = nf.gradients(loss, [w])
        optimizer = AdamOptimizer()
        node = optimizer.apply_gradients([(2 * slope[0], w)], name="train")
    with nf.Session(graph) as session:
        session.initialize()
        assert set(session.run([out, node])[0]) == {0, 2}
    doc = from_graph(graph)
    settings = training_settings(doc)
    assert doc.nodes[settings.optimizer].name == "train"
    assert doc.nodes[settings.loss].name == "loss"


@pytest.mark.thorough
@BOTH
def test_the_global_step_counts_with_the_update(tier: str, tmp_path: Path) -> None:
    with nf.Graph() as graph:
        loss, _ = loss_of_graph()
        step = get_or_create_global_step()
        assert get_or_create_global_step() is step is get_global_step()
        rate = exponential_decay(0.1, step, 1, 0.5)
        node = GradientDescentOptimizer(rate).minimize(loss, global_step=step)
        own = nf.variable(7, trainable=False, name="own")
        other = AdamOptimizer().minimize(loss, own)
    nf.save(graph, tmp_path / "counted.flow")
    for each in (graph, nf.load(tmp_path / "counted.flow")):
        found = get_global_step(each)
        assert found is not None and found.dtype == "int64" and found.name == "global_step"
        with nf.Session(each, tier=tier) as session:
            session.initialize()
            for count in range(3):
                assert global_step(session, found) == count
                before = session.variables["w"]
                shown = session.run([rate.name, node.name])[0]
                np.testing.assert_allclose(shown, 0.1 * 0.5**count, rtol=1e-6)
                np.testing.assert_allclose(
                    session.variables["w"], before - shown * gradient(before), rtol=1e-7
                )
            session.run(other.name)
            assert session.variables["own"] == 8
    assert get_global_step(nf.Graph()) is None


def test_variables_can_be_chosen_and_what_is_kept_for_them_found() -> None:
    with nf.Graph():
        loss, w = loss_of_graph()
        b = nf.variable(np.ones(2), name="b")
        far = nf.variable(1.0, name="far")
        loss = loss + nf.reduce_sum(b)
        optimizer = RMSPropOptimizer(0.1)
        pairs = optimizer.compute_gradients(loss)
        assert [v.name for _, v in pairs] == ["w", "b", "far"]
        assert [g is None for g, _ in pairs] == [False, False, True]
        assert optimizer.get_slot(b, "rms") is None
        node = optimizer.minimize(loss, var_list=[b])
        assert node.attrs["variables"] == ("b",)
        slot = optimizer.get_slot(b, "rms")
        assert slot is not None and slot.shape == (2,) and optimizer.get_slot(w, "rms") is None
        assert [v.name for v in optimizer.variables()] == ["RMSProp/b/mean_square"]
        applied = optimizer.apply_gradients(pairs)
        assert applied.attrs["variables"] == ("w", "b") and applied.name == "RMSProp_1"
        with pytest.raises(GradientError):
            optimizer.apply_gradients([(None, far)])


def test_a_loss_with_elements_counts_as_their_sum() -> None:
    with nf.Graph() as graph:
        w = nf.variable(START, name="w")
        loss = nf.square(w)
        node = GradientDescentOptimizer(0.5).minimize(loss, grad_loss=nf.constant(PULL))
        plain = GradientDescentOptimizer(0.5).minimize(loss)
    with nf.Session(graph) as session:
        for step, weights in ((plain, 1.0), (node, PULL)):
            session.initialize()
            session.run(step)
            np.testing.assert_allclose(session.variables["w"], START - weights * START)


def test_what_is_refused() -> None:
    with nf.Graph():
        loss, w = loss_of_graph()
        optimizer = AdamOptimizer()
        for wrong in (1.0, "loss", None, [loss]):
            with pytest.raises(GraphError):
                optimizer.minimize(wrong)
        for wrong in ([loss], loss, ["w"], 3):
            with pytest.raises(GraphError, match="not a variable"):
                optimizer.minimize(loss, var_list=wrong)
        for wrong in ([w], [(1, 2, 3)], 5):
            with pytest.raises(GraphError, match="pairs"):
                optimizer.apply_gradients(wrong)
        with pytest.raises(ShapeError, match="its gradient"):
            optimizer.apply_gradients([(nf.constant(np.ones(3)), w)])
        with pytest.raises(DtypeError, match="Cast"):
            optimizer.apply_gradients([(nf.constant(np.ones(4, np.float32)), w)])
        with pytest.raises(GraphError, match="2 gradients for 1 variables"):
            optimizer.apply_gradients([(nf.constant(np.ones(4)), w)] * 2)
        with pytest.raises(AttributeProblem, match="beta1"):
            AdamOptimizer(beta1="much").minimize(loss)
        with pytest.raises(AttributeProblem) as caught:
            nf.apply_gradients(0.1, loss, [w], rule="adam", settings={"beta3": 1}, variables=["w"])
        assert caught.value.port == "settings"


@pytest.mark.thorough
def test_every_optimizer_op_is_a_rule() -> None:
    from nodeflow.ops.macro_ops import Optimizer

    ids = [op.id for op in REGISTRY if isinstance(op, Optimizer) and op.id != "apply_gradients"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for rule in ids:
            with nf.Graph() as graph:
                w = nf.variable(START, name="w")
                rate = nf.constant(0.01)
                node = nf.apply_gradients(rate, None, [w * PULL + 1], rule=rule, variables=["w"])
            assert np.isfinite(trajectory(graph, node.name, "reference")).all()
            assert not np.array_equal(trajectory(graph, node.name, "reference")[0], START)
