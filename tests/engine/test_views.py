"""Slices read in place and pieces written in place: fewer kernels, the same bits."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.ir.levels import all_launches
from nodeflow.engine.plan.plan import make_plan, make_step_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.engine.session import Session
from nodeflow.ops.samples import values


def kernels(target, *, without: frozenset[str] = frozenset()) -> list[str]:
    """What kind of kernel each launch of a plan is."""
    schedule = build_schedule([target], [])
    plan = make_plan(schedule, schedule.specialise({}), without)
    rows = all_launches(plan.phases[0].levels)
    return [type(r.group.actions[0].lowering).__name__ for r in rows if r.group]


def equal_with_and_without(graph, fetches, feeds=None) -> list[np.ndarray]:
    found = []
    for without in ([], ["views"], ["fuse"], ["chain"], ["views", "fuse"]):
        with Session(graph, tier="compiled", without=without) as s:
            s.initialize()
            found.append(s.run(fetches, feeds or {}))
    with Session(graph, tier="reference") as s:
        s.initialize()
        expected = s.run(fetches, feeds or {})
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert np.array_equal(a, b)
    for a, b in zip(found[0], expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)
    return found[0]


def gates(x):
    a, b, c = nf.split(x, parts=3, axis=1)
    return nf.concat([nf.tanh(a) * b, c - a, nf.exp(b)], 1)


def test_what_is_split_and_joined_is_one_kernel() -> None:
    with nf.Graph() as g:
        x = nf.variable(values((5, 12), "float32"))
        y = gates(x)
    assert kernels(y) == ["Elementwise"]
    assert kernels(y, without=frozenset({"views"})).count("Copy") == 6
    equal_with_and_without(g, [y])


def test_pieces_that_are_also_fetched_or_used_are_written_twice() -> None:
    with nf.Graph() as g:
        x = nf.variable(values((5, 8), "float32"))
        a, b = nf.split(x, parts=2, axis=1)
        left, right = nf.tanh(a), a + b
        whole = nf.concat([left, right], 1)
        product = nf.matmul(nf.transpose(right), whole)
    equal_with_and_without(g, [left, whole, product])


@pytest.mark.parametrize(
    "key",
    [
        (slice(1, 4), slice(None)),
        (slice(None, None, -1), slice(None)),
        (slice(None), slice(2, 3)),
        (slice(None, None, 2), slice(3, 7)),
        (slice(None), slice(None, None, -1)),
        (slice(2, 3), slice(1, 6)),
        (slice(4, 4), slice(None)),
    ],
)
def test_any_slice_may_be_read(key) -> None:
    with nf.Graph() as g:
        x = nf.variable(values((6, 7), "float32"))
        bounds = {name: [getattr(k, name) for k in key] for name in ("start", "stop", "step")}
        begin, end, strides = bounds["start"], bounds["stop"], [k or 1 for k in bounds["step"]]
        part = g.apply("strided_slice", x, begin=begin, end=end, strides=strides)
        shape = part.shape
        column = nf.constant(values((shape[0], 1), "float32"))
        ends = [part * 2 + column, nf.tanh(part), part * part[:1] if shape[0] else part + 1]
    equal_with_and_without(g, ends)


def test_slices_of_slices_higher_ranks_and_broadcasts() -> None:
    with nf.Graph() as g:
        x = nf.variable(values((3, 4, 5, 6)))
        inner = x[1:, :, 2:4, 1:5]
        ends = [inner * 2, inner[:, 1:3] + 1, x[:1, :, :, :4] * x[:, :, :, 2:], x[0] - 1]
        line = nf.variable(values((11,)))
        ends += [line[3:] * 2, line[2:3] + line]
    equal_with_and_without(g, ends)


def test_a_variable_that_reads_itself_elsewhere_is_not_overwritten_too_early() -> None:
    with nf.Graph() as g:
        v = nf.variable(values((6, 4)), name="v")
        turned = g.apply("strided_slice", v, begin=[None], end=[None], strides=[-1])
        nf.assign(v, turned * 2 + v, name="turn")
        w = nf.variable(values((4, 6)), name="w")
        a, b = nf.split(w, parts=2, axis=1)
        nf.assign(w, nf.concat([a + b, a * b], 1), name="mix")
        both = nf.group(g.node("turn"), g.node("mix"), name="both")
    schedule = build_schedule([both], [])
    assert make_step_plan(schedule, schedule.specialise({}), []) is not None
    found = []
    for without in ([], ["views"]):
        with Session(g, tier="compiled", without=without) as s:
            s.initialize()
            stepper = s.stepper(["both"], [], {}, 1)
            stepper.start_epoch(np.arange(0))
            stepper.run(3)
            found.append((s.variables["v"], s.variables["w"]))
    v, w = values((6, 4)), values((4, 6))
    for _ in range(3):
        v = v[::-1] * 2 + v
        w = np.concatenate([w[:, :3] + w[:, 3:], w[:, :3] * w[:, 3:]], 1)
    for pair in found:
        np.testing.assert_allclose(pair[0], v, rtol=1e-13)
        np.testing.assert_allclose(pair[1], w, rtol=1e-13)


@pytest.mark.thorough
def test_tasks_do_not_go_on_where_rows_move() -> None:
    """Rows shifted by a slice, or moved by joining, are other tasks' rows.

    The large product is of sixteenths, whose sums are exact: processors' libraries add in orders of
    their own.
    """
    with nf.Graph() as g:
        x = nf.variable(np.round(16 * values((512, 64), "float32", -1, 1)) / 16)
        w = nf.variable(np.round(16 * values((64, 32), "float32", -1, 1, start=5)) / 16)
        y = nf.tanh(x @ w)
        shifted = nf.tanh(y[1:] * 2 + y[:-1])
        gates = nf.tanh(y[:, :16] * y[:, 16:])
        a, b = nf.exp(y * 0.1), y * 3
        stacked = nf.concat([a, b], 0)
        sides = nf.concat([a + 1, b + 1], 1)
        w2 = nf.variable(values((64, 8), "float32", -0.01, 0.01))
        ends = [shifted, gates, stacked * stacked, nf.softmax(sides), nf.tanh(sides @ w2)]
    first = equal_with_and_without(g, ends)
    for threads in (1, 2, 3):
        with Session(g, tier="compiled", threads=threads) as s:
            s.initialize()
            for a, b in zip(first, s.run(ends), strict=True):
                assert np.array_equal(a, b)


def test_slices_that_are_equal_are_one_view() -> None:
    """The second one, which nothing reads any more, has no memory of its own either."""
    with nf.Graph() as g:
        x = nf.placeholder("float32", [4, 5])
        sums = [nf.reduce_sum(nf.cast(nf.exp(x)[:, :2], "float64")) for _ in range(2)]
    feeds = {x: values((4, 5), "float32")}
    first, second = equal_with_and_without(g, sums, feeds)
    assert first == second
