"""The sizes of the processor's caches, as the system reports them.

If cores differ, the smallest caches count, so that data of that size fits on every core.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Caches:
    """Sizes of the caches of one core in bytes. Sizes that are not reported get defaults of a
    small laptop.

    Attributes:
        first: size of the first-level data cache.
        second: one core's share of the second-level cache, if several cores share it.
        third: size of the whole third-level cache; 0 if there is none or it is not reported.
        line: bytes of a cache line.
    """

    first: int = 32 << 10
    second: int = 512 << 10
    third: int = 0
    line: int = 64

    @property
    def text(self) -> str:
        """The cache sizes and the length of a cache line as text.

        >>> Caches(48 << 10, 1 << 20, 32 << 20).text
        '48, 1024, 32768 KiB, lines of 64 bytes'
        """
        sizes = (str(size >> 10) for size in (self.first, self.second, self.third) if size)
        return f"{', '.join(sizes)} KiB, lines of {self.line} bytes"


@dataclass(frozen=True)
class Found:
    """One data cache: level, size in bytes, bytes of a line, number of logical cores that share
    it.
    """

    level: int
    size: int
    line: int
    sharing: int


_PLAUSIBLE = {1: (8 << 10, 1 << 20), 2: (64 << 10, 1 << 26), 3: (1 << 20, 1 << 40)}
"""Plausible range of bytes for each level. Some virtual machines report other sizes, which are
ignored.
"""


@cache
def caches() -> Caches:
    """Return the caches of this machine. Return defaults if reading them fails."""
    try:
        return smallest(_found())
    except (OSError, ValueError, AttributeError, struct.error):
        return Caches()


def smallest(found: Iterable[Found]) -> Caches:
    """Return the cache sizes of this machine in bytes: the smallest first-level and second-level
    cache of a core, and the largest third-level cache. Also return the smallest size of a cache
    line. Ignore implausible sizes.
    """
    levels: dict[int, list[Found]] = {1: [], 2: [], 3: []}
    for each in found:
        least, most = _PLAUSIBLE.get(each.level, (1, 0))
        if least <= each.size <= most:
            levels[each.level].append(each)
    first, second, third = levels.values()
    threads = min((f.sharing for f in first), default=1)  # of one core
    lines = [f.line for f in first if f.line in (32, 64, 128, 256)]
    known = Caches()
    return Caches(
        min((f.size for f in first), default=known.first),
        min((f.size // max(f.sharing // threads, 1) for f in second), default=known.second),
        max((f.size for f in third), default=known.third),
        min(lines, default=known.line),
    )


def _found() -> Iterator[Found]:
    if sys.platform == "darwin":
        return from_numbers(_sysctl)
    if os.name == "nt":
        return from_records(_logical_processors())
    return from_folders(Path("/sys/devices/system/cpu"))


# ---- Linux --------------------------------------------------------------------------------------


def from_folders(folder: Path) -> Iterator[Found]:
    """Yield the data caches of the first and of the last core, from Linux's folder of processors.

    If a processor has two kinds of cores, the cores of one kind have consecutive numbers, so both
    kinds are found.
    """
    numbers = sorted(int(path.name[3:]) for path in folder.glob("cpu[0-9]*"))
    for number in {*numbers[:1], *numbers[-1:]}:
        for place in sorted((folder / f"cpu{number}" / "cache").glob("index*")):
            try:
                words = {name: (place / name).read_text().strip() for name in _FILES}
                if words["type"] != "Instruction":
                    size, line = _bytes(words["size"]), int(words["coherency_line_size"])
                    yield Found(int(words["level"]), size, line, _count(words["shared_cpu_list"]))
            except (OSError, ValueError):  # an entry that this system leaves out
                continue


_FILES = ("level", "type", "size", "coherency_line_size", "shared_cpu_list")


def _bytes(text: str) -> int:
    """Convert a text such as ``48K`` to bytes."""
    return int(text.rstrip("KM")) << {"K": 10, "M": 20}.get(text[-1:], 0)


def _count(text: str) -> int:
    """Return how many numbers a list of ranges contains. ``0-3,8`` contains five."""
    ends = (part.split("-") for part in text.split(","))
    return sum(int(pair[-1]) - int(pair[0]) + 1 for pair in ends)


# ---- macOS --------------------------------------------------------------------------------------


def from_numbers(number: Callable[[str], int]) -> Iterator[Found]:
    """Yield the caches of each kind of processor core, as macOS reports them by sysctl.

    Args:
        number: returns the value of a sysctl name; 0 if it is missing.
    """
    line = number("hw.cachelinesize")
    for kind in ("hw.perflevel0.", "hw.perflevel1.", "hw."):
        yield Found(1, number(kind + "l1dcachesize"), line, 1)
        yield Found(2, number(kind + "l2cachesize"), line, max(number(kind + "cpusperl2"), 1))
        if number("hw.nperflevels") > 0 and kind == "hw.perflevel1.":
            # The remaining names, which do not name a kind of core, repeat one of the kinds.
            return
    yield Found(3, number("hw.l3cachesize"), line, 1)


def _sysctl(name: str) -> int:
    value, size = ctypes.c_int64(0), ctypes.c_size_t(8)
    library = ctypes.CDLL(None)
    status = library.sysctlbyname(name.encode(), ctypes.byref(value), ctypes.byref(size), None, 0)
    return value.value if status == 0 else 0


# ---- Windows ------------------------------------------------------------------------------------


def from_records(data: bytes) -> Iterator[Found]:
    """Yield the caches in the output of ``GetLogicalProcessorInformationEx(RelationCache)``."""
    at = 0
    while at < len(data):
        relation, size = struct.unpack_from("<II", data, at)
        level, _, line, bytes_, kind = struct.unpack_from("<BBHII", data, at + 8)
        (mask,) = struct.unpack_from("<Q", data, at + 40)
        if relation == _RELATION_CACHE and kind != _INSTRUCTIONS:
            yield Found(level, bytes_, line, mask.bit_count())
        at += max(size, 8)


_RELATION_CACHE, _INSTRUCTIONS = 2, 1


def _logical_processors() -> bytes:
    ask = ctypes.windll.kernel32.GetLogicalProcessorInformationEx  # type: ignore[attr-defined]
    length = ctypes.c_uint32(0)
    ask(_RELATION_CACHE, None, ctypes.byref(length))
    buffer = ctypes.create_string_buffer(length.value)
    return buffer.raw if ask(_RELATION_CACHE, buffer, ctypes.byref(length)) else b""
