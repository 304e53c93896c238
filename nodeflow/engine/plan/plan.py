"""Plans a schedule with concrete shapes: groups in phases and levels, with memory for each.

Native groups of one level do not depend on each other, and run as one flat list of tasks.
Groups without a kernel run by reference between two native phases. `PASSES` lists the fixed
passes that make a plan; rewrites (`passes`) run between them. Planning takes linear time in the
size of the graph, and nothing here imports numba.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial

from nodeflow.engine.arena import Offsets
from nodeflow.engine.gc_pause import uncollected
from nodeflow.engine.ir.actions import ONCE, Repeats
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import KernelLaunch, RowTiling
from nodeflow.engine.ir.plan import Allocation, Phase, Plan
from nodeflow.engine.kernels.elementwise import copy_launch
from nodeflow.engine.kernels.kernel import GroupToLaunch
from nodeflow.engine.kernels.registry import kernel_of
from nodeflow.engine.plan.allocate import allocate
from nodeflow.engine.plan.chaining import TaskChain, find_chains
from nodeflow.engine.plan.draft import Draft
from nodeflow.engine.plan.flows import FLOWS, plan_flow
from nodeflow.engine.plan.fusion import group_actions
from nodeflow.engine.plan.fusion_budget import not_worth_fusing
from nodeflow.engine.plan.inplace import Updates, plan_row_updates, plan_updates
from nodeflow.engine.plan.loops import plan_loop
from nodeflow.engine.plan.lower import build_actions, copy_fetched_variables, prune
from nodeflow.engine.plan.passes import Pass, pipeline, resolve
from nodeflow.engine.plan.verify import check
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.graph.types import TensorType
from nodeflow.ops.lowering import Loop


@uncollected
def make_plan(
    schedule: Schedule,
    types: Sequence[TensorType],
    without: Collection[str] = (),
    *,
    updating: bool = False,
    repeats: Repeats = ONCE,
) -> Plan:
    """Plan one run of a schedule. All types have known sizes.

    Args:
        without: ids or aliases of disabled rewrites.
        updating: whether this run is a training step, so that its updates flush denormals.
        repeats: how often the plan runs in a row as a loop body, and which feeds stay the same.
    """
    plan = _make(schedule, types, None, without, updating, repeats)
    assert plan is not None
    return plan


@uncollected
def make_step_plan(
    schedule: Schedule,
    types: Sequence[TensorType],
    gathered: Sequence[int],
    without: Collection[str] = (),
) -> Plan | None:
    """Plan a loop of many training steps, with variables updated in place.

    Args:
        gathered: slots of feeds that a first level fills, so that they are in the arena.
        without: ids or aliases of disabled rewrites.

    Returns:
        The plan, or None if an op has no kernel: then the interpreter must run every step.
    """
    return _make(schedule, types, gathered, without)


def _make(
    schedule: Schedule,
    types: Sequence[TensorType],
    gathered: Sequence[int] | None,
    without: Collection[str],
    updating: bool = False,
    repeats: Repeats = ONCE,
) -> Plan | None:
    """Return a plan with fused kernels. If there are very many different ones, leave those clusters
    of ops unfused that save least time.

    For example, a thousand layers with different formulas need a thousand fused kernels, which take
    a minute to compile. Unfused they need a few dozen, since each op is a kernel that all layers
    share. The results are the same.
    """
    off = resolve(without)
    draft = Draft(schedule, types, off, gathered, updating=updating, repeats=repeats)
    grouping = "group" if "fuse" in off else "fuse"
    run_passes(draft, before=grouping)
    ungrouped = draft.ungrouped()
    run_passes(draft, since=grouping, until="launches")
    apart = frozenset() if "fuse" in off else not_worth_fusing(_alone(draft))
    if apart and not draft.is_impossible:
        ungrouped.apart = apart
        run_passes(ungrouped, since=grouping, until="launches")
        kernels, fewer = ({each.source for each in _alone(d)} for d in (draft, ungrouped))
        if len(fewer) < len(kernels):
            draft = ungrouped
            why = f"not done for {len(apart)} ops: too many kernels, of little use"
            draft.actions.note("fuse", why)
    return run_passes(draft, after="launches")


def _alone(draft: Draft) -> list[KernelLaunch]:
    """Return the kernel launches that were planned for single groups, before groups are joined into
    chains. Each is divided into tasks on its own.
    """
    return [launch for each in draft.launches.values() for launch in each]


def run_passes(
    draft: Draft, *, since: str = "", after: str = "", before: str = "", until: str = ""
) -> Plan | None:
    """Run the planner's passes on a draft of a plan, in order. ``since`` and ``until`` name the
    first and the last pass to run. Alternatively, ``after`` and ``before`` name the passes just
    outside the range.

    Returns:
        The plan, or None if there is none (yet).
    """
    verify, begun = check.is_on(), not (since or after)
    checked = None
    for name, each in pipeline(PASSES, draft.without):
        begun = begun or name == since
        if draft.is_impossible or name == before:
            return None
        if begun:
            each(draft)
            if verify:
                checked = check.check_draft(draft, checked)
            if name == until:
                return None
        begun = begun or name == after
    plan = _finished(draft)
    if verify:
        check.check_plan(plan, draft.gathered or ())
    return plan


def _finished(draft: Draft) -> Plan:
    size = draft.arena_size or 0
    plan = Plan(draft.actions, draft.phases, draft.allocations, size, draft.direct)
    if draft.updates is not None:
        plan.home, plan.inplace = draft.updates.home, draft.updates.inplace
    plan.apart = next((chain.tiling() for chain in draft.chains if chain.runs > 1), None)
    return plan


# ---- passes over actions ------------------------------------------------------------------------


def lower(draft: Draft) -> None:
    """Lower the schedule's steps to actions."""
    draft.lowered = build_actions(draft.schedule, draft.types, draft.chosen, draft.repeats)
    for rewrite, what in draft.schedule.rewritten:
        draft.note(rewrite, what)
    draft.actions.rewritten = draft.rewritten


