"""Programs whose graph ``nodeflow open-program`` shows; integrations offer to run them.

A program is code of somebody, so nothing but this command runs one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Runner(Protocol):
    """A function that returns the command of a process that runs a program."""

    def __call__(self, program: Path, arguments: Sequence[str], target: Path) -> Sequence[str]:
        """Return the command.

        When the program ends, however it does, the process writes the program's graph to
        ``target`` as a ``.flow`` file, and ends with the program's exit code. It writes no file
        if there is nothing to show, and says why.
        """
        ...
