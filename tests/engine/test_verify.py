"""The verifier of plans: each rule finds what it is for, and faults that there once were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

import nodeflow as nf
import nodeflow.ops.functions as F
from nodeflow.engine.columns import Column
from nodeflow.engine.ir.actions import View
from nodeflow.engine.ir.launches import Bound, KernelLaunch, Pointer, Region, RowTiling
from nodeflow.engine.ir.levels import LoopLevel
from nodeflow.engine.ir.plan import Allocation, IterationPointer, LoopPlan, Phase, Plan
from nodeflow.engine.plan import allocate, inplace, passes
from nodeflow.engine.plan.draft import Draft
from nodeflow.engine.plan.plan import make_plan, make_step_plan
from nodeflow.engine.plan.verify.check import check_plan, is_on
from nodeflow.engine.plan.verify.coverage import COVERAGE
from nodeflow.engine.plan.verify.facts import facts_of_plan
from nodeflow.engine.plan.verify.records import PlanError
from nodeflow.engine.plan.verify.rules import MEMORY, ORDER
from nodeflow.engine.runtime.compiled_steps import plan_steps
from nodeflow.engine.schedule.schedule import build_schedule
from nodeflow.ops.control_flow.scan_body import make_body

RULES = {rule.__name__: rule for rule in (*ORDER, *MEMORY, *COVERAGE)}


def plan_of(*targets: nf.Tensor, without: tuple[str, ...] = ()) -> Plan:
    schedule = build_schedule(targets, [])
    return make_plan(schedule, schedule.specialise({}), without)


def step_plan_of(*targets: nf.Tensor) -> Plan:
    schedule = build_schedule(targets, [])
    plan = make_step_plan(schedule, schedule.specialise({}), [])
    assert plan is not None
    return plan


def storage_of(plan: Plan, name: str) -> int:
    tensors = plan.schedule.slots
    return plan.actions.storage[next(s for s, t in enumerate(tensors) if t.node.name == name)]


def change(plan: Plan, name: str, **changes: object) -> None:
    """Change the launches of the node called ``name``."""

    def changed(launch: KernelLaunch) -> KernelLaunch:
        mine = launch.group is not None and name in launch.group.names
        then = tuple(changed(each) for each in launch.then)
        return replace(launch, then=then, **changes) if mine else replace(launch, then=then)  # type: ignore[arg-type]

    for level in plan.phases[0].levels:
        if not isinstance(level, LoopLevel):
            level[:] = [changed(head) for head in level]


def launch_of(plan: Plan, name: str) -> KernelLaunch:
    return next(
        launch
        for level in plan.phases[0].levels
        if not isinstance(level, LoopLevel)
        for head in level
        for launch in head.chain()
        if launch.group is not None and name in launch.group.names
    )


# ---- plans that each break one rule -------------------------------------------------------------


def two_products() -> Plan:
    with nf.Graph():
        x = nf.placeholder("float32", [4, 4], name="x")
        first = nf.matmul(x, x, transpose_x=True, name="first")
        second = nf.matmul(first, first, transpose_x=True, name="second")
        plan = plan_of(nf.matmul(second, first, transpose_x=True, name="third"))
    assert len(plan.phases[0].levels) == 3
    return plan


def a_value_is_written_too_late() -> Plan:
    plan = two_products()
    plan.phases[0].levels[:2] = plan.phases[0].levels[1::-1]
    return plan


def a_value_is_never_written() -> Plan:
    plan = two_products()
    del plan.phases[0].levels[0]
    return plan


def one_level_depends_on_itself() -> Plan:
    plan = two_products()
    levels = plan.phases[0].levels
    assert isinstance(levels[0], list) and isinstance(levels[1], list)
    levels[0] += levels.pop(1)
    return plan


def a_view_reaches_too_far() -> Plan:
    with nf.Graph():
        x = nf.placeholder("float32", [4, 6], name="x")
        plan = plan_of(nf.exp(x[:, 3:], name="y"))
    ((slot, view),) = plan.actions.views.items()
    plan.actions.views[slot] = View(view.offset + 1, view.strides)
    return plan


def an_alias_of_an_alias() -> Plan:
    plan = two_products()
    slot = plan.actions.new_slot(plan.actions.types[0])
    plan.actions.storage[slot] = plan.actions.new_slot(plan.actions.types[0])
    plan.actions.storage[plan.actions.storage[slot]] = 0
    return plan


def the_arena_is_too_small() -> Plan:
    plan = two_products()
    plan.arena_size -= 64
    return plan


def a_result_has_no_memory() -> Plan:
    plan = two_products()
    del plan.allocations[storage_of(plan, "third")]
    return plan


def a_pointer_leads_out() -> Plan:
    plan = two_products()
    args = launch_of(plan, "third").args
    args = tuple(a.plus(1000) if isinstance(a, Pointer) else a for a in args)
    change(plan, "third", args=args)
    return plan


def two_values_share_memory() -> Plan:
    plan = two_products()
    first = plan.allocations[storage_of(plan, "first")]
    plan.allocations[storage_of(plan, "second")] = first
    return plan


def two_values_overlap_by_a_part() -> Plan:
    plan = two_products()
    first = plan.allocations[storage_of(plan, "first")]
    plan.allocations[storage_of(plan, "second")] = Allocation("arena", first.offset + 32)
    plan.arena_size += 64
    return plan


def a_kernel_writes_to_a_feed() -> Plan:
    plan = two_products()
    x, second = storage_of(plan, "x"), storage_of(plan, "second")
    change(plan, "second", writes=(Region(second), Region(x)))
    return plan


def a_result_lies_in_a_constant() -> Plan:
    plan = two_products()
    plan.allocations[storage_of(plan, "second")] = Allocation("constant")
    return plan


def python(x: nf.Tensor) -> nf.Tensor:
    """An op of the user's own."""
    return nf.op(id="twice", infer="same as x")(lambda x: x * 2)(x)


