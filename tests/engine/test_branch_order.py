"""Large branches that run one after the other: when they do, what it saves, and the same bits."""

from __future__ import annotations

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.ir.plan import Plan
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule

MIB = 1 << 20


def plan_of(targets: list, *without: str) -> Plan:
    schedule = build_schedule(targets, [])
    return make_plan(schedule, schedule.specialise({}), without)


def ops_in(plan: Plan) -> list[set[str]]:
    """Names of the ops of each level."""
    return [
        {a.node.op.id for head in level for r in head.chain() if r.group for a in r.group.actions}
        for level in plan.phases[0].levels
    ]


def branches(rows: int) -> list:
    """The largest of three softmaxes, each of (rows, 64, 64) float32."""
    x = nf.placeholder("float32", [rows, 64, 64], name="x")
    return [nf.reduce_max(nf.softmax(x, axis=axis), axis=1) for axis in (0, 1, 2)]


def test_each_large_branch_ends_before_the_next_begins() -> None:
    with nf.Graph():
        plan = plan_of(branches(512))
    levels = ops_in(plan)
    assert plan.actions.rewritten["serialize"] == ["softmax", "softmax_1", "softmax_2"]
    assert levels == [{"softmax"}, {"reduce_max"}] * 3
    assert plan.arena_size < 8.5 * MIB + 3 * 512 * 64 * 4
    with nf.Graph():
        assert plan_of(branches(512), "serialize").arena_size >= 24 * MIB


def test_small_branches_share_a_level() -> None:
    with nf.Graph():
        small = plan_of(branches(128))
    assert len(ops_in(small)) == 2


@pytest.mark.thorough
def test_what_waits_for_several_branches_comes_after_all() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [512, 64, 64], name="x")
        parts = [nf.reduce_max(nf.softmax(x, axis=axis)) for axis in (0, 1, 2)]
        total = parts[0] + parts[1] + parts[2]
    value = np.random.default_rng(0).standard_normal((512, 64, 64)).astype("float32")
    results = [
        nf.Session(total.graph, tier="compiled", threads=threads, without=without).run(
            [total, *parts], {x: value}
        )
        for threads in (1, 2, 3)
        for without in ((), ("serialize",))
    ]
    for result in results[1:]:
        assert [r.tobytes() for r in result] == [r.tobytes() for r in results[0]]
    exact = np.exp(value.astype(float))
    expected = [(exact / exact.sum(axis=axis, keepdims=True)).max() for axis in (0, 1, 2)]
    np.testing.assert_allclose(results[0][1:], expected, rtol=1e-5)
    np.testing.assert_allclose(results[0][0], sum(expected), rtol=1e-5)
