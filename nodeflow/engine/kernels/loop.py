"""Loops: the levels of a planned body, repeated by the dispatch loop.

Kernels do not know that they run in a loop. The memory that an iteration reads and writes
changes: a slice of a sequence, the place of a carried value, the slice of a stacked result. The
first launch of each iteration writes the new addresses into the arguments of the launches after
it, which takes a few nanoseconds each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import (
    Arg,
    ArgumentAddress,
    IterationAddress,
    KernelLaunch,
    Pointer,
    Region,
    RowTiling,
)
from nodeflow.engine.ir.levels import Level, LoopLevel
from nodeflow.engine.ir.plan import Inside, IterationPointer, LoopPlan
from nodeflow.engine.kernels.elementwise import copy_launch
from nodeflow.engine.kernels.kernel import GroupToLaunch, Kernel, LoweringRule
from nodeflow.engine.kernels.registry import can_fail, handles
from nodeflow.graph.types import numpy_dtype
from nodeflow.ops.lowering import Loop

_ADVANCE = '''
from nodeflow.engine.devicelib.intrinsics import set_slot, slot


def kernel(args, task, ntasks):
    """args: address of the iteration number, iterations, count; then for each argument that moves
    how far from args it is, its value at the first iteration and at the last (or 0), base, stride,
    shift, mask."""
    iteration, last = slot(slot(args, 0), 0), slot(args, 1) - 1
    at = args + 24
    for _ in range(slot(args, 2)):
        address = slot(at, 3) + slot(at, 4) * ((iteration + slot(at, 5)) & slot(at, 6))
        if iteration == 0 and slot(at, 1) != 0:
            address = slot(at, 1)
        if iteration == last and slot(at, 2) != 0:
            address = slot(at, 2)
        set_slot(args + slot(at, 0), 0, address)
        at += 56
'''
"""The kernel of the first launch of each iteration."""


@handles(Loop)
class LoopRule(LoweringRule[Loop]):
    """The rule for a loop: a single action until its body is planned (`plan.loops`)."""


@handles(LoopPlan)
class LoopKernel(Kernel[LoopPlan]):
    """Copies before the loop, and the loop itself, unless it has no iterations."""

    label = "loop"

    def launches(self, work: GroupToLaunch, lowering: LoopPlan) -> list[KernelLaunch]:
        """Return kernel launches that copy the initial values of a loop's carried variables to
        where the first iteration reads them.
        """
        copies = []
        for source, target in lowering.before:
            copy = copy_launch(work.actions, source, source)
            pointers = Pointer(work.actions.storage[source]), target
            part = _part(work.actions, source, target)
            copies.append(replace(copy, args=(*copy.args[:2], *pointers), writes=(part,)))
        return copies

    def following_levels(self, work: GroupToLaunch, lowering: LoopPlan) -> list[Level]:
        """Return the loop as a single level of the program, which repeats the levels of its body.
        Return nothing if it has no iterations.
        """
        if not lowering.iterations:
            return []
        levels, apart = _levels(lowering), lowering.apart is not None
        return [LoopLevel(lowering.iterations, levels, work.group, apart=apart)]

    def can_fail(self, actions: Actions, action: Action, lowering: LoopPlan) -> bool:
        inner = lowering.plan.actions
        return any(can_fail(inner, each) for each in inner.items)


def _part(actions: Actions, source: int, target: Pointer) -> Region:
    """Return the region of memory that a copy of a slot's values to ``target`` overwrites."""
    size = numpy_dtype(actions.types[target.storage].dtype).itemsize
    count = actions.types[source].size or 0
    return Region(target.storage, target.offset // size, (count,), (1,))


def _levels(planned: LoopPlan) -> list[Level]:
    """Return the levels of one iteration of the loop."""
    mover = Mover(planned.workspace)
    inside = mover.levels(Inside(planned.plan, 0, planned.sources, [*planned.copies]))
    if planned.apart is not None:
        inside = [_one_chain(inside, planned.apart)]
    return [[mover.advance(IterationAddress(), planned.iterations)], *inside]


def _one_chain(levels: Sequence[Level], tiling: RowTiling) -> Level:
    """Join the launches of a loop body into one chain, followed by the copies of carried values.
    Each task copies its own rows.
    """
    (head, *copies) = (launch for level in levels if isinstance(level, list) for launch in level)
    then = [*head.then]
    for copy in copies:
        size, _, *pointers = copy.args
        assert isinstance(size, int)
        args = (size, tiling.units_per_task(size), *pointers)
        then.append(replace(copy, args=args, tasks=tiling.tasks))
    return [replace(head, then=tuple(then))]


class Mover:
    """The conversion of the launches of planned bodies to addresses in the outer plan's memory.

    Args:
        workspace: slot that contains the arenas of the bodies.
    """

    def __init__(self, workspace: int) -> None:
        self.workspace = workspace
        self.moving: list[tuple[ArgumentAddress, IterationPointer]] = []
        self.count = 0

    def levels(self, inside: Inside) -> list[Level]:
        """Return the levels of a loop body, with addresses for use inside the outer program. The
        last level copies the carried values for the next iteration.
        """
        self._inside = inside
        moved = [each for phase in inside.plan.phases for each in self._moved(phase.levels)]
        copies: list[KernelLaunch] = []
        for storage, target in inside.copies:
            copy = copy_launch(inside.plan.actions, storage, storage)
            copies.append(self._launch(copy, {3: target}))
        return [*moved, *([copies] if copies else [])]

    def add(self, launch: KernelLaunch, moving: Mapping[int, IterationPointer]) -> KernelLaunch:
        """Register a launch outside the loop bodies that needs new addresses in each iteration.

        Args:
            moving: these addresses, by the number of the argument.

        Returns:
            The launch itself.
        """
        self.count += 1
        self.moving += [(ArgumentAddress(self.count, at), p) for at, p in moving.items()]
        return launch

    def advance(self, number: Arg, iterations: int) -> KernelLaunch:
        """Return the launch that begins each iteration of a loop. It writes the addresses that
        change with the iteration number into the arguments of the other launches.

        Args:
            number: address of the iteration number.
            iterations: number of iterations; negative if unknown.
        """
        words: list[Arg] = []
        for argument, place in self.moving:
            words += [argument, place.first or 0, place.last or 0, place.base]
            words += [place.stride, place.shift, place.mask]
        head = (number, iterations, len(self.moving))
        return KernelLaunch(_ADVANCE, (*head, *words), 1, 5.0 * len(self.moving), writes=())

    def _moved(self, levels: Sequence[Level]) -> list[Level]:
        moved: list[Level] = []
        for level in levels:
            if isinstance(level, LoopLevel):
                moved.append(replace(level, levels=self._moved(level.levels), group=None))
            else:
                moved.append([self._chain(launch) for launch in level])
        return moved

    def _chain(self, head: KernelLaunch) -> KernelLaunch:
        """Return a launch of a loop body, and the launches chained to it, with addresses in the
        memory of the outer plan.
        """
        first, *then = (self._launch(launch, {}) for launch in head.chain())
        return replace(first, then=tuple(then))

    def _launch(
        self, launch: KernelLaunch, instead: Mapping[int, Pointer | IterationPointer]
    ) -> KernelLaunch:
        """Return a launch of the loop body with addresses in the memory of the outer plan. The loop
        body has a plan of its own.

        An address that changes with the iteration becomes 0. The first launch of each iteration
        writes it.

        Args:
            instead: addresses to use for some arguments, by argument number.
        """
        self.count += 1
        args: list[Arg] = []
        for at, arg in enumerate(launch.args):
            place = instead.get(at) or (self._place(arg) if isinstance(arg, Pointer) else arg)
            if isinstance(place, IterationPointer):
                self.moving.append((ArgumentAddress(self.count, at), place))
                place = 0
            args.append(place)
        inner, group = self._inside.plan.actions, launch.group
        if group is not None:
            moved, joined = group.bytes_moved(inner), group.joined
            group = Group(group.level, group.actions, moved=moved, joined=joined)
        return replace(launch, args=tuple(args), group=group)

    def _place(self, pointer: Pointer) -> Pointer | IterationPointer:
        place = self._inside.sources.get(pointer.storage)
        if place is None:
            inside = self._inside.plan.allocations[pointer.storage].offset
            return Pointer(self.workspace, self._inside.arena + inside + pointer.offset)
        return place.plus(pointer.offset)
