"""Rules about the elements that launches and loops write: each exactly once, and none outside."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from nodeflow.engine.ir.launches import Region
from nodeflow.engine.ir.plan import LoopPlan
from nodeflow.engine.kernels.registry import kernel_of
from nodeflow.engine.plan.verify.facts import address, facts_of_plan, loop_reads, loop_writes
from nodeflow.engine.plan.verify.records import Broken, Event, Facts
from nodeflow.engine.plan.verify.rules import Rule, keeps_rows

MARKED = 1 << 22
"""Maximum number of elements for which strided blocks may have to be checked element by element."""


def launches_cover_outputs_once(facts: Facts) -> Iterator[Broken]:
    """Check that launches write each element of an output exactly once, and none outside of it."""
    for storage, events in facts.writers.items():
        regions = [r for e in events for r in e.writes if r.storage == storage]
        full = [r for r in regions if not r.partial and (r.clears or not r.adds)]
        if len(full) == 1 and full[0].sizes is None:
            continue
        if any(r.partial for r in regions) or (regions and all(r.adds for r in regions)):
            continue
        wrong = _uncovered(full, facts.size(storage))
        if wrong:
            yield Broken(f"{facts.name(storage)} is {wrong}", events[0], storage)


def _uncovered(regions: Sequence[Region], size: int) -> str:
    """Return why the written regions do not cover an array of ``size`` elements exactly once.
    Return "" if they do.
    """
    blocks = [(r.offset, r.sizes, r.strides) if r.sizes is not None else (0, (size,), (1,))
              for r in regions]  # fmt: skip
    blocks = [b for b in blocks if 0 not in b[1]]
    if sum(math.prod(sizes) for _, sizes, _ in blocks) != size:
        return "not written exactly once"
    for offset, sizes, strides in blocks:
        ends = [(n - 1) * s for n, s in zip(sizes, strides, strict=True)]
        if offset + sum(min(e, 0) for e in ends) < 0 or offset + sum(
            max(e, 0) for e in ends
        ) >= max(size, 1):
            return "written outside its memory"
    if all(len(sizes) == 1 and strides == (1,) for _, sizes, strides in blocks):
        at = 0
        for offset, (length,), _ in sorted(blocks):
            if offset != at:
                return "not written exactly once"
            at += length
        return ""
    if size > MARKED:
        return ""  # the count is right, and all elements are inside
    marks = np.zeros(size, np.uint8)
    for offset, sizes, strides in blocks:
        where = np.full(sizes, offset, np.int64)
        for axis, (n, s) in enumerate(zip(sizes, strides, strict=True)):
            where += (np.arange(n) * s).reshape((n,) + (1,) * (len(sizes) - 1 - axis))
        marks[where.ravel()] += 1
    return "" if np.all(marks == 1) else "not written exactly once"


def tasks_share_all_work(facts: Facts) -> Iterator[Broken]:
    """Check that the tasks of each kernel launch cover all of its units of work, and that each task
    has at least one.
    """
    for event, launch in facts.launches():
        split = launch.split
        if launch.tasks < 1:
            yield Broken("it has no task", event)
        elif split is not None and split.units and (
            split.share < 1
            or launch.tasks * split.share < split.units
            or (launch.tasks - 1) * split.share >= split.units
        ):  # fmt: skip
            text = f"{launch.tasks} tasks of {split.share} are not {split.units} units of work"
            yield Broken(text, event)


def reductions_accumulate_into_initialised_storage(facts: Facts) -> Iterator[Broken]:
    """Check that memory has a defined value before a kernel launch adds to it.

    Either the launch itself clears the region, or earlier launches have written all of it.
    """
    for event in facts.events:
        for region in event.writes:
            if region.adds and not region.clears:
                before = [
                    other
                    for writer in facts.writers[region.storage]
                    if writer.is_before(event)
                    for other in writer.writes
                    if other.storage == region.storage and (other.clears or not other.adds)
                ]
                if _uncovered(before, facts.size(region.storage)):
                    text = f"{facts.name(region.storage)} is added to before it has a value"
                    yield Broken(text, event, region.storage)


def data_dependent_writes_are_bounded(facts: Facts) -> Iterator[Broken]:
    """Check that a kernel that writes at indices from its data (a scatter) compares these indices
    with the size of the output array.
    """
    for event, launch in facts.launches():
        scatters = event.group is not None and kernel_of(event.group).scatters
        if scatters and not any(region.bound for region in event.writes):
            yield Broken("it writes where its data say, and declares no bound", event)
        for region in event.writes:
            if region.bound is None:
                continue
            size, bound = facts.size(region.storage), region.bound
            checked = launch.args[bound.argument]
            if checked != bound.extent or (bound.extent and size % bound.extent):
                text = f"data are checked against {checked} instead of {bound.extent}"
                yield Broken(text, event, region.storage)


# ---- loops --------------------------------------------------------------------------------------


def iterations_follow_each_other(facts: Facts) -> Iterator[Broken]:
    """Check that each loop iteration reads carried values where the previous iteration wrote them.

    The first iteration reads the initial values. No iteration overwrites a value that it still
    reads, or writes outside its storages.
    """
    for event, loop in _loops(facts):
        yield from _wrong_iterations(facts, event, loop)


def tasks_go_on_with_their_own_rows(facts: Facts) -> Iterator[Broken]:
    """Check the loops whose tasks run through all iterations without a barrier between iterations.

    The body must be one chain that cannot fail, and a task may read only those carried rows that it
    has written itself.
    """
    for event, loop in _loops(facts):
        for text in _meetings(loop, loop.apart.rows) if loop.apart is not None else ():
            yield Broken(text, event, loop.workspace)


def _loops(facts: Facts) -> Iterator[tuple[Event, LoopPlan]]:
    """Yield the loops of the plan whose number of iterations is known in advance, each with its
    event.
    """
    for event in facts.events:
        if event.is_loop and event.group is not None:
            loop = event.group.actions[0].lowering
            if isinstance(loop, LoopPlan):
                yield event, loop


def _meetings(loop: LoopPlan, rows: int) -> Iterator[str]:
    """Yield the reasons why the tasks of a loop need a barrier after each iteration, in words."""
    inner = facts_of_plan(loop.plan)
    if len({(event.time, event.chain) for event in inner.events}) != 1:
        yield "its body is more than one chain"
    for source, _ in loop.copies:
        if inner.size(source) % rows:
            yield f"{inner.name(source)} is copied, and has not {rows} rows"
    for event, launch in inner.launches():
        if event.can_fail:
            yield f"{event.nodes} can fail"
        for storage in inner.actions.repeats.carried.intersection(event.reads):
            if launch.tasks > 1 and not keeps_rows(inner, event, storage, launch.tasks):
                yield f"a task reads rows of {inner.name(storage)} that another task makes"


def _wrong_iterations(facts: Facts, event: Event, loop: LoopPlan) -> Iterator[Broken]:
    count, inner = loop.iterations, loop.plan.actions
    sizes = {s: _nbytes(loop, s) for s, _ in (*loop_reads(loop), *loop_writes(loop))}
    reads, writes = loop_reads(loop), loop_writes(loop)
    numbers = range(count) if count <= 8 else [*range(4), count - 3, count - 2, count - 1]
    for number in numbers:
        read = [(address(w, number, count), sizes[s], w) for s, w in reads]
        written = [(address(w, number, count), sizes[s]) for s, w in writes]
        before = {address(w, number - 1, count) for _, w in writes}
        for pointer, size, where in read:
            carried = where.first is not None
            if carried and number and pointer not in before:
                name = facts.name(pointer.storage)
                text = f"iteration {number} reads {name} where the one before wrote nothing"
                yield Broken(text, event, pointer.storage)
            if not (carried and number) and pointer.storage not in event.reads:
                text = f"iteration {number} reads {facts.name(pointer.storage)}, no input"
                yield Broken(text, event, pointer.storage)
            for other, length in written:
                if other.storage == pointer.storage and other.offset < pointer.offset + size and (
                    pointer.offset < other.offset + length
                ):  # fmt: skip
                    name = facts.name(pointer.storage)
                    text = f"iteration {number} writes over {name}, which it reads"
                    yield Broken(text, event, pointer.storage)
        spans = [(p, size) for p, size, _ in read] + written
        for pointer, size in spans:
            inside = loop.plan.arena_size if pointer.storage == loop.workspace else 0
            if size and not inside <= pointer.offset <= facts.nbytes(pointer.storage) - size:
                text = f"iteration {number} leaves {facts.name(pointer.storage)}"
                yield Broken(text, event, pointer.storage)
    if inner.types and facts.nbytes(loop.workspace) < loop.plan.arena_size:
        yield Broken("its body does not fit into its working memory", event, loop.workspace)


def _nbytes(loop: LoopPlan, storage: int) -> int:
    inner = Facts(loop.plan.actions, [], set(), set())
    return inner.nbytes(storage)


COVERAGE: tuple[Rule, ...] = (
    launches_cover_outputs_once,
    tasks_share_all_work,
    reductions_accumulate_into_initialised_storage,
    data_dependent_writes_are_bounded,
    iterations_follow_each_other,
    tasks_go_on_with_their_own_rows,
)
