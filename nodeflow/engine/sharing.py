"""The processes that share the rows of training steps, as the engine and the training know them.

`nodeflow.engine.jax.parallel` connects them; nothing here knows how.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Sharing(Protocol):
    """Some processes; they make the same calls in the same order."""

    @property
    def number(self) -> int:
        """Of processes."""
        ...

    @property
    def index(self) -> int:
        """Of this one, from 0."""
        ...

    def least(self, numbers: Sequence[int]) -> list[int]:
        """Of each number the least that a process gives."""
        ...

    def gather(self, data: bytes) -> list[bytes]:
        """What each process gives, in their order."""
        ...
