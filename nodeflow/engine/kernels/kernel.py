"""What the engine knows of a kind of kernel, as one object.

A `LoweringRule` says how a lowering becomes actions; a `Kernel` also says what an action of its
kind launches and how the planner may treat it. Each is one class with one instance, registered for
the lowering that it computes (`registry.handles`), in the module that also holds the kernel's text.
So a new kernel is one module here and the op that asks for it.
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
    """How a lowering becomes actions."""

    def lower(
        self,
        actions: Actions,
        node: Node,
        lowering: L,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
    ) -> None:
        """Add the actions that compute ``outputs``: one, unless the kind says otherwise."""
        actions.add(Action(node, lowering, inputs, outputs))

    def checks_elements(self, lowering: L) -> bool:
        """Whether it fails at some elements of its inputs, such as an index out of range.

        It then runs even if nothing reads its result, and by its reference where the output is
        empty, since no task of a kernel would look at the inputs.
        """
        return False


@dataclass(eq=False, slots=True)
class GroupToLaunch:
    """A group, and what its kernel launches depend on; not to be changed.

    Attributes:
        needed: storages that something outside their own group reads.
        inplace: storages (of outputs) whose memory is that of another storage (an input).
        tiling: the tasks of the chain that the group is in; None where it is cut by itself.
        alone: its launches where it is cut by itself, if known; kernels may begin from them.
    """

    actions: Actions
    group: Group
    needed: set[int] = field(default_factory=set)
    inplace: dict[int, int] = field(default_factory=dict)
    tiling: RowTiling | None = None
    alone: Sequence[KernelLaunch] = ()

    @property
    def task_rows(self) -> int:
        """Leading rows of a task of the chain that the group is in; 0 where it is in none."""
        return 0 if self.tiling is None else self.tiling.height

    @property
    def action(self) -> Action:
        """The first action; the only one but in clusters of elementwise actions."""
        return self.group.actions[0]

    @property
    def lowering(self) -> Lowering:
        """What the action computes."""
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
        label: what profiles and explanations call it.
        scatters: whether it writes where its data say; launches then declare a `Bound`.
        by_reference: about how many times the estimate of its launches the reference takes.
    """

    label: ClassVar[str]
    scatters: ClassVar[bool] = False
    by_reference: ClassVar[float] = 10.0

    def label_of(self, group: Group) -> str:
        """What profiles call the kernel of a group."""
        return self.label

    # ---- what it launches -------------------------------------------------------------------

    def launches(self, work: GroupToLaunch, lowering: L) -> list[KernelLaunch]:
        """The kernel launches of a group, which do not depend on each other."""
        raise NotImplementedError

    def following_levels(self, work: GroupToLaunch, lowering: L) -> list[Level]:
        """Levels that run after the one with the launches."""
        return []

    def named_source(self, work: GroupToLaunch, launch: KernelLaunch) -> str:
        """The text of a launch's kernel for people, with names of nodes where it can have them."""
        return launch.source

    def can_fail(self, actions: Actions, action: Action, lowering: L) -> bool:
        """Whether a launch may report a failure; it then runs before variables are overwritten."""
        return self.checks_elements(lowering)

    # ---- how it may be cut ------------------------------------------------------------------

    def leading_rows(self, actions: Actions, group: Group, lowering: L) -> frozenset[int]:
        """Into how many leading rows what it makes can be cut; empty: not at all."""
        return frozenset()

    def task_height(self, actions: Actions, action: Action, lowering: L) -> int | None:
        """Rows of a task, where the kernel decides; None where it takes any."""
        return None

    def reads_own_rows(
        self, actions: Actions, group: Group, lowering: L, operand: int, slot: int, rows: int
    ) -> bool:
        """Whether each task makes its rows of the output from the same rows of an operand.

        Args:
            operand: number of the input that ``slot`` is.
        """
        return True

    # ---- updates in place -------------------------------------------------------------------

    def may_overwrite(self, actions: Actions, group: Group, storage: int) -> bool:
        """Whether it may write its result over a storage that it reads."""
        return False


def leading_products(shape: Sequence[int | None]) -> frozenset[int]:
    """Into how many leading rows an array can be cut: one for each number of leading axes."""
    return frozenset(accumulate((d or 0 for d in shape), mul))


FEW_PICTURES = 8
"""Fewer pictures than that are cut further: into bands of lines."""


def picture_bands(shape: Sequence[int | None]) -> frozenset[int]:
    """Into how many equal bands of lines a few pictures (pictures, lines, ...) can be cut."""
    if len(shape) != 4 or not 0 < (shape[0] or 0) < FEW_PICTURES:
        return frozenset()
    n, lines = shape[0] or 0, shape[1] or 0
    return frozenset(n * bands for bands in range(1, lines + 1) if lines % bands == 0)


def sizes_of(type_: TensorType) -> list[int]:
    """The shape of a type whose sizes are all known."""
    return [d or 0 for d in type_.shape]


def around(shape: Sequence[int], axis: int) -> tuple[int, int, int]:
    """A shape as three axes: all before ``axis``, that one, and all after it."""
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


# ---- kernels described as calls -----------------------------------------------------------------


@dataclass(frozen=True)
class Array:
    """An argument of a call: the address of input number ``index`` (or, after the inputs, of an
    output), some bytes further."""

    index: int
    offset: int = 0


@dataclass(frozen=True)
class UnitsPerTask:
    """An argument of a call that is the number of units of work of a task."""


@dataclass(frozen=True)
class KernelCall:
    """One launch by types alone: text, arguments, units of work and estimated nanoseconds.

    Attributes:
        step: with `UnitsPerTask`, it can be cut between leading rows of the output, too.
        writes: what it writes, where that is not all of each output; arrays stand for storages.
    """

    source: str
    args: tuple[int | Array | UnitsPerTask, ...]
    units: int
    work: float
    step: int = 1
    writes: tuple[Region, ...] | None = None


class CallKernel(Kernel[L]):
    """A kind whose launches follow from types alone."""

    def calls(self, lowering: L, types: Sequence[TensorType]) -> list[KernelCall]:
        """The kernel calls; ``types`` are those of all inputs, then of all outputs."""
        raise NotImplementedError

    def launches(self, work: GroupToLaunch, lowering: L) -> list[KernelLaunch]:
        """A launch for each call."""
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
    """Tasks, and units of each, of a call that is cut as it likes, or with its chain."""
    if tiling is None:
        tiling = even_tiling(call.units, call.work)
        return tiling.tasks, tiling.height
    blocks = max(1, -(-tiling.rows // call.step))
    return tiling.tasks, call.units // blocks * (tiling.height // call.step)
