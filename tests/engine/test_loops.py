"""Loops in the compiled tier: bodies with every way to pass values on, and recurrent training."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.columns import Column
from nodeflow.engine.inspect.explain import explain
from nodeflow.engine.ir.levels import LoopLevel
from nodeflow.engine.plan.passes import REWRITES
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.engine.session import Session
from nodeflow.ops import functions as F
from nodeflow.ops.control_flow.scan_body import make_body
from nodeflow.ops.samples import values

FLOAT = nf.TensorType("float64", (2, 3))


def swap(a, b, x):
    """Nothing is computed: both slices of the ring are read and written in one iteration."""
    return b, a, x, a


def twice(a, b, x):
    """One value is carried twice and stacked twice."""
    new = F.tanh(a + x)
    return new, new, new, new


def mixed(a, b, x):
    """A constant result, a scalar inside, a copy of what is carried, and a product."""
    new = F.matmul(a, F.transpose(F.tanh(x), perm=(1, 0)))
    return F.matmul(new, b), b * 0.5 + F.reduce_sum(new), F.zeros_like(a), b


@pytest.mark.parametrize("steps", [0, 1, 2, 5])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("body", [swap, twice, mixed])
def test_what_a_turn_passes_on_arrives(body, history: bool, reverse: bool, steps: int) -> None:
    text, _ = make_body(body, [FLOAT] * 3)
    with nf.Graph() as g:
        x = nf.placeholder("float64", [None, 2, 3])
        start = [nf.constant(values((2, 3), start=i)) for i in (3, 7)]
        attrs = {"body": text, "carried": 2, "sequences": 1}
        outs = g.apply("scan", *start, x, **attrs, reverse=reverse, history=history)
    feed = {x: values((steps, 2, 3))}
    for wanted in (list(outs), [outs[0]], [outs[-1]], list(outs[2:4]), [outs[1], outs[-2]]):
        with Session(g, tier="reference") as s, Session(g, tier="compiled") as t:
            for a, b in zip(s.run(wanted, feed), t.run(wanted, feed), strict=True):
                assert a.shape == b.shape
                np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-13)


def test_a_loop_in_a_loop() -> None:
    """Running sums of the rows' products with a running weight: the inner loop reads the outer's
    constants, slices and carried values."""

    def inner(total, row, scale):
        new = total * 0.5 + row * scale
        return new, new

    row, scalar = (nf.TensorType("float64", shape) for shape in ((3,), ()))
    inside, _ = make_body(inner, [row, row, scalar])

    def outer(total, scale, rows):
        last, all_rows = F.scan(
            [total, rows, scale], body=inside, carried=1, sequences=1, reverse=True
        )
        return last + total, scale * 1.5, all_rows

    types = [row, scalar, nf.TensorType("float64", (4, 3))]
    outside, _ = make_body(outer, types)
    with nf.Graph() as g:
        x = nf.constant(values((5, 4, 3)))
        start = nf.constant(np.zeros(3)), nf.constant(np.float64(1))
        outs = g.apply("scan", *start, x, body=outside, carried=2, sequences=1, history=True)
    with Session(g, tier="reference") as s, Session(g, tier="compiled", threads=2) as t:
        for a, b in zip(s.run(outs), t.run(outs), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)
        profiled, trace = t.profile(outs)
        for a, b in zip(profiled, t.run(outs), strict=True):
            assert np.array_equal(a, b)
    iterations = [e for e in trace["traceEvents"] if "scan" not in e["name"] and e["ph"] == "X"]
    assert len(iterations) > 5 * 4


def test_a_body_with_an_op_without_a_kernel_runs_by_reference() -> None:
    text, _ = make_body(
        lambda c, x: (c + 1, F.cumsum(F.sort(x, axis=0), axis=0)),
        [nf.TensorType("float32", ()), nf.TensorType("float32", (4,))],
    )
    with nf.Graph() as g:
        x = nf.constant(values((3, 4), "float32"))
        zero = nf.constant(np.float32(0))
        outs = g.apply("scan", zero, x, body=text, carried=1, sequences=1)
    with Session(g, tier="reference") as s, Session(g, tier="compiled") as t:
        for a, b in zip(s.run(outs), t.run(outs), strict=True):
            assert np.array_equal(a, b)


def test_a_failure_in_a_loop_names_what_failed() -> None:
    text, _ = make_body(
        lambda c, i, table: (c + F.gather(table, i),),
        [nf.TensorType("float32", ()), nf.TensorType("int32", ()), nf.TensorType("float32", (4,))],
    )
    with nf.Graph() as g:
        i = nf.placeholder("int32", [None], name="i")
        zero, table = nf.constant(np.float32(0)), nf.constant(np.arange(4, dtype="float32"))
        (total,) = g.apply("scan", zero, i, table, body=text, carried=1, sequences=1, name="loop")
    with Session(g, tier="compiled") as s:
        assert s.run(total, {i: [1, 2, 3]}) == 6
        with pytest.raises(nf.errors.RunError) as caught:
            s.run(total, {i: [1, 9, 3]})
        assert caught.value.node == "loop/gather"
        assert "in iteration 1" in caught.value.message
        assert s.run(total, {i: [3]}) == 3


def test_explain_lists_what_is_repeated() -> None:
    net = sequences("float32")
    schedule = build_schedule([net["loss"]], [net["x"], net["y"]])
    given = {
        schedule.feeds[net["x"]]: nf.TensorType("float32", (4, 6, 3)),
        schedule.feeds[net["y"]]: nf.TensorType("float32", (4, 2)),
    }
    plan = make_plan(schedule, schedule.specialise(given))
    (repeat,) = (x for p in plan.phases for x in p.levels if isinstance(x, LoopLevel))
    assert repeat.iterations == 6
    text = explain(plan)
    assert ", 6 times:" in text
    assert "sigmoid" in text


# ---- training ---------------------------------------------------------------------------------


def sequences(dtype: str, kind: str = "lstm", units: int = 5, features: int = 3) -> dict:
    """A recurrent layer's last state to two classes, trained by gradient descent."""
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[kind]
    rng = np.random.default_rng(1)

    def weights(*shape: int) -> nf.Tensor:
        return nf.variable(rng.normal(0, 0.4, shape).astype(dtype), dtype=dtype)

    with nf.Graph() as g:
        x = nf.placeholder(dtype, [None, None, features], name="x")
        y = nf.placeholder(dtype, [None, 2], name="y")
        cell = [weights(n, gates * units) for n in (features, units)] + [weights(gates * units)]
        states = g.apply(kind, x, *cell)
        p = nf.softmax(states[1] @ weights(units, 2))
        loss = nf.negative(nf.reduce_mean(y * nf.log(p)), name="loss")
        train = g.apply("gradient_descent", loss, learning_rate=0.2, name="train")
    return {"graph": g, "x": x, "y": y, "loss": loss, "train": train}


