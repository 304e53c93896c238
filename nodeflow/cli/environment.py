"""The outside world of a command: streams and working folder, so that tests run in-process."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO


@dataclass
class Environment:
    """Streams and folder of one call of the command line."""

    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    folder: Path = field(default_factory=Path.cwd)

    def print(self, text: str = "") -> None:
        """A result, on standard output."""
        self.stdout.write(text + "\n")
        self.stdout.flush()

    def say(self, text: str) -> None:
        """A message for people, on standard error."""
        self.stderr.write(text + "\n")
        self.stderr.flush()

    @property
    def interactive(self) -> bool:
        """True when a progress bar may redraw its line."""
        return bool(getattr(self.stderr, "isatty", lambda: False)())

    def path(self, name: str) -> Path:
        """A path given by the user, relative to the working folder."""
        return self.folder / Path(name).expanduser()
