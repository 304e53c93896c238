"""Runs one schedule as one jitted function, in the role of `nodeflow.engine.tiered_execution`."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from nodeflow.engine.interpreter import Interpreter, StreamOf, Values
from nodeflow.engine.runtime.context import RanTier, RunContext, Streams
from nodeflow.engine.schedule.schedule import Schedule
from nodeflow.engine.variables import Variables
from nodeflow.errors import Cancelled, RunError
from nodeflow.graph.graph import Node
from nodeflow.graph.types import TensorType
from nodeflow.integrations.jax.errors import NotOnJax, in_words, jax_package
from nodeflow.integrations.jax.settings import settings

Arrays = dict[int, Any]
"""JAX arrays by slot."""
AnyValues = Values | Arrays
"""The values of a run: of `JaxExecutor`, or of another executor."""


class JaxExecutor:
    """An executor that runs one schedule with concrete types on JAX.

    Attributes:
        tier: ``compiled``, because JAX compiles everything.
        interpreter: the reference interpreter, which computes initial values and explains failures.
    """

    def __init__(
        self, schedule: Schedule, types: Sequence[TensorType], context: RunContext
    ) -> None:
        jax_package()
        self.schedule = schedule
        self.types = types
        self.tier: RanTier = "compiled"
        self.interpreter = Interpreter(schedule, types, context.executions)
        self._variables = context.variables
        self._functions: dict[tuple, _Function] = {}
        computed = {slot for step in schedule.steps for slot in step.outputs}
        wanted = [*(f for f in schedule.fetches if f is not None), *schedule.writes.values()]
        self._made = tuple(dict.fromkeys(slot for slot in wanted if slot in computed))

    def run(
        self,
        given: Mapping[int, np.ndarray],
        stream_of: StreamOf,
        cancel: threading.Event | None,
    ) -> Arrays:
        """Compute the schedule, like `Interpreter.run`, with JAX arrays. A started run cannot be
        cancelled.

        Raises:
            RunError: an op failed.
            NotOnJax: JAX cannot compute a node.
        """
        if cancel is not None and cancel.is_set():
            raise Cancelled("the run was stopped")
        assert isinstance(stream_of, Streams)
        function = self._function(stream_of, tuple(given))
        arrays = self._placed(given)
        with in_words(), settings():
            execution = np.uint32(stream_of.execution & _WORD)
            made, failed = function(tuple(arrays.values()), execution)
            jax_package().block_until_ready(made)  # else a feed could change while it is read
        if function.places and np.any(np.asarray(failed)):
            self._explain(given, stream_of, function, np.asarray(failed))
        for step in self.schedule.steps:
            if step.node.op.counted:
                stream_of.count(step.node)
        return {**arrays, **dict(zip(self._made, made, strict=True))}

    def results(self, values: AnyValues, lent: Collection[int] = ()) -> list[Any]:
        """Return the fetched results, like `Executor.results`. All arrays are copies."""
        return [None if slot is None else own_array(values[slot]) for slot in self.schedule.fetches]

    def commit(self, values: AnyValues, variables: Variables) -> None:
        """Store the variables that the last run assigned.

        The arrays stay on the device until they are read.
        """
        held = {id(variables.placed(v)) for v in self.schedule.reads}
        for variable, slot in self.schedule.writes.items():
            array: Any = values[slot]
            if slot not in self._made:
                variables.put(variable, np.asarray(array))
                continue
            shared = id(array) in held  # a training step takes the memory of each variable
            held.add(id(array))
            variables.place(variable, array.copy() if shared else array)

    def is_ready(self) -> bool:
        """Return True, because JAX compiles nothing in the background."""
        return True

    def needs(self) -> NoReturn:
        """Refuse to state the memory that a run needs, because only JAX knows it.

        Raises:
            RunError: always.
        """
        raise RunError(
            "JAX decides itself how much memory a run takes", hint="Leave out the backend."
        )

    def stop(self) -> None:
        """Do nothing, because a run on JAX cannot be stopped and ends by itself."""

    def compile_now(self) -> NoReturn:
        """Raise NotOnJax, because JAX compiles the run itself, so that there is no plan of
        nodeflow's kernels.

        Raises:
            NotOnJax: always.
        """
        raise NotOnJax("JAX compiles this run, so there is no plan of nodeflow's kernels")

    def text(self, given: Mapping[int, np.ndarray], stream_of: StreamOf) -> str:
        """Return the program text that JAX compiles."""
        assert isinstance(stream_of, Streams)
        function = self._function(stream_of, tuple(given))
        with settings():
            return function.text(tuple(self._placed(given).values()))

    def _placed(self, given: Mapping[int, Any]) -> Arrays:
        """Return the inputs of a run with the values of variables as arrays on the device.

        A value that has to be sent is kept there for later runs.
        """
        arrays = dict(given)
        for variable, slot in self.schedule.reads.items():
            if slot in arrays:
                arrays[slot] = placed(self._variables, variable)
        return arrays

    def _function(self, streams: Streams, slots: tuple[int, ...]) -> _Function:
        key = (streams.purpose, streams.seed, streams.shared, slots)
        if key not in self._functions:
            self._functions[key] = _Function(self.schedule, self.types, self._made, slots, streams)
        return self._functions[key]

    def _explain(
        self, given: Mapping[int, Any], streams: Streams, function: _Function, failed: np.ndarray
    ) -> NoReturn:
        """Raise the error of the failed op, with the message of the reference interpreter."""
        from nodeflow.integrations.jax.failures import raise_first

        self.interpreter.run({s: np.asarray(a) for s, a in given.items()}, streams)
        raise_first(function.places, failed)
        raise AssertionError("something failed")


_WORD = 0xFFFFFFFF


class _Function:
    """A jitted schedule for the random streams of one seed and purpose.

    Attributes:
        places: the places that may fail, known once the function has been traced.
    """

    def __init__(
        self,
        schedule: Schedule,
        types: Sequence[TensorType],
        made: tuple[int, ...],
        slots: tuple[int, ...],
        streams: Streams,
    ) -> None:
        from nodeflow.integrations.jax.failures import Failures
        from nodeflow.integrations.jax.program import Program, pick
        from nodeflow.integrations.jax.streams import Stream

        jax = jax_package()
        program = Program(schedule, types)
        self.places: list[tuple[str, str]] = []

        def function(arrays: tuple[Any, ...], execution: Any) -> Any:
            def stream_of(node: Node) -> Stream:
                return Stream(*streams(node).origin, execution)

            failures = Failures()
            values = program.trace(dict(zip(slots, arrays, strict=True)), stream_of, failures)
            self.places = failures.places
            return pick(values, made), failures.stacked()

        self._jitted = jax.jit(function)

    def __call__(self, arrays: tuple[Any, ...], execution: Any) -> Any:
        return self._jitted(arrays, execution)

    def text(self, arrays: tuple[Any, ...]) -> str:
        return self._jitted.lower(arrays, np.uint32(0)).as_text()


def placed(variables: Variables, variable: Node) -> Any:
    """Return a variable's value as a JAX array on the device. It is sent to the device only at the
    first call.
    """
    array = variables.placed(variable)
    if array is None:
        jax = jax_package()
        with settings():
            array = jax.numpy.array(variables.read(variable), copy=True)
        variables.note_placed(variable, array)
    return array


def own_array(value: Any) -> Any:
    """Return a copy of a JAX array as a numpy array, or as a scalar for rank 0."""
    array = np.array(value, order="C", copy=True)
    return array[()] if array.ndim == 0 else array
