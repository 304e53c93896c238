"""Attention that reads and writes rows where they lie: the same bits, without transpositions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import scipy.special

import nodeflow as nf
from nodeflow.engine.plan.operands_apart import Apart
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.graph.gradients import gradients
from nodeflow.ops.lowering import Block, strides_of

ROWS, STEPS, HEADS = 3, 70, 2
MOVES = {"Permute", "Copy"}


def x_of(dtype: str, features: int) -> np.ndarray:
    shape = (ROWS, STEPS, 3 * HEADS * features)
    return np.random.default_rng(1).normal(size=shape).astype(dtype)


def heads(x: Any, features: int, **attrs: Any) -> tuple[list[Any], Any, Any]:
    """Queries, keys and values; the result by heads, and by steps."""
    apart = nf.reshape(x, [-1, STEPS, 3, HEADS, features])
    parts = nf.unstack(nf.transpose(apart, [2, 0, 3, 1, 4]))
    by_head = nf.attention(*parts, **attrs)
    return parts, by_head, nf.transpose(by_head, [0, 2, 1, 3])


def truth(x: np.ndarray, features: int, causal: bool) -> np.ndarray:
    """By steps, float64."""
    parts = x.astype("float64").reshape(ROWS, STEPS, 3, HEADS, features)
    query, key, value = np.moveaxis(parts, (2, 3), (0, 2))
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(features)
    if causal:
        scores = np.where(np.tri(STEPS, dtype=bool), scores, -np.inf)
    return (scipy.special.softmax(scores, axis=-1) @ value).swapaxes(1, 2)


def kinds(fetches: Sequence[Any], without: Sequence[str] = ()) -> list[str]:
    """What kind of kernel each group of a plan is."""
    schedule = build_schedule(list(fetches), [])
    plan = make_plan(schedule, schedule.specialise({}), without)
    rows = [row for level in plan.phases[0].levels for head in level for row in head.chain()]
    return [type(r.group.actions[0].lowering).__name__ for r in rows if r.group]


def results(graph: nf.Graph, fetches: Sequence[Any], without: Sequence[str] = (), threads: int = 2):
    with nf.Session(graph, tier="compiled", without=without, threads=threads) as s:
        s.initialize()
        return s.run(list(fetches))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("causal", [False, True])
def test_heads_are_attended_to_where_they_lie(dtype: str, causal: bool) -> None:
    x = x_of(dtype, 5)
    with nf.Graph() as g:
        _, _, out = heads(nf.variable(x), 5, causal=causal)
    assert MOVES.isdisjoint(kinds([out])), "neither copies nor transpositions"
    assert {*kinds([out], ["apart"])} >= MOVES
    (found,) = results(g, [out])
    np.testing.assert_allclose(found, truth(x, 5, causal), rtol=1e-4, atol=1e-5)
    for without, threads in (((), 1), ((), 3), ((), 8), (("apart",), 2), (("views", "chain"), 2)):
        assert results(g, [out], without, threads)[0].tobytes() == found.tobytes()


def test_what_is_fetched_on_the_way_has_the_same_bits() -> None:
    with nf.Graph() as g:
        parts, by_head, out = heads(nf.variable(x_of("float32", 8)), 8)
    (alone,) = results(g, [out])
    wanted = [*parts, by_head, out]
    everything = results(g, wanted)
    assert everything[-1].tobytes() == alone.tobytes()
    for found, expected in zip(everything, results(g, wanted, ["apart"]), strict=True):
        assert found.tobytes() == expected.tobytes()
    np.testing.assert_array_equal(everything[3].swapaxes(1, 2), alone)


def test_gradients_read_the_same_rows() -> None:
    with nf.Graph() as g:
        x = nf.variable(x_of("float32", 8))
        _, _, out = heads(x, 8, causal=True)
        loss = nf.reduce_sum(nf.square(out))
        (slope,) = gradients(loss, [x])
    found = results(g, [loss, slope])
    for without in (["apart"], ["views", "fuse"]):
        for one, other in zip(found, results(g, [loss, slope], without), strict=True):
            assert one.tobytes() == other.tobytes()
    with nf.Session(g, tier="reference") as s:
        s.initialize()
        expected = s.run([loss, slope])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("steps", [70, 200])
@pytest.mark.parametrize("causal", [False, True])
def test_the_gradient_is_written_where_the_slices_were(
    dtype: str, steps: int, causal: bool
) -> None:
    """One tile and several, cut off or not."""
    x = np.random.default_rng(4).normal(size=(2, steps, 3 * HEADS * 9)).astype(dtype)
    with nf.Graph() as g:
        whole = nf.variable(x)
        apart = nf.reshape(whole, [-1, steps, 3, HEADS, 9])
        parts = nf.unstack(nf.transpose(apart, [2, 0, 3, 1, 4]))
        out = nf.attention(*parts, causal=causal)
        loss = nf.reduce_sum(out * nf.square(out))
        (slope,) = gradients(loss, [whole])
        (query,) = gradients(loss, [parts[0]])
    made = kinds([slope])
    assert made[-1] == "Tiles" and MOVES.isdisjoint(made), "nothing moves what it wrote"
    found = results(g, [slope])[0]
    for without, threads in (((), 1), ((), 3), (("apart",), 2), (("chain", "reuse"), 2)):
        assert results(g, [slope], without, threads)[0].tobytes() == found.tobytes()
    both = results(g, [slope, query])
    assert both[0].tobytes() == found.tobytes(), "a gradient that is fetched is moved as before"
    np.testing.assert_array_equal(
        found.reshape(2, steps, 3, HEADS, 9)[:, :, 0].swapaxes(1, 2), both[1]
    )
    with nf.Session(g, tier="reference") as s:
        s.initialize()
        np.testing.assert_allclose(found, s.run(slope), rtol=1e-3, atol=1e-4)


def test_a_mask_and_rows_of_many_features_are_as_they_were() -> None:
    mask = np.arange(STEPS) % 5 > 0
    for features, moved in ((8, False), (200, True)):
        x = x_of("float32", features)
        with nf.Graph() as g:
            _, _, out = heads(nf.variable(x), features, mask=mask)
        assert (not MOVES.isdisjoint(kinds([out]))) == moved
        found, expected = results(g, [out]), results(g, [out], ["apart"])
        assert found[0].tobytes() == expected[0].tobytes()


def test_features_that_lie_apart_are_moved() -> None:
    x = np.random.default_rng(2).normal(size=(2, 4, 30)).astype("float32")
    with nf.Graph() as g:
        turned = nf.transpose(nf.variable(x), [0, 2, 1])
        out = nf.attention(turned, turned, turned)
    assert "Permute" in kinds([out])
    assert results(g, [out])[0].tobytes() == results(g, [out], ["apart"])[0].tobytes()


def test_keys_of_all_rows_are_read_where_they_lie() -> None:
    random = np.random.default_rng(3)
    x, y = (random.normal(size=s).astype("float32") for s in ((3, 2, 20, 6), (40, 2, 6)))
    with nf.Graph() as g:
        key = nf.transpose(nf.variable(y), [1, 0, 2])
        out = nf.attention(nf.variable(x), key, key)
    assert MOVES.isdisjoint(kinds([out]))
    assert results(g, [out])[0].tobytes() == results(g, [out], ["apart"])[0].tobytes()


def test_where_elements_lie_is_what_numpy_says() -> None:
    """A slice of a transposition of a slice, against numpy's own strides."""
    base = np.arange(4 * 6 * 5 * 8).reshape(4, 6, 5, 8)
    moved = base[1:3].transpose(2, 0, 1, 3)
    inner = Block((2, 6, 5, 8), 240, strides_of(base.shape), 0, strides_of((2, 6, 5, 8)))
    turn = Block(moved.shape, 0, (8, 240, 40, 1), 0, strides_of(moved.shape))
    part = moved[2:4].reshape(2, 2, 2, 3, 8)
    taken = Apart(0, part.shape, strides_of(part.shape), 2 * 96)
    found = taken.of(1, turn)
    found = found and found.of(2, inner)
    assert found is not None
    at = found.offset + sum(
        np.arange(size).reshape(-1, *(1,) * (4 - axis)) * stride
        for axis, (size, stride) in enumerate(zip(found.sizes, found.strides, strict=True))
    )
    np.testing.assert_array_equal(base.ravel()[at], part)
    joined = Apart(0, (120, 8), (8, 1), 0).of(1, turn)
    assert joined is None, "an axis that a transposition tears apart"
