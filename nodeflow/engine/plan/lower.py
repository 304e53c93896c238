"""Lowers a schedule's steps to actions, which are the few kinds of work that kernels exist for.

Composite ops are replaced by their parts, reductions become stages, and ops that only rename
memory (reshape, identity, assign) disappear: `Actions.storage` tells whose memory a slot uses.
Ops without a lowering stay as they are and run by reference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from nodeflow.engine.interpreter import call_quietly
from nodeflow.engine.ir.actions import ONCE, Action, Actions, Repeats
from nodeflow.engine.kernels.registry import rule_of
from nodeflow.engine.plan.half_floats import lower_half_floats
from nodeflow.engine.schedule.schedule import Schedule, Step, is_assign
from nodeflow.graph.graph import Node
from nodeflow.graph.types import COMPLEX, HALVES, TensorType
from nodeflow.ops.lowering import Elementwise, Lowering


def build_actions(
    schedule: Schedule,
    types: Sequence[TensorType],
    chosen: Mapping[int, Lowering] | None = None,
    repeats: Repeats = ONCE,
) -> Actions:
    """Return the actions that compute a schedule. An action is a unit of work for one kernel; an op
    becomes one or several actions.

    Args:
        types: the type of each slot (a value's number in the schedule), without unknown dimensions.
        chosen: lowerings that replace those of the ops. The key is the slot of a step's first
            output.
        repeats: how often the plan runs in a row, and which feeds stay the same.
    """
    plain = [t if t.value is None else t.with_value(None) for t in types]
    actions = Actions(
        schedule,
        plain,
        storage=list(range(len(types))),
        fetches=list(schedule.fetches),
        repeats=repeats,
    )
    with np.errstate(all="ignore"):  # entered once, not for each of many constants
        for step in schedule.steps:
            before = len(actions.items)
            kernel = chosen.get(step.outputs[0]) if chosen and step.outputs else None
            if kernel is None:
                _add_step(actions, step, types)
            else:
                actions.add(Action(step.node, kernel, step.inputs, step.outputs))
            if schedule.delayed and step.outputs:
                _delay(actions, step, actions.items[before:])
    return actions


def _delay(actions: Actions, step: Step, made: Sequence[Action]) -> None:
    """If a step is delayed until another slot is computed, mark the actions made from the step as
    delayed in the same way. Also mark them if the step is a recomputation.
    """
    trigger = actions.schedule.delayed.get(step.outputs[0])
    slots = [*step.outputs, *(slot for action in made for slot in action.outputs)]
    if trigger is not None:
        actions.delayed.update(dict.fromkeys(slots, trigger))
    if step.outputs[0] in actions.schedule.repeated:
        actions.repeated.update(slots)


def prune(actions: Actions) -> None:
    """Drop actions whose results nothing reads.

    Examples are arrays whose shape alone is used, and pure nodes that are used only as control
    inputs. Actions that may fail depending on values stay, because they also fail in the
    reference tier.
    """
    schedule, storage = actions.schedule, actions.storage
    wanted = {storage[s] for s in schedule.fetches if s is not None}
    wanted.update(storage[s] for s in schedule.writes.values())
    kept = []
    for action in reversed(actions.items):
        made = [storage[s] for s in action.outputs]
        if not wanted.isdisjoint(made) or _has_effect(actions, action):
            kept.append(action)
            wanted.update([storage[s] for s in action.inputs])
    actions.items[:] = kept[::-1]


def _has_effect(actions: Actions, action: Action) -> bool:
    """Return whether an action must run even if nothing reads its result, because it has a side
    effect or can fail.
    """
    if action.lowering is None:
        empty = all(actions.types[s].size == 0 for s in action.outputs)
        return action.node.op.stateful or empty
    return rule_of(action.lowering).checks_elements(action.lowering)


def copy_fetched_variables(actions: Actions, variables: Iterable[Node]) -> None:
    """Make a run return copies of fetched variables that it updates in place.

    Otherwise the update would overwrite the fetched values before they are returned.
    """
    assigned = {actions.schedule.reads.get(v) for v in variables}
    for index, slot in enumerate(actions.fetches):
        if slot is not None and actions.storage[slot] in assigned:
            copy = actions.new_slot(actions.types[slot])
            node = actions.schedule.slots[actions.storage[slot]].node
            actions.items.append(Action(node, Elementwise("x", ("x",)), (slot,), (copy,)))
            actions.fetches[index] = copy


def _add_step(actions: Actions, step: Step, types: Sequence[TensorType]) -> None:
    node = step.node
    if is_assign(node):
        actions.storage[step.outputs[0]] = actions.storage[step.inputs[-1]]
        return
    if node.op.id == "group":
        return  # the schedule contains its dependencies
    if not step.inputs and not node.op.random and not node.op.stateful:
        for slot, value in zip(step.outputs, call_quietly(node, [], _no_stream), strict=True):
            actions.set_constant(slot, value)
        return
    ins = [types[s] for s in step.inputs]
    outs = [types[s] for s in step.outputs]
    dtypes = {t.dtype for t in ins}.union([t.dtype for t in outs])
    known = [t.array for t in outs if t.value is not None]  # shapes, and values derived from shapes
    if known and len(known) == len(outs) and all(array is not None for array in known):
        for slot, array in zip(step.outputs, known, strict=True):
            actions.set_constant(slot, array)  # type: ignore[arg-type]
        return
    if not dtypes.isdisjoint(COMPLEX):
        lowering = None  # numpy's loops are as fast
    elif not dtypes.isdisjoint(HALVES):
        lowering = lower_half_floats(node, ins, outs)
    else:
        lowering = node.op.lower(ins, outs, **node.attrs)
    if lowering is None or (outs[0].size == 0 and rule_of(lowering).checks_elements(lowering)):
        actions.add(Action(node, None, step.inputs, step.outputs))
    else:
        rule_of(lowering).lower(actions, node, lowering, step.inputs, step.outputs)


def _no_stream(node: Node) -> None:
    raise AssertionError(f"{node.name} draws nothing")
