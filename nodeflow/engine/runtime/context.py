"""The state that the runs of one session share.

Executors and steppers depend only on it, not on the session.
"""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nodeflow.engine.arena import Arena
from nodeflow.engine.events import CompileFailure
from nodeflow.engine.sharing import Sharing
from nodeflow.engine.threefry_streams import Stream
from nodeflow.engine.tier_record import TierRecord
from nodeflow.engine.variables import Variables
from nodeflow.engine.waiting import never
from nodeflow.errors import RunError
from nodeflow.graph.graph import Graph, Node

if TYPE_CHECKING:
    from nodeflow.engine.compiler.compilation import C, Compilation, P
    from nodeflow.engine.runtime.thread_pool import Team

Tier = Literal["auto", "reference", "compiled"]
RanTier = Literal["reference", "compiled"]
Purpose = Literal["", "run", "initialize"]
"""The purpose of random numbers. Training, single runs and initial values never share a stream,
so that looking at values never changes a training.
"""


class RunContext:
    """Variables, memory, threads and random streams of a session.

    Attributes:
        variables: the values of the graph's variables.
        arena: memory for intermediate results.
        without: ids of the disabled rewrites.
        cuts_steps: whether the steps of the last stepper run in blocks of rows; None without a
            stepper.
        memory: bytes that the values of a run may take; None: all free memory.
        backend: name of the backend that executes schedules (`nodeflow.engine.backend`).
        executions: how often the reference of each node ran, by name.
        tier: the tier of the last run or step.
        steps: how many steps each optimizer has made, by name.
        tiers: the switches to the compiled tier, to record and follow; None lets each plan
            switch when it is ready.
        ahead: the expected number of similar runs, including the next one; None if unknown.
        interrupted: called while a run or step waits for the compiler; returns whether to end
            the wait.
        peers: the processes that share the rows of training steps; None if this process trains
            alone.
    """

    def __init__(
        self,
        graph: Graph,
        seed: int | None,
        threads: int | None,
        without: frozenset[str] = frozenset(),
        on_compile_failure: Callable[[CompileFailure], None] | None = None,
        memory: int | None = None,
        backend: str = "numba",
    ) -> None:
        self._graph = graph
        self.memory = memory
        self.cuts_steps: bool | None = None
        self.backend = backend
        self._seed = seed
        self.threads = threads
        self.without = without
        self.arena = Arena()
        self.executions: Counter[str] = Counter()
        self.tier: RanTier = "reference"
        self.steps: dict[str, int] = {}
        self.tiers: TierRecord | None = None
        self.ahead: int | None = None
        self.interrupted: Callable[[], bool] = never
        self.peers: Sharing | None = None
        self.lock = threading.RLock()
        self.variables = Variables(graph, self.lock)
        self._on_compile_failure = on_compile_failure
        self._compilations: weakref.WeakSet[Compilation] = weakref.WeakSet()
        self._counts: Counter[Node] = Counter()
        self._closed = False

    @property
    def seed(self) -> int:
        """The seed of runs: the session's own, else the graph's, else 0."""
        return self._seed if self._seed is not None else self._graph.seed or 0

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the session's lock, so that nothing else runs in the session.

        Raises:
            RunError: the session is closed.
        """
        with self.lock:
            self.check_open()
            yield

    def check_open(self) -> None:
        """Raise a RunError if the session is closed."""
        if self._closed:
            raise RunError("this session is closed", hint="Open a new Session.")

    def close(self) -> None:
        """Refuse further runs, and cancel pending compilations."""
        with self.lock:
            self._closed = True
            for compilation in self._compilations:
                compilation.cancel()

    def team(self) -> Team:
        """Return the team of threads of the compiled tier."""
        from nodeflow.engine.runtime.thread_pool import default_threads, shared_team

        return shared_team(self.threads or default_threads())

    def stream_of(self, purpose: Purpose, execution: int) -> Callable[[Node], Stream]:
        """Return the function from nodes to their random streams in one execution.

        A node's own seed replaces the run's seed and the node's stream, so that nodes with the
        same seed draw the same numbers. If `nf.set_random_seed` gave the graph a seed, both
        seeds together decide, as in TensorFlow 1.
        """
        return Streams(self.seed, self._graph.seed, execution, purpose, self._counts)

    def compilation(
        self,
        make_plan: Callable[[], P | None],
        kernels: Callable[[P], Mapping[str, tuple[str, ...]]],
        load: Callable[[P], C],
    ) -> Compilation[P, C]:
        """Return a compilation of a plan in the background. It reports failures to the session, and
        is cancelled when the session is closed.
        """
        from nodeflow.engine.compiler.compilation import Compilation

        compilation = Compilation(make_plan, kernels, load, self._compile_failed)
        self._compilations.add(compilation)
        return compilation

    def _compile_failed(self, failure: CompileFailure) -> None:
        if self._on_compile_failure is not None:
            self._on_compile_failure(failure)
            return
        import logging  # loaded only where there is something to log

        logging.getLogger(__name__).warning("%s", failure)


@dataclass(slots=True, eq=False)  # not frozen: that doubles the cost of making one per run
class Streams:
    """The random stream of each node in one execution, and the number of runs of nodes with a
    count.

    Attributes:
        seed: the seed of the run.
        shared: the graph's seed, which is combined with the nodes' own seeds.
    """

    seed: int
    shared: int | None
    execution: int
    purpose: Purpose
    counts: Counter[Node]

    def __call__(self, node: Node) -> Stream:
        own = _own_seed(node)
        if own is None:
            return Stream(self.seed, node.stream, self.execution, self.purpose)
        if self.shared is None:
            return Stream(own, "", self.execution, self.purpose)
        return Stream(self.shared, f"seed {own}", self.execution, self.purpose)

    @property
    def seeds(self) -> tuple[int, int | None, str]:
        """All settings that determine the random keys of nodes, apart from the nodes' own
        attributes.
        """
        return self.seed, self.shared, self.purpose

    def count(self, node: Node) -> int:
        """Count one more run of a node. Return the number of its earlier runs."""
        self.counts[node] += 1
        return self.counts[node] - 1


def _own_seed(node: Node) -> int | None:
    """Return the seed that a random node has as an attribute, or that the initializer of a variable
    has; None without one.
    """
    own = node.attrs.get("seed")
    initializer = node.attrs.get("initializer")
    if own is None and initializer is not None:
        own = initializer.get("seed")
    return own
