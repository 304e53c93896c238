"""The compilation of a plan: one state machine for single runs and for training steps.

::

    IDLE ---> COMPILING ---> COMPILED ---> READY
     |            |              |
     |            +--------------+-------> FAILED
     +---> UNAVAILABLE

`cancel` leads from the first three states to CANCELLED. Another process compiles, while the
caller runs by reference. The switch to the compiled plan happens in `poll`, which the caller
calls before a run or step, so it never happens within one. A failure is reported at once, from
the thread that detects it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Generic, Protocol, TypeVar

from nodeflow.engine.compiler import background
from nodeflow.engine.compiler.background import Job
from nodeflow.engine.compiler.compile_kernel import KernelError
from nodeflow.engine.compiler.object_code import MissingSymbols
from nodeflow.engine.events import CompileFailure
from nodeflow.engine.waiting import LOOK_SECONDS, Interrupted, never

P = TypeVar("P")
C = TypeVar("C")


class State(Enum):
    """The state of a compilation."""

    IDLE = "idle"
    """Nothing has been requested."""
    UNAVAILABLE = "unavailable"
    """There is no plan: a shape is unknown, or an op has no kernel."""
    COMPILING = "compiling"
    """Another process compiles kernels."""
    COMPILED = "compiled"
    """Every kernel is in the cache; the next `poll` loads them."""
    READY = "ready"
    """The compiled plan can run."""
    FAILED = "failed"
    """A kernel cannot be compiled or loaded."""
    CANCELLED = "cancelled"
    """Its session is closed."""


class Compiler(Protocol):
    """A compiler of kernels. Outside of tests, this is `background.BackgroundCompiler`."""

    def all_cached(self, sources: Sequence[str]) -> bool:
        """Return whether loading the sources compiles nothing."""
        ...

    def submit(self, sources: Sequence[str]) -> Job:
        """Compile the kernel sources that the cache lacks in another process. Return the job at
        once, before they are compiled.
        """
        ...

    def compile_all(self, sources: Sequence[str], interrupted: Callable[[], bool] = never) -> bool:
        """Compile those kernel sources that are not in the cache, and wait.

        Return False if ``interrupted`` ended the wait.
        """
        ...

    def seconds(self, sources: Sequence[str]) -> float:
        """Estimate the seconds that compiling those kernel sources takes that are not in the
        cache.
        """
        ...


class Compilation(Generic[P, C]):
    """The compilation of one plan.

    Args:
        make_plan: returns the plan, or None if nothing can be compiled.
        kernels: returns the source text of each kernel of a plan, with the names of its nodes.
        load: returns the compiled result of a plan; it loads kernels from the cache or compiles
            them.
        report: called with a failure in the background, from any thread.
        compiler: by default that of this process.

    Attributes:
        state: the current state.
        plan: the plan; None until it is made.
        result: the result of `load`, in the state READY.
    """

    def __init__(
        self,
        make_plan: Callable[[], P | None],
        kernels: Callable[[P], Mapping[str, tuple[str, ...]]],
        load: Callable[[P], C],
        report: Callable[[CompileFailure], None],
        compiler: Compiler | None = None,
    ) -> None:
        self.state = State.IDLE
        self.plan: P | None = None
        self.result: C | None = None
        self._make_plan = make_plan
        self._kernels = kernels
        self._load = load
        self._report = report
        self._given_compiler = compiler
        self._job: Job | None = None
        self._asked = 0
        self._lock = threading.Lock()

    @property
    def unavailable(self) -> bool:
        """Whether it is known that nothing can be compiled."""
        return self.state is State.UNAVAILABLE

    @property
    def is_idle(self) -> bool:
        """Whether the background compilation has not been started yet."""
        return self.state is State.IDLE

    @property
    def is_pending(self) -> bool:
        """Whether something is still to be compiled or loaded."""
        return self.state in (State.IDLE, State.COMPILING, State.COMPILED)

    def poll(self) -> C | None:
        """Return the compiled result, or None while runs have to use the reference tier.

        The first call makes the plan, and starts the compilation if the cache lacks a kernel.
        """
        self.begin()
        if self.state is State.COMPILED:
            self._switch()
        return self.result

    def begin(self) -> None:
        """Make the plan, and start the compilation if the cache lacks a kernel. Do not load
        kernels.
        """
        if self.state is State.IDLE:
            self._begin()

    def complete(self, interrupted: Callable[[], bool] = never) -> C | None:
        """Compile all kernels now, wait, and return the compiled result.

        Return None if there is nothing to compile.

        Raises:
            Interrupted: ``interrupted`` ended the wait before everything was compiled.
            KernelError: a kernel cannot be compiled.
            RunError: there is not enough memory.
        """
        if self.state in (State.READY, State.UNAVAILABLE):
            return self.result
        plan = self.planned()
        if plan is None:
            return None
        with self._lock:
            self._job = None
            self.state = State.COMPILED
        try:
            if not self._compiler.compile_all(list(self._kernels(plan)), interrupted):
                raise Interrupted
            self._enter(self._load(plan))
        except BaseException as error:
            left = isinstance(error, Interrupted) or not isinstance(error, Exception)  # Ctrl-C
            self.state = State.IDLE if left else State.FAILED
            raise
        return self.result

    def pays(self, gain: float) -> bool:
        """Return whether waiting for the compiled plan takes less time than running on by the
        reference tier.

        Args:
            gain: seconds that the compiled plan saves in all future runs.
        """
        if self.plan is None or not self.is_pending:
            return False
        return gain > 0 and gain > self._compiler.seconds(list(self._kernels(self.plan)))

    def waited_if_it_pays(
        self, gain: Callable[[P], float], interrupted: Callable[[], bool]
    ) -> C | None:
        """Wait for the compilation if that saves time in total (see `pays`), and return its result
        as `waited` does. Return None if it does not, and always from the third call on.

        Args:
            gain: returns the seconds that a plan saves in all future runs, as far as is known by
                now.

        Raises:
            Interrupted: as for `waited`.
        """
        if self._asked == 2:
            return None
        self._asked += 1
        plan = self.planned()
        return self.waited(interrupted) if plan is not None and self.pays(gain(plan)) else None

    def waited(self, interrupted: Callable[[], bool]) -> C | None:
        """Wait until the kernels are compiled, and return the compiled result, as `poll` does.

        Raises:
            Interrupted: ``interrupted`` ended the wait. The compiler continues.
        """
        self.begin()
        job = self._job
        while job is not None and self.state is State.COMPILING:
            if interrupted():
                raise Interrupted
            job.wait(LOOK_SECONDS)
        return self.poll()

    def planned(self) -> P | None:
        """Return the plan of the kernels, made at the first call. Return None if nothing can be
        compiled.
        """
        if self.plan is None:
            self.plan = self._make_plan()
            if self.plan is None:
                self.state = State.UNAVAILABLE
        return self.plan

    def cancel(self) -> None:
        """Stop compiling in the background, and report nothing more. A plan that is already
        compiled stays usable.
        """
        with self._lock:
            if self.state in (State.IDLE, State.COMPILING, State.COMPILED):
                self.state, self._job = State.CANCELLED, None

    # ---- transitions --------------------------------------------------------------------------

    @property
    def _compiler(self) -> Compiler:
        return self._given_compiler or background.background()

    def _begin(self) -> None:
        plan = self.planned()
        if plan is None:
            return
        sources = list(self._kernels(plan))
        if self._compiler.all_cached(sources):
            self.state = State.COMPILED
            return
        job = self._compiler.submit(sources)
        with self._lock:
            self.state, self._job = State.COMPILING, job
        job.on_done(self._finished)

    def _finished(self, job: Job) -> None:
        """Record that a compile job is done, and report its failure if it failed. This runs in the
        thread that reads the worker's answers.
        """
        with self._lock:
            if job is not self._job or self.state is not State.COMPILING:
                return
            self._job = None
            if job.failure is None:
                self.state = State.COMPILED
                return
            self.state = State.FAILED
        self._report(self._failure(job.failure.source, job.failure.message))

    def _switch(self) -> None:
        """Load the compiled kernels and switch to them. If they cannot be loaded, report the
        failure, and let runs stay on the reference tier (numpy).
        """
        assert self.plan is not None
        try:
            self._enter(self._load(self.plan))
        except (KernelError, MissingSymbols, RuntimeError, OSError) as error:
            self.state = State.FAILED
            self._report(failure_of(error))

    def _enter(self, result: C) -> None:
        self.result, self.state = result, State.READY

    def _failure(self, source: str | None, message: str) -> CompileFailure:
        assert self.plan is not None
        kernels = self._kernels(self.plan)
        return CompileFailure(kernels.get(source, ()) if source else (), message)


def failure_of(error: Exception) -> CompileFailure:
    """Return the report of a kernel that cannot be compiled or loaded. It names all nodes that the
    kernel computes.
    """
    nodes: tuple[str, ...] = ()
    if isinstance(error, KernelError):
        nodes = error.nodes or ((error.node,) if error.node else ())
    return CompileFailure(nodes, f"{type(error).__name__}: {error}")
