"""The interface of processes that share the rows of training steps.

An integration connects the processes (`nodeflow.cli.several_processes`), and a backend divides
the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Sharing(Protocol):
    """Several processes. All of them must make the same calls in the same order."""

    @property
    def number(self) -> int:
        """The number of processes that share the rows."""
        ...

    @property
    def index(self) -> int:
        """The index of this process, from 0."""
        ...

    def least(self, numbers: Sequence[int]) -> list[int]:
        """Return each number's minimum over all processes."""
        ...

    def gather(self, data: bytes) -> list[bytes]:
        """Exchange bytes among all processes. Return the bytes of each process, in the order of the
        processes.
        """
        ...
