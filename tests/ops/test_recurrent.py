"""Recurrent layers against loops in numpy; the loop op and its gradients."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.special

import nodeflow as nf
from nodeflow.errors import GraphError, ShapeError
from nodeflow.graph.graph import ancestors
from nodeflow.ops.control_flow.scan_body import make_body, parse
from nodeflow.ops.rnn.kinds import weights
from nodeflow.ops.samples import values
from tests.ops.evaluate import evaluate

sigmoid = scipy.special.expit


def plain(x: np.ndarray, states: list, k: np.ndarray, r: np.ndarray, b: np.ndarray) -> list:
    return [np.tanh(x @ k + states[0] @ r + b)]


def gru(x: np.ndarray, states: list, k: np.ndarray, r: np.ndarray, b: np.ndarray) -> list:
    (h,), u = states, states[0].shape[1]
    parts = [slice(i * u, (i + 1) * u) for i in range(3)]
    inner, last = x @ k + b, h @ r
    z, reset = (sigmoid(inner[:, p] + last[:, p]) for p in parts[:2])
    n = np.tanh(inner[:, parts[2]] + reset * last[:, parts[2]])
    return [(1 - z) * n + z * h]


def lstm(x: np.ndarray, states: list, k: np.ndarray, r: np.ndarray, b: np.ndarray) -> list:
    h, c = states
    i, f, g, o = np.split(x @ k + h @ r + b, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return [sigmoid(o) * np.tanh(c), c]


KINDS = {"rnn": (plain, 1, 1), "gru": (gru, 3, 1), "lstm": (lstm, 4, 2)}
ROWS, TIME, FEATURES, UNITS = 3, 5, 4, 2


def by_loop(kind: str, x: np.ndarray, w: tuple, states: list, reverse: bool) -> list:
    step = KINDS[kind][0]
    outputs = np.zeros((*x.shape[:2], UNITS))
    for t in range(x.shape[1])[:: -1 if reverse else 1]:
        states = step(x[:, t], states, *w)
        outputs[:, t] = states[0]
    return [outputs, *states]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_layers_are_loops_over_their_cells(kind: str, given: bool, reverse: bool) -> None:
    _, gates, count = KINDS[kind]
    x, w = values((ROWS, TIME, FEATURES)), weights(FEATURES, UNITS, gates, "float64")
    states = [values((ROWS, UNITS), start=3 + i) * given for i in range(count)]
    expected = by_loop(kind, x, w, states, reverse)
    with nf.Graph() as graph:
        got = graph.apply(kind, x, *w, *(states if given else ()), reverse=reverse)
        for a, b in zip(evaluate(got, {}), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
        cell = graph.apply(f"{kind}_cell", x[:, 0], *states, *w)
        made = evaluate([cell] if count == 1 else cell, {})
        for a, b in zip(made, KINDS[kind][0](x[:, 0], states, *w), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("shape", [(None, TIME), (ROWS, None), (None, None)])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_and_time_may_be_unknown(kind: str, shape: tuple) -> None:
    gates = KINDS[kind][1]
    array, w = values((ROWS, TIME, FEATURES)), weights(FEATURES, UNITS, gates, "float64")
    slopes = []
    for sizes in ((ROWS, TIME), shape):
        with nf.Graph() as graph:
            x = nf.placeholder("float64", [*sizes, FEATURES])
            kernels = [nf.constant(a) for a in w]
            outputs, *_ = graph.apply(kind, x, *kernels)
            assert outputs.shape == (*sizes, UNITS)
            found = nf.gradients(nf.reduce_sum(outputs * outputs), [x, *kernels])
            slopes.append(evaluate(found, {x: array}))
    for a, b in zip(*slopes, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


def test_a_layer_refuses_weights_that_do_not_fit() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [None, 5, 3])
        good = [nf.zeros([3, 8]), nf.zeros([2, 8]), nf.zeros([8])]
        nf.lstm(x, *good)
        for place, bad, port, words in (
            (0, nf.zeros([3, 6]), "kernel", r"for 2 units it must be \(\?, 8\)"),
            (1, nf.zeros([2, 6]), "recurrent_kernel", r"it must be \(2, 8\)"),
            (2, nf.zeros([2]), "bias", r"it must be \(8,\)"),
            (0, nf.zeros([4, 8]), "x", "x has 3 features"),
        ):
            wrong = [bad if i == place else w for i, w in enumerate(good)]
            with pytest.raises(ShapeError, match=words) as caught:
                nf.lstm(x, *wrong, name="here")
            assert (caught.value.node, caught.value.port) == ("here", port)
        with pytest.raises(ShapeError, match="initial_c"):
            nf.lstm(x, *good, nf.zeros([4, 2]), nf.zeros([3, 2]))


def test_the_gradient_of_the_recurrent_kernel_is_one_product_over_all_steps() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [32, 50, 28])
        w = [nf.zeros([28, 512]), nf.zeros([128, 512]), nf.zeros([512])]
        _, h, _ = nf.lstm(x, *w)
        found = nf.gradients(nf.reduce_sum(h), w)
        needed = ancestors([t.node for t in found])
    products = [n for n in needed if n.op.id == "matmul"]
    shapes = sorted(n.outputs[0].shape for n in products)
    assert shapes == [(28, 512), (128, 512), (1600, 512)]
    scans = sorted((n for n in needed if n.op.id == "scan"), key=lambda n: n.index)
    per_step = [[op.id for op, *_ in parse(n.attrs["body"])[1]].count("matmul") for n in scans]
    assert per_step == [1, 1]  # forward h R; backward its gradient for h
    assert len(graph.nodes) < 120


def test_one_tensor_may_begin_both_states() -> None:
    with nf.Graph():
        x = nf.constant(values((3, 5, 4)))
        w = [nf.constant(a) for a in weights(4, 2, 4, "float64")]
        start = nf.placeholder("float64", [3, 2])
        both = nf.lstm(x, *w, start, start)[1]
        first, second = nf.identity(start), nf.identity(start)
        apart = nf.lstm(x, *w, first, second)[1]
        together = nf.gradients(nf.reduce_sum(both), [start])
        one, other = nf.gradients(nf.reduce_sum(apart), [first, second])
        found, expected = evaluate([together[0], one + other], {start: values((3, 2))})
    np.testing.assert_allclose(found, expected, rtol=1e-12)


# ---- the loop itself --------------------------------------------------------------------------


def test_a_loop_carries_and_stacks() -> None:
    def body(total: nf.Tensor, x: nf.Tensor, factor: nf.Tensor) -> list[nf.Tensor]:
        return [total + x * factor, total]

    text, types = make_body(body, [nf.TensorType("int32", ())] * 3)
    assert types == [nf.TensorType("int32", ())] * 2
    assert json.loads(text)[0] == 3
    for reverse, last, stacked in ((False, 60, [0, 10, 30]), (True, 60, [50, 30, 0])):
        with nf.Graph() as graph:
            outs = graph.apply(
                "scan", 0, nf.constant([1, 2, 3]), 10,
                body=text, carried=1, sequences=1, reverse=reverse, history=True,
            )  # fmt: skip
            total, history, results = evaluate(outs, {})
        assert total == last
        assert history.tolist() == results.tolist() == stacked


def test_a_loop_refuses_what_changes_its_type() -> None:
    text, _ = make_body(
        lambda c, x: [nf.concat([c, x], 0)], [nf.TensorType("float32", (None,))] * 2
    )
    with nf.Graph() as graph, pytest.raises(ShapeError, match="a carried value is") as caught:
        graph.apply("scan", nf.zeros([1]), nf.zeros([3, 1]), body=text, carried=1, sequences=1)
    assert caught.value.port == "values.0"
    with pytest.raises(GraphError, match="cannot hold a variable"):
        make_body(lambda x: [x + nf.variable(1.0)], [nf.TensorType("float32", ())])


def test_every_order_of_gradient_through_a_loop() -> None:
    """x^(2^3) by squaring three times: its derivatives are known."""
    text, _ = make_body(lambda c, s: [c * c], [nf.TensorType("float64", ())] * 2)
    with nf.Graph() as graph:
        x = nf.variable(np.float64(1.1))
        (out,) = graph.apply("scan", x, np.zeros(3), body=text, carried=1, sequences=1)
        found = []
        for _ in range(4):
            (out,) = nf.gradients(out, x)
            found.append(evaluate([out], {})[0])
    expected = [8 * 1.1**7, 56 * 1.1**6, 336 * 1.1**5, 1680 * 1.1**4]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_matrix_used_twice_in_a_step_gets_both_gradients() -> None:
    def body(h: nf.Tensor, x: nf.Tensor, w: nf.Tensor) -> list[nf.Tensor]:
        return [nf.tanh(nf.matmul(nf.matmul(h, w) + x, w))]

    arrays = values((2, 3)), values((4, 2, 3), start=5), values((3, 3), start=9) * 0.5
    text, _ = make_body(body, [nf.TensorType("float64", s) for s in ((2, 3), (2, 3), (3, 3))])
    with nf.Graph() as graph:
        h, x, w = (nf.constant(a) for a in arrays)
        (looped,) = graph.apply("scan", h, x, w, body=text, carried=1, sequences=1)
        written = h
        for t in range(4):
            (written,) = body(written, x[t], w)
        by_loop_, by_hand = (
            evaluate(nf.gradients(out * out, [h, x, w]), {}) for out in (looped, written)
        )
    for a, b in zip(by_loop_, by_hand, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)
