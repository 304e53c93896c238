"""How much memory a computation would take, compared with what is free, before it is taken.

Linux grants more memory than there is and ends a process when it is used. So what is large is
compared with the free memory first, and refused in words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nodeflow.file_reading import PREVIEW_BYTES
from nodeflow.graph.types import TensorType, numpy_dtype
from nodeflow.number_text import bytes_text, counted

LARGE = 1 << 28
"""Less than this is taken without a look at the free memory."""
RESERVE = 1 << 27
"""This much stays free for everything else."""


@dataclass(frozen=True)
class Budget:
    """What the live value of one node may take.

    Attributes:
        bytes: of its outputs, judged from their shapes.
        seconds: of its computation.
        read_bytes: to read a file of the data that feed it.
    """

    bytes: int = 256_000_000
    seconds: float = 2.0
    read_bytes: int = PREVIEW_BYTES


@dataclass(frozen=True)
class Needs:
    """What a run or a training step takes, as far as it is planned.

    Attributes:
        bytes: of what it computes, at a time; neither feeds nor variables count.
        node: name of the node that takes most of that.
        blocks: into how many blocks its rows are cut; 1: it runs whole.
        rows: of a block.
    """

    bytes: int
    node: str | None = None
    blocks: int = 1
    rows: int = 0

    @property
    def text(self) -> str:
        """In words.

        >>> Needs(38_200_000, "hidden", 40, 256).text
        '38.2 MB for values in 40 blocks of 256 rows, most of it for hidden'
        """
        cut = f" in {counted(self.blocks, 'block')} of {counted(self.rows, 'row')}"
        most = f", most of it for {self.node}" if self.node else ""
        return f"{bytes_text(self.bytes)} for values{cut if self.blocks > 1 else ''}{most}"


def size_of(types: Iterable[TensorType]) -> int:
    """Bytes of tensors of these types; those of unknown size count nothing."""
    return sum((t.size or 0) * numpy_dtype(t.dtype).itemsize for t in types)


def require(count: int) -> None:
    """Refuse to take more memory than is free.

    Raises:
        MemoryError: says how much is needed and how much is there.
    """
    if count < LARGE:
        return
    free = free_memory()
    if free is not None and count > free - RESERVE:
        raise MemoryError(f"it takes {bytes_text(count)}, and {bytes_text(free)} are free")


def free_memory() -> int | None:
    """Bytes that can be taken, in this control group too; None where the system does not say."""
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
    """Bytes that there are, in this control group too; None where the system does not say."""
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
    """What a container's limit leaves."""
    numbers = [line.strip() for path in (limit, used) for line in _lines(path)]
    if len(numbers) != 2 or not all(text.isdigit() for text in numbers):
        return None  # no control group, or no limit: "max"
    return max(0, int(numbers[0]) - int(numbers[1]))


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
