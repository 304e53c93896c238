"""Training steps inside the driver: equal to numpy by hand, and to the steps run one by one."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.columns import Column
from nodeflow.engine.compiler import cache
from nodeflow.engine.session import Session
from nodeflow.errors import DataError, FeedError, FetchError, RunError

from .graphs import NAMES, images_and_labels, network, numpy_step


@pytest.fixture(params=["reference", "compiled"])
def tier(request):
    return request.param


def columns(net, rows, features=784):
    images, labels = images_and_labels(rows, features)
    dtype = net.x.dtype
    return {net.x: Column(images, dtype, scale=1 / 255), net.y: Column(labels, dtype, depth=10)}


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("dtype", "steps", "rate", "tolerance"),
    [("float64", 50, 0.5, 1e-9), ("float32", 20, 0.02, 1e-4)],
)
def test_mnist_equals_numpy_step_by_step(tier, dtype, steps, rate, tolerance):
    net = network(dtype, rate=rate)
    data = columns(net, 2000)
    order = np.random.default_rng(3).permutation(2000)
    with Session(net.graph, tier=tier) as s:
        s.initialize()
        stepper = s.stepper([net.train], [net.loss], data, 40)
        stepper.start_epoch(order)
        done, losses = stepper.run(steps)
        assert (done, stepper.tier, s.tier) == (steps, tier, tier)
        trained = [s.variables[n] for n in NAMES]
    parameters = [p.copy() for p in net.initial]
    for step in range(steps):
        which = order[step * 40 : step * 40 + 40]
        loss = numpy_step(parameters, data[net.x].rows(which), data[net.y].rows(which), rate)
        assert losses[step, 0] == pytest.approx(loss, rel=tolerance)
    for ours, theirs in zip(trained, parameters, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def small(tier="compiled", optimizer="gradient_descent", threads=None, **attrs):
    net = network("float32", (12, 7, 10))
    with net.graph:
        net.graph.apply(optimizer, net.loss, name="other", **attrs)
    session = Session(net.graph, tier=tier, threads=threads)
    session.initialize()
    return net, session, columns(net, 103, 12)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("optimizer", "attrs"),
    [
        ("gradient_descent", {"learning_rate": 0.1}),
        ("momentum", {"learning_rate": 0.1}),
        ("momentum", {"learning_rate": 0.1, "nesterov": True}),
        ("adam", {}),
    ],
)
def test_every_optimizer_does_the_same_in_both_tiers(optimizer, attrs):
    results = []
    for tier in ("reference", "compiled"):
        _, s, data = small(tier, optimizer, **attrs)
        stepper = s.stepper(["other"], ["loss"], data, 10)
        for epoch in range(3):
            stepper.start_epoch(np.random.default_rng(epoch).permutation(103))
            stepper.run(100)
        assert stepper.tier == tier
        results.append(dict(s.variables))
    for name, value in results[0].items():
        np.testing.assert_allclose(results[1][name], value, rtol=2e-4, atol=2e-6, err_msg=name)


def test_the_last_partial_batch_is_dropped(tier):
    net, s, data = small(tier)
    stepper = s.stepper([net.train], [net.loss], data, 25)
    stepper.start_epoch(np.arange(103))
    assert stepper.steps_left == 4
    done, losses = stepper.run(100)
    assert (done, losses.shape, stepper.steps_left) == (4, (4, 1), 0)
    assert stepper.run(5)[0] == 0
    stepper.start_epoch(np.arange(103))
    assert stepper.run(3)[0] == 3


@pytest.mark.thorough
def test_chunks_do_not_change_the_numbers(tier):
    results = []
    for chunks in ([8], [1, 1, 1, 5], [3, 5]):
        net, s, data = small(tier)
        stepper = s.stepper([net.train], [net.loss], data, 10)
        stepper.start_epoch(np.arange(103))
        losses = np.concatenate([stepper.run(n)[1] for n in chunks])
        results.append((losses, s.variables["W1"]))
    for losses, weights in results[1:]:
        np.testing.assert_array_equal(losses, results[0][0])
        np.testing.assert_array_equal(weights, results[0][1])


@pytest.mark.thorough
def test_results_are_bit_identical_for_every_number_of_threads():
    results = []
    for threads in (1, 2, 3, 8):
        net = network("float32")
        with Session(net.graph, tier="compiled", threads=threads) as s:
            s.initialize()
            stepper = s.stepper([net.train], [net.loss], columns(net, 500), 100)
            stepper.start_epoch(np.arange(500))
            results.append((stepper.run(5)[1], [s.variables[n] for n in NAMES]))
    for losses, weights in results[1:]:
        np.testing.assert_array_equal(losses, results[0][0])
        for ours, theirs in zip(weights, results[0][1], strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.thorough
def test_other_sizes_compile_nothing():
    def train(batch, hidden):
        net = network("float32", (12, hidden, 10))
        with Session(net.graph, tier="compiled") as s:
            s.initialize()
            stepper = s.stepper([net.train], [net.loss], columns(net, 300, 12), batch)
            stepper.start_epoch(np.arange(300))
            stepper.run(3)
            s.run(
                net.loss, {net.x: np.zeros((batch, 12), "f4"), net.y: np.zeros((batch, 10), "f4")}
            )

    train(100, 30)
    before = cache.compile_count()
    train(64, 30)
    train(37, 30)
    train(100, 20)
    assert cache.compile_count() == before


def test_runs_between_drives_see_and_set_the_variables(tier):
    net, s, data = small(tier)
    stepper = s.stepper([net.train], [net.loss], data, 10)
    stepper.start_epoch(np.arange(103))
    stepper.run(2)
    before = s.run("W1")
    np.testing.assert_array_equal(before, s.variables["W1"])
    stepper.run(1)
    assert not np.array_equal(before, s.variables["W1"])
    s.variables["b2"] = np.full(10, 3.0, "float32")
    fed = {net.x: data[net.x].rows(slice(0, 10)), net.y: data[net.y].rows(slice(0, 10))}
    s.run(net.train, fed)
    stepper.run(1)
    assert np.abs(s.variables["b2"] - 3).max() < 1


def test_watching_never_changes_training(tier):
    def train(watch):
        with nf.Graph() as g:
            x = nf.placeholder("float32", [None, 2], name="x")
            w = nf.variable([[0.5], [0.25]], name="w")
            noise = nf.random_normal([10, 1], name="noise")
            loss = nf.reduce_mean(nf.square(x @ w + noise), name="loss")
            g.apply("gradient_descent", loss, learning_rate=0.1, name="train")
        rows = np.random.default_rng(0).random((50, 2)).astype("float32")
        with Session(g, tier=tier, seed=4) as s:
            s.initialize()
            stepper = s.stepper(["train"], ["loss"], {x: Column(rows)}, 10)
            stepper.start_epoch(np.arange(50))
            parts = []
            for _ in range(5):
                parts.append(stepper.run(1)[1])
                if watch:
                    s.run("noise")
            return np.concatenate(parts)

    watched = train(True)
    np.testing.assert_array_equal(watched, train(False))
    assert len(np.unique(watched)) == 5


def test_scalars_are_those_from_before_the_update(tier):
    with nf.Graph() as g:
        n = nf.variable(0.0, name="n")
        nf.assign(n, n + 1, name="step")
        nf.multiply(n, 10.0, name="tens")
    with Session(g, tier=tier) as s:
        s.initialize()
        stepper = s.stepper(["step"], ["n", "tens", "step"], {}, 1)
        assert stepper.steps_left is None
        done, scalars = stepper.run(4)
        assert done == 4
        np.testing.assert_array_equal(scalars, [[i, 10 * i, i + 1] for i in range(4)])
        assert s.variables["n"] == 4


def test_variables_may_swap_and_follow_each_other(tier):
    with nf.Graph() as g:
        a = nf.variable([1.0, 2.0], name="a")
        b = nf.variable([3.0, 4.0], name="b")
        c = nf.variable([0.0, 0.0], name="c")
        g.apply("group", nf.assign(a, b), nf.assign(b, a), nf.assign(c, a + b * 2), name="all")
        nf.reduce_sum(c, name="total")
    with Session(g, tier=tier) as s:
        s.initialize()
        stepper = s.stepper(["all"], ["total"], {}, 1)
        _, totals = stepper.run(3)
        np.testing.assert_array_equal(totals[:, 0], [0, 7 + 10, 5 + 8])
        np.testing.assert_array_equal(s.variables["a"], [3, 4])
        np.testing.assert_array_equal(s.variables["b"], [1, 2])
        np.testing.assert_array_equal(s.variables["c"], [7, 10])


@pytest.mark.parametrize("shaped", [False, True])
def test_a_variable_may_get_the_old_value_of_one_that_is_computed_anew(tier, shaped):
    """The new value must not be written in place before the old one has been copied."""
    with nf.Graph() as g:
        a = nf.variable(np.ones((2, 3), "float32"), name="a")
        zeros = np.zeros((3, 2) if shaped else (2, 3), "float32")
        old, older = nf.variable(zeros, name="old"), nf.variable(zeros, name="older")
        follow = nf.reshape(a, shape=[3, 2]) if shaped else a
        steps = [nf.assign(a, a * 2.0), nf.assign(old, follow), nf.assign(older, old)]
        total = nf.reduce_sum(a)
    with Session(g, tier=tier) as s:
        s.initialize()
        _, totals = s.stepper(steps, [total], {}, 1).run(4)
        assert totals[:, 0].tolist() == [6, 12, 24, 48]
        assert [s.variables[n].flat[5] for n in ("a", "old", "older")] == [16, 8, 4]


def test_a_step_that_fails_changes_nothing_and_names_the_node(tier):
    with nf.Graph() as g:
        d = nf.placeholder("int32", [None], name="d")
        n = nf.variable(0.0, name="n")
        nf.assign(n, n + 1, name="step")
        nf.reduce_sum(nf.floor_divide(nf.constant(12), d, name="quotient"), name="total")
    with Session(g, tier=tier) as s:
        s.initialize()
        rows = np.array([1, 2, 3, 0, 4, 6], "int32")
        stepper = s.stepper(["step"], ["total"], {d: Column(rows)}, 1)
        stepper.start_epoch(np.arange(6))
        with pytest.raises(RunError, match=r"quotient:y: integer division by zero"):
            stepper.run(6)
        assert s.variables["n"] == 3
        assert stepper.step == 3


def test_an_op_without_a_kernel_runs_step_by_step():
    with nf.Graph() as g:
        x = nf.placeholder("float32", [None, 3], name="x")
        w = nf.variable([1.0, 2.0, 3.0], name="w")
        shown = g.apply("print", nf.reduce_sum(x * w), message="sum")
        nf.assign(w, w * 2, name="step")
        nf.add(shown, 0.5, name="total")
    with Session(g, tier="compiled") as s:
        s.initialize()
        rows = np.arange(12, dtype="float32").reshape(4, 3)
        stepper = s.stepper(["step"], ["total"], {x: Column(rows)}, 2)
        stepper.start_epoch(np.arange(4))
        done, totals = stepper.run(10)
        assert done == 2
        np.testing.assert_array_equal(
            totals[:, 0],
            [(rows[:2] @ [1, 2, 3]).sum() + 0.5, 2 * (rows[2:] @ [1, 2, 3]).sum() + 0.5],
        )
        np.testing.assert_array_equal(s.variables["w"], [4, 8, 12])


def test_a_stop_ends_the_drive_after_a_step(tier):
    import threading

    net, s, data = small(tier)
    stepper = s.stepper(
        [net.train], [net.loss], {}, 1, feeds={t: c.rows(slice(0, 10)) for t, c in data.items()}
    )
    timer = threading.Timer(0.3, stepper.stop)
    timer.start()
    done, losses = stepper.run(10**9)
    assert 0 < done < 10**9
    assert len(losses) == done


def test_bad_columns_scalars_and_orders_are_refused():
    net, s, data = small()
    with pytest.raises(FeedError, match=r"x: .*float32 \(10, 5\)"):
        s.stepper(
            [net.train],
            [net.loss],
            {net.x: Column(np.zeros((9, 5), "f4"))},
            10,
            feeds={net.y: np.zeros((10, 10), "f4")},
        )
    with pytest.raises(FetchError, match="not one number a step"):
        s.stepper([net.train], [net.probabilities], data, 10)
    stepper = s.stepper([net.train], [net.loss], data, 10)
    with pytest.raises(DataError, match="103 rows"):
        stepper.start_epoch(np.array([0, 103]))
