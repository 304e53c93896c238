"""Loops and branches that values decide: planned pieces of graph, repeated by the dispatch loop.

The dispatch loop reads how often a loop runs after each iteration, so kernels may say it. A branch
is two loops of one iteration or none. A loop is one that computes its condition in each iteration,
around one of one iteration or none, its body.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.ir.launches import IterationAddress, KernelLaunch, LoopAddress, Pointer
from nodeflow.engine.ir.levels import Level, LoopLevel
from nodeflow.engine.ir.plan import BranchPlan, WhilePlan
from nodeflow.engine.kernels.elementwise import copy_launch
from nodeflow.engine.kernels.kernel import GroupToLaunch, Kernel, LoweringRule
from nodeflow.engine.kernels.loop import Mover
from nodeflow.engine.kernels.registry import can_fail, handles
from nodeflow.ops.lowering import Branch, While

_BEGIN = '''
from nodeflow.engine.devicelib.intrinsics import set_slot, slot


def kernel(args, task, ntasks):
    """args: words of the loop, its greatest number of iterations, where the number goes."""
    set_slot(slot(args, 0), 1, slot(args, 1))
    set_slot(slot(args, 2), 0, 0)
'''
"""The loop may run, and has not."""
_AGAIN = '''
import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot


def kernel(args, task, ntasks):
    """args: words of the loop, words of its body, the condition, where the number goes."""
    iteration = slot(slot(args, 0), 0)
    if load(slot(args, 2), np.uint8) != 0:
        set_slot(slot(args, 1), 1, 1)
        set_slot(slot(args, 3), 0, iteration + 1)
    else:
        set_slot(slot(args, 1), 1, 0)
        set_slot(slot(args, 0), 1, iteration)
'''
"""Whether there is an iteration more: then its body runs, else the loop ends."""
_CHOOSE = '''
import numpy as np
from nodeflow.engine.devicelib.intrinsics import load, set_slot, slot


def kernel(args, task, ntasks):
    """args: the condition, words of what runs if it is true, and of what runs else."""
    chosen = load(slot(args, 0), np.uint8) != 0
    set_slot(slot(args, 1), 1, 1 if chosen else 0)
    set_slot(slot(args, 2), 1, 0 if chosen else 1)
'''
NO_LIMIT = 2**62
LONG = 100_000
"""Iterations that a loop is taken for that nothing limits: it must be possible to interrupt it."""
UNKNOWN = -1
"""The number of iterations where nobody knows it."""


@handles(While)
class WhileRule(LoweringRule[While]):
    """An action of its own, until its pieces are planned (`plan.flows`)."""


@handles(Branch)
class BranchRule(LoweringRule[Branch]):
    """An action of its own, until its pieces are planned (`plan.flows`)."""


AnyFlow = TypeVar("AnyFlow", WhilePlan, BranchPlan)


class FlowKernel(Kernel[AnyFlow]):
    """What both have in common: their levels are one iteration of a loop, the whole."""

    def launches(self, work: GroupToLaunch, lowering: AnyFlow) -> list[KernelLaunch]:
        return []

    def can_fail(self, actions: Actions, action: Action, lowering: AnyFlow) -> bool:
        plans = [part.plan.actions for part in lowering.parts]
        return any(can_fail(inner, each) for inner in plans for each in inner.items)


@handles(WhilePlan)
class WhileKernel(FlowKernel[WhilePlan]):
    """Condition and body, as often as the condition holds; then copies of what is carried."""

    label = "loop"

    def following_levels(self, work: GroupToLaunch, lowering: WhilePlan) -> list[Level]:
        """The loop, as one iteration of a loop."""
        test, body = lowering.parts
        whole, inner = object(), object()
        limit = NO_LIMIT if lowering.limit is None else lowering.limit
        begin = (LoopAddress(whole), limit, lowering.count)
        again = (LoopAddress(whole), LoopAddress(inner), lowering.again, lowering.count)
        mover = Mover(lowering.workspace)
        levels = mover.levels(test)
        levels.append([mover.add(_launch(_AGAIN, again), {})])
        levels.append(LoopLevel(1, mover.levels(body), key=inner))
        advance = mover.advance(IterationAddress(), UNKNOWN)
        loop = LoopLevel(limit, [[advance], *levels], key=whole, expected=min(limit, LONG))
        first: list[Level] = [[_launch(_BEGIN, begin)], loop]
        return [LoopLevel(1, [*first, *_ends(work.actions, lowering)], work.group)]


def _ends(actions: Actions, lowering: WhilePlan) -> list[Level]:
    """Copies of what is carried at the end, from where the number of iterations says."""
    mover, copies = Mover(lowering.workspace), []
    for slot, place in lowering.last:
        copy = copy_launch(actions, slot, slot)
        args = (*copy.args[:2], 0, Pointer(actions.storage[slot]))
        copies.append(mover.add(replace(copy, args=args), {2: place}))
    return [[mover.advance(lowering.count, UNKNOWN)], copies] if copies else []


@handles(BranchPlan)
class BranchKernel(FlowKernel[BranchPlan]):
    """One of two pieces."""

    label = "branch"

    def following_levels(self, work: GroupToLaunch, lowering: BranchPlan) -> list[Level]:
        """The branch, as one iteration of a loop."""
        keys = object(), object()
        choose = _launch(_CHOOSE, (lowering.chosen, *map(LoopAddress, keys)))
        mover = Mover(lowering.workspace)
        branches = [
            LoopLevel(1, mover.levels(part), key=key)
            for part, key in zip(lowering.parts, keys, strict=True)
        ]
        return [LoopLevel(1, [[choose], *branches], work.group)]


def _launch(source: str, args: tuple) -> KernelLaunch:
    return KernelLaunch(source, args, 1, 5.0, writes=())