def copy_fetched(draft: Draft) -> None:
    """In a training step, make fetches of updated variables return copies, because the update
    overwrites the variables in place.
    """
    if draft.is_step:
        copy_fetched_variables(draft.actions, draft.schedule.writes)


def plan_loops(draft: Draft) -> None:
    """Plan the body of each loop.

    A loop whose body has an op without a kernel is run by reference.

    Loops are planned from the last to the first, because a loop may turn out not to need all
    its inputs, and actions that nothing needs are dropped.
    """
    actions = draft.actions
    if not any(isinstance(action.lowering, (Loop, *FLOWS)) for action in actions.items):
        return
    ends = (*actions.fetches, *draft.schedule.writes.values())
    used = {actions.storage[s] for s in ends if s is not None}
    kept = []
    for action in reversed(actions.items):
        stateful = action.lowering is None and action.node.op.stateful
        if not stateful and used.isdisjoint(actions.storage[s] for s in action.outputs):
            continue
        planned, plan_body = [action], partial(make_plan, without=draft.without)
        if isinstance(action.lowering, Loop):
            planned = plan_loop(actions, action, used, plan_body)
        elif isinstance(action.lowering, FLOWS):
            planned = [plan_flow(actions, action, used, plan_body)]
        used.update(actions.storage[s] for each in planned for s in each.inputs)
        kept += reversed(planned)
    actions.items[:] = kept[::-1]


# ---- passes over groups -------------------------------------------------------------------------


def group(draft: Draft) -> None:
    """Put each action into a group of its own, unless a rewrite has already grouped the actions. A
    group becomes one kernel.
    """
    if not draft.groups:
        draft.groups = group_actions(draft.actions, fuse=False)


def plan_variables(draft: Draft) -> None:
    """Decide which variables are updated in place.

    A run that is no training step updates a variable in place only if a few of its rows change, as
    in an embedding table. A training step updates all variables in place; it is impossible to plan
    if an op has no kernel.
    """
    if not draft.is_step:
        draft.updates = plan_row_updates(draft.actions, draft.groups)
        return
    if any(each.is_fallback for each in draft.groups):
        draft.is_impossible = True
        return
    draft.updates = plan_updates(draft.actions, draft.groups)
    draft.groups.sort(key=lambda each: each.level)


def launch(draft: Draft) -> None:
    """Assign a phase to each group of actions, and kernel launches to each group that has a kernel.

    A group with a kernel runs one phase after the groups without kernels that it reads from.
    """
    native = [g for g in draft.groups if not g.is_fallback]
    if len(native) == len(draft.groups):
        draft.phase_of = dict.fromkeys(native, 0)
    else:
        _find_phases(draft)
    # In a run, in-place updates form the last phase, after everything that can fail or be stopped.
    if draft.updates is not None and not draft.is_step:
        last = max(draft.phase_of.values()) + 1
        for each in draft.groups:
            if not draft.updates.inplace.keys().isdisjoint(each.outputs):
                draft.phase_of[each] = last
    draft.launches = {g: _emit(draft, g) for g in native}


