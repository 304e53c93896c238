"""Runs the operations of a schedule on one block of rows at a time, to save memory."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from nodeflow.engine.blocks import grid
from nodeflow.engine.blocks.batch_reductions import JOINED, Chosen, Kept, Total, rows_of
from nodeflow.engine.blocks.cut import Cut, Stage, batches_of, cut
from nodeflow.engine.blocks.lifetimes import Held, lifetimes_of
from nodeflow.engine.blocks.row_pass import RowPass, Target
from nodeflow.engine.interpreter import StreamOf, Values
from nodeflow.engine.memory import Needs, require, size_of
from nodeflow.engine.parts import ExplainPart, PartsExecutor
from nodeflow.engine.peak_memory import peak_of
from nodeflow.engine.rows import Rows
from nodeflow.engine.runtime.context import RanTier, RunContext, Tier
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.engine.tiered_execution import Executor, over_limit
from nodeflow.errors import Cancelled, RunError
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType, numpy_dtype


def in_blocks(
    schedule: Schedule,
    types: Sequence[TensorType],
    wanted: Tier,
    context: RunContext,
    *,
    updating: bool = False,
    label: str = "",
    held: int = 0,
) -> BlockedExecutor | None:
    """Return an executor that runs a schedule in blocks of rows, to save memory; None if it should
    run as a whole. All sizes are known.

    Without a memory limit, training steps run as a whole, and so do other runs up to `WHOLE_BYTES`.
    With any limit, steps are divided if their rows take more than two cells (blocks that fit into
    the cache), other runs if they take more than one.
    """
    limit = context.memory
    is_step = any(node.attrs["update"] for node in schedule.assigns)
    if is_step and limit is None:
        return None
    least = grid.STEP_BYTES if is_step else grid.CELL_BYTES
    whole = grid.WHOLE_BYTES if limit is None else least
    if peak_of(schedule, types)[0] <= whole:
        return None
    batches = batches_of(schedule, types, schedule.feeds.values())
    left = None if limit is None else max(0, limit - held)
    found = cut(schedule, types, batches, least, left)
    if found is None or found.peak <= whole:
        return None
    return BlockedExecutor(found, wanted, context, updating=updating, label=label, held=held)


@dataclass(frozen=True)
class _Cell:
    """An executor for all cells with the same number of rows.

    Attributes:
        sizes: inputs that are computed from the sizes of the cell.
    """

    executor: Executor
    sizes: Mapping[int, np.ndarray]


class BlockedExecutor(PartsExecutor):
    """An executor that runs a schedule in blocks of rows, with the interface of `Executor`."""

    def __init__(
        self,
        found: Cut,
        wanted: Tier,
        context: RunContext,
        *,
        updating: bool,
        label: str,
        held: int = 0,
    ) -> None:
        super().__init__(found.schedule, found.types, context)
        self.cut = found
        self._once: dict[int, Executor | BlockedExecutor] = {}
        self._cells: dict[int, dict[int, _Cell]] = {}
        lifetimes = lifetimes_of(found, held)
        self._dropped = lifetimes.dropped
        self._most_held = max(lifetimes.beside_rows, key=lambda held: held.bytes)

        def options(beside: Held, name: str) -> dict[str, Any]:
            return {"updating": updating, "label": f"{label}/{name}", "held": beside.bytes}

        for number, stage in enumerate(found.stages):
            if (once := stage.once) is not None:
                given = options(lifetimes.beside_once[number], f"once {number}")
                self._once[number] = (
                    Executor(once.schedule, once.types, wanted, context, **given)
                    if stage.inner is None
                    else BlockedExecutor(stage.inner, wanted, context, **given)
                )
            if stage.rows is not None:
                cells, beside = {}, lifetimes.beside_rows[number]
                for height in found.own_grid.heights:
                    rows, types = stage.rows.schedule_for(height), stage.rows.types_for(height)
                    given = options(beside, f"rows {number} of {height}")
                    inner = Executor(rows, types, wanted, context, **given)
                    cells[height] = _Cell(inner, stage.rows.sizes_for(types))
                self._cells[number] = cells

    def run(
        self,
        given: Mapping[int, np.ndarray],
        stream_of: StreamOf,
        cancel: threading.Event | None,
    ) -> Values:
        """Compute the schedule, like `Executor.run`, in blocks of rows.

        The caller owns the returned arrays, except those that it passed as inputs.
        """
        limit, held = self._context.memory, self._most_held
        if limit is not None and held.bytes > limit:
            raise over_limit(held.bytes, limit, held.node)
        values = dict(given)
        values.update((slot, array.copy()) for slot, array in self.cut.constants.items())
        tiers: list[RanTier | None] = []
        for number, stage in enumerate(self.cut.stages):
            for step in stage.sizes:
                inputs = [self._shape_of(s, values) for s in step.inputs]
                self._run_step(step, inputs, values, stream_of)
            if stage.once is not None:
                once = self._once[number]
                tiers.append(self._run_part(stage.once, once, values, stream_of, cancel))
                once.let_go(stage.once.given)
            if stage.rows is not None:
                tiers += self._run_rows(number, stage.rows, values, stream_of, cancel)
            for slot in self._dropped[number]:
                del values[slot]
        self._note_tiers(*tiers)
        return values

    def let_go(self, given: Iterable[int]) -> None:
        """Release the given inputs. This executor has nothing to do, because its parts keep no
        inputs after a run.
        """

    def _shape_of(self, slot: int, values: Mapping[int, np.ndarray]) -> np.ndarray:
        """Return an array with the shape of a slot, for steps that read only the shape.

        If the slot has a value without batch rows, return that. Otherwise return zeros that are
        broadcast to the shape and take no memory.
        """
        if slot in values and not isinstance(self.cut.own_flow.states[slot], Rows):
            return values[slot]
        type_ = self.types[slot]
        return np.broadcast_to(np.zeros((), numpy_dtype(type_.dtype)), type_.shape)  # type: ignore[arg-type]

    def _run_rows(
        self,
        number: int,
        rows: RowPass,
        values: dict[int, np.ndarray],
        stream_of: StreamOf,
        cancel: threading.Event | None,
    ) -> set[RanTier | None]:
        """Compute one pass over all rows of the batch, block by block. Add its results to
        ``values``.

        Return the tiers (compiled kernels or numpy) that computed the blocks.
        """
        flow, grid = self.cut.own_flow, self.cut.own_grid
        totals = [self._total(target) for target in rows.targets]
        tiers: set[RanTier | None] = set()
        begun: set[int] = set()
        ahead = self._context.ahead
        runs = ahead or 1
        cells = [*grid]
        for done, (start, stop) in enumerate(cells):
            if cancel is not None and cancel.is_set():
                raise Cancelled("the run was stopped")
            cell = self._cells[number][stop - start]
            inner = dict(cell.sizes)
            for part in rows.given:
                if part.rows is not None:
                    array = values[part.slot]
                    inner[part.number] = rows_of(array, part.rows, flow.number, start, stop)
                elif not part.sizes:
                    inner[part.number] = values[part.slot]
            self._running = cell.executor
            try:
                streams = _StreamsOfRows(stream_of, start, stop - start)
                # In a recorded or resumed training, all cells with the same number of rows keep
                # their tier.
                kept = self._context.tiers is not None and stop - start in begun
                left = (runs - 1) * len(cells) + len(cells) - done
                self._context.ahead = left if stop - start == grid.height else ahead
                found = cell.executor.run(inner, streams, cancel, keep_tier=kept)
                for target, total in zip(rows.targets, totals, strict=True):
                    value = found[target.number]
                    assert value is not None
                    total.add(value, start, stop)
            finally:
                self._running, self._context.ahead = None, ahead
            begun.add(stop - start)
            tiers.add(cell.executor.tier)
        for cell in self._cells[number].values():
            cell.executor.let_go(given.number for given in rows.given)
        for target in reversed(rows.targets):
            values[target.slot] = totals.pop().result()
        return tiers

    def _total(self, target: Target) -> Total:
        """Return the accumulator that collects or adds up a value from all cells (blocks of rows).

        Raises:
            RunError: there is not enough memory for it; the error names the node.
        """
        type_, flow = self.types[target.slot], self.cut.own_flow
        if target.join:
            return JOINED[target.join](type_, flow.number)
        try:
            require(size_of([type_]))
            if target.taken is not None:
                return Chosen(type_, target.taken)
            state = flow.states[target.slot]
            assert isinstance(state, Rows)
            return Kept(type_, state, flow.number)
        except MemoryError as error:
            node = self.schedule.slots[target.slot].node.name
            raise RunError(
                f"not enough memory for all rows of its result, {type_}: {error}", node=node
            ) from error

    def needs(self) -> Needs:
        """Return the memory that the run needs at its peak: the needs of the largest part of the
        schedule, with the values of other parts that are kept meanwhile.
        """
        parts = [part.needs() for part in self._once.values()]
        parts += [
            each.executor.needs() for cells in self._cells.values() for each in cells.values()
        ]
        most, held = max(parts, key=lambda found: found.bytes), self._most_held
        name = most.node
        if held.node is not None and 2 * held.bytes > most.bytes:
            name = held.node.name
        rows = self.cut.widest
        return Needs(most.bytes, name, rows.cells, rows.height)

    def refuse_plan(self) -> NoReturn:
        """Raise an error that gives the number of rows."""
        rows = self.cut.widest
        raise RunError(
            f"{rows.number:,} rows run in {rows.cells} blocks, so the run has no single plan",
            hint="Feed fewer rows.",
        )

    def explain(self, explain_part: ExplainPart) -> str:
        """Return the plan of execution as text, stage by stage.

        A stage computes some nodes once, for all rows, and others cell by cell: a cell is a block
        of rows.

        Args:
            explain_part: returns the text of one schedule, for the types of its nodes.
        """
        texts = [f"memory: {self.needs().text}"]
        for number, stage in enumerate(self.cut.stages):
            if stage.sizes:
                names = ", ".join(step.node.name for step in stage.sizes)
                texts.append(f"once, from shapes alone: {names}")
            if stage.once is not None:
                once = self._once[number]
                nested = isinstance(once, BlockedExecutor)
                plan = once.explain(explain_part) if nested else ""
                texts.append(plan or "once:\n" + explain_part(once.schedule, once.types))
            if stage.rows is not None:
                rows = self.cut.own_grid
                cell = self._cells[number][rows.height].executor
                title = f"{rows.number:,} rows in {rows.cells} blocks of {rows.height:,}"
                texts.append(f"{title}{_ends(stage)}:\n{explain_part(cell.schedule, cell.types)}")
        return "\n\n".join(texts)


def _ends(stage: Stage) -> str:
    """Describe in parentheses, for the text of a plan, which results a pass over the rows keeps,
    and which it reduces to sums or other totals.
    """
    assert stage.rows is not None
    slots, words = stage.rows.schedule.slots, []
    for target in stage.rows.targets:
        name = slots[target.number].name
        rows = "rows" if target.taken is None else f"{len(target.taken.which):,} rows"
        words.append(f"{target.join or rows} of {name}")
    return f" ({', '.join(words)})" if words else ""


class _StreamsOfRows:
    """The random streams of nodes for some rows, with the same numbers as in a run over all
    rows.
    """

    def __init__(self, stream_of: StreamOf, start: int, rows: int) -> None:
        self._stream_of, self._start, self._rows = stream_of, start, rows

    def __call__(self, node: Node) -> Any:
        return self._stream_of(node).of_rows(self._start, self._rows)
