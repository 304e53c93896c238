"""Compares the memory that a computation needs with the free memory, before it is allocated.

Linux grants more memory than there is, and kills a process when the process uses it. So large
requests are first compared with the free memory, and refused with an error.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nodeflow.file_reading import PREVIEW_BYTES
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.number_text import bytes_text, counted

LARGE = 1 << 28
"""Size in bytes below which requests are not compared with the free memory."""
RESERVE = 1 << 27
"""Number of bytes that stay free for everything else."""


@dataclass(frozen=True)
class Budget:
    """Limits for the live value of one node.

    Attributes:
        bytes: maximum bytes of its outputs, estimated from their shapes.
        seconds: maximum seconds of its computation.
        read_bytes: maximum bytes to read from a data file that feeds it.
    """

    bytes: int = 256_000_000
    seconds: float = 2.0
    read_bytes: int = PREVIEW_BYTES


@dataclass(frozen=True)
class Needs:
    """The memory that a run or a training step needs, as far as it is planned.

    Attributes:
        bytes: peak bytes of computed values, without feeds and variables.
        node: name of the node that needs most of it.
        blocks: number of blocks that its rows are divided into; 1 if it runs as a whole.
        rows: number of rows of a block.
    """

    bytes: int
    node: str | None = None
    blocks: int = 1
    rows: int = 0

    @property
    def text(self) -> str:
        """The memory needs of a run as text.

        >>> Needs(38_200_000, "hidden", 40, 256).text
        '38.2 MB for values in 40 blocks of 256 rows, most of it for hidden'
        """
        cut = f" in {counted(self.blocks, 'block')} of {counted(self.rows, 'row')}"
        most = f", most of it for {self.node}" if self.node else ""
        return f"{bytes_text(self.bytes)} for values{cut if self.blocks > 1 else ''}{most}"


def size_of(types: Iterable[TensorType]) -> int:
    """Return the bytes of tensors of these types; unknown sizes count as 0."""
    return sum((t.size or 0) * numpy_dtype(t.dtype).itemsize for t in types)


def require(count: int) -> None:
    """Refuse a request for more memory than is free.

    Raises:
        MemoryError: the error says how much is needed and how much is free.
    """
    if count < LARGE:
        return
    free = free_memory()
    if free is not None and count > free - RESERVE:
        raise MemoryError(f"it takes {bytes_text(count)}, and {bytes_text(free)} are free")


def free_memory() -> int | None:
    """Return the free bytes, limited by this process's control group; None if the system does
    not tell.
    """
    found = [_available(), *(_left(*names) for names in _GROUPS)]
    return min((count for count in found if count is not None), default=None)


_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def total_memory() -> int | None:
    """Return the total bytes, limited by this process's control group; None if the system does
    not tell.
    """
    found = [_said("MemTotal"), *(_number(limit) for limit, _ in _GROUPS)]
    return min((count for count in found if count is not None), default=None)


def _available() -> int | None:
    return _said("MemAvailable")


def _said(what: str) -> int | None:
    for line in _lines("/proc/meminfo"):
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) * 1024
    return None


def _number(path: str) -> int | None:
    lines = [line.strip() for line in _lines(path)]
    return int(lines[0]) if len(lines) == 1 and lines[0].isdigit() else None


def _left(limit: str, used: str) -> int | None:
    """Return the number of bytes left below a memory limit of the process's control group."""
    numbers = [line.strip() for path in (limit, used) for line in _lines(path)]
    if len(numbers) != 2 or not all(text.isdigit() for text in numbers):
        return None  # no control group, or no limit: "max"
    return max(0, int(numbers[0]) - int(numbers[1]))


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
