"""`tf.contrib.legacy_seq2seq.attention_decoder` against its formulas in numpy."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow.tensorflow1 as tf

RNG = np.random.default_rng(3)
STATES = RNG.normal(size=(2, 5, 4)).astype("float32")
INPUTS = RNG.normal(size=(3, 2, 3)).astype("float32")
START = RNG.normal(size=(2, 6)).astype("float32")


@pytest.mark.parametrize("heads", [1, 2])
@pytest.mark.parametrize("at_first", [False, True])
def test_outputs_follow_the_formulas(heads: int, at_first: bool) -> None:
    with tf.Graph().as_default() as graph:
        cell = tf.nn.rnn_cell.BasicRNNCell(6)
        outputs, state = tf.contrib.legacy_seq2seq.attention_decoder(
            [tf.constant(x) for x in INPUTS],
            tf.constant(START),
            tf.constant(STATES),
            cell,
            output_size=7,
            num_heads=heads,
            initial_state_attention=at_first,
        )
        with tf.Session(graph=graph) as session:
            session.run(tf.global_variables_initializer())
            found, last = session.run([outputs, state])
            variables = session.run({v.op.name: v for v in tf.global_variables()})
    named = {name.removeprefix("attention_decoder/"): value for name, value in variables.items()}
    scopes = ("Attention_0", "Attention_1")[:heads]
    own = {"kernel", "bias", "AttnOutputProjection/kernel", "AttnOutputProjection/bias"}
    own |= {f"{scope}/{name}" for scope in scopes for name in ("kernel", "bias")}
    own |= {f"{name}_{head}" for head in range(heads) for name in ("AttnW", "AttnV")}
    assert own == {name for name in named if "rnn_cell" not in name}

    def linear(parts: list[np.ndarray], scope: str) -> np.ndarray:
        return np.concatenate(parts, 1) @ named[f"{scope}kernel"] + named[f"{scope}bias"]

    def seen(h: np.ndarray) -> list[np.ndarray]:
        means = []
        for head in range(heads):
            keys = STATES @ named[f"AttnW_{head}"][0, 0]
            y = linear([h], f"Attention_{head}/")[:, None]
            score = np.exp((named[f"AttnV_{head}"] * np.tanh(keys + y)).sum(2))
            share = score / score.sum(1, keepdims=True)
            means.append((share[:, :, None] * STATES).sum(1))
        return means

    h = START
    looked = seen(h) if at_first else [np.zeros((2, 4), "float32")] * heads
    (kernel,) = (value for name, value in named.items() if name.endswith("rnn_cell/kernel"))
    for x, output in zip(INPUTS, found, strict=True):
        h = np.tanh(np.concatenate([linear([x, *looked], ""), h], 1) @ kernel)
        looked = seen(h)
        wanted = linear([h, *looked], "AttnOutputProjection/")
        np.testing.assert_allclose(output, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(last, h, rtol=1e-4, atol=1e-5)


def test_states_of_unknown_units_are_refused() -> None:
    with tf.Graph().as_default(), pytest.raises(tf.errors.OpError, match="known units"):
        tf.contrib.legacy_seq2seq.attention_decoder(
            [tf.zeros([2, 3])],
            tf.zeros([2, 6]),
            tf.placeholder(tf.float32, [2, 5, None]),
            tf.nn.rnn_cell.GRUCell(6),
        )


@pytest.mark.parametrize("feed_previous", [False, True])
def test_symbols_are_rows_of_a_table(feed_previous: bool) -> None:
    """The second step sees the given symbol, or the likeliest one of the first step's output."""
    seq2seq = tf.contrib.legacy_seq2seq
    with tf.Graph().as_default() as graph:
        cell = tf.nn.rnn_cell.BasicRNNCell(6)
        start, states = tf.constant(START), tf.constant(STATES)
        symbols = [tf.placeholder(tf.int32, [2]) for _ in range(2)]
        given = {"num_symbols": 7, "embedding_size": 3, "output_size": 7}
        outputs, _ = seq2seq.embedding_attention_decoder(
            symbols, start, states, cell, feed_previous=feed_previous, **given
        )
        with tf.variable_scope("embedding_attention_decoder", reuse=True):
            table = tf.get_variable("embedding", [7, 3])
            rows = [tf.placeholder(tf.float32, [2, 3]) for _ in range(2)]
            plain, _ = seq2seq.attention_decoder(rows, start, states, cell, output_size=7)
        with tf.Session(graph=graph) as session:
            session.run(tf.global_variables_initializer())
            numbers = [np.array([1, 6]), np.array([3, 0])]
            found = session.run(outputs, dict(zip(symbols, numbers, strict=True)))
            if feed_previous:
                numbers[1] = found[0].argmax(1)
            values = session.run(table)
            wanted = session.run(plain, {r: values[n] for r, n in zip(rows, numbers, strict=True)})
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6)