def a_reference_writes_over_its_input() -> Plan:
    with nf.Graph():
        plan = plan_of(python(nf.placeholder("float64", [5], name="x")))
    (group,) = plan.phases[0].fallback
    plan.actions.storage[group.actions[0].outputs[0]] = storage_of(plan, "x")
    return plan


def updates(*, fails: bool = False) -> Plan:
    with nf.Graph():
        w = nf.variable(np.ones(6, "float32"), name="w")
        old = nf.reduce_sum(w, name="old")
        fetched = [old]
        if fails:
            at = nf.placeholder("int32", [3], name="at")
            fetched = [nf.gather(nf.constant(np.ones(9, "float32")), at, name="gathered")]
        plan = step_plan_of(nf.assign(w, nf.multiply(w, 0.5, name="new")), *fetched)
    assert len(plan.inplace) == 1 and len(plan.phases[0].levels) == 2
    return plan


def an_update_comes_before_a_reader() -> Plan:
    plan = updates()
    plan.phases[0].levels.reverse()
    return plan


def an_update_reads_another_element() -> Plan:
    plan = updates()
    action = launch_of(plan, "new").group.actions[0]  # type: ignore[union-attr]
    shape = plan.actions.types[action.inputs[0]]
    plan.actions.types[action.inputs[0]] = shape.with_shape((1, 6))
    return plan


def an_update_comes_before_a_failure() -> Plan:
    plan = updates(fails=True)
    plan.phases[0].levels.reverse()
    return plan


def an_update_comes_beside_a_failure() -> Plan:
    plan = updates(fails=True)
    first, second = plan.phases[0].levels
    plan.phases[0].levels = [[*first, *second]]  # type: ignore[misc]
    return plan


def two_updates_of_one_variable() -> Plan:
    with nf.Graph():
        x = nf.placeholder("float32", [6], name="x")
        a, b = (nf.variable(np.ones(6, "float32"), name=name) for name in "ab")
        plan = step_plan_of(nf.assign(a, nf.exp(x)), nf.assign(b, nf.sin(x)))
    first, second = plan.inplace
    plan.inplace[second] = plan.inplace[first]
    return plan


def layer() -> Plan:
    with nf.Graph():
        x = nf.placeholder("float32", [256, 64], name="x")
        e = nf.exp(nf.reduce_sum(x, axis=1, keepdims=True, name="sum"), name="e")
        soft = nf.softmax(nf.multiply(x, e, name="scaled"), name="soft")
        plan = plan_of(soft, without=("rowwise",))
    (level,) = plan.phases[0].levels
    assert isinstance(level, list) and len(level[0].then) >= 2 and level[0].tasks > 1
    return plan


