"""Processor time of this process and of all processes that it started, read from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    yield pid
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found = children.read_text().split()
        except OSError:  # the thread has ended meanwhile
            continue
        for child in found:
            yield from family(int(child))


def seconds(pid: int) -> float:
    """Return user and system time of a process and of the children it waited for; 0 once it is
    gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS


def resident_bytes(pid: int) -> int:
    """Return the memory of a process that is in use now; 0 once it is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except OSError:
        return 0


class Cost:
    """Processor time since the creation of this object.

    Attributes:
        own: time of this process.
        others: time of its descendants.
    """

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._before = self._now()
        self.own = self.others = 0.0

    def _now(self) -> dict[int, float]:
        return {pid: seconds(pid) for pid in family(self._pid)}

    def stop(self) -> Cost:
        """Take the time since the beginning, and return this object."""
        now = self._now()
        spent = {pid: at - self._before.get(pid, 0.0) for pid, at in now.items()}
        self.own = spent.pop(self._pid)
        self.others = sum(spent.values())
        return self
