"""The program of a plan's levels, and the places of those arguments that are known only for a
run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any

import numpy as np

from nodeflow.engine.compiler.cache import load_kernel
from nodeflow.engine.compiler.compile_kernel import KernelError
from nodeflow.engine.interpreter import StreamOf
from nodeflow.engine.ir.launches import (
    Arg,
    ArgumentAddress,
    FirstElement,
    IterationAddress,
    KernelLaunch,
    KeyWord,
    LoopAddress,
    Pointer,
)  # fmt: skip
from nodeflow.engine.ir.levels import Level, LoopLevel, all_launches, work_of
from nodeflow.engine.ir.plan import SERIAL_NS
from nodeflow.engine.kernels.base_kernels import base_sources
from nodeflow.engine.runtime.context import Streams
from nodeflow.engine.runtime.program import Program, ProgramBuilder


@dataclass
class Table:
    """The program of some levels, and its arguments that are still to be set.

    Attributes:
        cells: for each storage, pairs (word of the program, bytes to add) for its address.
        keys: triples (args of a launch, position, word of a node's random key).
        firsts: triples (args of a launch, position, first element of a node).
        loops: for each loop, in the program's order, its iteration number and its number of
            iterations.
    """

    program: Program
    cells: dict[int, list[tuple[int, int]]]
    keys: list[tuple[np.ndarray, int, KeyWord]]
    firsts: list[tuple[np.ndarray, int, FirstElement]]
    loops: list[np.ndarray]
    _seeds: tuple[Any, ...] | None = field(default=None, init=False)
    _facts: list[Any] = field(default_factory=list, init=False)

    def bind(self, storage: int, address: int) -> None:
        """Set the memory address of a storage. Write it to every kernel argument that points into
        the storage, plus the argument's offset.
        """
        words = self.program.words.data  # numpy takes three times as long for one word
        for word, offset in self.cells.get(storage, ()):
            words[word] = address + offset

    def set_keys(self, stream_of: StreamOf) -> int:
        """Set the keys of random numbers for all nodes of the launch table that draw some, if the
        keys may have changed.

        Computing a key takes three microseconds. All runs of a session have the same keys, except
        runs in blocks.

        Returns:
            The number of the execution.
        """
        if not self.keys:
            return 0
        if isinstance(stream_of, Streams):
            seeds, execution = stream_of.seeds, stream_of.execution
            nodes = [key.node for _, _, key in self.keys if not key.word]
            facts = [fact for node in nodes for fact in (node.stream, node.attrs)]
            if seeds == self._seeds and all(map(is_, facts, self._facts)):
                return execution
            self._seeds, self._facts = seeds, facts
        else:
            self._seeds, execution = None, stream_of(self.keys[0][2].node).execution
        for args, at, key in self.keys:
            args[at] = stream_of(key.node).key[key.word]
        for args, at, first in self.firsts:
            args[at] = stream_of(first.node).first(first.size)
        return execution


def kernels_of(levels: Iterable[Level]) -> dict[str, tuple[str, ...]]:
    """Return a dict from the source text of each kernel of these levels to the names of the nodes
    that it computes.

    The kernels that every run needs come first.
    """
    nodes: dict[str, dict[str, None]] = {source: {} for source in base_sources()}
    for launch in all_launches(list(levels)):
        nodes.setdefault(launch.source, {}).update(dict.fromkeys(_nodes_of(launch)))
    return {source: tuple(names) for source, names in nodes.items()}


def _nodes_of(launch: KernelLaunch) -> list[str]:
    """Return the names of the nodes that a launch computes; none if it only moves or records
    values.
    """
    return [a.node.name for a in launch.group.actions] if launch.group else []


def build_table(levels: Sequence[Level]) -> Table:
    """Load the kernels of some levels, and return a table with all their launches."""
    layout = _Layout()
    layout.add(levels)
    return layout.table()


class _Layout:
    """A builder of a program from launches.

    It fills in the arguments of launches that depend on the whole program.
    """

    def __init__(self) -> None:
        self._builder = ProgramBuilder()
        self._open: list[tuple[int, int, Arg, int]] = []
        self._loops: list[np.ndarray] = []
        self._keyed: dict[object, int] = {}

    def add(self, levels: Sequence[Level], counter: int = 0, runs: int = 1) -> None:
        """Add levels of kernel launches to the program that the dispatch loop executes.

        Args:
            counter: address of the iteration number of the loop that contains them.
            runs: how often a task runs through them before it waits for other tasks.
        """
        for level in levels:
            if isinstance(level, LoopLevel):
                words = np.array([0, level.iterations], np.int64)
                self._loops.append(words)
                if level.key is not None:
                    self._keyed[level.key] = words.ctypes.data
                addresses = words.ctypes.data, words.ctypes.data + 8
                self._builder.begin_loop(*addresses, apart=level.apart)
                self.add(level.levels, addresses[0], level.iterations if level.apart else 1)
                self._builder.end_loop()
            else:
                for head in level:
                    before = None
                    for launch in head.chain():
                        before = self._add_launch(launch, counter, before)
                self._builder.end_level(serial=runs * work_of([level]) < SERIAL_NS)

    def _add_launch(self, launch: KernelLaunch, counter: int, before: int | None) -> int:
        args = [a if isinstance(a, int) else 0 for a in launch.args]
        try:
            kernel = load_kernel(launch.source)
        except KernelError as error:
            error.nodes = tuple(_nodes_of(launch))
            raise error.at(next(iter(error.nodes), None)) from error.__cause__
        number = self._builder.add(kernel, args, launch.tasks, work=launch.work, after=before)
        self._open += [
            (number, at, a, counter) for at, a in enumerate(launch.args) if not isinstance(a, int)
        ]
        return number

    def table(self) -> Table:
        program = self._builder.build()
        table = Table(program, defaultdict(list), [], [], self._loops)
        for number, at, arg, counter in self._open:
            args = program.args(number)
            if isinstance(arg, Pointer):
                table.cells[arg.storage].append((program.place(number, at), arg.offset))
            elif isinstance(arg, KeyWord):
                table.keys.append((args, at, arg))
            elif isinstance(arg, FirstElement):
                table.firsts.append((args, at, arg))
            elif isinstance(arg, LoopAddress):
                args[at] = self._keyed[arg.key]
            elif isinstance(arg, ArgumentAddress):
                args[at] = 8 * (
                    program.place(number + arg.ahead, arg.at) - program.place(number, 0)
                )
            else:
                args[at] = counter if isinstance(arg, IterationAddress) else program.step_address
        return table
