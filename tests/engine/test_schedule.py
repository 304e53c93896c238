"""Schedules: pruned to what is needed, linear, and without recursion."""

from __future__ import annotations

import gc
import time

import pytest

import nodeflow as nf
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.engine.session import Session


def chain(length):
    with nf.Graph() as g:
        x = nf.placeholder("float32", [], name="x")
        y, one = x, nf.constant(1.0)
        for _ in range(length):
            y = y + one
    return g, x, y


@pytest.mark.thorough
def test_a_very_deep_chain_needs_no_recursion():
    g, x, y = chain(100_000)
    with Session(g, tier="reference") as s:
        assert s.run(y, {x: 1.0}) == 100_001


@pytest.mark.thorough
def test_planning_is_linear():
    def seconds(length):
        _, x, y = chain(length)
        best = 9.0
        for _ in range(3):
            started = time.perf_counter()
            schedule = build_schedule([y], [x])
            make_plan(schedule, schedule.specialise({}))
            best = min(best, time.perf_counter() - started)
        return best

    assert seconds(16_000) < 8 * seconds(4_000)


def test_only_what_the_fetches_need_is_scheduled():
    with nf.Graph() as g:
        x = nf.placeholder("float32", [2], name="x")
        y = nf.exp(x, name="y")
        nf.log(y, name="z")
    assert [s.node.name for s in build_schedule([y], [x]).steps] == ["y"]
    assert build_schedule([g.tensor("z")], [y]).feeds == {y: 0}


def test_a_fed_tensor_cuts_off_the_assigns_behind_it():
    with nf.Graph() as g:
        v = nf.variable(1.0, name="v")
        step = nf.assign(v, v + 1, name="step")
        y = nf.multiply(step, 2.0, name="y")
    assert list(build_schedule([y], [step]).writes) == []
    assert [n.name for n in build_schedule([y], []).writes] == ["v"]
    assert g.node("step") in [s.node for s in build_schedule([y], []).steps]


def test_slots_are_released_after_their_last_use():
    _, x, y = chain(3)
    schedule = build_schedule([y], [x])
    last = schedule.last_uses()
    assert last[schedule.fetches[0]] == len(schedule.steps)
    assert last[schedule.feeds[x]] == 1  # the first add; the constant is step 0


@pytest.fixture
def collector():
    """The collector is on; windows of other tests may have switched it off."""
    was_on = gc.isenabled()
    gc.enable()
    yield
    if not was_on:
        gc.disable()


def test_planning_gives_the_collector_back(collector):
    with nf.Graph():
        x = nf.placeholder("float32", [3], name="x")
        y = nf.sin(x)
    build_schedule([y], [x])
    assert gc.isenabled()
    gc.disable()
    try:
        build_schedule([y], [x])
        assert not gc.isenabled()
    finally:
        gc.enable()
