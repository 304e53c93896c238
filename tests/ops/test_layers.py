"""Normalisation, dropout, attention and embeddings, against formulas and by their meaning."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special

import nodeflow as nf
from nodeflow.errors import AttributeProblem, RunError, ShapeError
from nodeflow.ops.samples import values
from nodeflow.ops.training_mode import training_feeds
from tests.ops.evaluate import evaluate
from tests.ops.test_semantics import call, slope


def test_layer_normalisation() -> None:
    x, scale, offset = values((2, 3, 4)), values((4,), start=3), values((4,), start=5)
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    expected = (x - mean) / np.sqrt(var + 1e-5)
    np.testing.assert_allclose(call("layer_normalization", x), expected, rtol=1e-12)
    np.testing.assert_allclose(
        call("layer_normalization", x, scale, offset), expected * scale + offset, rtol=1e-12
    )
    with pytest.raises(ShapeError, match="does not broadcast") as caught:
        call("layer_normalization", x, values((5,)))
    assert caught.value.port == "scale"


def test_batch_normalisation_in_training_and_in_use() -> None:
    x = values((5, 3, 2))
    with nf.Graph() as graph:
        out = nf.batch_normalization(nf.constant(x), axis=1, name="bn")
        (flag,) = training_feeds(graph)
        using = evaluate([out], {})[0]
        training = evaluate([out], {flag: np.array(True)})[0]
        assert flag.name == "bn/is_training"
        assert graph.node("bn/scale").outputs[0].shape == (1, 3, 1)
    np.testing.assert_allclose(using, x / math.sqrt(1.001), rtol=1e-12)
    mean, var = x.mean((0, 2), keepdims=True), x.var((0, 2), keepdims=True)
    np.testing.assert_allclose(training, (x - mean) / np.sqrt(var + 1e-3), rtol=1e-12)


def test_batch_normalisation_needs_to_know_its_features_only() -> None:
    with nf.Graph():
        known = nf.batch_normalization(nf.placeholder("float32", [None, 3]))
        assert known.shape == (None, 3)
        with pytest.raises(ShapeError, match=r"axis -1 of \(\?, \?\) is unknown"):
            nf.batch_normalization(nf.placeholder("float32", [None, None]))


def test_one_flag_serves_the_whole_graph() -> None:
    with nf.Graph() as graph:
        x = nf.placeholder("float32", [None, 3])
        with pytest.raises(AttributeProblem):
            nf.dropout(x, rate=2.0)
        nf.batch_normalization(nf.dropout(nf.dropout(x)))
        assert [f.name for f in training_feeds(graph)] == ["dropout/is_training"]
        own = nf.constant(True)
        before = len(graph.placeholders)
        nf.dropout(x, training=own)
        assert len(graph.placeholders) == before
        with pytest.raises(ShapeError, match="one bool"):
            nf.dropout(x, training=nf.constant([True, False]))


def test_dropout_keeps_the_mean_and_uses_its_mask_for_gradients() -> None:
    x = np.full((200, 50), 3.0)
    dropped = call("dropout", x, np.array(True), rate=0.3)
    kept = dropped != 0
    assert set(np.unique(dropped)) == {0.0, 3.0 * (1 / 0.7)}
    assert kept.mean() == pytest.approx(0.7, abs=0.02)
    (by_x,) = slope("dropout", x, np.array(True), rate=0.3)
    np.testing.assert_array_equal(by_x != 0, kept)
    np.testing.assert_array_equal(call("dropout", x, np.array(False), rate=0.3), x)
    assert (call("dropout", x, np.array(True), rate=1.0) == 0).all()


@pytest.mark.parametrize("causal", [False, True])
def test_attention(causal: bool) -> None:
    q, k, v = values((2, 3, 4)), values((2, 5, 4), start=4), values((2, 5, 6), start=9)
    scores = q @ np.swapaxes(k, 1, 2) / 2
    if causal:
        scores = np.where(np.tri(3, 5, dtype=bool), scores, -np.inf)
    expected = scipy.special.softmax(scores, -1) @ v
    np.testing.assert_allclose(call("attention", q, k, v, causal=causal), expected, rtol=1e-12)


def test_attention_sees_what_the_mask_allows() -> None:
    q, k, v = values((2, 3)), values((3, 3), start=4), values((3, 1), start=9)
    mask = np.array([[False, True, False], [False, False, False]])
    seen = call("attention", q, k, v, mask)
    assert seen[0] == v[1]
    assert seen[1] == pytest.approx(v.mean())
    with nf.Graph(), pytest.raises(ShapeError, match="4 is not 3") as caught:
        nf.attention(nf.zeros([2, 4]), nf.zeros([5, 3]), nf.zeros([5, 1]))
    assert caught.value.port == "key"


def test_embeddings_are_rows_and_their_gradients_add_up() -> None:
    table = values((4, 2))
    indices = np.array([[3, 0], [3, 3]])
    np.testing.assert_array_equal(call("embedding_lookup", table, indices), table[indices])
    (by_table,) = slope("embedding_lookup", table, indices)
    assert by_table[:, 0].tolist() == [1, 0, 0, 3]
    with pytest.raises(RunError, match="index 4 is outside"):
        call("embedding_lookup", table, np.array([4]))


def test_einsum_against_numpy() -> None:
    a, b, c = values((2, 3)), values((3, 4), start=5), values((4, 2), start=9)
    for equation, arrays in (
        ("ij,jk,kl->il", (a, b, c)), ("ij,jk", (a, b)), (" ij -> j ", (a,)), ("ij,ij->", (a, a)),
        ("ij,kj->ik", (a, a)), ("i j,j k->k i", (a, b)),
    ):  # fmt: skip
        got = call("einsum", *arrays, equation=equation)
        np.testing.assert_allclose(got, np.einsum(equation, *arrays), rtol=1e-13)
    for equation, words in (
        ("ij,jk->iz", "no input does"), ("ij,jk->ii", "twice"), ("..j->j", "not a letter"),
        ("ij->j", "names 1 inputs"),
    ):  # fmt: skip
        with pytest.raises(AttributeProblem, match=words) as caught:
            call("einsum", a, b, equation=equation)
        assert caught.value.port == "equation"
    with pytest.raises(ShapeError, match="axis 'j' has size 4 here and 3 before"):
        call("einsum", a, c, equation="ij,jk->ik")
    with pytest.raises(ShapeError, match="names 3 axes"):
        call("einsum", a, b, equation="ijk,jk->i")


def test_cumsum() -> None:
    x = np.array([[1, 2, 3], [4, 5, 6]])
    assert call("cumsum", x).tolist() == [[1, 2, 3], [5, 7, 9]]
    assert call("cumsum", x, axis=1, exclusive=True).tolist() == [[0, 1, 3], [0, 4, 9]]
    assert call("cumsum", x, axis=1, reverse=True).tolist() == [[6, 5, 3], [15, 11, 6]]
    both = call("cumsum", x, axis=1, reverse=True, exclusive=True)
    assert both.tolist() == [[5, 3, 0], [11, 6, 0]]
    assert call("cumsum", np.array([200, 100], "uint8")).tolist() == [200, 44]


def test_any_all_and_the_smooth_maximum() -> None:
    x = np.array([[True, False], [True, True]])
    assert call("reduce_any", x, axis=1).tolist() == [True, True]
    assert call("reduce_all", x, axis=1).tolist() == [False, True]
    assert not call("reduce_any", x[:0])
    assert call("reduce_all", x[:0])
    wild = np.array([[1e4, 1e4], [-1e4, -1e4], [-np.inf, -np.inf], [np.inf, 0.0]])
    np.testing.assert_allclose(
        call("reduce_logsumexp", wild, axis=1), scipy.special.logsumexp(wild, axis=1), rtol=1e-14
    )
    np.testing.assert_allclose(
        slope("reduce_logsumexp", wild[:2], axis=1)[0], np.full((2, 2), 0.5), rtol=1e-14
    )
