"""A Session runs a graph, as in TensorFlow 1: ``run(fetches, feed_dict)`` and variables.

The schedule defines the meaning of a run, and both tiers execute it. The session checks feeds,
keeps the variables, caches plans and chooses the tier.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, NoReturn, Self, cast

import numpy as np

from nodeflow.engine.backend import NUMBA, BackendExecutor, check_backend
from nodeflow.engine.columns import Column
from nodeflow.engine.config import ConfigProto
from nodeflow.engine.events import CompileFailure
from nodeflow.engine.feeds import check_feeds, fed_tensor, feed_keys, missing_feed, sample_of
from nodeflow.engine.fetches import as_target, flatten_fetches
from nodeflow.engine.initial_values import require_memory, variables_named
from nodeflow.engine.input_streams import InputStreams
from nodeflow.engine.interpreter import Values, call_reference
from nodeflow.engine.known_run import KnownRun, key_of
from nodeflow.engine.memory import Needs
from nodeflow.engine.phase import INFERENCE, Phase, PhaseRule, steps_before
from nodeflow.engine.plan.passes import resolve
from nodeflow.engine.prepared_runs import PreparedRuns
from nodeflow.engine.recorded_runs import (
    RunMetadata,
    RunOptions,
    check_callable_options,
    check_recording,
    whole_run,
)
from nodeflow.engine.runtime.context import RunContext, Tier
from nodeflow.engine.schedule.schedule import Schedule, resolve_alias
from nodeflow.engine.session_state import SessionState
from nodeflow.engine.stages import AnyExecutor, explain_run
from nodeflow.engine.step_values import StepValues
from nodeflow.engine.stepper import Stepper
from nodeflow.engine.threefry_streams import Stream
from nodeflow.engine.tiered_execution import Executor
from nodeflow.errors import FeedError, FetchError, GraphError, RunError, a_type
from nodeflow.graph.devices import DeviceKept
from nodeflow.graph.graph import Graph, Node, Tensor, get_default_graph
from nodeflow.graph.session_hooks.default_session import default_session, enter, is_entered, leave
from nodeflow.graph.tensor_methods.notebook_display import NotebookDisplay
from nodeflow.number_text import counted
from nodeflow.ops.variables.stored import is_stored, stored_value
from nodeflow.public import public_methods


@public_methods("initialize", "make_callable", "needs")
class Session(NotebookDisplay, SessionState):
    """A graph with the values of its variables. Runs any part of the graph.

    Args:
        graph: the graph to run; default: the default graph.
        tier: ``reference`` runs op by op in numpy; ``compiled`` compiles before it answers;
            ``auto`` answers from the reference while a separate process compiles.
        threads: threads of the compiled tier; default: ``NODEFLOW_NUM_THREADS`` or all cores. The
            results do not depend on it.
        memory: limit in bytes for the values of one run, besides feeds and variables; None: all
            free memory. Results are the same under all limits. With a limit, training steps over
            many rows also run in blocks, and keep fewer values for the backward pass.
        seed: seed of all random numbers: the same seed gives the same numbers. None: the seed that
            `nf.set_random_seed` gave the graph, or 0.
        config: TensorFlow 1's `ConfigProto`; its thread counts are used if ``threads`` is None.
        without: ids or aliases of rewrites to disable (see `passes.REWRITES`). Disabling an exact
            rewrite changes no bit of a result.
        on_compile_failure: called from any thread when kernels fail to compile in the background,
            while the reference continues; default: a warning in the log.
        backend: ``numba``, nodeflow's own engine, or the name of a backend that an integration
            offers. Another backend has its own compiler, threads and memory.

    Attributes:
        runs: number of runs so far that were no training step; random ops in the next run draw by
            it.

    A session may be used from several threads; one runs at a time. In a ``with`` statement the
    session and its graph are the thread's default session and graph, and the session is closed at
    the end.

    Raises:
        RunError: an argument is of the wrong kind, or the backend does not support it.
        NotOffered: no integration here has the backend.
        SoftwareMissing: the software of the backend is not installed.
    """

    def __init__(
        self,
        graph: Graph | None = None,
        *,
        tier: Tier = "auto",
        threads: int | None = None,
        seed: int | None = None,
        without: Collection[str] = (),
        on_compile_failure: Callable[[CompileFailure], None] | None = None,
        config: ConfigProto | None = None,
        memory: int | None = None,
        backend: str = NUMBA,
    ) -> None:
        if tier not in ("auto", "reference", "compiled"):
            raise RunError(f"tier must be auto, reference or compiled, not {tier!r}")
        if graph is not None and not isinstance(graph, Graph):
            is_file = isinstance(graph, (str, os.PathLike))
            hint = f"Load the file: nf.Session(nf.load({str(graph)!r}))." if is_file else None
            text = f"expected a Graph to run, not {graph!r:.80}"
            raise GraphError(text, hint=hint or "Leave it out for the default graph.")
        if config is not None and not isinstance(config, ConfigProto):
            raise RunError(f"config is {a_type(config)}", hint="Give a ConfigProto.")
        if threads is None and config is not None:
            threads = config.threads
        if memory is not None and (not isinstance(memory, int) or memory < 1):
            raise RunError(f"memory must be a number of bytes, not {memory!r}")
        self.graph = graph or get_default_graph()
        switched_off = resolve(without)
        check_backend(backend, tier, threads, switched_off, memory)
        self._context = RunContext(
            self.graph, seed, threads, switched_off, on_compile_failure, memory, backend
        )
        self._asked: Tier = tier
        self._wanted: Tier = tier if backend == NUMBA else "compiled"
        self._last: AnyExecutor | None = None
        self._cancel = threading.Event()
        self._known: dict[Hashable, KnownRun] = {}
        self._prepared = PreparedRuns(self._context, self._wanted)
        self.runs = 0
        self._inputs = InputStreams(self.graph)

    # ---- running ------------------------------------------------------------------------------

    def run(
        self,
        fetches: Any,
        feed_dict: Mapping[Any, Any] | None = None,
        options: RunOptions | None = None,
        run_metadata: RunMetadata | None = None,
        *,
        training: bool | None = None,
    ) -> Any:
        """Compute the fetches and whatever they need, and nothing else.

        A run that executes an optimizer's update, directly or as a dependency, is a training step:
        dropout, batch normalisation and similar layers are in their training phase, and random ops
        draw the numbers of the optimizer's next step, as in `nf.train`. Any other run is inference.

        Args:
            fetches: a name, Tensor or Node, or lists, tuples and dicts of them, nested.
            feed_dict: values by tensor or name. Any tensor can be fed; its inputs then do not run
                for it. Values are converted to the tensor's dtype: numbers and bools to floats, and
                to integers and bools if every value fits.
            options: with a ``trace_level`` and ``run_metadata``, the run is recorded like
                `profile`.
            run_metadata: receives the record.
            training: the phase of this run; None: as described above. It does not override a fed
                ``is_training``, or a tensor or bool given to a layer as its ``training``.

        Returns:
            The same structure with each fetch replaced by its value: an array, a numpy scalar for
                rank 0, or None for a node without outputs. Values are copies.

        Raises:
            FetchError, UnknownName: a fetch cannot be fetched.
            FeedError: a fed value does not fit its tensor.
            MissingFeed: a required placeholder has no value.
            NotInitialized: a required variable has no value.
            AssignOrderError: two assigns to one variable without an order.
            RunError: an op failed; names the node. Nothing is then assigned.
            Cancelled: ``cancel`` was called while it ran.
            ArgumentProblem: the options or the metadata have the wrong type.
        """
        if options is not None or run_metadata is not None:
            check_recording(options, run_metadata)
            if options is not None and options.trace_level and run_metadata is not None:
                found, run_metadata.step_stats = self.profile(fetches, feed_dict, training=training)
                return found
        if not self.graph.devices_noted:
            self._note_devices()
        with self._context.lock:
            return self._answer(*self._question(fetches, feed_dict), training)

    def make_callable(
        self, fetches: Any, feed_list: Sequence[Any] | None = None, accept_options: bool = False
    ) -> Callable[..., Any]:
        """Return a function that runs the fetches, with its arguments as the feeds.

        This is the fast way to repeat a run, because fetches and feeds are looked up only once,
        here.

        Args:
            fetches: as in `run`.
            feed_list: tensors or names, one for each argument of the function.
            accept_options: whether the function takes ``options`` and ``run_metadata``, as `run`.

        Returns:
            A function of one value for each tensor of ``feed_list``, in that order. It returns and
                raises the same as `run`, and a FeedError for a wrong number of values.

        Raises:
            FetchError, FeedError, UnknownName: a fetch or feed is invalid, or a tensor is fed
                twice.
        """
        self._note_devices()
        queries: list[Any] = []
        known: KnownRun | None = None
        prepared, lock = self._prepared, self._context.lock
        era = prepared.era
        targets, pack = flatten_fetches(self.graph, fetches, queries.append)
        keys = feed_keys(self.graph, feed_list)
        expected = len(keys)

        def call(*values: Any, **options: Any) -> Any:
            nonlocal known, era
            if len(values) != expected:
                raise FeedError(f"{counted(expected, 'value')} expected, not {len(values)}")
            if options or queries:
                check_callable_options(options, accept_options)
                return self.run(fetches, dict(zip(keys, values, strict=True)), **options)
            with lock:
                if known is None or era is not prepared.era:
                    self._context.check_open()
                    era, fed = prepared.era, {resolve_alias(key) for key in keys}
                    known = KnownRun(*prepared.schedule(targets, fed), pack, keys)
                return self._answer(known, known.arrays(values) if values else ())

        return call

    def profile(
        self,
        fetches: Any,
        feed_dict: Mapping[Any, Any] | None = None,
        *,
        training: bool | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Execute the fetches like `run`, with compiled kernels, and measure the time of every
        kernel.

        If sizes become known only during the run, there is no plan of the whole run. Then it is
        measured as a single entry.

        Returns:
            The values, and a trace in Chrome's format: a dict to be written as JSON.
        """
        from nodeflow.engine.inspect.profile import Profiler

        with self._context.lock:
            executor, given, phase, pack = self._prepare(fetches, feed_dict, training)
            stream_of = self._streams(phase)
            if not isinstance(executor, Executor):
                if self.backend != NUMBA:  # it compiles in the first run
                    executor.run(given, stream_of, self._cancel)
                start = time.perf_counter()
                values = executor.run(given, stream_of, self._cancel)
                trace = whole_run(time.perf_counter() - start)
                return pack(self._finish(executor, values, phase)), trace
            compiled = executor.compile_now()
            compiled.run(given, stream_of)  # touches all memory before timing
            profiler = Profiler(compiled.actions, self.team().n)
            values = compiled.run(given, stream_of, profiler=profiler)
            executor.tier = self._context.tier = "compiled"
            return pack(self._finish(executor, values, phase)), profiler.trace()

    def partial_run_setup(self, fetches: Any, feeds: Any = None) -> NoReturn:
        """Raise a FetchError, because partial runs of TensorFlow 1 are not supported: a run
        computes all of its fetches at once.
        """
        raise FetchError(
            "a run is not interrupted to be fed again",
            hint="Run the first fetches, and feed what follows from them in a second run.",
        )

    def partial_run(self, handle: Any, fetches: Any, feed_dict: Any = None) -> NoReturn:
        """Raise a FetchError, because partial runs of TensorFlow 1 are not supported."""
        self.partial_run_setup(fetches)

    def explain(
        self,
        fetches: Any,
        feed_dict: Mapping[Any, Any] | None = None,
        *,
        training: bool | None = None,
    ) -> str:
        """Return the optimized plan of a run as text: rewrites, fusions, memory and code."""
        with self._context.lock:
            executor, given, phase, _ = self._prepare(fetches, feed_dict, training)
            if self.backend != NUMBA:
                running = cast(BackendExecutor, executor)
                return running.text(given, self._context.stream_of("", 0))
            return explain_run(executor, self.without, updating=bool(phase.training))

    def needs(
        self,
        fetches: Any,
        feed_dict: Mapping[Any, Any] | None = None,
        *,
        training: bool | None = None,
    ) -> Needs:
        """Plan a run and return the memory it needs, without running. Arguments as for `run`.

        A stream that feeds it advances by one element.
        """
        with self._context.lock:
            executor, *_ = self._prepare(fetches, feed_dict, training)
            return executor.needs()

    def _streams(self, phase: Phase) -> Callable[[Node], Stream]:
        """Return a function that maps nodes to their random streams, for the training step or run
        that begins now. Count the run.
        """
        if phase.is_step:
            step = steps_before(self._context.steps, phase.optimizers)
            if self.tiers is not None:
                self.tiers.step = step
            return self._context.stream_of("", step)
        self.runs += 1
        return self._context.stream_of("run", self.runs - 1)

    def _finish(self, executor: AnyExecutor, values: Values, phase: Phase) -> list[Any]:
        """Store the values that a run assigned to variables, and count its optimizer steps. Return
        the fetched values.
        """
        results = executor.results(values)
        executor.commit(values, self.variables)
        self._count_step(phase)
        return results

    def _count_step(self, phase: Phase) -> None:
        for name in phase.optimizers:
            self._context.steps[name] = self._context.steps.get(name, 0) + 1

    def _prepare(
        self, fetches: Any, feed_dict: Mapping[Any, Any] | None, training: bool | None
    ) -> tuple[AnyExecutor, dict[int, np.ndarray], Phase, Callable[[list[Any]], Any]]:
        """Look up or create everything that a run needs: its executor, inputs, phase, and a
        function that arranges the results like the fetches.

        The caller holds the lock.
        """
        known, arrays = self._question(fetches, feed_dict)
        return *self._prepare_known(known, arrays, training), known.pack

    def _question(
        self, fetches: Any, feed_dict: Mapping[Any, Any] | None
    ) -> tuple[KnownRun, Sequence[np.ndarray]]:
        """Return the prepared run for these fetches and feeds, from the cache if possible. Also
        return the arrays that are fed.
        """
        key = key_of(fetches, feed_dict)
        known = None if key is None else self._known.get(key)
        if known is not None:
            return known, known.arrays([*feed_dict.values()]) if feed_dict else ()
        self._context.check_open()
        targets, pack = flatten_fetches(self.graph, fetches, lambda query: query.ask(self))
        fed = check_feeds(self.graph, feed_dict)
        known = KnownRun(*self._prepared.schedule(targets, {*map(resolve_alias, fed)}), pack, fed)
        known.comes_again = key is not None
        if known.comes_again:
            self._known[key] = known
        return known, known.arrays([*fed.values()])

    def _answer(
        self, known: KnownRun, arrays: Sequence[np.ndarray], training: bool | None = None
    ) -> Any:
        """Run a prepared run with new feeds and return the fetches. If only fed values changed
        since the last run, use the faster path with bound arguments.
        """
        shapes = known.shapes
        bound = known.current if training is None else None
        if self._cancel.is_set():
            self._cancel.clear()
        if bound is not None and bound.holds() and not self.graph.streams:
            self._last, self._context.tier = bound.executor, "compiled"
            if bound.draws:
                results = bound.run(arrays, self._streams(bound.phase), self._cancel)
                self._count_step(bound.phase)
            else:
                self.runs += 1
                results = bound.run(arrays, bound.unused, self._cancel)
            return known.pack(results)
        executor, given, phase = self._prepare_known(known, arrays, training)
        self._last = executor
        values = executor.run(given, self._streams(phase), self._cancel)
        self._context.tier = executor.tier
        results = self._finish(executor, values, phase)
        if training is None and known.comes_again:
            known.keep(shapes, self._prepared.bind(known, executor, given, phase))
        return known.pack(results)

    def _prepare_known(
        self, known: KnownRun, arrays: Sequence[np.ndarray], training: bool | None
    ) -> tuple[AnyExecutor, dict[int, np.ndarray], Phase]:
        """Return everything that a known run needs: its executor, inputs and phase. Initialize
        variables first if the run contains an initializer.

        The caller holds the lock.
        """
        schedule, feeds = known.schedule, known.feeds(arrays)
        feed_dict = dict(zip(known.fed, arrays, strict=True))
        for node in schedule.initializers:
            self.initialize(node.attrs["variables"], feed_dict)
        phase = known.rule.phase(feeds, training)
        if self.graph.streams:
            steps = (step.node for step in schedule.steps)
            self._inputs.begin_run(steps, lambda tensors: self.run(tensors, feed_dict))
        given = self._given(schedule, feeds, phase)
        return self._prepared.executor(schedule, given, phase), given, phase

    def _given(
        self, schedule: Schedule, feeds: Mapping[Tensor, np.ndarray], phase: Phase = INFERENCE
    ) -> dict[int, np.ndarray]:
        """Return the inputs of a run by slot: feeds, sample values of placeholders, and values of
        variables.
        """
        given = {slot: self._feed(tensor, feeds, phase) for tensor, slot in schedule.feeds.items()}
        given.update(self._prepared.reads(schedule).arrays)
        return given

    def _feed(self, tensor: Tensor, feeds: Mapping[Tensor, np.ndarray], phase: Phase) -> np.ndarray:
        """Return the value to feed for a tensor.

        Take the first that exists of: the user's feed, the phase (for a training flag), the next
        element of an input stream, the sample value.
        """
        if tensor in feeds:
            return feeds[tensor]
        array = phase.feed(tensor)
        if array is None and tensor in self.graph.streams:
            array = self._inputs.value(tensor, self.run, feeds)
        if array is None and (array := sample_of(tensor)) is None:
            raise missing_feed(tensor)
        return array

    def _note_devices(self) -> None:
        """Warn once that nodes assigned to another device are computed on the CPU."""
        if not self.graph.devices_noted:
            self.graph.devices_noted = True
            if note := self.graph.device_note():
                warnings.warn(note, DeviceKept, stacklevel=3)

    def twin(self, tier: Tier | None = None) -> Session:
        """Return another session of the same graph with the same options, without values.

        Args:
            tier: replaces this session's tier. Another backend always compiles; ``reference``
                is nodeflow's own engine.
        """
        backend = NUMBA if tier == "reference" else self.backend
        own = self._asked if tier is None or backend != NUMBA else tier
        return Session(
            self.graph,
            tier=own,
            threads=self.threads,
            seed=self.seed,
            without=self.without,
            backend=backend,
            memory=self.memory,
        )

    # ---- training -----------------------------------------------------------------------------

    def stepper(
        self,
        targets: Sequence[str | Tensor | Node],
        scalars: Sequence[str | Tensor],
        columns: Mapping[Any, Column],
        batch_size: int,
        *,
        feeds: Mapping[Any, Any] | None = None,
        first_step: int = 0,
        name: str = "",
        mixed: bool = False,
    ) -> Stepper:
        """Prepare many steps of ``targets`` on batches of data set columns.

        Args:
            targets: nodes that each step runs, usually an optimizer.
            scalars: tensors of one element, recorded at each step.
            columns: a column for each placeholder that gets batches.
            batch_size: rows of a batch.
            feeds: values of other tensors, the same in all steps.
            first_step: number of the first step, for a training that continues.
            name: tells it apart from other steppers of the same training.
            mixed: whether products round their float32 factors to bfloat16; see
                `backend.check_mixed`.

        Raises:
            FeedError, MissingFeed, FetchError: as `run`.
        """
        with self._context.exclusive():
            bound = {resolve_alias(fed_tensor(self.graph, k)): c for k, c in columns.items()}
            fixed = {resolve_alias(t): a for t, a in check_feeds(self.graph, feeds).items()}
            run = [as_target(self.graph, t) for t in targets]
            nodes = [t.node if isinstance(t, Tensor) else t for t in run]
            recorded = [as_target(self.graph, t) for t in scalars]
            schedule, _ = self._prepared.schedule((*nodes, *recorded), {**bound, **fixed})
            for node in schedule.initializers:
                raise FetchError("a training step cannot initialise variables", node=node.name)
            phase = PhaseRule(schedule, fixed).phase(fixed)
            given: dict[int, np.ndarray] = {}
            for tensor, slot in schedule.feeds.items():
                if tensor not in bound:
                    given[slot] = self._feed(tensor, fixed, phase)
            schedule = replace(schedule, is_mixed=mixed)
            stepper = Stepper(
                self._context, schedule, bound, batch_size, given, self._wanted, first_step, name
            )
            stepper.fixed, stepper.targets = fixed, nodes
            return stepper

    def look(self, stepper: Stepper, tensors: Sequence[Tensor]) -> StepValues:
        """Return an object that computes tensors in the next steps of a training. The training is
        given by its stepper, the object that runs the steps.

        Raises:
            MissingFeed: a placeholder that the step itself does not need has no value.
        """
        with self._context.exclusive():
            fed = {**stepper.columns, **stepper.fixed}
            schedule, rule = self._prepared.schedule((*stepper.targets, *tensors), fed)
            phase = rule.phase(stepper.fixed)
            given = {
                slot: self._feed(tensor, stepper.fixed, phase)
                for tensor, slot in schedule.feeds.items()
                if tensor not in stepper.columns
            }
            return stepper.look(tensors, schedule, given)

    def cancel(self) -> None:
        """Stop a run in another thread. It raises Cancelled there."""
        self._cancel.set()
        if self._last is not None:
            self._last.stop()

    # ---- variables ----------------------------------------------------------------------------

    def initialize(
        self,
        names: Iterable[str | Tensor | Node] | None = None,
        feed_dict: Mapping[Any, Any] | None = None,
    ) -> None:
        """Initialize variables: all variables of the graph, or the named ones.

        The same seed gives the same values, whatever ran before. If all variables are initialized,
        optimizers count their steps from 0 again.

        Args:
            feed_dict: for placeholders that an ``initial`` port depends on.

        Raises:
            UnknownName: no such variable.
            RunError: an initial value cannot be computed.
            FileProblem: an initial value is stored in a file that is missing or damaged.
        """
        with self._context.exclusive():
            if names is None:
                self._context.steps.clear()
            stream_of = self._context.stream_of("initialize", 0)
            for variable in variables_named(self.graph, names):
                require_memory(variable)
                if is_stored(variable):
                    self.variables.put(variable, stored_value(variable))
                    continue
                inputs = [self._initial(t, feed_dict) for t in variable.inputs]
                self.variables.put(variable, call_reference(variable, inputs, stream_of)[0])

    def _initial(self, tensor: Tensor, feed_dict: Mapping[Any, Any] | None) -> np.ndarray:
        """Compute the tensor that is connected to a variable's input ``initial``, and return its
        value.
        """
        feeds = {resolve_alias(t): a for t, a in check_feeds(self.graph, feed_dict).items()}
        schedule, _ = self._prepared.schedule((tensor,), feeds)
        given = self._given(schedule, feeds)
        executor = self._prepared.executor(schedule, given)
        given = {slot: np.asarray(array) for slot, array in given.items()}
        values = executor.interpreter.run(given, self._context.stream_of("initialize", 0))
        slot = schedule.fetches[0]
        assert slot is not None
        return values[slot]  # type: ignore[return-value]

    # ---- life ---------------------------------------------------------------------------------

    def forget_plans(self) -> None:
        """Drop all plans, because the owner of the graph has changed nodes of it."""
        with self._context.exclusive():
            self._forget()

    def close(self) -> None:
        """Forget values and plans. The session cannot run any more."""
        self._inputs.close_all()
        with self._context.lock:  # a bound run does not check whether the session is open
            self._context.close()
            self._forget()

    def _forget(self) -> None:
        """Forget everything known about runs, because Python may reuse the ids of deleted
        schedules.
        """
        self._known.clear()
        self._prepared.forget()
        self._last = None

    def as_default(self) -> AbstractContextManager[Self]:
        """Make this the thread's default session in a ``with`` statement, without closing it."""
        return default_session(self)

    def __enter__(self) -> Self:
        self.graph.__enter__()
        enter(self)
        return self

    def __exit__(self, *exc: object) -> None:
        leave(self)
        self.graph.__exit__(*exc)
        self.close()


class InteractiveSession(Session):
    """A session that is the thread's default session, with its graph, from the start.

    ``close`` ends that. Arguments as `Session`.
    """

    def __init__(self, graph: Graph | None = None, **options: Any) -> None:
        super().__init__(graph, **options)
        self.graph.__enter__()
        enter(self)

    def close(self) -> None:
        """Close like `Session.close`, and restore the previous default session and graph."""
        if is_entered(self):
            leave(self)
            self.graph.__exit__(None, None, None)
        super().close()
