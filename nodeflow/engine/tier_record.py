"""The record of the steps since which a training runs compiled, so that a resumed training gives
the same bits.

The tiers round differently, and the moment when the tier ``auto`` switches depends on how long
compiling takes. A training that keeps checkpoints records its switches, and repeats them when
it resumes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

C = TypeVar("C")


class TierRecord:
    """The switches of one training to the compiled tier, which happen between steps.

    A recorded label runs compiled from its step on, even if it has to wait for the compiler.
    Any other label runs by reference before the step ``known``. After that step it switches
    when it is ready, and is recorded.

    Args:
        since: for each label that ran compiled, the first compiled step.
        known: the step that the record covers.
        on_switch: called after each new entry.

    Attributes:
        step: the number of steps that the training has made.
    """

    def __init__(
        self,
        since: Mapping[str, int] | None = None,
        known: int = 0,
        on_switch: Callable[[], None] = lambda: None,
    ) -> None:
        self.since: dict[str, int] = dict(since or {})
        self.step = self._known = known
        self.on_switch = on_switch
        self._held: dict[str, int] = {}

    def decide(
        self, label: str, poll: Callable[[], C | None], complete: Callable[[], C | None]
    ) -> C | None:
        """Return the compiled code if this step should run compiled, or None if it should run by
        the reference. Follow the record of earlier decisions, and extend it.

        All calls within one step return the same.

        Args:
            poll: returns the code if it is ready, without waiting.
            complete: waits for the code and returns it.
        """
        since = self.since.get(label)
        if since is not None:
            return complete() if self.step >= since else None
        if self.step < self._known or self._held.get(label) == self.step:
            return None
        compiled = poll()
        if compiled is None:
            self._held[label] = self.step
            return None
        self.since[label] = self.step
        self.on_switch()
        return compiled

    def steps_by_reference(self, label: str) -> int | None:
        """Return the number of steps that still run by the ops' reference implementations, before
        the recorded switch to compiled kernels. Return None if no switch lies ahead.
        """
        since = self.since.get(label)
        return since - self.step if since is not None and since > self.step else None
