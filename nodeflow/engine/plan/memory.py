"""Where the values of a plan live: an arena in which what is not needed any more makes room.

Memory is given back between times (levels of the plan). Within a strand it changes hands at once,
between values of equal size: a task only touches its own rows, of whatever lies there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from nodeflow.engine.arena import Offsets
from nodeflow.engine.plan.fusion import Group


@dataclass(frozen=True)
class Allocation:
    """Where a root slot's values are.

    ``given``: the array of a feed or a variable; ``constant``: an array of the plan; ``arena``: at
    an offset; ``shadow``: an array that replaces the variable's when the run succeeds; ``result``:
    an array that whoever asked for it gets, another one at each run.
    """

    kind: Literal["given", "constant", "arena", "shadow", "result"]
    offset: int = 0


@dataclass(eq=False)
class _Block:
    """Memory in the arena, and the last time it is used (None: until the end)."""

    offset: int
    size: int
    death: int | None


class MemoryPlanner:
    """Puts what groups make into the arena.

    Args:
        places: of what lives elsewhere, and of what is in the arena from the beginning.
        nbytes: size of a root slot.
        keep: root slots that are read at the end.
        reuse: whether memory is used again (the rewrite ``reuse``).
    """

    def __init__(
        self,
        places: dict[int, Allocation],
        offsets: Offsets,
        nbytes: Callable[[int], int],
        keep: set[int],
        *,
        reuse: bool,
    ) -> None:
        self.places = places
        self.offsets = offsets
        self.nbytes = nbytes
        self.keep = keep
        self.reuse = reuse

    def place(self, times: Sequence[Sequence[Sequence[Group]]], inside: set[int]) -> None:
        """Place everything that the groups make.

        Args:
            times: for each time the strands that run, for each strand its groups in order.
            inside: root slots that need no memory, being used in their own kernel only.
        """
        self.last: dict[int, tuple[int, int, int]] = {}
        for time, strands in enumerate(times):
            for number, strand in enumerate(strands):
                for index, group in enumerate(strand):
                    self.last.update(dict.fromkeys(group.inputs, (time, number, index)))
        self.dying: dict[int | None, list[_Block]] = defaultdict(list)
        for time, strands in enumerate(times):
            for block in self.dying.pop(time - 1, ()) if self.reuse else ():
                self.offsets.give_back(block.offset, block.size)
            for number, strand in enumerate(strands):
                self._place_strand((time, number), strand, inside)

    def _place_strand(
        self, key: tuple[int, int], strand: Sequence[Group], inside: set[int]
    ) -> None:
        spare: dict[int, list[_Block]] = defaultdict(list)
        ends: dict[int, list[_Block]] = defaultdict(list)
        for index, group in enumerate(strand):
            for root in sorted(group.outputs):
                if root in self.places or root in inside:
                    continue
                block = self._block(key[0], root, spare)
                self.places[root] = Allocation("arena", block.offset)
                if block.death == key[0] and self.last.get(root, ())[:2] == key:
                    ends[self.last[root][2]].append(block)
            for block in ends.pop(index, ()) if self.reuse else ():
                spare[block.size].append(block)

    def _block(self, time: int, root: int, spare: dict[int, list[_Block]]) -> _Block:
        """Memory for a root slot: some that the strand has done with, or new."""
        size = self.nbytes(root)
        death = None if root in self.keep else max(time, self.last.get(root, (time,))[0])
        if spare[size]:
            block = spare[size].pop()
            self.dying[block.death].remove(block)
            block.death = death
        else:
            block = _Block(self.offsets.take(size), size, death)
        self.dying[death].append(block)
        return block
