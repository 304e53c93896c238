"""Attention in tiles, against softmax of all pairs at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special

import nodeflow as nf
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.gradients import gradients
from nodeflow.ops import functions as F
from nodeflow.ops.lowering import KEYS, QUERIES

TIERS = pytest.mark.parametrize("tier", ["reference", "compiled"])
M, N, D, E = QUERIES + 6, 2 * KEYS + 9, 5, 3  # tiles that are not full, in both directions
CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "plain": (None, {}),
    "scale": (None, {"scale": 2.0}),
    "causal": (None, {"causal": True}),
    "past": (None, {"causal": True, "offset": KEYS + 20}),
    "keys": (np.arange(N) % 7 > 2, {}),
    "queries": ((np.arange(M) % 5 > 0)[:, None], {}),
    "pairs": (np.add.outer(np.arange(M), np.arange(N)) % 3 > 0, {"causal": True}),
    "none": (np.arange(M * N).reshape(M, N) < 40 * N, {}),  # later queries see nothing
    "rows": ((np.arange(2) < 1)[:, None, None, None] | (np.arange(N) < 30), {"causal": True}),
    "added": (np.linspace(-9, 9, N), {}),
    "added by pairs": (np.linspace(-9, 9, M * N).reshape(M, N), {"causal": True}),
    "added by rows": (np.linspace(-9, 9, 6 * M).reshape(2, 3, M, 1), {}),
}
every_case = pytest.mark.parametrize("name", CASES)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def operands(dtype: str) -> list[np.ndarray]:
    """Queries, keys and values of two rows and three heads; rows share their keys."""
    rng = np.random.default_rng(0)
    shapes = (2, 3, M, D), (3, N, D), (2, 3, N, E)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def mask_of(name: str, dtype: str) -> list[np.ndarray]:
    mask = CASES[name][0]
    return [] if mask is None else [mask if mask.dtype == bool else mask.astype(dtype)]


def allowed(name: str) -> np.ndarray:
    """Which queries may see which keys."""
    mask, attrs = CASES[name]
    found = np.ones((M, N), bool)
    if attrs.get("causal"):
        own = np.arange(M)[:, None] + attrs.get("offset", 0)
        found = own >= np.arange(N)
    return found & mask if mask is not None and mask.dtype == bool else found


def weights(name: str) -> np.ndarray:
    """What every value is weighed by, float64."""
    query, key, _ = (a.astype("float64") for a in operands("float32"))
    mask, attrs = CASES[name]
    scores = query @ key.swapaxes(-1, -2) * attrs.get("scale", D**-0.5)
    if mask is not None and mask.dtype != bool:
        scores = scores + mask
    scores = np.where(allowed(name), scores, -np.inf)
    scores = np.where(allowed(name).any(axis=-1, keepdims=True), scores, 0)
    return scipy.special.softmax(scores, axis=-1)


def gradients_of(name: str, slope: np.ndarray) -> list[np.ndarray]:
    """By query, key and value, float64."""
    query, key, value = (a.astype("float64") for a in operands("float32"))
    w = weights(name)
    change = slope @ value.swapaxes(-1, -2)
    change = w * (change - (w * change).sum(axis=-1, keepdims=True))
    change = np.where(allowed(name), change, 0)  # also of queries that see nothing
    change = change * CASES[name][1].get("scale", D**-0.5)
    by_key = change.swapaxes(-1, -2) @ query
    return [change @ key, by_key.sum(axis=0), w.swapaxes(-1, -2) @ slope]


def graph_of(name: str, dtype: str) -> tuple[list[nf.Tensor], nf.Tensor]:
    """Queries, keys and values as variables, and attention."""
    three = [nf.variable(a) for a in operands(dtype)]
    return three, nf.attention(*three, *mask_of(name, dtype), **CASES[name][1])


@TIERS
@every_dtype
@every_case
def test_it_is_softmax_times_values(name: str, dtype: str, tier: Any) -> None:
    with nf.Graph() as graph:
        _, out = graph_of(name, dtype)
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        found = session.run(out)
    expected = weights(name) @ operands("float32")[2].astype("float64")
    tolerance = 2e-5 if dtype == "float32" else 1e-6  # the operands' own rounding
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@TIERS
@every_case
def test_gradients_are_those_of_softmax(name: str, tier: Any) -> None:
    slope = np.random.default_rng(1).normal(size=(2, 3, M, E)).astype("float32")
    with nf.Graph() as graph:
        three, out = graph_of(name, "float32")
        found = gradients(out, three, [nf.constant(slope)])
    with nf.Session(graph, tier=tier) as session:
        session.initialize()
        arrays = session.run(found)
    expected = gradients_of(name, slope.astype("float64"))
    for got, wanted in zip(arrays, expected, strict=True):
        assert got.shape == wanted.shape
        np.testing.assert_allclose(got, wanted, rtol=2e-4, atol=2e-4 * np.abs(wanted).max())


@TIERS
@pytest.mark.parametrize("features", [(48, 40), (300, 16), (1, 260)])
def test_many_features(features: tuple[int, int], tier: Any) -> None:
    """More than a tile in registers, or a panel, holds."""
    d, e = features
    rng = np.random.default_rng(4)
    query, key, value, slope = (
        rng.normal(size=s).astype("float32") for s in ((2, M, d), (2, N, d), (2, N, e), (2, M, e))
    )
    with nf.Graph() as g:
        three = [nf.constant(a) for a in (query, key, value)]
        out = nf.attention(*three)
        found = gradients([out], three, [nf.constant(slope)])
    with nf.Session(g, tier=tier) as s:
        result, *slopes = s.run([out, *found])
    q, k, v, g64 = (a.astype(float) for a in (query, key, value, slope))
    w = scipy.special.softmax(q @ k.swapaxes(1, 2) * d**-0.5, axis=-1)
    change = g64 @ v.swapaxes(1, 2)
    change = w * (change - (w * change).sum(axis=-1, keepdims=True)) * d**-0.5
    expected = [w @ v, change @ k, change.swapaxes(1, 2) @ q, w.swapaxes(1, 2) @ g64]
    for own, truth in zip((result, *slopes), expected, strict=True):
        np.testing.assert_allclose(own, truth, rtol=2e-4, atol=2e-4)


def test_a_trained_mask_gets_its_gradient() -> None:
    slope = np.random.default_rng(1).normal(size=(2, 3, M, E))
    with nf.Graph() as graph:
        three = [nf.constant(a) for a in operands("float64")]
        mask = nf.variable(np.linspace(-1, 1, N))
        (by_mask,) = gradients(nf.attention(*three, mask), [mask], [nf.constant(slope)])
        scores = F.matmul(three[0], three[1], transpose_y=True) * D**-0.5 + mask
        (plain,) = gradients(F.softmax(scores) @ three[2], [mask], [nf.constant(slope)])
    with nf.Session(graph, tier="compiled") as session:
        session.initialize()
        found, expected = session.run([by_mask, plain])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@every_dtype
@pytest.mark.parametrize("name", ["plain", "pairs", "added by pairs"])
def test_every_number_of_threads_gives_the_same_bits(name: str, dtype: str) -> None:
    with nf.Graph() as graph:
        three, out = graph_of(name, dtype)
        wanted = [out, *gradients(F.square(out), three)]
    found = []
    for threads in (1, 2, 3, 8):
        with nf.Session(graph, tier="compiled", threads=threads) as session:
            session.initialize()
            found.append([a.tobytes() for a in session.run(wanted)])
    assert all(each == found[0] for each in found[1:])


def test_looking_at_the_scores_changes_no_bit() -> None:
    with nf.Graph() as graph:
        three = [nf.variable(a) for a in operands("float32")]
        out, scores = nf.attention(*three, causal=True, return_scores=True)
        slopes = gradients(F.square(out), three)
    with nf.Session(graph, tier="compiled") as session:
        session.initialize()
        alone = session.run([out, *slopes])
        together = session.run([out, *slopes, scores])
    for a, b in zip(alone, together, strict=False):
        assert a.tobytes() == b.tobytes()
    np.testing.assert_allclose(together[-1] @ operands("float32")[2], alone[0], atol=1e-5)


def test_the_scores_of_all_pairs_are_never_in_memory() -> None:
    pairs = 4 * 1024 * 1024 * 4
    with nf.Graph():
        x = nf.variable(np.zeros((4, 1024, 16), "float32"))
        slope = gradients(F.square(nf.attention(x, x, x)), [x])
        schedule = build_schedule(slope, [])
        plan = make_plan(schedule, schedule.specialise({}))
    assert plan.arena_size < pairs / 4
