"""Lifetimes and bytes of the values that a run in blocks keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nodeflow.engine.blocks.cut import Cut, Stage
from nodeflow.engine.memory import size_of
from nodeflow.engine.parts import ends_of
from nodeflow.graph.graph import Node


@dataclass(frozen=True)
class Held:
    """Memory that is in use while a part runs, in addition to the part's own memory.

    Attributes:
        node: the node that makes the largest value in this memory.
    """

    bytes: int
    node: Node | None


@dataclass
class Lifetimes:
    """The lifetimes of the values that stages make, by number of the stage.

    Attributes:
        dropped: slots that no later stage needs.
        beside_once, beside_rows: memory in use while the steps of ``once`` run, and while a
            cell runs.
    """

    dropped: list[list[int]] = field(default_factory=list)
    beside_once: list[Held] = field(default_factory=list)
    beside_rows: list[Held] = field(default_factory=list)


def lifetimes_of(cut: Cut, held: int = 0) -> Lifetimes:
    """Return when values are in memory, for a schedule that was divided into stages.

    Args:
        held: further bytes that are in use all the time.
    """
    last = {slot: number for number, each in enumerate(cut.stages) for slot in _read(each)}
    last.update(dict.fromkeys(ends_of(cut.schedule), len(cut.stages)))
    found, live = Lifetimes(), {}
    for number, stage in enumerate(cut.stages):
        found.beside_once.append(_held(cut, live, held))
        made = [slot for step in stage.sizes for slot in step.outputs]
        made += stage.once.made if stage.once is not None else ()
        live.update((slot, size_of([cut.types[slot]])) for slot in made)
        rows = stage.rows
        beside = {} if rows is None else {t.slot: rows.bytes_of(t) for t in rows.targets}
        found.beside_rows.append(_held(cut, {**live, **beside}, held))
        live.update((slot, size_of([cut.types[slot]])) for slot in beside)
        found.dropped.append([slot for slot in live if last.get(slot, -1) <= number])
        live = {slot: size for slot, size in live.items() if last.get(slot, -1) > number}
    return found


def _held(cut: Cut, live: Mapping[int, int], held: int) -> Held:
    largest = max(live, key=lambda slot: live[slot], default=None)
    return Held(
        held + sum(live.values()), None if largest is None else cut.schedule.slots[largest].node
    )


def _read(stage: Stage) -> Iterable[int]:
    """Yield the slots (numbers of values) that a stage reads when a program runs in blocks
    of rows.
    """
    for step in stage.sizes:
        yield from step.inputs
    if stage.once is not None:
        yield from stage.once.given.values()
    if stage.rows is not None:
        yield from (given.slot for given in stage.rows.given)
