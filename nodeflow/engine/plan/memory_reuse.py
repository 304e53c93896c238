"""The memory planner: values in an arena reuse the memory of values that are no longer needed.

Memory is returned to the arena between levels of the plan. Within a chain, a value takes over
the memory of a dead value of equal size at once, because a task touches only its own rows of
both. A formula writes over its input if nothing reads the input later, because those elements
are in cache.
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
    """Memory in the arena, and the last point in time that uses it (None: the end of the run)."""

    offset: int
    size: int
    death: int | None


class MemoryPlanner:
    """The placement of the results of groups in the arena.

    Args:
        allocations: storages that are placed already, inside the arena or elsewhere.
        nbytes: returns the bytes of a storage.
        keep: storages that are read at the end.
        may_replace: returns whether a group may write its result into the memory of a storage
            that it reads.
        reuse: whether memory is reused (the rewrite ``reuse``).
    """

    def __init__(
        self,
        allocations: dict[int, Allocation],
        offsets: Offsets,
        nbytes: Callable[[int], int],
        keep: set[int],
        may_replace: Callable[[Group, int], bool],
        *,
        reuse: bool,
    ) -> None:
        self.allocations = allocations
        self.offsets = offsets
        self.nbytes = nbytes
        self.keep = keep
        self.may_replace = may_replace
        self.reuse = reuse

    def allocate(self, times: Sequence[Sequence[Sequence[Group]]], inside: set[int]) -> None:
        """Allocate memory in the arena for the results of all groups.

        Args:
            times: for each point in time the chains that run, for each chain its groups in order.
            inside: storages that need no memory, because they exist only inside a kernel.
        """
        self.last: dict[int, tuple[int, int, int]] = {}
        self.shared: set[int] = set()
        for time, chains in enumerate(times):
            for number, chain in enumerate(chains):
                for index, group in enumerate(chain):
                    self._read(group, (time, number, index))
        self.dying: dict[int | None, list[_Block]] = defaultdict(list)
        self.block_of: dict[int, _Block] = {}
        for time, chains in enumerate(times):
            for block in self.dying.pop(time - 1, ()) if self.reuse else ():
                self.offsets.give_back(block.offset, block.size)
            for number, chain in enumerate(chains):
                self._allocate_chain((time, number), chain, inside)

    def _read(self, group: Group, use: tuple[int, int, int]) -> None:
        """Record that a group reads its inputs. If another group reads an input at the same point
        in time, mark the input as shared.
        """
        for storage in group.inputs:
            if self.last.get(storage, ())[:1] == use[:1]:
                self.shared.add(storage)
            else:
                self.shared.discard(storage)
            self.last[storage] = use

    def _allocate_chain(
        self, key: tuple[int, int], chain: Sequence[Group], inside: set[int]
    ) -> None:
        spare: dict[int, list[_Block]] = defaultdict(list)
        ends: dict[int, list[_Block]] = defaultdict(list)
        made: set[int] = set()
        for index, group in enumerate(chain):
            for storage in sorted(group.outputs):
                if storage in self.allocations or storage in inside:
                    continue
                replaced = self._replaced(group, (*key, index), storage, made)
                if replaced in ends[index]:
                    ends[index].remove(replaced)
                made.add(storage)
                block = self._block(key[0], storage, replaced, spare)
                self.allocations[storage] = Allocation("arena", block.offset)
                if block.death == key[0] and self.last.get(storage, ())[:2] == key:
                    ends[self.last[storage][2]].append(block)
            for block in ends.pop(index, ()) if self.reuse else ():
                spare[block.size].append(block)

    def _replaced(
        self, group: Group, use: tuple[int, int, int], storage: int, made: set[int]
    ) -> _Block | None:
        """Return the memory block of an input that the group may overwrite with its result, because
        it reads the input for the last time. Return None if there is none.

        No other group may read that input at the same time. If the chain itself computed the input,
        each task reads only its own rows, so this is allowed.

        Args:
            made: storages that the chain has made so far.
        """
        for read in group.inputs if self.reuse else ():
            block = self.block_of.get(read)
            if (
                block is not None
                and block.size == self.nbytes(storage)
                and block.death == use[0]
                and self.last[read] == use
                and (read in made or read not in self.shared)
                and self.may_replace(group, read)
            ):
                del self.block_of[read]
                return block
        return None

    def _block(
        self,
        time: int,
        storage: int,
        replaced: _Block | None,
        spare: dict[int, list[_Block]],
    ) -> _Block:
        """Return a block of memory for a storage. Reuse the block of a replaced input or a free
        block of the same chain; otherwise allocate one.
        """
        size = self.nbytes(storage)
        death = None if storage in self.keep else max(time, self.last.get(storage, (time,))[0])
        block = replaced or (spare[size].pop() if spare[size] else None)
        if block is None:
            block = _Block(self.offsets.take(size), size, death)
        else:
            self.dying[block.death].remove(block)
            block.death = death
        self.dying[death].append(block)
        self.block_of[storage] = block
        return block
