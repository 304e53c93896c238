"""The state of a session: its options, tier, step counts and variables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nodeflow.engine.backend import other_backend
from nodeflow.engine.phase import steps_before
from nodeflow.engine.runtime.context import Purpose, RanTier, RunContext, Tier
from nodeflow.engine.sharing import Sharing
from nodeflow.engine.threefry_streams import Stream
from nodeflow.engine.tier_record import TierRecord
from nodeflow.engine.variables import Variables
from nodeflow.graph.graph import Node
from nodeflow.public import public_methods

if TYPE_CHECKING:
    from nodeflow.engine.runtime.thread_pool import Team


@public_methods("steps_of", "count_steps")
class SessionState:
    """The base of a session that does not run anything: its options, tier, step counts and
    variables.
    """

    _context: RunContext
    _asked: Tier

    @property
    def seed(self) -> int:
        return self._context.seed

    @property
    def threads(self) -> int | None:
        """The requested number of threads."""
        return self._context.threads

    @property
    def memory(self) -> int | None:
        """The limit in bytes for the values of one run; None: all free memory."""
        return self._context.memory

    @property
    def cuts_steps(self) -> bool | None:
        """Whether the steps of the last stepper are computed in blocks of rows to limit memory;
        None before there is a stepper.
        """
        return self._context.cuts_steps

    @property
    def without(self) -> frozenset[str]:
        """The ids of disabled rewrites."""
        return self._context.without

    @property
    def executions(self) -> Counter[str]:
        """The number of times that each node ran by its reference implementation, by the node's
        name.
        """
        return self._context.executions

    def team(self) -> Team:
        """Return the team of threads of the compiled tier."""
        return self._context.team()

    @property
    def tier(self) -> RanTier:
        """The tier of the last run, or of the last step of a stepper."""
        return self._context.tier

    @property
    def backend(self) -> str:
        """The name of the backend that executes; ``numba`` is nodeflow's own engine."""
        return self._context.backend

    @property
    def ahead(self) -> int | None:
        """The expected number of similar runs to come, including the next one; None if unknown."""
        return self._context.ahead

    @contextmanager
    def expecting(self, runs: int | None) -> Iterator[None]:
        """Announce, for the duration of this block, how many similar runs will follow, including
        the next one.

        The tier ``auto`` then waits for the compiler if that saves time, and does not start
        compiling for a last run.
        """
        before, self._context.ahead = self._context.ahead, runs
        try:
            yield
        finally:
            self._context.ahead = before

    @property
    def interrupted(self) -> Callable[[], bool]:
        """The function that tells whether to stop waiting for the compiler. It is called while a
        run or step waits.

        If it returns True, a run raises Cancelled, and a stepper makes no further step.
        """
        return self._context.interrupted

    @interrupted.setter
    def interrupted(self, ask: Callable[[], bool]) -> None:
        self._context.interrupted = ask

    @property
    def peers(self) -> Sharing | None:
        """An object for the processes that share the rows of training steps; None if this process
        trains alone.
        """
        return self._context.peers

    @peers.setter
    def peers(self, peers: Sharing | None) -> None:
        self._context.peers = peers

    @property
    def is_exact(self) -> bool:
        """Whether the backend gives bit-identical results when steps are repeated. nodeflow's own
        engine always does.
        """
        other = other_backend(self.backend)
        return other is None or other.is_exact()

    @property
    def wanted(self) -> Tier:
        """The requested tier."""
        return self._asked

    @property
    def tiers(self) -> TierRecord | None:
        """The record of when runs switched from the reference to compiled kernels. New runs follow
        it and extend it.

        If it is None, each plan switches as soon as its kernels are compiled.
        """
        return self._context.tiers

    @tiers.setter
    def tiers(self, record: TierRecord | None) -> None:
        self._context.tiers = record

    def steps_of(self, optimizers: Iterable[str]) -> int:
        """Return the largest number of steps that any of these optimizers, given by name, has
        made.
        """
        return steps_before(self._context.steps, optimizers)

    def count_steps(self, optimizers: Iterable[str], count: int) -> None:
        """Set the number of training steps that some optimizers have made, so that they continue
        from there.
        """
        self._context.steps.update(dict.fromkeys(optimizers, count))

    @property
    def variables(self) -> Variables:
        """The values of variables by name. Reading and writing copy them."""
        return self._context.variables

    def stream_of(self, purpose: Purpose, execution: int) -> Callable[[Node], Stream]:
        """Return a function that maps each node to its random stream in one execution."""
        return self._context.stream_of(purpose, execution)
