"""What a session says of itself, and is set to: its options, tier, step counts and variables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nodeflow.engine.phase import steps_before
from nodeflow.engine.rng import Stream
from nodeflow.engine.runtime.context import Backend, Purpose, RanTier, RunContext, Tier
from nodeflow.engine.sharing import Sharing
from nodeflow.engine.tier_record import TierRecord
from nodeflow.engine.variables import Variables
from nodeflow.graph.graph import Node
from nodeflow.public import public_methods

if TYPE_CHECKING:
    from nodeflow.engine.runtime.thread_pool import Team


@public_methods("steps_of", "count_steps")
class SessionState:
    """The part of a session that runs nothing."""

    _context: RunContext
    _asked: Tier

    @property
    def seed(self) -> int:
        return self._context.seed

    @property
    def threads(self) -> int | None:
        """The number of threads that was asked for."""
        return self._context.threads

    @property
    def memory(self) -> int | None:
        """Bytes that the values of one run may take; None: as much as is free."""
        return self._context.memory

    @property
    def cuts_steps(self) -> bool | None:
        """Whether training steps run in blocks of rows; None before there is a stepper."""
        return self._context.cuts_steps

    @property
    def without(self) -> frozenset[str]:
        """Ids of the rewrites that are switched off."""
        return self._context.without

    @property
    def executions(self) -> Counter[str]:
        """How often each node was run by its reference, by name."""
        return self._context.executions

    def team(self) -> Team:
        """The threads of the compiled tier."""
        return self._context.team()

    @property
    def tier(self) -> RanTier:
        """The tier of the last run, or of the last step of a stepper."""
        return self._context.tier

    @property
    def backend(self) -> Backend:
        """Who executes: ``numba`` or ``jax``."""
        return self._context.backend

    @property
    def ahead(self) -> int | None:
        """The expected number of runs like the next one, including it; None if unknown."""
        return self._context.ahead

    @contextmanager
    def expecting(self, runs: int | None) -> Iterator[None]:
        """Announce how many runs like the next one follow, including it. The tier ``auto`` then
        waits for the compiler if that saves time, and never compiles in vain for a last run."""
        before, self._context.ahead = self._context.ahead, runs
        try:
            yield
        finally:
            self._context.ahead = before

    @property
    def interrupted(self) -> Callable[[], bool]:
        """Asked while a run or step waits for the compiler: whether to leave it. A run then raises
        Cancelled, and a stepper makes no further step."""
        return self._context.interrupted

    @interrupted.setter
    def interrupted(self, ask: Callable[[], bool]) -> None:
        self._context.interrupted = ask

    @property
    def peers(self) -> Sharing | None:
        """The processes that share the rows of training steps, on JAX; None trains alone."""
        return self._context.peers

    @peers.setter
    def peers(self, peers: Sharing | None) -> None:
        self._context.peers = peers

    @property
    def is_exact(self) -> bool:
        """Whether the same steps give the same bits again: everywhere but on JAX's GPUs."""
        if self.backend != "jax":
            return True
        from nodeflow.engine.jax.settings import is_exact

        return is_exact()

    @property
    def wanted(self) -> Tier:
        """The tier that was asked for."""
        return self._asked

    @property
    def tiers(self) -> TierRecord | None:
        """The switches to the compiled tier to record and follow; None lets each plan switch when
        it is ready."""
        return self._context.tiers

    @tiers.setter
    def tiers(self, record: TierRecord | None) -> None:
        self._context.tiers = record

    def steps_of(self, optimizers: Iterable[str]) -> int:
        """How many steps these optimizers have made, by name: the most that one of them has."""
        return steps_before(self._context.steps, optimizers)

    def count_steps(self, optimizers: Iterable[str], count: int) -> None:
        """Let optimizers go on as if they had made so many steps."""
        self._context.steps.update(dict.fromkeys(optimizers, count))

    @property
    def variables(self) -> Variables:
        """Values by name; reading and writing copy."""
        return self._context.variables

    def stream_of(self, purpose: Purpose, execution: int) -> Callable[[Node], Stream]:
        """The random stream of each node in one execution, for who runs nodes one by one."""
        return self._context.stream_of(purpose, execution)