def a_chain_has_other_tasks() -> Plan:
    plan = layer()
    change(plan, "soft", tasks=launch_of(plan, "soft").tasks + 1, split=None)
    return plan


def a_chain_is_cut_between_other_rows() -> Plan:
    plan = layer()
    split = launch_of(plan, "soft").split
    assert split is not None and split.rows > 1
    change(plan, "soft", split=split._replace(rows=split.rows - 1))
    return plan


def a_chain_reads_other_rows() -> Plan:
    plan = layer()
    action = launch_of(plan, "e").group.actions[0]  # type: ignore[union-attr]
    type_ = plan.actions.types[action.inputs[0]]
    plan.actions.types[action.inputs[0]] = type_.with_shape((1, 256))
    return plan


def joined(without: tuple[str, ...] = ("views",)) -> Plan:
    with nf.Graph():
        x, y = (nf.placeholder("float32", [4, 300], name=name) for name in "xy")
        return plan_of(nf.concat([x, y], 1, name="joined"), without=without)


def pieces_overlap() -> Plan:
    plan = joined()
    (level,) = plan.phases[0].levels
    assert isinstance(level, list)
    level[0] = replace(level[0], writes=level[1].writes)
    return plan


def a_piece_is_missing() -> Plan:
    plan = joined()
    (level,) = plan.phases[0].levels
    assert isinstance(level, list)
    del level[1]
    return plan


def large() -> Plan:
    with nf.Graph():
        x = nf.placeholder("float32", [1 << 18], name="x")
        plan = plan_of(nf.exp(x, name="y"))
    assert launch_of(plan, "y").tasks > 2
    return plan


def a_task_is_missing() -> Plan:
    plan = large()
    change(plan, "y", tasks=launch_of(plan, "y").tasks - 1)
    return plan


def a_task_has_nothing_to_do() -> Plan:
    plan = large()
    change(plan, "y", tasks=launch_of(plan, "y").tasks + 1)
    return plan


def a_sum_begins_with_nothing() -> Plan:
    plan = two_products()
    change(plan, "second", writes=(Region(storage_of(plan, "second"), adds=True),))
    return plan


def scattered() -> Plan:
    with nf.Graph():
        rows = nf.placeholder("float32", [7, 3], name="rows")
        at = nf.placeholder("int32", [4], name="at")
        total = nf.reduce_sum(nf.gather(rows, at))
        plan = plan_of(*nf.gradients(total, [rows]))
    assert any(r.bound for level in plan.phases[0].levels for h in level for r in h.writes or ())  # type: ignore[union-attr]
    return plan


def in_scatter(plan: Plan, change_it: Callable[[KernelLaunch], KernelLaunch]) -> Plan:
    for level in plan.phases[0].levels:
        assert isinstance(level, list)
        for number, head in enumerate(level):
            if any(region.bound for region in head.writes or ()):
                level[number] = change_it(head)
    return plan


def a_scatter_has_no_bound() -> Plan:
    def unbound(launch: KernelLaunch) -> KernelLaunch:
        return replace(launch, writes=tuple(r._replace(bound=None) for r in launch.writes or ()))

    return in_scatter(scattered(), unbound)


def a_scatter_checks_another_size() -> Plan:
    def wrong(launch: KernelLaunch) -> KernelLaunch:
        return replace(launch, args=(launch.args[0], 8, *launch.args[2:]))

    return in_scatter(scattered(), wrong)


def a_scatter_declares_another_size() -> Plan:
    def wrong(launch: KernelLaunch) -> KernelLaunch:
        region = launch.writes[0]._replace(bound=Bound(1, 8))  # type: ignore[index]
        return replace(launch, args=(launch.args[0], 8, *launch.args[2:]), writes=(region,))

    return in_scatter(scattered(), wrong)


