"""Embedding, recurrent and attention layers against independent numpy, in both tiers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, softmax

import nodeflow as nf
from nodeflow.errors import AttributeProblem, RunError, ShapeError

tiers = pytest.mark.parametrize("tier", ["reference", "compiled"])


def lstm(x, kernel, recurrent, bias, h, c):
    """All states, by the equations, step by step."""
    units, states = h.shape[1], []
    for step in range(x.shape[1]):
        i, f, g, o = np.split(x[:, step] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = expit(f) * c + expit(i) * np.tanh(g)
        h = expit(o) * np.tanh(c)
        states.append(h)
    return np.stack(states, 1) if states else np.zeros((len(x), 0, units)), h, c


def gru(x, kernel, recurrent, bias, h):
    states = []
    for step in range(x.shape[1]):
        from_x, from_h = x[:, step] @ kernel + bias, h @ recurrent
        (zx, rx, nx), (zh, rh, nh) = np.split(from_x, 3, 1), np.split(from_h, 3, 1)
        z, r = expit(zx + zh), expit(rx + rh)
        h = (1 - z) * np.tanh(nx + r * nh) + z * h
        states.append(h)
    return np.stack(states, 1), h


def simple(x, kernel, recurrent, bias, h):
    states = []
    for step in range(x.shape[1]):
        h = np.tanh(x[:, step] @ kernel + h @ recurrent + bias)
        states.append(h)
    return np.stack(states, 1), h


@tiers
@pytest.mark.parametrize(("kind", "gates"), [("lstm", 4), ("gru", 3), ("rnn", 1)])
@pytest.mark.parametrize("reverse", [False, True])
def test_recurrent_layers_equal_their_equations(tier, kind, gates, reverse) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3, 5, 2))
    count = 2 if kind == "lstm" else 1
    begin = [rng.normal(size=(3, 4)) for _ in range(count)]
    weights = {
        "r/kernel": rng.normal(size=(2, 4 * gates)),
        "r/recurrent_kernel": rng.normal(size=(4, 4 * gates)),
        "r/bias": rng.normal(size=4 * gates),
    }
    with nf.Graph() as graph:
        outs = getattr(nf.layers, kind)(
            nf.constant(x), 4, return_sequences=True, return_state=True, reverse=reverse,
            initial_state=[nf.constant(b) for b in begin], name="r",
        )  # fmt: skip
        last = getattr(nf.layers, kind)(nf.constant(x), 4, name="last")
    assert last.type.shape == (3, 4)
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        session.variables.update(weights)
        got = session.run(outs)
    formula = {"lstm": lstm, "gru": gru, "rnn": simple}[kind]
    expected = list(formula(x[:, ::-1] if reverse else x, *weights.values(), *begin))
    if reverse:
        expected[0] = expected[0][:, ::-1]
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@tiers
def test_gradients_of_a_lstm_match_finite_differences(tier) -> None:
    rng = np.random.default_rng(2)
    x, weight = rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 2))
    values = {
        "r/kernel": rng.normal(size=(2, 8)), "r/recurrent_kernel": rng.normal(size=(2, 8)),
        "r/bias": rng.normal(size=8),
    }  # fmt: skip
    zero = np.zeros((2, 2))
    with nf.Graph() as graph:
        total = nf.reduce_sum(nf.layers.lstm(nf.constant(x), 2, name="r") * nf.constant(weight))
        slopes = nf.gradients(total, [graph.tensor(n) for n in values])
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        session.variables.update(values)
        found = session.run(slopes)
    for (name, value), slope in zip(values.items(), found, strict=True):
        for index in np.ndindex(value.shape):
            step = np.zeros_like(value)
            step[index] = 1e-5
            ends = [
                (lstm(x, *{**values, name: moved}.values(), zero, zero)[1] * weight).sum()
                for moved in (value + step, value - step)
            ]
            assert slope[index] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-5, abs=1e-9)


@pytest.mark.thorough
def test_initial_weights_of_a_lstm() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float64", [None, None, 3])
        nf.layers.lstm(x, 5, name="a")
        nf.layers.lstm(x, 5, unit_forget_bias=False, name="b")
        nf.layers.gru(x, 5, use_bias=False, name="c")
    with nf.Session(graph) as session:
        session.initialize()
        values = dict(session.variables)
    np.testing.assert_array_equal(values["a/bias"], np.repeat([0.0, 1, 0, 0], 5))
    assert not values["b/bias"].any()
    assert "c/bias" not in values
    rows = values["a/recurrent_kernel"]
    np.testing.assert_allclose(rows @ rows.T, np.eye(5), atol=1e-12)
    assert np.abs(values["a/kernel"]).max() <= np.sqrt(6 / 23)


@settings(max_examples=15)
@given(shape=st.lists(st.integers(1, 6), min_size=2, max_size=3), gain=st.floats(0.5, 2))
def test_orthogonal_weights_are(shape, gain) -> None:
    with nf.Graph() as graph:
        drawn = nf.orthogonal(shape=shape, gain=gain, dtype="float64")
    with nf.Session(graph, tier="reference") as session:
        flat = session.run(drawn).reshape(-1, shape[-1]) / gain
    flat = flat if flat.shape[0] >= flat.shape[1] else flat.T
    np.testing.assert_allclose(flat.T @ flat, np.eye(flat.shape[1]), atol=1e-10)


@tiers
def test_embedding(tier) -> None:
    table = np.random.default_rng(3).normal(size=(7, 3)).astype("float32")
    words = np.array([[0, 6, 2], [3, 3, 1]])
    with nf.Graph() as graph:
        fed = nf.placeholder("int64", [None, None])
        out = nf.layers.embedding(fed, 7, 3, name="e")
        slope = nf.gradients(nf.reduce_sum(out), graph.tensor("e/embeddings"))
    assert out.type.shape == (None, None, 3)
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        assert np.abs(session.variables["e/embeddings"]).max() <= 0.05
        session.variables["e/embeddings"] = table
        np.testing.assert_array_equal(session.run(out, {fed: words}), table[words])
        (counted,) = session.run(slope, {fed: words})
        np.testing.assert_array_equal(counted[:, 0], np.bincount(words.ravel(), minlength=7))
        with pytest.raises(RunError, match="outside"):
            session.run(out, {fed: [[7]]})


def attention(x, memory, weights, heads, mask=None):
    """By the paper, head by head."""
    q, k, v = (
        a @ weights[f"{part}_kernel"] + weights[f"{part}_bias"]
        for part, a in (("query", x), ("key", memory), ("value", memory))
    )
    size, joined = q.shape[-1] // heads, []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = q[..., part] @ np.swapaxes(k[..., part], 1, 2) / np.sqrt(size)
        if mask is not None:
            scores = np.where(mask, scores, -np.inf)
        joined.append(softmax(scores, axis=-1) @ v[..., part])
    return np.concatenate(joined, -1) @ weights["output_kernel"] + weights["output_bias"]


@tiers
@pytest.mark.parametrize("kind", ["self", "causal", "memory", "mask", "mask of each row"])
def test_multi_head_attention(tier, kind) -> None:
    rng = np.random.default_rng(4)
    x, memory = rng.normal(size=(2, 3, 6)), rng.normal(size=(2, 5, 4))
    own = kind in ("self", "causal")
    shapes = {"query": (6, 8), "key": (6 if own else 4, 8), "value": (6 if own else 4, 8)}
    weights = {f"{p}_kernel": rng.normal(size=s) for p, s in shapes.items()}
    weights |= {f"{p}_bias": rng.normal(size=8) for p in shapes}
    weights |= {"output_kernel": rng.normal(size=(8, 6)), "output_bias": rng.normal(size=6)}
    mask = {"causal": np.tri(3, dtype=bool), "mask": rng.random((3, 5)) < 0.7,
            "mask of each row": rng.random((2, 3, 5)) < 0.7}.get(kind)  # fmt: skip
    if kind.startswith("mask"):
        mask[..., 0] = True
    for shape in ([2, 3, 6], [None, 3, 6], [None, None, 6]):
        with nf.Graph() as graph:
            fed = nf.placeholder("float64", shape)
            out = nf.layers.multi_head_attention(
                fed, 2, 4, None if own else nf.constant(memory),
                nf.constant(mask) if kind.startswith("mask") else None,
                causal=kind == "causal", name="m",
            )  # fmt: skip
        with nf.Session(graph, tier=tier) as session:
            session.initialize()
            session.variables.update({f"m/{name}": value for name, value in weights.items()})
            got = session.run(out, {fed: x})
        expected = attention(x, x if own else memory, weights, 2, mask)
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-11)


def test_problems_of_sequence_layers() -> None:
    with nf.Graph():
        flat = nf.placeholder("float32", [None, 784])
        with pytest.raises(ShapeError, match="needs sequences") as caught:
            nf.layers.lstm(flat, 8, name="r")
        assert (caught.value.node, caught.value.port) == ("r", "x")
        steps = nf.placeholder("float32", [None, 10, 6])
        with pytest.raises(AttributeProblem, match="6 features cannot be split among 4 heads"):
            nf.layers.multi_head_attention(steps, 4)
        with pytest.raises(ShapeError, match="initial_h has shape"):
            nf.layers.gru(steps, 8, initial_state=nf.constant(np.zeros((2, 5), "float32")))
        with pytest.raises(ShapeError, match="mask has shape"):
            wrong = nf.constant(np.ones((3, 4), bool))
            nf.layers.multi_head_attention(steps, 2, mask=wrong)
