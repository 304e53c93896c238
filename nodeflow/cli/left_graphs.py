"""Programs that make a graph, which ``nodeflow open-program`` shows; integrations offer to run
them.

A program may contain any code, so only this command runs one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Runner(Protocol):
    """A function that returns the command of a process that runs a program."""

    def __call__(self, program: Path, arguments: Sequence[str], target: Path) -> Sequence[str]:
        """Return the command that runs a program.

        When the program ends in any way, the process writes the program's graph to ``target`` as a
        ``.flow`` file, and ends with the program's exit code. If there is nothing to show, it
        writes no file and prints the reason.
        """
        ...
