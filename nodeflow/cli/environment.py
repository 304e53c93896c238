"""The parts of the process that commands use: streams and working folder, which tests replace."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from nodeflow.visible_text import encodable, visible

DONE, PROBLEM, SYNTAX, INTERRUPTED = 0, 1, 2, 130
"""Exit codes: done; a problem in graph, data, file or run; wrong option syntax; interrupted."""


@dataclass
class Environment:
    """The streams and the working folder of one call of the command line.

    Control characters are written as visible text, so that a file's text never steers the terminal.
    """

    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    folder: Path = field(default_factory=Path.cwd)

    def print(self, text: str = "", color: str = "") -> None:
        """Print a result on standard output, in a terminal's colour (``31`` is red) if given."""
        text = visible(text)
        text = encodable(text, self.stdout.encoding)
        self.stdout.write((f"\x1b[{color}m{text}\x1b[0m" if color else text) + "\n")
        self.stdout.flush()

    def write(self, text: str) -> None:
        """Print a part of a line on standard output."""
        self.stdout.write(encodable(visible(text), self.stdout.encoding))
        self.stdout.flush()

    def message(self, text: str) -> None:
        """Print a message for the user on standard error."""
        self.stderr.write(encodable(visible(text), self.stderr.encoding) + "\n")
        self.stderr.flush()

    def show_progress(self, what: str, part: float) -> None:
        """Show the progress of long work on one line of a terminal; an empty text ends it."""
        line = f"{what}: {100 * part:.0f} %" if what else ""
        self.stderr.write(f"\r\x1b[K{visible(line)}")
        self.stderr.flush()

    @property
    def interactive(self) -> bool:
        """True if standard error is a terminal, where a progress bar can redraw its line."""
        return bool(getattr(self.stderr, "isatty", lambda: False)())

    def path(self, name: str) -> Path:
        """Return a path given by the user, relative to the working folder."""
        return self.folder / Path(name).expanduser()
