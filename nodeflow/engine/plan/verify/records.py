"""The records that the verifier checks: events in the order in which they run, and the places
of values.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from nodeflow.engine.ir.actions import Actions
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.launches import KernelLaunch, Region
from nodeflow.engine.ir.plan import REFERENCE_HINT, Allocation
from nodeflow.errors import NodeflowError
from nodeflow.graph.types import numpy_dtype


class PlanError(NodeflowError):
    """A plan breaks a rule: a fault of nodeflow, found before the plan runs.

    Remedy: Report it with nodeflow doctor --bundle; --tier reference computes without plans.

    Attributes:
        rule: name of the rule.
        nodes: names of the nodes concerned.
        storage: the storage concerned, or None.
    """

    def __init__(self, rule: str, message: str, nodes: str, storage: int | None) -> None:
        super().__init__(
            f"the plan breaks the rule {rule}: {message}",
            node=nodes,
            hint=REFERENCE_HINT,
        )
        self.rule = rule
        self.nodes = nodes
        self.storage = storage


@dataclass(frozen=True)
class Broken:
    """One violation of a rule."""

    message: str
    event: Event | None = None
    storage: int | None = None


@dataclass(frozen=True, eq=False)
class Event:
    """One piece of work in a plan to verify.

    In a finished plan it is a kernel launch, a loop or a reference call. In a draft it is an
    action or a group.

    Attributes:
        nodes: names of the nodes that it computes.
        time: events with the same time run concurrently, after all events of earlier times.
        chain: events of the same time and chain run one after the other, task by task.
        position: place in the chain.
        reads: storages whose values it reads.
        writes: regions of storages that it writes.
        can_fail: whether it may report a failure.
    """

    nodes: str
    time: int
    chain: int
    position: int
    reads: tuple[int, ...]
    writes: tuple[Region, ...]
    group: Group | None = None
    launch: KernelLaunch | None = None
    can_fail: bool = False

    def is_before(self, other: Event) -> bool:
        """Return whether this event of the plan, such as a kernel launch, ends before any task of
        the other event begins.
        """
        if self.time != other.time:
            return self.time < other.time
        return self.chain == other.chain and self.position < other.position

    @property
    def is_loop(self) -> bool:
        """Whether this event of the plan is a loop with all of its iterations."""
        return self.launch is None and self.group is not None and not self.group.is_fallback


@dataclass
class Facts:
    """The facts about a draft or a plan that rules check.

    Attributes:
        given: storages whose values exist before anything runs.
        ends: storages whose values are read after everything has run.
        homes: storages that are the memory of variables that a training step updates.
        inplace: for each new value that is written in place, the home that it overwrites.
        gathered: storages of feeds that are in the arena.
        allocations: the places of storages; None before memory is planned.
    """

    actions: Actions
    events: list[Event]
    given: set[int]
    ends: set[int]
    homes: set[int] = field(default_factory=set)
    inplace: dict[int, int] = field(default_factory=dict)
    gathered: set[int] = field(default_factory=set)
    allocations: dict[int, Allocation] | None = None
    arena_size: int = 0

    @cached_property
    def writers(self) -> dict[int, list[Event]]:
        """For each storage, the events that write it."""
        found: dict[int, list[Event]] = defaultdict(list)
        for event in self.events:
            for storage in dict.fromkeys(region.storage for region in event.writes):
                found[storage].append(event)
        return found

    @cached_property
    def readers(self) -> dict[int, list[Event]]:
        """For each storage, the events that read it."""
        found: dict[int, list[Event]] = defaultdict(list)
        for event in self.events:
            for storage in event.reads:
                found[storage].append(event)
        return found

    def of_order(self) -> tuple[object, ...]:
        """Return a copy of all facts that the checks for the order of reads and writes use, so that
        a later comparison shows if they must be repeated.
        """
        actions = self.actions
        events = [(e.time, e.chain, e.position, e.reads, e.writes) for e in self.events]
        slots = [*actions.storage], [*actions.types], {*actions.sliced}
        return events, self.given, self.ends, slots, dict(actions.views)

    def size(self, storage: int) -> int:
        """Return the number of elements of a storage."""
        return self.actions.types[storage].size or 0

    def nbytes(self, storage: int) -> int:
        """Return the number of bytes of a storage."""
        return self.size(storage) * numpy_dtype(self.actions.types[storage].dtype).itemsize

    def name(self, storage: int) -> str:
        """Return a name for the value in a storage, for error messages."""
        slots = self.actions.schedule.slots
        if storage < len(slots):
            return slots[storage].name
        maker = (a.node.name for a in self.actions.items if storage in a.outputs)
        return f"part of {next(maker, 'a copy')}"

    def launches(self) -> Iterator[tuple[Event, KernelLaunch]]:
        """Yield each event of the plan that is a kernel launch, together with the launch."""
        for event in self.events:
            if event.launch is not None:
                yield event, event.launch