def recurrent(
    step: Callable[..., Sequence[nf.Tensor]] = lambda carried, x: [F.tanh(carried + x)],
    shape: tuple[int, int] = (2, 3),
) -> tuple[Plan, LoopPlan]:
    type_ = nf.TensorType("float32", shape)
    body, _ = make_body(step, [type_] * 2)
    with nf.Graph():
        x = nf.placeholder("float32", [5, *shape], name="x")
        start = nf.placeholder("float32", [*shape], name="start")
        outs = x.graph.apply("scan", start, x, body=body, carried=1, sequences=1)
        plan = plan_of(outs[0] if isinstance(outs, (list, tuple)) else outs)
    (loop,) = (a.lowering for a in plan.actions.items if isinstance(a.lowering, LoopPlan))
    return plan, loop


def carried(loop: LoopPlan) -> tuple[int, IterationPointer]:
    """The storage of the body that reads what is carried, and where that is."""
    return next(
        (storage, where)
        for storage, where in loop.sources.items()
        if isinstance(where, IterationPointer) and where.first is not None
    )


def an_iteration_reads_what_is_not_written() -> Plan:
    plan, loop = recurrent()
    storage, where = carried(loop)
    loop.sources[storage] = replace(where, shift=where.shift + 1)
    return plan


def an_iteration_writes_over_what_it_reads() -> Plan:
    plan, loop = recurrent()
    feeds = set(loop.plan.schedule.feeds.values())
    for storage, where in loop.sources.items():
        if isinstance(where, IterationPointer) and where.shift and storage not in feeds:
            loop.sources[storage] = replace(where, shift=0)
    return plan


def a_task_goes_on_though_all_read_one_row() -> Plan:
    plan, loop = recurrent(lambda carried, x: [F.tanh(carried[:1] + x)], (512, 256))
    assert loop.apart is None
    loop.apart = RowTiling(512, 16)
    return plan


