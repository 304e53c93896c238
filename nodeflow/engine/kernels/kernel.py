"""The classes that describe a kind of kernel to the engine.

A `LoweringRule` turns a lowering into actions. A `Kernel` also makes the launches of its
actions, and tells the planner how they may be divided and where they may write. Each is one
class with one instance, registered for the lowering that it computes (`registry.handles`), in
the module that also contains the kernel's text. A new kernel therefore needs one module here
and an op whose lowering uses it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import mul
from typing import ClassVar, Generic, TypeVar

from nodeflow.engine.ir.actions import Action, Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import (
    KernelLaunch,
    Pointer,
    Region,
    RowTiling,
    Split,
    even_tiling,
    limited_tasks,
)
from nodeflow.engine.ir.levels import Level
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType
from nodeflow.ops.lowering import Lowering

L = TypeVar("L", bound=Lowering)


class LoweringRule(Generic[L]):
    """A rule that turns a lowering into actions."""

    def lower(
        self,
        actions: Actions,
        node: Node,
        lowering: L,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        """Add the actions (steps of a program) that compute the node's outputs. By default this is
        a single action.
        """
        actions.add(Action(node, lowering, inputs, outputs))

    def checks_elements(self, lowering: L) -> bool:
        """Return whether the op must inspect its elements because it fails for some of them, such
        as an index out of range.

        Such an op runs even if nothing reads its result. If its output is empty, its reference
        implementation runs, because no task of a kernel would look at the inputs.
        """
        return False


@dataclass(eq=False, slots=True)
class GroupToLaunch:
    """A group and everything that affects its kernel launches. It must not be changed.

    Attributes:
        needed: storages that are read outside their own group.
        inplace: output storages that reuse an input's memory, with the storage of that input.
        tiling: tasks of the chain that contains the group; None if the group has its own tasks.
        alone: launches of the group with its own tasks, if known; kernels may start from them.
    """

    actions: Actions
    group: Group
    needed: set[int] = field(default_factory=set)
    inplace: dict[int, int] = field(default_factory=dict)
    tiling: RowTiling | None = None
    alone: Sequence[KernelLaunch] = ()

    @property
    def task_rows(self) -> int:
        """Number of leading rows per task, if the group is in a chain (groups whose tasks run one
        after the other without a barrier). 0 outside a chain.
        """
        return 0 if self.tiling is None else self.tiling.height

    @property
    def action(self) -> Action:
        """The first action of the group. Only groups of fused elementwise actions have more than
        one.
        """
        return self.group.actions[0]

    @property
    def lowering(self) -> Lowering:
        """The lowering of the first action."""
        assert self.action.lowering is not None
        return self.action.lowering

    @property
    def types(self) -> list[TensorType]:
        """Types of the action's inputs, then of its outputs."""
        slots = (*self.action.inputs, *self.action.outputs)
        return [self.actions.types[slot] for slot in slots]

    @property
    def pointers(self) -> list[Pointer]:
        """Addresses of the action's inputs, then of its outputs."""
        slots = (*self.action.inputs, *self.action.outputs)
        return [Pointer(self.actions.storage[slot]) for slot in slots]


class Kernel(LoweringRule[L]):
    """A kind of kernel.

    Attributes:
        label: name in profiles and explanations.
        scatters: whether data determine where it writes; its launches then declare a `Bound`.
        by_reference: the approximate time of the numpy reference, divided by the estimated time
            of the launches.
    """

    label: ClassVar[str]
    scatters: ClassVar[bool] = False
    by_reference: ClassVar[float] = 10.0

    def label_of(self, group: Group) -> str:
        """Return the name of a group's kernel in profiles."""
        return self.label

    # ---- what it launches -------------------------------------------------------------------

    def launches(self, work: GroupToLaunch, lowering: L) -> list[KernelLaunch]:
        """Return the kernel launches that compute a group of actions. They do not depend on each
        other, so they may run at the same time.
        """
        raise NotImplementedError

    def following_levels(self, work: GroupToLaunch, lowering: L) -> list[Level]:
        """Return further levels of the program, which run after the level that contains this
        kernel's launches. By default there are none.
        """
        return []

    def named_source(self, work: GroupToLaunch, launch: KernelLaunch) -> str:
        """Return a launch's kernel text for people to read, with node names in it if possible."""
        return launch.source

    def can_fail(self, actions: Actions, action: Action, lowering: L) -> bool:
        """Return whether a launch of this action may fail, as for an index out of range.

        If so, it runs before variables are overwritten.
        """
        return self.checks_elements(lowering)

    # ---- how it may be cut ------------------------------------------------------------------

    def leading_rows(self, actions: Actions, group: Group, lowering: L) -> frozenset[int]:
        """Return into how many leading rows (groups of elements along the first axes) the result
        can be divided. Each number in the set is possible; the empty set means that it cannot be
        divided.
        """
        return frozenset()

    def task_height(self, actions: Actions, action: Action, lowering: L) -> int | None:
        """Return the number of leading rows of the result that a task computes, if the kernel fixes
        it; None if any number is possible.
        """
        return None

    def reads_own_rows(
        self, actions: Actions, group: Group, lowering: L, operand: int, slot: int, rows: int
    ) -> bool:
        """Return whether each task makes its output rows from only the same rows of an operand.

        Args:
            operand: position of ``slot`` among the inputs.
        """
        return True

    # ---- updates in place -------------------------------------------------------------------

    def may_overwrite(self, actions: Actions, group: Group, storage: int) -> bool:
        """Return whether the kernel may write its result into the memory ``storage``, which is also
        one of its inputs. By default it may not.
        """
        return False


