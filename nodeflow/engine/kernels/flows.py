"""Loops and branches whose course depends on values: planned bodies, run by the dispatch loop.

The dispatch loop reads the number of iterations again after each iteration, so kernels may set
it. A branch is two loops: the chosen one has one iteration, the other has none. A loop computes
its condition in each iteration; its body is an inner loop of one iteration or none.
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
"""The kernel before a loop, which sets the maximum number of iterations, and the count of
iterations to 0.
"""
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
"""The kernel after the condition, which either runs the body once more or ends the loop."""
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
"""Number of iterations assumed for a loop without a limit, so that it can be interrupted."""
UNKNOWN = -1
"""The value for an unknown number of iterations."""


@handles(While)
class WhileRule(LoweringRule[While]):
    """The rule for a loop: a single action until its condition and body are planned
    (`plan.flows`).
    """


@handles(Branch)
class BranchRule(LoweringRule[Branch]):
    """The rule for a branch: a single action until both bodies are planned (`plan.flows`)."""


AnyFlow = TypeVar("AnyFlow", WhilePlan, BranchPlan)


class FlowKernel(Kernel[AnyFlow]):
    """The common base of loops and branches.

    The levels of the whole are one iteration of an outer loop.
    """

    def launches(self, work: GroupToLaunch, lowering: AnyFlow) -> list[KernelLaunch]:
        return []

    def can_fail(self, actions: Actions, action: Action, lowering: AnyFlow) -> bool:
        plans = [part.plan.actions for part in lowering.parts]
        return any(can_fail(inner, each) for inner in plans for each in inner.items)


@handles(WhilePlan)
class WhileKernel(FlowKernel[WhilePlan]):
    """The condition and body of a loop, repeated while the condition holds; then copies of the
    carried values.
    """

    label = "loop"

    def following_levels(self, work: GroupToLaunch, lowering: WhilePlan) -> list[Level]:
        """Return the levels of a while loop whose number of iterations depends on data. The levels
        of its test and body form a loop, and kernels decide when it ends.
        """
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
    """Return the launches after a while loop that copy the final loop variables to their slots.

    The addresses to copy from depend on the number of iterations, which is known only at run time.
    Launches of one level may run together.
    """
    mover, copies = Mover(lowering.workspace), []
    for slot, place in lowering.last:
        copy = copy_launch(actions, slot, slot)
        args = (*copy.args[:2], 0, Pointer(actions.storage[slot]))
        copies.append(mover.add(replace(copy, args=args), {2: place}))
    return [[mover.advance(lowering.count, UNKNOWN)], copies] if copies else []


@handles(BranchPlan)
class BranchKernel(FlowKernel[BranchPlan]):
    """The kernel of a branch, which runs one of its two bodies."""

    label = "branch"

    def following_levels(self, work: GroupToLaunch, lowering: BranchPlan) -> list[Level]:
        """Return the levels of a branch. Each case is a loop of at most one iteration, and a kernel
        chooses the case that runs.
        """
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