BROKEN = {
    a_value_is_written_too_late: "values_are_written_before_they_are_read",
    a_value_is_never_written: "values_are_written_before_they_are_read",
    one_level_depends_on_itself: "levels_respect_dependencies",
    a_view_reaches_too_far: "aliases_lead_to_memory",
    an_alias_of_an_alias: "aliases_lead_to_memory",
    the_arena_is_too_small: "values_have_memory",
    a_result_has_no_memory: "values_have_memory",
    a_pointer_leads_out: "values_have_memory",
    two_values_share_memory: "lifetimes_do_not_overlap",
    two_values_overlap_by_a_part: "lifetimes_do_not_overlap",
    a_kernel_writes_to_a_feed: "inputs_are_not_overwritten",
    a_result_lies_in_a_constant: "inputs_are_not_overwritten",
    a_reference_writes_over_its_input: "inputs_are_not_overwritten",
    an_update_comes_before_a_reader: "old_values_are_read_before_updates",
    an_update_reads_another_element: "old_values_are_read_before_updates",
    two_updates_of_one_variable: "updates_do_not_collide",
    an_update_comes_before_a_failure: "updates_follow_what_can_fail",
    an_update_comes_beside_a_failure: "updates_follow_what_can_fail",
    a_chain_has_other_tasks: "chained_tasks_keep_to_their_rows",
    a_chain_is_cut_between_other_rows: "chained_tasks_keep_to_their_rows",
    a_chain_reads_other_rows: "chained_tasks_keep_to_their_rows",
    pieces_overlap: "launches_cover_outputs_once",
    a_piece_is_missing: "launches_cover_outputs_once",
    a_task_is_missing: "tasks_share_all_work",
    a_task_has_nothing_to_do: "tasks_share_all_work",
    a_sum_begins_with_nothing: "reductions_accumulate_into_initialised_storage",
    a_scatter_has_no_bound: "data_dependent_writes_are_bounded",
    a_scatter_checks_another_size: "data_dependent_writes_are_bounded",
    a_scatter_declares_another_size: "data_dependent_writes_are_bounded",
    an_iteration_reads_what_is_not_written: "iterations_follow_each_other",
    an_iteration_writes_over_what_it_reads: "iterations_follow_each_other",
    a_task_goes_on_though_all_read_one_row: "tasks_go_on_with_their_own_rows",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_each_rule_alone_finds_what_it_is_for(broken: Callable[[], Plan]) -> None:
    plan = broken()
    found = [name for name, rule in RULES.items() if any(rule(facts_of_plan(plan)))]
    assert found == [BROKEN[broken]]
    with pytest.raises(PlanError, match=BROKEN[broken]) as raised:
        check_plan(plan)
    assert raised.value.rule == BROKEN[broken]
    assert raised.value.nodes


def test_every_rule_has_a_plan_that_only_it_finds() -> None:
    assert set(BROKEN.values()) == set(RULES)
    assert all(rule.__doc__ for rule in RULES.values())


# ---- faults that there once were ----------------------------------------------------------------


def test_a_variable_that_gets_an_old_value_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once a variable was updated in place though another one got its old value afterwards."""

    def plan() -> Plan:
        with nf.Graph():
            a = nf.variable(np.ones((2, 3), "float32"), name="a")
            old = nf.variable(np.zeros((2, 3), "float32"), name="old")
            return step_plan_of(nf.assign(a, a * 2.0), nf.assign(old, a))

    plan()
    monkeypatch.setattr(inplace, "_is_alone", lambda storage, home, taken: taken[storage] == 1)
    with pytest.raises(PlanError) as raised:
        plan()
    assert raised.value.rule == "old_values_are_read_before_updates"


def test_memory_given_back_by_level_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once memory was given back by level, though references run in the graph's order."""

    def by_level(draft: Draft) -> list:
        times = defaultdict(list)
        for chain in draft.chains:
            first = chain.groups[0]
            times[draft.phase_of[first], first.is_fallback, chain.level].append(chain.groups)
        return [times[key] for key in sorted(times)]

    def plan() -> Plan:
        with nf.Graph():
            x = nf.placeholder("float64", [1000], name="x")
            deep = x
            for _ in range(4):
                deep = F.cumsum(deep * 0.01, axis=0)
            shallow = F.cumsum(x, axis=0)
            sums = [nf.reduce_sum(python(deep)), nf.reduce_sum(python(shallow))]
            return plan_of(*sums)

    plan()
    monkeypatch.setattr(allocate, "run_order", by_level)
    with pytest.raises(PlanError) as raised:
        plan()
    assert raised.value.rule == "lifetimes_do_not_overlap"
    assert raised.value.storage is not None


# ---- when it runs -------------------------------------------------------------------------------


def test_a_rewrite_that_breaks_a_rule_is_found_when_it_has_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(passes, "REWRITES", dict(passes.REWRITES))
    seen: list[str] = []

    @passes.rewrite("backwards", exact=True, after=("share",))
    def backwards(draft: Draft) -> None:
        """first, second = second, first"""
        draft.actions.items.reverse()

    @passes.rewrite("later", exact=True, after=("backwards",))
    def later(draft: Draft) -> None:
        """Runs after it."""
        seen.append("later")

    with nf.Graph():
        x = nf.placeholder("float32", [4, 4], name="x")
        y = nf.matmul(nf.matmul(x, x), x)
    with pytest.raises(PlanError, match="values_are_written_before"):
        plan_of(y)
    assert not seen
    monkeypatch.setenv("NODEFLOW_VERIFY", "0")
    plan_of(y)
    assert seen


def test_the_batches_of_a_training_step_are_part_of_what_is_verified() -> None:
    with nf.Graph():
        x = nf.placeholder("float32", [4, 3], name="x")
        w = nf.variable(np.ones(3, "float32"), name="w")
        step = nf.assign(w, w + nf.reduce_mean(x, axis=0))
    schedule = build_schedule([step.node], [x])
    types = schedule.specialise({schedule.feeds[x]: x.type})
    steps = plan_steps(schedule, types, {x: Column(np.ones((8, 3), "float32"), "float32")}, 4)
    assert steps is not None
    gathered = [schedule.feeds[x]]
    check_plan(replace(steps.plan, phases=[Phase(steps.levels)]), gathered)
    late = [*steps.levels[1:-1], steps.levels[0], steps.levels[-1]]
    with pytest.raises(PlanError, match="values_are_written_before_they_are_read"):
        check_plan(replace(steps.plan, phases=[Phase(late)]), gathered)


def test_tests_verify_all_plans() -> None:
    assert is_on()
