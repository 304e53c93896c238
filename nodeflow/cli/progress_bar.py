"""A progress bar with rate and remaining time, on a terminal only."""

from __future__ import annotations

import shutil
import time

from nodeflow.cli.environment import Environment
from nodeflow.cli.output_format import duration

REDRAW_SECONDS = 0.1


class Progress:
    """A line on standard error, redrawn at most ten times per second; not shown if piped."""

    def __init__(self, environment: Environment, unit: str = "steps") -> None:
        self._environment = environment
        self._unit = unit
        self._total = 0
        self._started = 0.0
        self._drawn = 0.0

    def start(self, total: int) -> None:
        self._total = total
        self._started = time.perf_counter()

    def advance(self, done: int, text: str) -> None:
        """Show that ``done`` steps of the total are done."""
        now = time.perf_counter()
        if not self._environment.interactive or now - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = now
        rate = done / max(now - self._started, 1e-9)
        left = duration((self._total - done) / max(rate, 1e-9))
        line = f"{done}/{self._total}  {rate:.0f} {self._unit}/s  {left} left  {text}"
        columns = shutil.get_terminal_size().columns
        width = max(0, min(30, columns - len(line) - 4))
        filled = round(width * done / max(self._total, 1))
        bar = "█" * filled + "░" * (width - filled)
        self._write(f"\r\x1b[K{bar}  {line}"[: columns + 4])

    def clear(self) -> None:
        """Remove the line before a result is printed."""
        if self._environment.interactive:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        self._environment.stderr.write(text)
        self._environment.stderr.flush()
