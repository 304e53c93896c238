"""A Session runs a graph, as in TensorFlow 1: ``run(fetches, feed_dict)``, variables kept between.

What a run means is decided by the schedule, which both tiers execute; the session checks feeds,
keeps the variables, caches plans and chooses the tier.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Self

import numpy as np

from nodeflow.engine.feeds import check_feeds, missing_feed, sample_of
from nodeflow.engine.reference import Interpreter, call_reference
from nodeflow.engine.schedule import Schedule, Target, build_schedule, resolve_alias
from nodeflow.engine.structure import flatten_fetches
from nodeflow.engine.variables import Variables
from nodeflow.errors import RunError, UnknownName, suggest
from nodeflow.graph.graph import Graph, Node, Tensor, get_default_graph
from nodeflow.graph.types import type_of_array

Tier = Literal["auto", "reference", "compiled"]


class Session:
    """Values of a graph's variables, and a way to run parts of the graph.

    Args:
        graph: the graph to run; the default graph if not given.
        tier: ``reference`` runs op by op in numpy; ``compiled`` compiles before it answers;
            ``auto`` answers from the reference while a process of its own compiles.
        threads: threads of the compiled tier; default ``NODEFLOW_NUM_THREADS`` or all cores. The
            results do not depend on it.
        seed: seed of everything random: the same seed gives the same numbers.

    A session may be used from several threads; its runs take turns. Usable in a ``with`` statement.
    """

    def __init__(
        self,
        graph: Graph | None = None,
        *,
        tier: Tier = "auto",
        threads: int | None = None,
        seed: int = 0,
    ) -> None:
        if tier not in ("auto", "reference", "compiled"):
            raise ValueError(f"tier must be auto, reference or compiled, not {tier!r}")
        self.graph = graph or get_default_graph()
        self.seed = seed
        self.threads = threads
        self._tier: Tier = tier
        self._lock = threading.RLock()
        self._cancel = threading.Event()
        self._variables = Variables(self.graph, self._lock)
        self._schedules: dict[tuple, Schedule] = {}
        self._plans: dict[tuple, Any] = {}
        self._runs = 0
        self._closed = False

    # ---- running ------------------------------------------------------------------------------

    def run(self, fetches: Any, feed_dict: Mapping[Any, Any] | None = None) -> Any:
        """Compute the fetches and whatever they need, and nothing else.

        Args:
            fetches: a name, Tensor or Node, or lists, tuples and dicts of them, nested.
            feed_dict: values by tensor or name. Any tensor can be fed; what it was computed from
                then does not run. Arrays must have the tensor's dtype; Python numbers and lists
                are converted if that is exact.

        Returns:
            The same structure with each fetch replaced by its value: an array, a numpy scalar for
            rank 0, or None for a node without outputs. Values are copies.

        Raises:
            FetchError, UnknownName: a fetch is nothing that can be fetched.
            FeedError: a fed value does not fit its tensor.
            MissingFeed: a placeholder that is needed has no value.
            NotInitialized: a variable that is needed has no value.
            AssignOrderError: two assigns to one variable without an order.
            RunError: an op failed; names the node. Nothing is then assigned.
            Cancelled: ``cancel`` was called while it ran.
        """
        with self._lock:
            self._check_open()
            targets, pack = flatten_fetches(self.graph, fetches)
            feeds = {resolve_alias(t): a for t, a in check_feeds(self.graph, feed_dict).items()}
            schedule = self._schedule(targets, feeds)
            given = self._given(schedule, feeds)
            execution = self._runs
            self._runs += 1
            return pack(self._execute(targets, schedule, given, execution))

    def _execute(
        self,
        targets: tuple[Target, ...],
        schedule: Schedule,
        given: dict[int, np.ndarray],
        execution: int,
    ) -> list[Any]:
        plan = self._plan(schedule, given)
        self._cancel.clear()
        values = plan.run(given, self._stream_of("run", execution), self._cancel)
        results = [None if s is None else _result(values[s]) for s in schedule.fetches]
        for variable, slot in schedule.writes.items():
            self._variables.put(variable, values[slot])
        return results

    def _schedule(self, targets: tuple[Target, ...], fed: Iterable[Tensor]) -> Schedule:
        key = (targets, frozenset(fed))
        if key not in self._schedules:
            self._schedules[key] = build_schedule(targets, fed)
        return self._schedules[key]

    def _given(
        self, schedule: Schedule, feeds: Mapping[Tensor, np.ndarray]
    ) -> dict[int, np.ndarray]:
        """Arrays of the slots that the schedule does not compute: feeds, samples, variables."""
        given: dict[int, np.ndarray] = {}
        for tensor, slot in schedule.feeds.items():
            array = feeds[tensor] if tensor in feeds else sample_of(tensor)
            if array is None:
                raise missing_feed(tensor)
            given[slot] = array
        for variable, slot in schedule.reads.items():
            given[slot] = self._variables.read(variable)
        return given

    def _plan(self, schedule: Schedule, given: Mapping[int, np.ndarray]) -> Interpreter:
        key = (id(schedule), *((s, a.shape) for s, a in given.items()))
        if key not in self._plans:
            types = schedule.specialise({s: type_of_array(a) for s, a in given.items()})
            self._plans[key] = Interpreter(schedule, types)
        return self._plans[key]

    def _stream_of(self, purpose: str, execution: int) -> Callable[[Node], Any]:
        return lambda node: _stream(self.seed, node, purpose, execution)

    def cancel(self) -> None:
        """Stop the run that is going on in another thread; it raises Cancelled there."""
        self._cancel.set()

    # ---- variables ----------------------------------------------------------------------------

    @property
    def variables(self) -> Variables:
        """Values by name; reading and writing copy."""
        return self._variables

    def initialize(
        self,
        names: Iterable[str | Tensor | Node] | None = None,
        feed_dict: Mapping[Any, Any] | None = None,
    ) -> None:
        """Give variables their initial values: all of the graph, or those named.

        The same seed gives the same values, whatever else was run before.

        Args:
            feed_dict: for placeholders that an ``initial`` port depends on.

        Raises:
            UnknownName: no such variable.
            RunError: an initial value cannot be computed.
        """
        with self._lock:
            self._check_open()
            stream_of = self._stream_of("initialize", 0)
            for variable in self._chosen(names):
                inputs = [self._initial(t, feed_dict) for t in variable.inputs]
                self._variables.put(variable, call_reference(variable, inputs, stream_of)[0])

    def _initial(self, tensor: Tensor, feed_dict: Mapping[Any, Any] | None) -> np.ndarray:
        """The value at a variable's ``initial`` port."""
        feeds = {resolve_alias(t): a for t, a in check_feeds(self.graph, feed_dict).items()}
        schedule = self._schedule((tensor,), feeds)
        given = self._given(schedule, feeds)
        plan = self._plan(schedule, given)
        values = plan.run(given, self._stream_of("initialize", 0))
        slot = schedule.fetches[0]
        assert slot is not None
        return values[slot]  # type: ignore[return-value]

    def _chosen(self, names: Iterable[str | Tensor | Node] | None) -> list[Node]:
        every = {v.node.name: v.node for v in self.graph.variables}
        if names is None:
            return list(every.values())
        given = [names] if isinstance(names, (str, Tensor, Node)) else names
        wanted = {n if isinstance(n, str) else n.name for n in given}
        for name in wanted - every.keys():
            raise UnknownName(f"there is no variable {name!r}", hint=suggest(name, every))
        return [node for name, node in every.items() if name in wanted]

    # ---- life ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Forget values and plans; the session cannot run any more."""
        with self._lock:
            self._closed = True
            self._plans.clear()
            self._schedules.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise RunError("this session is closed", hint="Open a new Session.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _stream(seed: int, node: Node, purpose: str, execution: int) -> Any:
    try:
        from nodeflow.engine.rng import Stream
    except ImportError:
        return None
    return Stream(seed, node.name, execution)


def _result(value: np.ndarray | None) -> Any:
    """A fetched value as the caller gets it: a copy, a scalar for rank 0."""
    assert value is not None
    return value[()] if value.ndim == 0 else np.array(value, order="C", copy=True)