def leading_products(shape: Sequence[int | None]) -> frozenset[int]:
    """Return the numbers of equal, contiguous parts into which an array of this shape can be
    divided.

    They are the products of its first 1, 2, ... sizes: (4, 3, 5) gives {4, 12, 60}.
    """
    return frozenset(accumulate((d or 0 for d in shape), mul))


FEW_PICTURES = 8
"""Number of pictures below which a batch is also divided into bands of lines."""


def picture_bands(shape: Sequence[int | None]) -> frozenset[int]:
    """For an output of a few pictures, return the numbers of leading rows (pictures times bands of
    lines) that it can be divided into. Return an empty set for other shapes.
    """
    if len(shape) != 4 or not 0 < (shape[0] or 0) < FEW_PICTURES:
        return frozenset()
    n, lines = shape[0] or 0, shape[1] or 0
    return frozenset(n * bands for bands in range(1, lines + 1) if lines % bands == 0)


def sizes_of(type_: TensorType) -> list[int]:
    """Return the sizes of a tensor type whose shape is fully known, as a list of integers."""
    return [d or 0 for d in type_.shape]


def around(shape: Sequence[int], axis: int) -> tuple[int, int, int]:
    """Return a shape reduced to three axes: the product of the sizes before ``axis``, the size of
    ``axis``, and the product of those after it.
    """
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


# ---- kernels described as calls -----------------------------------------------------------------


@dataclass(frozen=True)
class Array:
    """An argument of a call: the address of input number ``index`` plus some bytes.

    Numbers after the inputs stand for outputs.
    """

    index: int
    offset: int = 0


@dataclass(frozen=True)
class UnitsPerTask:
    """An argument of a call: the number of work units per task."""


@dataclass(frozen=True)
class KernelCall:
    """A launch that depends only on types: text, arguments, work units, estimated nanoseconds.

    Attributes:
        step: leading output rows of one block of units; with `UnitsPerTask`, tasks are divided
            there.
        writes: regions that it writes, if not all of each output; their storages are `Array`
            indices.
    """

    source: str
    args: tuple[int | Array | UnitsPerTask, ...]
    units: int
    work: float
    step: int = 1
    writes: tuple[Region, ...] | None = None


class CallKernel(Kernel[L]):
    """A kind of kernel whose launches depend only on types."""

    def calls(self, lowering: L, types: Sequence[TensorType]) -> list[KernelCall]:
        """Return the kernel calls that compute an op. ``lowering`` says how the op is compiled.

        Args:
            types: types of all inputs, then of all outputs.
        """
        raise NotImplementedError

    def launches(self, work: GroupToLaunch, lowering: L) -> list[KernelLaunch]:
        """Return a launch for each call in `calls`."""
        return [_launch(work, call) for call in self.calls(lowering, work.types)]


def _launch(work: GroupToLaunch, call: KernelCall) -> KernelLaunch:
    tasks, units = limited_tasks(call.work, call.units), 0
    if UnitsPerTask() in call.args:
        tasks, units = _shares(call, work.tiling)
    pointers = work.pointers
    args = tuple(
        pointers[arg.index].plus(arg.offset)
        if isinstance(arg, Array)
        else units
        if isinstance(arg, UnitsPerTask)
        else arg
        for arg in call.args
    )
    writes = call.writes
    if writes is not None:
        writes = tuple(r._replace(storage=pointers[r.storage].storage) for r in writes)
    split = Split(call.units, units, work.task_rows) if units else None
    return KernelLaunch(call.source, args, tasks, call.work, work.group, writes=writes, split=split)


def _shares(call: KernelCall, tiling: RowTiling | None) -> tuple[int, int]:
    """Return how the units of work of a kernel call are divided: the number of tasks, and the units
    per task. A call in a chain (kernels whose tasks run one after the other) has the tasks of the
    chain.
    """
    if tiling is None:
        tiling = even_tiling(call.units, call.work)
        return tiling.tasks, tiling.height
    blocks = max(1, -(-tiling.rows // call.step))
    return tiling.tasks, call.units // blocks * (tiling.height // call.step)