def batches(dtype: str, features: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Random walks, and whether each ends above its start."""
    x = np.random.default_rng(2).normal(size=(80, 7, features)).cumsum(axis=1).astype(dtype)
    return x, (x[:, -1, 0] > x[:, 0, 0]).astype(np.uint8)


def trained(net: dict, dtype: str, steps: int = 50, **options) -> list[np.ndarray]:
    """Losses and weights after some steps of a stepper; all compiled in the compiled tier."""
    x, y = batches(dtype)
    columns = {net["x"]: Column(x, dtype), net["y"]: Column(y, dtype, depth=2)}
    with Session(net["graph"], **options) as s:
        s.initialize()
        stepper = s.stepper([net["train"]], [net["loss"]], columns, 16)
        stepper.start_epoch(np.resize(np.arange(80), 16 * steps))
        losses = stepper.run(steps)[1]
        if options["tier"] == "compiled":
            assert stepper._compilation.result is not None, "a step did not compile as a whole"
        return [losses, *(s.variables[v.name] for v in net["graph"].nodes if v.op.id == "variable")]


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_recurrent_training_is_compiled_and_equals_the_reference(kind: str) -> None:
    net = sequences("float64", kind)
    found = [trained(net, "float64", tier=tier) for tier in ("reference", "compiled")]
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)
    assert found[0][0][-10:].mean() < found[0][0][:10].mean()


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_threads_and_rewrites_change_no_bit(kind: str) -> None:
    net = sequences("float32", kind, units=40)
    first = trained(net, "float32", 8, tier="compiled", threads=1)
    for threads in (2, 3, 8):
        other = trained(net, "float32", 8, tier="compiled", threads=threads)
        assert all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    for name in REWRITES.keys() - {"stabilise"}:  # the loss is a logarithm of softmax
        other = trained(net, "float32", 8, tier="compiled", threads=2, without=[name])
        assert all(np.array_equal(a, b) for a, b in zip(first, other, strict=True)), name
