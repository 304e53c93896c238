"""`tf.contrib.legacy_seq2seq`: models of symbols against their formulas in numpy, and buckets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nodeflow.tensorflow1 as tf
from nodeflow.errors import GraphError

RNG = np.random.default_rng(4)
GIVEN = RNG.integers(0, 9, (3, 2))
WANTED = RNG.integers(0, 8, (4, 2))
SIZES: Any = {"num_encoder_symbols": 9, "num_decoder_symbols": 8, "embedding_size": 3}


def symbols(count: int) -> list[tf.Tensor]:
    return [tf.placeholder(tf.int32, [None]) for _ in range(count)]


def values(prefix: str, session: tf.Session) -> dict[str, np.ndarray]:
    """Return the values of variables by their names after a prefix."""
    found = {v.op.name: v for v in tf.global_variables() if v.op.name.startswith(prefix)}
    return {k.removeprefix(prefix): v for k, v in session.run(found).items()}


@pytest.mark.parametrize("feed_previous", [False, True, "tensor"])
def test_outputs_follow_the_formulas(feed_previous: Any) -> None:
    with tf.Graph().as_default():
        enc, dec = symbols(3), symbols(4)
        feed: Any = feed_previous
        if feed == "tensor":
            feed = tf.placeholder_with_default(True, [])
        outputs, state = tf.contrib.legacy_seq2seq.embedding_rnn_seq2seq(
            enc, dec, tf.nn.rnn_cell.BasicRNNCell(5), **SIZES, feed_previous=feed
        )
        fed = dict(zip([*enc, *dec], [*GIVEN, *WANTED], strict=True))
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            found, last = session.run([outputs, state], fed)
            named = values("embedding_rnn_seq2seq/", session)
            if feed_previous == "tensor":
                fed[feed] = False
                np.testing.assert_array_equal(session.run(outputs, fed)[0], found[0])
    encoder = "rnn/embedding_wrapper/"
    decoder = "embedding_rnn_decoder/rnn_decoder/output_projection_wrapper/"
    cells = {f"basic_rnn_cell/{name}" for name in ("kernel", "bias")}
    assert set(named) == {
        f"{encoder}embedding", "embedding_rnn_decoder/embedding", f"{decoder}kernel",
        f"{decoder}bias", *(scope + name for scope in (encoder, decoder) for name in cells),
    }  # fmt: skip

    def step(x: np.ndarray, h: np.ndarray, scope: str) -> np.ndarray:
        kernel, bias = (named[f"{scope}basic_rnn_cell/{name}"] for name in ("kernel", "bias"))
        return np.tanh(np.concatenate([x, h], 1) @ kernel + bias)

    h = np.zeros((2, 5), "float32")
    for given in GIVEN:
        h = step(named[f"{encoder}embedding"][given], h, encoder)
    chosen = WANTED[0]
    for number, output in enumerate(found):
        h = step(named["embedding_rnn_decoder/embedding"][chosen], h, decoder)
        scores = h @ named[f"{decoder}kernel"] + named[f"{decoder}bias"]
        np.testing.assert_allclose(output, scores, rtol=1e-4, atol=1e-5)
        if number + 1 < len(WANTED):
            chosen = scores.argmax(1) if feed_previous else WANTED[number + 1]
    np.testing.assert_allclose(last, h, rtol=1e-4, atol=1e-5)


def test_attention_looks_at_the_encoders_outputs() -> None:
    seq2seq = tf.contrib.legacy_seq2seq
    with tf.Graph().as_default():
        enc, dec = symbols(3), symbols(4)
        cell = tf.nn.rnn_cell.GRUCell(5)
        outputs, _ = seq2seq.embedding_attention_seq2seq(enc, dec, cell, **SIZES)
        count = len(tf.global_variables())
        with tf.variable_scope("embedding_attention_seq2seq", reuse=True):
            encoder = tf.contrib.rnn.EmbeddingWrapper(tf.nn.rnn_cell.GRUCell(5), 9, 3)
            states, last = tf.nn.static_rnn(encoder, enc)
            decoder = tf.contrib.rnn.OutputProjectionWrapper(tf.nn.rnn_cell.GRUCell(5), 8)
            again, _ = seq2seq.embedding_attention_decoder(
                dec, last, tf.stack(states, axis=1), decoder, 8, 3, output_size=8
            )
        assert len(tf.global_variables()) == count
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            fed = dict(zip([*enc, *dec], [*GIVEN, *WANTED], strict=True))
            found, same = session.run([outputs, again], fed)
    np.testing.assert_allclose(found, same, rtol=1e-5, atol=1e-6)
    assert np.shape(found) == (4, 2, 8)


@pytest.mark.parametrize("each", [False, True])
def test_buckets_share_their_variables(each: bool) -> None:
    seq2seq = tf.nn.seq2seq  # where programs for TensorFlow 0.x have it
    with tf.Graph().as_default():
        enc, dec = symbols(3), symbols(4)
        weights = [tf.placeholder(tf.float32, [None]) for _ in range(4)]
        cell = tf.nn.rnn_cell.MultiRNNCell([tf.nn.rnn_cell.GRUCell(5) for _ in range(2)])

        def model(x: Any, y: Any) -> Any:
            return seq2seq.embedding_tied_rnn_seq2seq(x, y, cell, 9, 3)

        outputs, losses = seq2seq.model_with_buckets(
            enc, dec, dec, weights, [(2, 3), (3, 4)], model, per_example_loss=each
        )
        assert [len(bucket) for bucket in outputs] == [3, 4]
        assert len(tf.global_variables()) == 11
        fed = dict(zip([*enc, *dec, *weights], [*GIVEN, *WANTED, *np.ones((4, 2))], strict=True))
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            scores, found = session.run([outputs, losses], fed)
    for rows, loss in zip(scores, found, strict=True):
        shifted = np.array(rows) - np.log(np.exp(rows).sum(-1, keepdims=True))
        parts = [-step[np.arange(2), w] for step, w in zip(shifted, WANTED, strict=False)]
        expected = np.mean(parts, axis=0)
        np.testing.assert_allclose(loss, expected if each else expected.mean(), rtol=1e-5)


def test_several_decoders_begin_at_one_state() -> None:
    with tf.Graph().as_default():
        enc, cell = symbols(3), tf.nn.rnn_cell.GRUCell
        outputs, states = tf.contrib.legacy_seq2seq.one2many_rnn_seq2seq(
            enc, {"a": symbols(2), "b": symbols(4)}, cell(5), {"a": cell(5), "b": cell(5)},
            9, {"a": 6, "b": 7}, 3,
        )  # fmt: skip
    assert [len(outputs[key]) for key in "ab"] == [2, 4]
    assert outputs["b"][0].shape[1] == 7 and set(states) == {"a", "b"}


def test_lists_that_are_too_short_are_named() -> None:
    with tf.Graph().as_default(), pytest.raises(GraphError, match=r"2 steps .* bucket of 4"):
        tf.contrib.legacy_seq2seq.model_with_buckets(
            symbols(4), symbols(4), symbols(2), symbols(4), [(4, 4)], lambda x, y: (y, None)
        )


def test_wrappers_project_inputs_and_outputs() -> None:
    rnn = tf.contrib.rnn
    with tf.Graph().as_default():
        cell = rnn.OutputProjectionWrapper(
            rnn.InputProjectionWrapper(tf.nn.rnn_cell.GRUCell(5), 4), 2, tf.nn.relu
        )
        x = tf.constant(RNG.normal(size=(3, 6, 7)).astype("float32"))
        looped, _ = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32, time_major=True)
        with tf.variable_scope("rnn", reuse=True):
            first, _ = cell(x[0], cell.zero_state(6, tf.float32))
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            loops, step = session.run([looped, first])
    assert loops.shape == (3, 6, 2) and loops.min() >= 0
    np.testing.assert_allclose(loops[0], step, rtol=1e-5, atol=1e-6)
