"""Strands: neighbouring groups whose tasks go on from one kernel to the next without meeting.

Where each task of a group needs only what the same task of the groups before made, the table lets
a thread run them one after the other on its rows (the rewrite ``chain``). A tile of a product is
then biased, activated or added to a variable while it is in cache, and a network's narrow last
layers, forward and backward, meet once instead of ten times. The kernels are the same and each row
is computed as before, so it is exact.

A chain is cut along leading rows: task t has rows t * height to (t + 1) * height of everything.
Products keep the tiles that their shape gives them, and convolution takes the pictures of a tile,
so they decide the height; what is elementwise, rows of reductions, softmax and pooling take any.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from operator import mul

from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import RowTiling, tasks_of
from nodeflow.engine.kernels import matmul
from nodeflow.engine.kernels.conv import GatherProducts
from nodeflow.engine.kernels.matmul import Product
from nodeflow.engine.kernels.matmul_tiling import plan_tiles
from nodeflow.engine.kernels.reductions import Stage
from nodeflow.engine.kernels.softmax import RowSoftmax
from nodeflow.graph.types import FLOATS
from nodeflow.ops.lowering import Pool

LONG_NS = 20_000
"""Estimated work that a task may take over, though the group alone would be more tasks."""
ENOUGH = 8
"""Tasks that are always enough."""


@dataclass(eq=False)
class TaskChain:
    """Groups that run one after the other, task by task.

    Attributes:
        rows: into how many leading rows it may be cut; empty where it cannot.
        height: rows of a task, if a product decides it.
        made: storages that its groups write.
        after: chains that must be over before it begins.
    """

    level: int
    groups: list[Group] = field(default_factory=list)
    rows: frozenset[int] = frozenset()
    height: int | None = None
    work: float = 0.0
    made: set[int] = field(default_factory=set)
    after: set[TaskChain] = field(default_factory=set)

    def tiling(self) -> RowTiling | None:
        """How it is cut; None where its only group is cut by itself."""
        if len(self.groups) == 1:
            return None
        rows = max(self.rows)
        return RowTiling(rows, self.height or -(-rows // min(tasks_of(self.work), rows)))


def find_chains(
    actions: Actions,
    groups: Sequence[Group],
    work: Mapping[Group, float],
    after: Mapping[Group, Sequence[Group]],
    phase_of: Mapping[Group, int],
    *,
    join: bool,
) -> list[TaskChain]:
    """Join groups, given in an order that respects dependencies, and give them new levels.

    Args:
        work: estimated nanoseconds of each native group.
        after: groups that must be over everywhere before one begins, beside those it reads from.
        phase_of: only groups of one phase may be joined.
        join: whether groups are joined at all (the rewrite ``chain``).
    """
    return _Finder(actions, work, after, phase_of, join).run(groups)


class _Finder:
    def __init__(
        self,
        actions: Actions,
        work: Mapping[Group, float],
        after: Mapping[Group, Sequence[Group]],
        phase_of: Mapping[Group, int],
        join: bool,
    ) -> None:
        self.actions = actions
        self.work = work
        self.after = after
        self.phase_of = phase_of
        self.join = join
        self.made_by: dict[int, Group] = {}
        self.chain_of: dict[Group, TaskChain] = {}

    def run(self, groups: Sequence[Group]) -> list[TaskChain]:
        chains = []
        for group in groups:
            chain = self._joined(group)
            if chain is None:
                chain = self._new(group)
                chains.append(chain)
            chain.after.update(s for s in self._before(group) if s is not chain)
            self.chain_of[group] = chain
            chain.groups.append(group)
            chain.made |= group.outputs
            chain.work += self.work.get(group, 0.0)
            self.made_by.update(dict.fromkeys(group.outputs, group))
        return chains

    def _sources(self, group: Group) -> list[TaskChain]:
        """Strands that the group reads from."""
        found = (self.made_by[r] for r in group.inputs if r in self.made_by)
        return list(dict.fromkeys(self.chain_of[g] for g in found))

    def _before(self, group: Group) -> list[TaskChain]:
        return [*self._sources(group), *(self.chain_of[g] for g in self.after.get(group, ()))]

    def _new(self, group: Group) -> TaskChain:
        level = max((s.level for s in self._before(group)), default=-1) + 1
        return TaskChain(
            level, rows=_rows(self.actions, group), height=_height(self.actions, group)
        )

    def _joined(self, group: Group) -> TaskChain | None:
        """The chain that the group may go on, with what that changes about it; or None."""
        rows, height = _rows(self.actions, group), _height(self.actions, group)
        if not self.join or not rows:
            return None
        later = {self.chain_of[g] for g in self.after.get(group, ())}
        for chain in sorted(self._sources(group), key=lambda s: -s.level):
            if chain in later or self.phase_of[chain.groups[0]] != self.phase_of[group]:
                continue
            if any(s.level >= chain.level for s in self._before(group) if s is not chain):
                continue
            common = self._common(chain, group, rows)
            heights = {h for h in (chain.height, height) if h is not None}
            if common and len(heights) < 2 and self._worth(chain, group, max(common), heights):
                chain.rows = common
                chain.height = next(iter(heights), None)
                return chain
        return None

    def _common(self, chain: TaskChain, group: Group, rows: frozenset[int]) -> frozenset[int]:
        """Numbers of rows by which each task of the group reads what the same task made."""
        return frozenset(
            r
            for r in chain.rows & rows
            if all(
                _stays_within(self.actions, group, slot, index, r)
                for action in group.actions
                for index, slot in enumerate(action.inputs)
                if self.actions.storage[slot] in chain.made
            )
            and all(self._keeps_rows(slot, r) for a in group.actions for slot in a.inputs
                    if self.actions.storage[slot] in chain.made)
        )  # fmt: skip

    def _keeps_rows(self, slot: int, rows: int) -> bool:
        """Whether rows stay rows where a slot is part of an array, or pieces were joined."""
        types, storage = self.actions.types, self.actions.storage[slot]
        whole = types[storage].size or 0
        view = self.actions.views.get(slot)
        if view is not None and not view.keeps_rows(types[slot].shape, whole, rows):
            return False
        maker = self.made_by[storage]
        return all(
            piece.keeps_rows(types[part].shape, whole, rows)
            for part, where in maker.pieces.items()
            for target, piece in where
            if target == storage
        )

    def _worth(self, chain: TaskChain, group: Group, rows: int, heights: set[int]) -> bool:
        """Whether what could be more tasks on its own loses little by taking those of a product."""
        if not heights:
            return True
        tasks = -(-rows // next(iter(heights)))
        work = chain.work if chain.height is None else self.work[group]
        return tasks >= min(ENOUGH, tasks_of(work)) or work / tasks <= LONG_NS


# ---- what may be cut, and how -------------------------------------------------------------------


def _rows(actions: Actions, group: Group) -> frozenset[int]:
    """Into how many leading rows what the group makes can be cut; empty: not at all."""
    action = group.actions[0]
    lowering = action.lowering
    type_ = actions.types[action.outputs[0]]
    if not type_.size:
        return frozenset()
    if group.shape is not None:
        return _leading(group.shape)
    if isinstance(lowering, RowSoftmax):
        return _leading(type_.shape[:-1])
    if isinstance(lowering, Stage) and lowering.inner == lowering.blocks == 1:
        searched = lowering.kind in ("argmax", "argmin")
        return frozenset() if searched else frozenset({lowering.outer})
    if isinstance(lowering, (Pool, GatherProducts)):
        return frozenset({type_.shape[0] or 0})
    if _height(actions, group) is not None:
        return frozenset({math.prod(d or 0 for d in type_.shape[:-1])})
    return frozenset()


def _leading(shape: Sequence[int | None]) -> frozenset[int]:
    return frozenset(accumulate((d or 0 for d in shape), mul))


def _height(actions: Actions, group: Group) -> int | None:
    """Rows of a task of a product that is cut into rows alone, or of a convolution."""
    action = group.actions[0]
    product = action.lowering
    if isinstance(product, GatherProducts):
        return product.steps[0] if product.steps[0] > 1 else None
    if not isinstance(product, Product):
        return None
    x, out = actions.types[action.inputs[0]], actions.types[action.outputs[0]]
    m, n, k = matmul.extents(x, out, product.transpose_x)
    if x.dtype not in FLOATS or math.prod(d or 0 for d in out.shape[:-2]) != 1:
        return None
    layout = product.transpose_x, product.transpose_y
    tiling = plan_tiles(m, n, product.depth, x.dtype, *layout, product.depth < k)
    return tiling.height if tiling.width >= n else None


def _stays_within(actions: Actions, group: Group, slot: int, index: int, rows: int) -> bool:
    """Whether the rows of a task of the group are made from the same rows of an operand."""
    lowering = group.actions[0].lowering
    if isinstance(lowering, Product):
        return index == 0 and not lowering.transpose_x
    if isinstance(lowering, GatherProducts):
        return index == 0
    if group.shape is None:
        return True
    shape = actions.types[slot].shape
    padded = (1,) * (len(group.shape) - len(shape)) + tuple(shape)
    leading = list(accumulate((d or 0 for d in group.shape), mul)).index(rows) + 1
    return padded[:leading] == tuple(group.shape[:leading])