def _find_phases(draft: Draft) -> None:
    for each in draft.groups:
        phase = 0
        read = (draft.made_by[s] for s in each.inputs if s in draft.made_by)
        for source in (*read, *draft.waits_for(each)):
            step = 1 if source.is_fallback and not each.is_fallback else 0
            phase = max(phase, draft.phase_of[source] + step)
        draft.phase_of[each] = phase


def chains(draft: Draft) -> None:
    """Put each group into a chain of its own, unless a rewrite has already joined the groups. In a
    chain of several groups, tasks continue from kernel to kernel without a barrier.
    """
    if not draft.chains:
        draft.chains = find_chains(
            draft.actions, draft.groups, draft.work, draft.after, draft.phase_of, join=False
        )


def place(draft: Draft) -> None:
    """Give each storage its own memory in the arena, unless a rewrite has already decided where all
    storages lie.
    """
    if draft.arena_size is None:
        allocate(draft, reuse=False)


def assemble(draft: Draft) -> None:
    """Arrange launches in levels and levels in phases."""
    draft.phases = [Phase() for _ in range(max(draft.phase_of.values(), default=-1) + 1)]
    for each in sorted(draft.groups, key=lambda g: g.actions[0].node.index):
        if each.is_fallback:
            draft.phases[draft.phase_of[each]].fallback.append(each)
    for (number, _), together in _levels(draft):
        phase = draft.phases[number]
        phase.levels.append(_launches(draft, together))
        for each in (g for chain in together for g in chain.groups):
            work = _work(draft, each)
            phase.levels += kernel_of(each).following_levels(work, work.lowering)
    if draft.updates is not None:
        draft.phases = draft.phases or [Phase()]
        _add_copies(draft, draft.updates)


PASSES: dict[str, Pass] = {
    "lower": lower,
    "prune": lambda draft: prune(draft.actions),
    "copy_fetched": copy_fetched,
    "loops": plan_loops,
    "group": group,
    "variables": plan_variables,
    "launches": launch,
    "chains": chains,
    "place": place,
    "assemble": assemble,
}
"""The fixed passes, in order."""


def _emit(draft: Draft, each: Group, tiling: RowTiling | None = None) -> list[KernelLaunch]:
    """Return the kernel launches of a group."""
    work = _work(draft, each, tiling)
    return kernel_of(each).launches(work, work.lowering)


def _work(draft: Draft, each: Group, tiling: RowTiling | None = None) -> GroupToLaunch:
    """Collect the arguments for making a group's kernel launch: the group, its division into tasks,
    and the new values of variables that it writes in place.
    """
    inplace = draft.updates.inplace if draft.updates else {}
    over = {r: inplace[r] for r in each.outputs if inplace.get(r) in each.inputs} if inplace else {}
    alone = draft.launches.get(each, ()) if tiling is not None else ()
    return GroupToLaunch(draft.actions, each, draft.needed, over, tiling, alone)


def _levels(draft: Draft) -> list[tuple[tuple[int, int], list[TaskChain]]]:
    """Return pairs of (phase, level) and the list of chains at that level, which may run in
    parallel, in order of execution.
    """
    levels: dict[tuple[int, int], list[TaskChain]] = defaultdict(list)
    for chain in draft.chains:
        if not chain.groups[0].is_fallback:
            levels[draft.phase_of[chain.groups[0]], chain.level].append(chain)
    return sorted(levels.items(), key=lambda item: item[0])


def _launches(draft: Draft, together: list[TaskChain]) -> list[KernelLaunch]:
    """Return the launches of a level's chains, those with the longest tasks first, so that no
    thread ends late.
    """
    found: list[KernelLaunch] = []
    for chain in together:
        tiling = chain.tiling()
        if tiling is None:
            found += draft.launches.get(chain.groups[0], [])
        else:
            head, *then = (each for g in chain.groups for each in _emit(draft, g, tiling))
            found.append(replace(head, then=tuple(then)))
    return sorted(found, key=lambda head: -sum(each.work for each in head.chain()) / head.tasks)


def _add_copies(draft: Draft, updates: Updates) -> None:
    """Add levels at the end that copy new values into variables.

    A value outside the arena, such as another variable's memory, is first copied to temporary
    memory.
    """
    offsets = Offsets()
    offsets.size = draft.arena_size or 0
    aside, final = [], []
    for source, home in updates.copies:
        if draft.allocations[source].kind != "arena":
            temporary = draft.actions.new_slot(draft.actions.types[source])
            draft.allocations[temporary] = Allocation("arena", offsets.take(draft.nbytes(source)))
            aside.append(copy_launch(draft.actions, source, temporary))
            source = temporary
        final.append(copy_launch(draft.actions, source, home))
    draft.phases[-1].levels += [level for level in (aside, final) if level]
    draft.arena_size = offsets.size
