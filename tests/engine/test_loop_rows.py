"""Loops whose tasks go through all iterations with their rows: which do, and what they compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

import nodeflow as nf
from nodeflow.engine.ir.launches import RowTiling
from nodeflow.engine.ir.levels import LoopLevel
from nodeflow.engine.ir.plan import LoopPlan, Plan
from nodeflow.engine.plan.plan import make_plan
from nodeflow.engine.plan.verify.check import check_plan
from nodeflow.engine.plan.verify.records import PlanError
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.engine.session import Session
from nodeflow.ops import functions as F
from nodeflow.ops.control_flow.scan_body import make_body
from nodeflow.ops.samples import values

ROWS, WIDTH, STEPS = 64, 48, 9
STATE = nf.TensorType("float32", (ROWS, WIDTH))
WEIGHTS = nf.TensorType("float32", (WIDTH, WIDTH))
Body = Callable[..., Sequence[nf.Tensor]]


def whole(x: nf.Tensor) -> nf.Tensor:
    return F.cast(x, dtype="int32")


APART: dict[str, Body] = {
    "formulas of what is carried": lambda h, x, w: (F.tanh(h * 0.5 + x),),
    "a product with rows of it": lambda h, x, w: (F.tanh(F.matmul(h, w) + x),),
    "two products in turn": lambda h, x, w: (F.tanh(F.matmul(F.relu(F.matmul(h, w)), w) + x),),
    "sums along rows": lambda h, x, w: (h * 0.5 + F.softmax(F.matmul(h, w) + x, axis=-1),),
    "formulas on both sides of it": lambda h, x, w: (F.matmul(F.relu(x + h * 0.5), w) + x * 2.0,),
}
TOGETHER: dict[str, Body] = {
    "it is the second operand": lambda h, x, w: (F.tanh(F.matmul(F.matmul(x, w),
        F.transpose(h, perm=(1, 0)))[:, :WIDTH]),),
    "one row of it is read by all": lambda h, x, w: (F.tanh(h[:1] + x),),
    "a sum over its rows": lambda h, x, w: (F.tanh(x + F.reduce_sum(h, axis=0)),),
    "a copy that all read": lambda h, x, w: (F.tanh(F.matmul(h, w) + x[0]),),
    "its rows change places": lambda h, x, w: (F.tanh(F.reverse(h, axis=0) + x),),
    "division of integers can fail": lambda h, x, w: (
        F.cast(F.floor_divide(whole(h), whole(x) + 9), dtype="float32"),
    ),
    "it is only passed on": lambda h, x, w: (x,),
}  # fmt: skip


def graph(body: Body, *, history: bool = False, reverse: bool = False) -> list[nf.Tensor]:
    """The results of a loop over placeholders ``h``, ``x`` and ``w``."""
    text, _ = make_body(body, [STATE, STATE, WEIGHTS])
    with nf.Graph() as g:
        h = nf.placeholder("float32", [ROWS, WIDTH], name="h")
        x = nf.placeholder("float32", [STEPS, ROWS, WIDTH], name="x")
        w = nf.placeholder("float32", [WIDTH, WIDTH], name="w")
        attrs = {"body": text, "carried": 1, "sequences": 1}
        outs = g.apply("scan", h, x, w, **attrs, history=history, reverse=reverse)
    return list(outs)


FEED = {
    "h": values((ROWS, WIDTH), "float32"),
    "x": values((STEPS, ROWS, WIDTH), "float32", start=5),
    "w": values((WIDTH, WIDTH), "float32", start=2) * np.float32(0.1),
}


def plan_of(targets: Sequence[nf.Tensor], without: Sequence[str] = ()) -> Plan:
    schedule = build_schedule(targets, [])
    return make_plan(schedule, schedule.specialise({}), without)


def loop_of(plan: Plan) -> LoopLevel:
    (loop,) = (x for p in plan.phases for x in p.levels if isinstance(x, LoopLevel))
    return loop


def results(targets: Sequence[nf.Tensor], tier: str, threads: int = 2, **options) -> list:
    with Session(targets[0].graph, tier=tier, threads=threads, **options) as s:
        return s.run(targets, FEED)


@pytest.mark.parametrize("history", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("body", APART.values(), ids=APART)
def test_tasks_go_on_where_they_read_their_own_rows(body, reverse: bool, history: bool) -> None:
    targets = graph(body, history=history, reverse=reverse)
    loop = loop_of(plan_of(targets))
    assert loop.apart
    _, (head,) = loop.levels
    assert head.tasks > 1
    together = results(targets, "compiled", without=["loop_rows"])
    for a, b in zip(together, results(targets, "reference"), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)
    for threads in (1, 2, 3, 8):
        found = results(targets, "compiled", threads)
        assert all(np.array_equal(a, b) for a, b in zip(together, found, strict=True))


@pytest.mark.parametrize("body", TOGETHER.values(), ids=TOGETHER)
def test_tasks_meet_where_they_need_other_rows(body) -> None:
    targets = graph(body)
    assert not loop_of(plan_of(targets)).apart
    for a, b in zip(results(targets, "compiled"), results(targets, "reference"), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-4)


def test_without_the_rewrite_tasks_meet() -> None:
    targets = graph(APART["a product with rows of it"])
    assert loop_of(plan_of(targets)).apart
    assert not loop_of(plan_of(targets, ["loop_rows"])).apart


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
def test_recurrent_layers_and_their_gradients_go_on(kind: str) -> None:
    gates = {"rnn": 1, "gru": 3, "lstm": 4}[kind]
    with nf.Graph() as g:
        x = nf.placeholder("float32", [ROWS, STEPS, 28], name="x")
        shapes = (28, gates * WIDTH), (WIDTH, gates * WIDTH), (gates * WIDTH,)
        cell = [nf.variable(values(shape, "float32") * np.float32(0.2)) for shape in shapes]
        last = g.apply(kind, x, *cell)[1]
        gradients = nf.gradients(nf.reduce_sum(nf.square(last)), cell)
    levels = [x for p in plan_of([last, *gradients]).phases for x in p.levels]
    loops = [level for level in levels if isinstance(level, LoopLevel)]
    assert [loop.apart for loop in loops] == [True, True]


def test_such_a_loop_may_be_within_others() -> None:
    """The outer loop moves what the inner one reads, carries and stacks."""

    def step(h, x, w):
        new = F.tanh(F.matmul(h, w) + x)
        return new, new

    inside, _ = make_body(step, [STATE, STATE, WEIGHTS])

    def outer(h, xs, w):
        last, stacked = F.scan([h, xs, w], body=inside, carried=1, sequences=1)
        return F.reverse(last, axis=0) * 0.5, stacked

    sequence = nf.TensorType("float32", (STEPS, ROWS, WIDTH))
    outside, _ = make_body(outer, [STATE, sequence, WEIGHTS])
    with nf.Graph() as g:
        h, x, w = (nf.placeholder("float32", list(FEED[n].shape), name=n) for n in ("h", "x", "w"))
        xs = nf.stack([x, x * 0.5, -x])
        outs = list(g.apply("scan", h, xs, w, body=outside, carried=1, sequences=1))
    inner = [level for level in loop_of(plan_of(outs)).levels if isinstance(level, LoopLevel)]
    assert [level.apart for level in inner] == [True]
    reference = results(outs, "reference")
    first = results(outs, "compiled", 1)
    for threads in (2, 3, 8):
        for a, b, c in zip(reference, first, results(outs, "compiled", threads), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5)
            assert np.array_equal(b, c)


def test_a_profile_runs_such_a_loop_by_levels() -> None:
    targets = graph(APART["two products in turn"])
    with Session(targets[0].graph, tier="compiled", threads=2) as s:
        found, trace = s.profile(targets, FEED)
        assert np.array_equal(found[0], s.run(targets, FEED)[0])
    names = [e["name"] for e in trace["traceEvents"] if e["ph"] == "X"]
    assert sum("matmul" in name for name in names) >= 2 * STEPS


@pytest.mark.parametrize("body", ["it is the second operand", "a sum over its rows",
                                  "division of integers can fail"])  # fmt: skip
def test_the_verifier_finds_tasks_that_must_meet(body: str) -> None:
    plan = plan_of(graph(TOGETHER[body]))
    (loop,) = (a.lowering for a in plan.actions.items if isinstance(a.lowering, LoopPlan))
    check_plan(plan)
    loop.apart = RowTiling(ROWS, 16)
    with pytest.raises(PlanError, match="tasks_go_on_with_their_own_rows"):
        check_plan(plan)
