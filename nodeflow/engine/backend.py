"""The backends that execute schedules: nodeflow's own engine, and others that integrations offer.

A session asks its backend for two things: an executor of a schedule, which runs it once, and the
loop of a stepper, which makes many training steps at once. ``numba`` is nodeflow's own engine with
its tiers. The offers of the purpose ``backend`` are the others; each is a `Backend`.

Another backend executes the same schedules with the same random streams. It computes with the
variables of the session, and may keep their values on a device (`Variables.place`). It compiles
everything itself, so tiers, threads, memory limits and rewrites of plans do not apply to it. The
rules for the rows of a batch (`nodeflow.engine.rows`) tell it how several processes may share them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from nodeflow.engine.waiting import never
from nodeflow.errors import RunError, SurfaceText, suggest
from nodeflow.manifests import Offer, offer, offers

if TYPE_CHECKING:  # the window and the help of commands ask for names only
    import threading

    import numpy as np

    from nodeflow.engine.columns import Column
    from nodeflow.engine.interpreter import Interpreter, StreamOf
    from nodeflow.engine.runtime.context import RanTier, RunContext, Tier
    from nodeflow.engine.schedule.schedule import Schedule
    from nodeflow.engine.variables import Variables
    from nodeflow.graph.graph import Tensor
    from nodeflow.graph.types import TensorType

NUMBA = "numba"
"""The name of nodeflow's own engine."""


class BackendExecutor(Protocol):
    """An executor of one schedule in another backend, like `tiered_execution.Executor`.

    Attributes:
        schedule: the schedule that it runs.
        tier: the tier of its runs.
        interpreter: the reference interpreter of the same schedule, for initial values.
    """

    schedule: Schedule
    tier: RanTier
    interpreter: Interpreter

    def run(
        self,
        given: Mapping[int, np.ndarray],
        stream_of: StreamOf,
        cancel: threading.Event | None,
    ) -> Any:
        """Run the program with the given input values. Return the values of all slots (numbers of
        the program's values), as arrays of the backend.

        Raises:
            RunError: an op failed; the error names the node.
        """
        ...

    def results(self, values: Any, lent: Collection[int] = ()) -> list[Any]:
        """Return copies of the fetched values, as numpy arrays."""
        ...

    def commit(self, values: Any, variables: Variables) -> None:
        """Store the variables that the last run assigned."""
        ...

    def is_ready(self) -> bool: ...

    def stop(self) -> None:
        """Ask a run that another thread has started to end, if this backend can."""
        ...

    def needs(self) -> NoReturn:
        """Raise a RunError instead of returning the memory needs, because only the backend knows
        them.
        """
        ...

    def compile_now(self) -> NoReturn:
        """Raise a RunError instead of compiling, because other backends than numba do not compile
        nodeflow's kernels.
        """
        ...

    def text(self, given: Mapping[int, np.ndarray], stream_of: StreamOf) -> str:
        """Return the program text that the backend compiles."""
        ...


class BackendSteps(Protocol):
    """A loop of many training steps, like `runtime.compiled_steps.CompiledSteps`.

    Attributes:
        steps_done: number of complete steps of the last run, even if it raised.
    """

    steps_done: int

    def run(self, first_step: int, count: int, epoch_first: int, order: np.ndarray) -> np.ndarray:
        """Make up to ``count`` training steps, beginning with number ``first_step``, and store the
        variables.

        Args:
            order: the order of rows in the epoch that began with the step ``epoch_first``.

        Returns:
            The scalars of each step, float64 (steps, scalars).

        Raises:
            RunError: a step failed. Nothing of it was stored.
        """
        ...

    def feed(self, slot: int, array: np.ndarray) -> None:
        """Change a value that is fed to all steps."""
        ...

    def stop(self) -> None:
        """Ask the loop that runs in another thread to end early, if this backend can."""
        ...

    def warm(self) -> None:
        """Compile the loop without making a training step."""
        ...

    def text(self, step: int) -> str:
        """Return the program text that the backend compiles."""
        ...


class Backend(Protocol):
    """A backend that executes schedules in place of nodeflow's own engine.

    Attributes:
        packages: the installed packages whose versions affect the bits of its results.
    """

    packages: Sequence[str]

    def executor(
        self, schedule: Schedule, types: Sequence[TensorType], context: RunContext
    ) -> BackendExecutor:
        """Return an executor that runs a schedule. ``types`` has the tensor type of each slot."""
        ...

    def steps(
        self,
        schedule: Schedule,
        types: Sequence[TensorType],
        columns: Mapping[Tensor, Column],
        batch_size: int,
        context: RunContext,
        given: Mapping[int, np.ndarray],
    ) -> BackendSteps:
        """Return a loop that runs training steps on batches of data columns.

        Several processes share the rows of each batch if the context has ``peers``.

        Args:
            types: the types of the slots, with the sizes of a batch.
            given: values that are fed to all steps, by slot.
        """
        ...

    def check_mixed(self) -> None:
        """Raise a RunError, which says why, if this backend cannot train with mixed precision on
        this machine.
        """
        ...

    def is_exact(self) -> bool:
        """Return whether repeated steps give identical bits."""
        ...

    def device(self) -> str:
        """Return the name of the device that computes."""
        ...


