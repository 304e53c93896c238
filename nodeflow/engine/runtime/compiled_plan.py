"""A plan with memory and machine code: binds addresses, and runs programs and ops by reference
between them.

It is the counterpart of `interpreter.Interpreter`: same inputs, and same results up to rounding.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeflow.engine.arena import Arena, on_a_line
from nodeflow.engine.interpreter import Interpreter, StreamOf, call_reference
from nodeflow.engine.ir.groups import Group
from nodeflow.engine.ir.plan import REFERENCE_HINT, Phase, Plan
from nodeflow.engine.memory import require, size_of
from nodeflow.engine.runtime.addresses import STAYS, Swapped, address_of, plain
from nodeflow.engine.runtime.double_buffering import DoubleBuffers, Placed
from nodeflow.engine.runtime.launch_table import Table, build_table
from nodeflow.engine.runtime.program import ONE_STEP, Outcome
from nodeflow.engine.runtime.program_timer import ProgramTimer
from nodeflow.errors import Cancelled, RunError
from nodeflow.graph.graph import Node
from nodeflow.graph.session_hooks.interrupt import check_interrupt, interruptible
from nodeflow.graph.types import Shape, numpy_dtype

if TYPE_CHECKING:
    from nodeflow.engine.runtime.thread_pool import Team
    from nodeflow.engine.variables import Variables

FEW = 8
"""Maximum number of words that are set one by one, which is faster for so few."""
INTERRUPTIBLE_NS = 20_000_000
"""Estimated duration in nanoseconds above which Ctrl-C can interrupt a run."""


class CompiledPlan:
    """The executor of one plan. Two threads must not enter it at once.

    Attributes:
        given_by: the bound run whose feeds and variables are in place, so that it passes only
            changes; None if the next run must pass everything.
        shadows: for each variable in ``plan.direct``, the array with its value after the run.
            The caller may keep the array in exchange for another one.
        results: storages whose arrays belong to the caller after the run. Other results are
            small, and the caller gets copies of them.
    """

    def __init__(self, plan: Plan, arena: Arena, team: Team) -> None:
        self.plan = plan
        self.arena = arena
        self.team = team
        self.actions = plan.actions
        self._work = plan.work
        self._generation = -1
        self._bound: dict[int, int] = {}
        self._tables = [build_table(p.levels) if p.levels else None for p in plan.phases]
        self._phases = [*zip(self._tables, plan.phases, strict=True)]
        self._inplace = [*plan.inplace.items()]
        self._arrays: dict[int, np.ndarray] = {}
        self._own = frozenset(plan.schedule.reads.values())
        for storage, value in self.actions.constants.items():
            self._set(storage, value)
        results = [s for s, a in plan.allocations.items() if a.kind == "result"]
        self._fed = {slot for slot in plan.schedule.feeds.values() if self._stays(slot)}
        self._made = {s: self._layout(s) for s in results if not self._stays(s)}
        self.results = [*self._made]
        for storage in {*self._fed, *results}.difference(self.results):
            self._set(storage, self._new_array(storage))
        self.shadows: dict[Node, np.ndarray] = {}
        self._sets = DoubleBuffers()
        self._stored: int | None = None
        """The value of `Variables.version` after the last run that stored assigned values; None
        if there is none.
        """
        self._swapped = {s: Swapped() for v, s in plan.schedule.reads.items() if v in plan.direct}
        for variable, storage in plan.direct.items():
            self._replace_shadow(variable, self._new_array(storage))
        self._sets.note(self.shadows)
        schedule = plan.actions.schedule
        copied = [s for v, s in schedule.writes.items() if v not in plan.direct | plan.home]
        ends = (*schedule.fetches, *copied)
        pairs = zip(schedule.fetches, plan.actions.fetches, strict=True)
        answers = {s: copy for s, copy in pairs if s is not None and copy is not None}
        self._ends = [
            (slot, self.actions.storage[answer], self.actions.types[answer].shape)
            for slot in dict.fromkeys(ends)
            if slot is not None and (answer := answers.get(slot, slot)) is not None
        ]
        """For each slot that is fetched or stored: the storage with its values, and their shape."""
        owned = set(self.results)
        self._takes: list[tuple[int | None, bool]] = []
        """For each fetch: its slot, and whether the caller gets the array itself."""
        self._answers: list[tuple[int | None, Shape | None, bool]] = []
        """For each fetch: its storage, its shape, and whether the caller gets the array itself."""
        for slot in schedule.fetches:
            answer = None if slot is None else answers.get(slot, slot)
            storage = None if answer is None else self.actions.storage[answer]
            shape = None if answer is None else self.actions.types[answer].shape
            self._takes.append((slot, storage in owned))
            self._answers.append((storage, shape, storage in owned))
            owned.discard(storage)  # the next fetch of it gets a copy
        self._interpreter: Interpreter | None = None
        self._running = False
        self._alone = self._only_table()
        self.given_by: object = None

    def _only_table(self) -> Table | None:
        """Return the plan's launch table if there is only one. Return None if there are several, if
        the table takes long and must be interruptible, or if some variable is not updated by
        alternating between two arrays.
        """
        if len(self._tables) != 1 or self._inplace or self._work > INTERRUPTIBLE_NS:
            return None
        if self.plan.schedule.writes.keys() != self.shadows.keys() or self.plan.phases[0].fallback:
            return None
        return self._tables[0]

    # ---- memory -------------------------------------------------------------------------------

    def _set(self, storage: int, array: np.ndarray) -> None:
        """Bind a storage of the plan to the memory of a contiguous array."""
        self._place(storage, array, address_of(array))

    def _place(self, storage: int, array: np.ndarray, address: int) -> None:
        """Bind a storage to an array whose memory address is already known."""
        self._arrays[storage] = array
        if self._bound.get(storage) != address:
            self._bound[storage] = address
            self._bind(storage, address)

    def _bind(self, storage: int, address: int) -> None:
        for table in self._tables:
            if table is not None:
                table.bind(storage, address)

    def feed_memory(self, slot: int) -> np.ndarray | None:
        """Return the array into which the caller should copy the values to feed for a slot. Return
        None if runs read the fed array directly.
        """
        return self._arrays[slot] if slot in self._fed else None

    def _give(self, given: Mapping[int, np.ndarray]) -> None:
        """Bind the given arrays as inputs of the plan: feeds, and the arrays of variables that were
        replaced. Copy small feeds.
        """
        fed, own, arrays = self._fed, self._own, self._arrays
        for slot, array in given.items():
            if slot in fed:
                arrays[slot][...] = array
            elif slot in self._swapped and arrays.get(slot) is not array:
                self._place(slot, array, self._swapped[slot].address(array))
            elif slot not in own or arrays.get(slot) is not array:
                self._set(slot, plain(array))

    def let_go(self, given: Iterable[int]) -> None:
        """Release the arrays that were given to a run, so that their memory can be freed. The next
        run must pass them again.
        """
        kept = {*self._fed, *self._swapped, *self.plan.home.values()}
        for slot in given:
            if slot not in kept:
                self._arrays.pop(slot, None)

    def _new_array(self, storage: int) -> np.ndarray:
        """Allocate an array for a storage of the plan.

        Raises:
            RunError: there is not enough memory; the error names the node.
        """
        shape, dtype, size = self._made.get(storage) or self._layout(storage)
        try:
            require(size)
            return on_a_line(shape, dtype)
        except MemoryError as error:
            type_ = self.actions.types[storage]
            raise self.plan.no_memory(storage, f"its result, {type_}, does not fit") from error

    def _layout(self, storage: int) -> tuple[tuple[int, ...], np.dtype, int]:
        """Return shape, dtype and bytes of a storage's array."""
        type_ = self.actions.types[storage]
        return type_.shape, numpy_dtype(type_.dtype), size_of([type_])  # type: ignore[return-value]

    def _place_arena(self) -> None:
        """If the arena, the block of memory for intermediate values, has moved since the last run,
        bind all storages in it again.
        """
        if self._generation == self.arena.generation:
            return  # it never gets smaller
        self.plan.reserve(self.arena)
        self._generation = self.arena.generation
        memory = self.arena.bytes
        for storage, allocation in self.plan.allocations.items():
            if allocation.kind == "arena":
                type_ = self.actions.types[storage]
                dtype = numpy_dtype(type_.dtype)
                self._set(storage, np.ndarray(type_.shape, dtype, memory, allocation.offset))  # type: ignore[arg-type]

    def _replace_shadow(self, variable: Node, array: np.ndarray) -> None:
        """Use the given array as the memory that kernels write a variable's next value to."""
        storage = self.plan.direct[variable]
        self.shadows[variable] = self._arrays[storage] = array
        self._bind(storage, address_of(array))

    def _store(self, variables: Variables) -> None:
        """Store the new values of variables by exchanging arrays: the variables get the arrays that
        the kernels wrote, and the plan gets the old arrays for the next values.
        """
        if variables.version == self._stored:  # they hold the values of the previous run
            variables.store_all(self.shadows)
            self._take_turns(*self._sets.turn(self._placed))
        else:
            self.take_shadows(variables.exchange_all(self.shadows))
        self._stored = variables.version

    def _take_turns(self, shadows: dict[Node, np.ndarray], placed: Placed) -> None:
        """Let kernels write the next values of variables into the arrays that held the values
        before the last run. Each variable alternates between two arrays.
        """
        self.shadows = shadows
        self._arrays.update(placed.arrays)
        for words, which, values in placed.words:
            words[which] = values

    def take_shadows(self, arrays: Sequence[np.ndarray | None]) -> None:
        """Let the next values of variables be written to the variables' previous arrays, which are
        given in the order of ``shadows``.
        """
        again = self._sets.again(arrays, self._placed)
        if again is not None:
            self._take_turns(*again)
            return
        shadows, self.shadows = self.shadows, {}
        for (variable, shadow), array in zip(shadows.items(), arrays, strict=True):
            if array is None or array.shape != shadow.shape:
                array = on_a_line(shadow.shape, shadow.dtype)
            self._replace_shadow(variable, array)
        self._sets.note(self.shadows)

    def _placed(self, shadows: Mapping[Node, np.ndarray]) -> Placed:
        """Return the addresses to write into the plan's launch tables so that kernels write the
        next values of variables into these arrays.
        """
        arrays = {self.plan.direct[variable]: array for variable, array in shadows.items()}
        addresses = [(storage, address_of(array)) for storage, array in arrays.items()]
        words = []
        for table in self._tables:
            if table is not None:
                cells = [
                    (word, address + offset)
                    for storage, address in addresses
                    for word, offset in table.cells.get(storage, ())
                ]
                program = table.program.words
                if len(cells) <= FEW:
                    words += [(program.data, word, value) for word, value in cells]
                else:
                    which, values = np.array(cells, np.int64).reshape(-1, 2).T.copy()
                    words.append((program, which, values))
        return Placed(arrays, words)

    def array(self, slot: int) -> np.ndarray:
        """Return the value of a slot as an array without copying. It is valid until the next
        run.
        """
        return _shaped(self._arrays[self.actions.storage[slot]], self.actions.types[slot].shape)

    def _stays(self, storage: int) -> bool:
        """Return whether a fed value or a result is small enough to be copied, so that the plan can
        always use the same memory for it.
        """
        return self._layout(storage)[2] <= STAYS

    def take(self, values: Mapping[int, np.ndarray], lent: Collection[int] = ()) -> list[Any]:
        """Return the result of each fetch of the last run, with copies where the arrays will be
        overwritten, like `Executor.results`.
        """
        taken = []
        for slot, own in self._takes:
            value = None if slot is None else values[slot]
            if value is None or own or slot in lent:
                taken.append(value)
            else:
                taken.append(value.copy() if value.ndim else value[()])
        return taken

    # ---- running ------------------------------------------------------------------------------

    @property
    def draws(self) -> bool:
        """Whether a run may draw random numbers."""
        tables = [table for table in self._tables if table is not None]
        fallback = any(phase.fallback for phase in self.plan.phases)
        return fallback or any(table.keys or table.firsts for table in tables)

    def run(
        self,
        given: Mapping[int, np.ndarray],
        stream_of: StreamOf,
        cancel: threading.Event | None = None,
        profiler: ProgramTimer | None = None,
        bound: Callable[[], Mapping[int, np.ndarray]] | None = None,
    ) -> dict[int, np.ndarray]:
        """Run the plan, like `Interpreter.run`, and return the values by slot.

        The result does not contain values of variables that kernels write in place. The next run
        overwrites the returned arrays, except those in ``results``.

        Args:
            bound: returns those arrays that an earlier run was given and that are not passed again.
        """
        self._place_arena()
        self._running, self.given_by = True, None
        try:
            for storage in self.results:
                self._set(storage, self._new_array(storage))
            self._give(given)
            for storage, home in self._inplace:
                if self._arrays.get(storage) is not self._arrays[home]:
                    self._set(storage, self._arrays[home])
            for table, phase in self._phases:
                if table is not None and profiler is not None:
                    self._profile(table, phase, given, stream_of, profiler)
                elif table is not None:
                    self._drive(table, given, stream_of, cancel, bound)
                for group in phase.fallback:
                    with interruptible(cancel):
                        check_interrupt()
                        if profiler is not None:
                            profiler.reference(group, partial(self._run_python, group, stream_of))
                        else:
                            self._run_python(group, stream_of)
            return {slot: _shaped(self._arrays[at], shape) for slot, at, shape in self._ends}
        finally:
            self._running = False
            for storage in self.results:
                self._arrays.pop(storage, None)  # otherwise it would live as long as the plan

    def run_again(
        self,
        given: Mapping[int, np.ndarray],
        stream_of: StreamOf,
        cancel: threading.Event,
        bound: Callable[[], Mapping[int, np.ndarray]],
        variables: Variables,
    ) -> list[Any] | None:
        """Run the plan again, given only the inputs that changed since the last run. Commit the
        assigned variables and return the results.

        This is equivalent to `run`, `take` and `Executor.commit`, and faster. If the plan is not
        simple enough for it, return None and do nothing.

        Args:
            given: without values that are in `feed_memory` already; other arguments as in `run`.
            variables: receive the assigned values.
        """
        table = self._alone
        if table is None or self._generation != self.arena.generation or cancel.is_set():
            return None
        self._running = True
        try:
            for storage in self.results:
                self._set(storage, self._new_array(storage))
            if given:
                self._give(given)
            outcome = self.team.run(table.program, table.set_keys(stream_of) if table.keys else 0)
            arrays = self._arrays
            if outcome is not ONE_STEP:
                fed = {slot: arrays[slot] for slot in self._fed}
                self._refuse(outcome, {**bound(), **fed, **given}, stream_of)
            results = []
            for at, shape, own in self._answers:
                results.append(None if at is None else _for_caller(arrays[at], shape, own))
        finally:
            self._running = False
            for storage in self.results:
                self._arrays.pop(storage, None)
        if self.shadows:
            self._store(variables)
        return results

    def _refuse(
        self, outcome: Outcome, given: Mapping[int, np.ndarray], stream_of: StreamOf
    ) -> None:
        """If the run failed, raise its error. If it was stopped early, raise Cancelled."""
        if outcome.failure is not None:
            self.explain_failure(outcome, given, stream_of)
        if outcome.stopped:
            raise Cancelled("the run was stopped")

    def _drive(
        self,
        table: Table,
        given: Mapping[int, np.ndarray],
        stream_of: StreamOf,
        cancel: threading.Event | None,
        bound: Callable[[], Mapping[int, np.ndarray]] | None = None,
    ) -> None:
        if cancel is not None and cancel.is_set():
            raise Cancelled("the run was stopped")
        execution = table.set_keys(stream_of)
        slow = self._work > INTERRUPTIBLE_NS and not self._commits(table)
        slow = slow and threading.current_thread() is threading.main_thread()
        outcome = self.team.run(table.program, execution, interruptible=slow)
        if outcome is not ONE_STEP:
            self._refuse(outcome, {**bound(), **given} if bound else given, stream_of)

    def _profile(
        self,
        table: Table,
        phase: Phase,
        given: Mapping[int, np.ndarray],
        stream_of: StreamOf,
        profiler: ProgramTimer,
    ) -> None:
        execution = table.set_keys(stream_of)
        profiler.run(table.program, phase.levels, execution, table.loops)
        outcome = table.program.outcome()
        if outcome.failure is not None:
            self.explain_failure(outcome, given, stream_of)

    def stop(self) -> None:
        """Stop a run in another thread, between two kernels."""
        if self._running:
            for table in self._tables:
                if table is not None and not self._commits(table):
                    table.program.stop(now=True)

    def _commits(self, table: Table) -> bool:
        """Return whether a launch table of the plan updates variables in place.

        Such a table is not stopped once it has begun, because a partial update would damage the
        variables.
        """
        return bool(self.plan.inplace) and table is self._tables[-1]

    def _run_python(self, group: Group, stream_of: StreamOf) -> None:
        action = group.actions[0]
        inputs = [self.array(s) for s in action.inputs]
        outs = call_reference(action.node, inputs, stream_of)
        for slot, out in zip(action.outputs, outs, strict=True):
            np.copyto(self.array(slot), out, casting="no")

    def explain_failure(
        self, outcome: Outcome, given: Mapping[int, np.ndarray], stream_of: StreamOf
    ) -> None:
        """Run a failed run again with the ops' reference implementations, to raise an error that
        names the op and the reason.

        Raises:
            RunError: always.
        """
        if self._interpreter is None:
            schedule = self.actions.schedule
            self._interpreter = Interpreter(schedule, self.actions.types[: len(schedule.slots)])
        self._interpreter.run(given, stream_of)
        raise RunError(
            f"a compiled kernel failed ({outcome.failure}), but the reference ran without an error",
            hint=REFERENCE_HINT,
        )


def _shaped(array: np.ndarray, shape: Shape | None) -> np.ndarray:
    return array if array.shape == shape else array.reshape(shape)  # type: ignore[arg-type]


def _for_caller(array: np.ndarray, shape: Shape | None, own: bool) -> Any:
    """Return values for a caller: the array itself if the caller owns it, otherwise a copy; for
    rank 0 a scalar.
    """
    if array.shape != shape:
        array = array.reshape(shape)  # type: ignore[arg-type]
    if own:
        return array
    return array.copy() if array.ndim else array[()]
