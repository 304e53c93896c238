"""Attention's scores, lengths of keys and pasts, and linear attention, against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special

import nodeflow as nf
from nodeflow.errors import DtypeError, ShapeError
from nodeflow.ops.samples import values

TIERS = pytest.mark.parametrize("tier", ["reference", "compiled"])
Q, K, V = values((2, 4, 3, 6)), values((2, 2, 5, 6), start=4), values((2, 2, 5, 3), start=9)


def run(tier: Any, *made: nf.Tensor) -> Any:
    with nf.Session(made[0].graph, tier=tier) as session:
        return session.run(list(made))


def steps(mask: np.ndarray | None, allowed: np.ndarray, cap: float) -> dict[str, np.ndarray]:
    """Every step of attention with two heads of queries for each of keys."""
    products = np.einsum("bhqd,bhkd->bhqk", Q, K.repeat(2, axis=1)) / np.sqrt(6)
    capped = cap * np.tanh(products / cap)
    masked = np.where(allowed, capped + (0 if mask is None else mask), -np.inf)
    weights = scipy.special.softmax(masked, axis=-1)
    out = np.einsum("bhqk,bhke->bhqe", weights, V.repeat(2, axis=1))
    return {
        "products": products,
        "capped": capped,
        "masked": masked,
        "weights": weights,
        "out": out,
    }


@TIERS
@pytest.mark.parametrize("show", ["products", "capped", "masked", "weights"])
def test_scores_are_an_output(tier: str, show: str) -> None:
    mask = values((3, 5), start=3)
    expected = steps(mask, np.tri(3, 5, 1, dtype=bool), 2.0)
    with nf.Graph():
        out, scores = nf.attention(
            *map(nf.constant, (Q, K, V, mask)), causal=True, offset=1, groups=2, soft_cap=2.0,
            show=show, return_scores=True,
        )  # fmt: skip
        found = run(tier, out, scores)
    np.testing.assert_allclose(found[0], expected["out"], rtol=1e-12)
    np.testing.assert_allclose(found[1], expected[show], rtol=1e-12)


@TIERS
def test_keys_beyond_their_length_do_not_count(tier: str) -> None:
    lengths = np.array([2, 5])
    allowed = np.arange(5) < lengths[:, None, None, None]
    expected = steps(None, allowed, 1e9)["out"]
    with nf.Graph():
        out = nf.attention(*map(nf.constant, (Q, K, V)), key_lengths=lengths, groups=2)
        np.testing.assert_allclose(run(tier, out)[0], expected, rtol=1e-9)


@TIERS
def test_one_query_at_a_time_with_its_past_is_the_whole_sequence(tier: str) -> None:
    q, k, v = values((2, 4, 6)), values((2, 4, 6), start=5), values((2, 4, 3), start=7)
    with nf.Graph():
        whole = nf.attention(*map(nf.constant, (q, k, v)), causal=True)
        late = nf.attention(nf.constant(q[:, 2:]), nf.constant(k), nf.constant(v), causal=True,
                            offset=2)  # fmt: skip
        found = run(tier, whole, late)
    np.testing.assert_allclose(found[1], found[0][:, 2:], rtol=1e-12)


def test_wrong_lengths_and_masks_are_refused() -> None:
    with nf.Graph():
        q, k, v = map(nf.constant, (Q, K, V))
        with pytest.raises(ShapeError, match="one number for each row") as shape:
            nf.attention(q, k, v, key_lengths=np.array([1, 2, 3]), groups=2)
        assert shape.value.port == "key_lengths"
        with pytest.raises(DtypeError, match="does not cast silently") as dtype:
            nf.attention(q, k, v, nf.zeros([3, 5]), groups=2)
        assert dtype.value.port == "mask"


# ---- linear attention -------------------------------------------------------------------------


def linear(q: Any, k: Any, v: Any, decay: Any, beta: Any, state: Any, delta: bool) -> Any:
    """Step by step."""
    state, out = state.copy(), []
    for t in range(k.shape[2]):
        state = state * np.exp(decay[:, :, t])[..., None]
        new = v[:, :, t] - np.einsum("bhd,bhde->bhe", k[:, :, t], state) if delta else v[:, :, t]
        state = state + np.einsum("bhd,bhe->bhde", k[:, :, t], new * beta[:, :, t, None])
        read = state.repeat(q.shape[1] // k.shape[1], axis=1)
        out.append(np.einsum("bhd,bhde->bhe", q[:, :, t], read) / np.sqrt(q.shape[-1]))
    return np.stack(out, axis=2), state


@TIERS
@pytest.mark.parametrize("delta", [False, True])
def test_linear_attention_is_its_recurrence(tier: str, delta: bool) -> None:
    q, k, v = values((2, 4, 5, 3)), values((2, 2, 5, 3), start=5), values((2, 2, 5, 6), start=9)
    decay = values((2, 2, 5, 3), "float64", -1, 0)
    beta, state = values((2, 2, 5), "float64", 0, 1), values((2, 2, 3, 6), start=3)
    expected = linear(q, k, v, decay, beta, state, delta)
    with nf.Graph():
        made = nf.linear_attention(
            *map(nf.constant, (q, k, v, decay, beta, state)), delta_rule=delta
        )
        found = run(tier, *made)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@TIERS
def test_without_decay_linear_attention_is_causal_attention_without_softmax(tier: str) -> None:
    q, k, v = values((2, 3, 5, 4)), values((2, 3, 5, 4), start=5), values((2, 3, 5, 2), start=9)
    expected = np.tril(q @ np.swapaxes(k, -1, -2) / 2) @ v
    with nf.Graph():
        out, last = nf.linear_attention(*map(nf.constant, (q, k, v)))
        found = run(tier, out, last)
    np.testing.assert_allclose(found[0], expected, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found[1], np.swapaxes(k, -1, -2) @ v, rtol=1e-11, atol=1e-12)