def backends() -> tuple[str, ...]:
    """Return the names of all available backends, nodeflow's own engine first."""
    return NUMBA, *(each.name for each in offers("backend"))


def other_backend(name: str) -> Backend | None:
    """Return the backend with this name; None for nodeflow's own engine.

    Raises:
        NotOffered: no available integration offers it.
        SoftwareMissing: its software is not installed.
    """
    if name == NUMBA:
        return None
    found = _offered(name)
    found.integration.check_software()
    return found.load()


def _offered(name: str) -> Offer:
    return offer("backend", name, [NUMBA])


def check_backend(
    backend: str,
    tier: Tier,
    threads: int | None,
    without: frozenset[str],
    memory: int | None,
) -> None:
    """Raise an error if a backend is not available, or does not support these options of a session.

    Raises:
        RunError: the error names the option.
        NotOffered: no available integration offers the backend.
        SoftwareMissing: its software is not installed.
    """
    if not isinstance(backend, str):
        known = backends()
        text = f"backend must be {' or '.join(known)}, not {backend!r:.80}"
        raise RunError(text, hint=suggest(str(backend), known))
    if backend == NUMBA:
        return
    title = _offered(backend).label
    if tier != "auto":
        raise RunError(
            f"{title} compiles everything, so there is no tier {tier}",
            hint="Leave out the tier, or the backend.",
        )
    if threads is not None:
        raise RunError(
            f"{title} manages its own threads, so their number cannot be set",
            hint="Leave out the threads, or the backend.",
        )
    if memory is not None:
        raise RunError(
            f"{title} manages its own memory, so it cannot be limited",
            hint="Leave out the memory, or the backend.",
        )
    from nodeflow.engine.plan.passes import REWRITES

    plans = sorted(name for name in without if REWRITES[name].scope == "plan")
    if plans:
        raise RunError(
            f"{title} rewrites graphs by its own rules, so {', '.join(plans)} cannot be disabled",
            hint="Leave them out of without, or leave out the backend.",
        )
    other_backend(backend)


def check_mixed(backend: str) -> None:
    """Raise a RunError unless a backend supports mixed precision in training.

    This means float32 weights, and products of factors that are rounded to bfloat16 and summed in
    float32.
    """
    other = other_backend(backend)
    if other is not None:
        other.check_mixed()
        return
    titles = " or ".join(each.label for each in offers("backend")) or "another backend"
    raise RunError(
        f"mixed precision needs a GPU, where {titles} trains; nodeflow's own engine computes on "
        "the CPU, in full precision",
        hint=SurfaceText(
            "Leave out mixed_precision, or give backend=, on a computer with a GPU.",
            cli="Leave out --mixed-precision, or add --backend, on a computer with a GPU.",
            window="Switch off Mixed precision in the training settings, or choose Run → Engine → "
            "Train with, on a computer with a GPU.",
        ),
    )


def supported(
    backend: str, *, tier: Tier = "auto", threads: int | None = None, memory: int | None = None
) -> dict[str, Any]:
    """Return the session options that the backend accepts. Only the numba backend accepts a tier, a
    number of threads and a memory limit; other backends manage these themselves.
    """
    if backend == NUMBA:
        return {"backend": backend, "tier": tier, "threads": threads, "memory": memory}
    return {"backend": backend}


class LoadedSteps:
    """The loop of another backend, with the interface of `compiler.compilation.Compilation`.

    Nothing is compiled in the background.

    Attributes:
        result: the loop; None until it is made.
    """

    unavailable = False
    is_pending = False

    def __init__(self, make: Callable[[], BackendSteps]) -> None:
        self.result: BackendSteps | None = None
        self._make = make

    def begin(self) -> None:
        """Do nothing: this backend's compiled code cannot be prepared before a session uses it."""

    def planned(self) -> None:
        """Return None, because there is no plan of kernels."""

    def waited_if_it_pays(self, *how: object) -> None:
        """Return None: this backend compiles no kernels, so there is nothing to wait for."""

    def poll(self) -> BackendSteps:
        """Return the loop, which is always ready."""
        steps = self.complete()
        steps.warm()
        return steps

    def complete(self, interrupted: Callable[[], bool] = never) -> BackendSteps:
        """Return the loop of training steps without waiting, because the backend compiles it when
        it first runs.
        """
        if self.result is None:
            self.result = self._make()
        return self.result
