"""What the verifier looks at: events in the order they run, and where their values live."""

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
    """One violation, as a rule reports it."""

    message: str
    event: Event | None = None
    storage: int | None = None


@dataclass(frozen=True, eq=False)
class Event:
    """Something that runs: a kernel launch, a loop, a call of a reference; of a draft, an action or
    a group.

    Attributes:
        nodes: names of its nodes.
        time: events of one time run side by side, those of an earlier one are over.
        chain: of one time, events of one chain run task by task one after the other.
        position: place in the chain.
        reads: storages whose values it reads.
        writes: what it writes.
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
        """Whether each task of the other begins when all that it needs of this one is over."""
        if self.time != other.time:
            return self.time < other.time
        return self.chain == other.chain and self.position < other.position

    @property
    def is_loop(self) -> bool:
        """Whether it is all iterations of a loop."""
        return self.launch is None and self.group is not None and not self.group.is_fallback


@dataclass
class Facts:
    """All that the rules know of a draft or a plan.

    Attributes:
        given: storages whose values are there before anything runs.
        ends: storages whose values are read when everything is over.
        homes: storages that are a variable's own memory, which a training step updates.
        inplace: storages of new values that are written over a home, with that home.
        gathered: storages of feeds that lie in the arena.
        allocations: where storages live; None before memory is planned.
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
        """Events that write each storage."""
        found: dict[int, list[Event]] = defaultdict(list)
        for event in self.events:
            for storage in dict.fromkeys(region.storage for region in event.writes):
                found[storage].append(event)
        return found

    @cached_property
    def readers(self) -> dict[int, list[Event]]:
        """Events that read each storage."""
        found: dict[int, list[Event]] = defaultdict(list)
        for event in self.events:
            for storage in event.reads:
                found[storage].append(event)
        return found

    def of_order(self) -> tuple[object, ...]:
        """A copy of all that the rules of order look at."""
        actions = self.actions
        events = [(e.time, e.chain, e.position, e.reads, e.writes) for e in self.events]
        slots = [*actions.storage], [*actions.types], {*actions.sliced}
        return events, self.given, self.ends, slots, dict(actions.views)

    def size(self, storage: int) -> int:
        """Elements of a storage."""
        return self.actions.types[storage].size or 0

    def nbytes(self, storage: int) -> int:
        """Bytes of a storage."""
        return self.size(storage) * numpy_dtype(self.actions.types[storage].dtype).itemsize

    def name(self, storage: int) -> str:
        """What a storage holds, in words."""
        slots = self.actions.schedule.slots
        if storage < len(slots):
            return slots[storage].name
        maker = (a.node.name for a in self.actions.items if storage in a.outputs)
        return f"part of {next(maker, 'a copy')}"

    def launches(self) -> Iterator[tuple[Event, KernelLaunch]]:
        """Events that are kernel launches."""
        for event in self.events:
            if event.launch is not None:
                yield event, event.launch
