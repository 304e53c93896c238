"""Many training steps in one jitted function, in the role of `runtime.compiled_steps`.

The rows of a data set are sent to the device once, in their stored form, if they fit there;
each step gathers its batch. Several steps form one JAX loop. The number of steps and the
optimizer's numbers are arguments, so changing them causes no compilation. The memory of the
variables is donated to the function, which returns their new values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from nodeflow.engine.chunker import LARGEST
from nodeflow.engine.columns import Column
from nodeflow.engine.interpreter import Interpreter
from nodeflow.engine.runtime.context import RunContext
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.graph.graph import Node, Tensor
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.integrations.jax.errors import NotOnJax, in_words, jax_package
from nodeflow.integrations.jax.executor import placed
from nodeflow.integrations.jax.rows import Rows, batch_of, rows_of
from nodeflow.integrations.jax.settings import settings

if TYPE_CHECKING:
    from nodeflow.integrations.jax.program import Program


class JaxSteps:
    """A runner of training steps on batches of columns. The caller holds the session's lock.

    Args:
        types: the types of the schedule's slots, with the sizes of a batch.
        columns: the columns that batches are gathered from, all in memory.
        given: values that are fed to all steps, by slot.

    Attributes:
        steps_done: number of complete steps of the last run, even if it raised.

    Raises:
        SoftwareMissing: jax is not installed.
        NotOnJax: JAX cannot compute a node.
    """

    def __init__(
        self,
        schedule: Schedule,
        types: Sequence[TensorType],
        columns: Mapping[Tensor, Column],
        batch_size: int,
        context: RunContext,
        given: Mapping[int, np.ndarray],
    ) -> None:
        jax_package()
        self.schedule, self.types, self.context = schedule, types, context
        self.columns = {schedule.feeds[t]: c for t, c in columns.items() if t in schedule.feeds}
        self.batch_size = batch_size
        self.steps_done = 0
        self._given = {slot: np.array(array, copy=True) for slot, array in given.items()}
        self._scalars = [slot for slot in schedule.fetches if slot is not None]
        self._written = list(schedule.writes)
        self._read = [v for v in schedule.reads if v not in schedule.writes]
        self._check_writes()
        with settings():
            self._rows = self._source()
        self._places: list[tuple[str, str]] = []
        self._is_warm = False
        self._piece = self._jitted()

    def feed(self, slot: int, array: np.ndarray) -> None:
        """Change a value that is fed to all steps."""
        self._given[slot] = np.array(array, copy=True)

    def stop(self) -> None:
        """Do nothing: a call runs only a few steps, so it is not interrupted."""

    def run(self, first_step: int, count: int, epoch_first: int, order: np.ndarray) -> np.ndarray:
        """Run up to ``count`` steps. Return their scalars, float64 (steps, scalars).

        Raises:
            RunError: a step failed. Its changes are not stored.
        """
        count = min(count, LARGEST)
        self.steps_done = 0
        with in_words(), self._watched(), settings():
            arguments = self._arguments(first_step, count, epoch_first, order)
            variables, done, recorded, failed = self._piece(*arguments)
            self._is_warm = True
            made = int(done)  # raises what went wrong, before anything is stored
            for variable, array in zip(self._written, variables, strict=True):
                self.context.variables.place(variable, self._kept(array))
            self.steps_done = made
            recorded = np.asarray(recorded)[:made]
        if self._places and np.any(np.asarray(failed)):
            step = first_step + self.steps_done
            self._explain(step, epoch_first, order, np.asarray(failed))
        return recorded

    def warm(self) -> None:
        """Compile the training steps without executing one. The variables must be initialized."""
        if not self._is_warm:
            rows = min((len(c) for c in self.columns.values()), default=0)
            self.run(0, 0, 0, np.zeros(rows, np.int64))

    def text(self, step: int) -> str:
        """Return the program text that JAX compiles."""
        rows = np.zeros(self.batch_size, np.int64)
        with settings():
            return self._piece.lower(*self._arguments(step, 1, step, rows)).as_text()

    # ---- the function -------------------------------------------------------------------------

    def _jitted(self) -> Any:
        """Return the jitted function that makes several steps."""
        jax = jax_package()
        from jax import lax

        from nodeflow.integrations.jax.failures import Failures
        from nodeflow.integrations.jax.program import pick
        from nodeflow.integrations.jax.streams import Stream

        jnp, schedule = jax.numpy, self.schedule
        program = self._program()
        streams = self.context.stream_of("", 0)
        after = list(schedule.writes.values())

        def step(
            index: Any, variables: Any, fixed: Any, columns: Any, given: Any, order: Any, at: Any,
            first: Any,
        ) -> tuple[Any, Any, Any]:  # fmt: skip
            """Return the variables after a step, its scalars, and its failure flags."""
            execution = (first + index).astype(jnp.uint32)

            def stream_of(node: Node) -> Stream:
                return Stream(*streams(node).origin, execution)

            known = dict(zip(self._given, given, strict=True))
            if self.columns:
                known |= self._batch(columns, order, at + index)
            now = dict(zip([*self._written, *self._read], [*variables, *fixed], strict=True))
            known |= {slot: now[variable] for variable, slot in schedule.reads.items()}
            failures = Failures()
            values = program.trace(known, stream_of, failures)
            self._places = failures.places
            scalars = [jnp.reshape(values[s], ()).astype(jnp.float64) for s in self._scalars]
            row = jnp.stack(scalars) if scalars else jnp.zeros(0, jnp.float64)
            return pick(values, after), row, failures.stacked()

        traced_once = jax.jit(step)

        def piece(variables: Any, count: Any, *others: Any) -> Any:
            def goes_on(state: Any) -> Any:
                return (state[0] < count) & ~jnp.any(state[3])

            def body(state: Any) -> Any:
                index, before, recorded, _ = state
                new, row, failed = traced_once(index, before, *others)
                recorded = lax.dynamic_update_index_in_dim(recorded, row, index, 0)
                if not failed.shape[0]:
                    return index + 1, new, recorded, failed
                bad = jnp.any(failed)
                new = tuple(jnp.where(bad, o, n) for o, n in zip(before, new, strict=True))
                return jnp.where(bad, index, index + 1), new, recorded, failed

            index = jnp.zeros((), jnp.int64)
            failed = jax.eval_shape(traced_once, index, variables, *others)[2]
            recorded = jnp.zeros((LARGEST, len(self._scalars)), jnp.float64)
            begun = (index, variables, recorded, jnp.zeros(failed.shape, bool))
            done, variables, recorded, failed = lax.while_loop(goes_on, body, begun)
            return variables, done, recorded, failed

        return self._compiled(piece)

    # ---- what differs between one process and several (`parallel.steps`) ------------------------

    def _source(self) -> Rows:
        """Return the data source of the compiled training steps, where each step gathers its
        batch.
        """
        return rows_of(self.columns, self.batch_size)

    def _batch(self, stored: Sequence[Any], order: Any, at: Any) -> dict[int, Any]:
        """Return the rows of step ``at``, traced, by slot."""
        from jax import lax

        which = lax.dynamic_slice(order, (at * self.batch_size,), (self.batch_size,))
        return batch_of(self.columns, stored, which)

    def _program(self) -> Program:
        from nodeflow.integrations.jax.program import Program

        return Program(self.schedule, self.types)

    def _compiled(self, piece: Callable[..., Any]) -> Any:
        """Compile a function that runs several training steps with ``jax.jit``. The arrays of the
        variables are donated to it.
        """
        return jax_package().jit(piece, donate_argnums=0)

    def _watched(self) -> AbstractContextManager[None]:
        """Return a context manager that is entered around each call of the compiled function. By
        default it does nothing.
        """
        return nullcontext()

    def _given_to_all(self, array: Any) -> Any:
        """Return a variable's array in the form that the compiled function takes: here,
        unchanged.
        """
        return array

    def _kept(self, array: Any) -> Any:
        """Convert a variable's array from the compiled function's result to the form that the
        session stores: here, unchanged.
        """
        return array

    # ---- its arguments ------------------------------------------------------------------------

    def _arguments(
        self, first_step: int, count: int, epoch_first: int, order: np.ndarray
    ) -> tuple[Any, ...]:
        """Return the arguments of the jitted function."""
        at = first_step - epoch_first
        stored, order, at, count = self._rows.piece(order, at, count)
        return (
            tuple(self._given_to_all(self._variable(v)) for v in self._written),
            np.int64(count),
            tuple(self._given_to_all(placed(self.context.variables, v)) for v in self._read),
            stored,
            tuple(self._given.values()),
            order,
            np.int64(at),
            np.int64(first_step),
        )

    def _check_writes(self) -> None:
        """Raise NotOnJax if a step changes the type of a variable."""
        for variable, slot in self.schedule.writes.items():
            before = self.schedule.reads.get(variable)
            if before is not None and self.types[before] != self.types[slot]:
                raise NotOnJax(
                    f"it is {self.types[before]} before a step and {self.types[slot]} after it",
                    node=variable.name,
                    hint="Give it one shape.",
                )

    def _variable(self, variable: Node) -> Any:
        """Return the device array of a variable that the training step assigns.

        Allocate it if the step does not read it first. The compiled function may reuse its memory.
        """
        variables = self.context.variables
        type_ = self.types[self.schedule.writes[variable]]
        if variable not in self.schedule.reads and variables.placed(variable) is None:
            variables.ensure(variable, type_.shape, numpy_dtype(type_.dtype))  # type: ignore[arg-type]
        return placed(variables, variable)

    def _explain(
        self, step: int, epoch_first: int, order: np.ndarray, failed: np.ndarray
    ) -> NoReturn:
        """Raise the error of a failed training step. Repeat the step in the interpreter, because
        its error messages name the node.

        Args:
            step: number of the failed step.
            epoch_first: number of the first step of the epoch.
            order: the row numbers of the epoch, in batch order.
            failed: which of the compiled checks failed.
        """
        from nodeflow.integrations.jax.failures import raise_first

        start = (step - epoch_first) * self.batch_size
        which = order[start : start + self.batch_size]
        given = dict(self._given)
        given.update({slot: column.rows(which) for slot, column in self.columns.items()})
        variables = self.context.variables
        given.update({slot: variables.read(v) for v, slot in self.schedule.reads.items()})
        Interpreter(self.schedule, self.types).run(given, self.context.stream_of("", step))
        raise_first(self._places, failed)
        raise AssertionError("something failed")
