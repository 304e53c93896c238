"""The memory planner: an arena in which what is not needed any more makes room.

Memory is given back between times (levels of the plan). Within a chain it changes hands at once,
between values of equal size: a task only touches its own rows of whatever lies there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nodeflow.engine.arena import Offsets
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.plan import Allocation


@dataclass(eq=False, slots=True)
class _Block:
    """Memory in the arena, and the last time it is used (None: until the end)."""

    offset: int
    size: int
    death: int | None


class MemoryPlanner:
    """Puts what groups make into the arena.

    Args:
        allocations: of what lives elsewhere, and of what is in the arena from the beginning.
        nbytes: size of a storage.
        keep: storages that are read at the end.
        reuse: whether memory is used again (the rewrite ``reuse``).
    """

    def __init__(
        self,
        allocations: dict[int, Allocation],
        offsets: Offsets,
        nbytes: Callable[[int], int],
        keep: set[int],
        *,
        reuse: bool,
    ) -> None:
        self.allocations = allocations
        self.offsets = offsets
        self.nbytes = nbytes
        self.keep = keep
        self.reuse = reuse

    def allocate(self, times: Sequence[Sequence[Sequence[Group]]], inside: set[int]) -> None:
        """Allocate everything that the groups make.

        Args:
            times: for each time the chains that run, for each chain its groups in order.
            inside: storages that need no memory, being used in their own kernel only.
        """
        self.last: dict[int, tuple[int, int, int]] = {}
        for time, chains in enumerate(times):
            for number, chain in enumerate(chains):
                for index, group in enumerate(chain):
                    self.last.update(dict.fromkeys(group.inputs, (time, number, index)))
        self.dying: dict[int | None, list[_Block]] = defaultdict(list)
        for time, chains in enumerate(times):
            for block in self.dying.pop(time - 1, ()) if self.reuse else ():
                self.offsets.give_back(block.offset, block.size)
            for number, chain in enumerate(chains):
                self._allocate_chain((time, number), chain, inside)

    def _allocate_chain(
        self, key: tuple[int, int], chain: Sequence[Group], inside: set[int]
    ) -> None:
        spare: dict[int, list[_Block]] = defaultdict(list)
        ends: dict[int, list[_Block]] = defaultdict(list)
        for index, group in enumerate(chain):
            for storage in sorted(group.outputs):
                if storage in self.allocations or storage in inside:
                    continue
                block = self._block(key[0], storage, spare)
                self.allocations[storage] = Allocation("arena", block.offset)
                if block.death == key[0] and self.last.get(storage, ())[:2] == key:
                    ends[self.last[storage][2]].append(block)
            for block in ends.pop(index, ()) if self.reuse else ():
                spare[block.size].append(block)

    def _block(self, time: int, storage: int, spare: dict[int, list[_Block]]) -> _Block:
        """Memory for a storage: some that the chain has done with, or new."""
        size = self.nbytes(storage)
        death = None if storage in self.keep else max(time, self.last.get(storage, (time,))[0])
        if spare[size]:
            block = spare[size].pop()
            self.dying[block.death].remove(block)
            block.death = death
        else:
            block = _Block(self.offsets.take(size), size, death)
        self.dying[death].append(block)
        return block
