"""Returns freed memory to the system.

glibc keeps the pages of freed small objects as long as an object above them is in use, and raises
its thresholds as larger objects are freed. After hours of opening and closing graphs, a process
holds much more than it uses. A process that is started with `LEAN` keeps less. `give_back` returns
the free pages, and `give_back_code` returns the code of a library.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

LEAN = {"MALLOC_ARENA_MAX": "1"}
"""Environment variables that make glibc keep less memory.

All threads then share one heap, so memory that one thread freed is available to the others. (Lower
thresholds for separately mapped arrays would save as much again, but double the time of a step in
the reference tier.)
"""


def give_back() -> bool:
    """Return free memory pages of the C library to the operating system, which takes milliseconds.
    Return False if that is not necessary on this system.
    """
    trim = _trim()
    if trim is None:
        return False
    trim(0)
    return True


def give_back_code(library: str) -> int:
    """Release the memory pages that hold a library's unmodified code, because the system can read
    them from the library's file again.

    They are read from the file again when the code runs, 30 MB in about 10 ms. Other threads may
    run the code meanwhile.

    Args:
        library: the beginning of the file's name.

    Returns:
        The bytes that were returned; 0 if the system does not list a process's mappings.
    """
    if sys.platform != "linux":
        return 0
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = [ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int]
    given = 0
    for first, end, resident in _unwritten(library):
        if advise(first, end - first, mmap.MADV_DONTNEED) == 0:
            given += resident
    return given


def _unwritten(library: str) -> Iterator[tuple[int, int, int]]:
    """Yield address, end and resident bytes of a file's unmodified, read-only mappings.

    A mapping that is writable, or was before it became read-only, has private pages.
    """
    try:
        text = Path("/proc/self/smaps").read_text()
    except OSError:
        return
    for mapping in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", text, flags=re.MULTILINE):
        head, _, figures = mapping.partition("\n")
        fields = head.split(maxsplit=5)
        if len(fields) < 6 or not os.path.basename(fields[5]).startswith(library):
            continue
        sizes = {name: int(kb) << 10 for name, kb in _KILOBYTES.findall(figures)}
        if "w" not in fields[1] and sizes.get("Anonymous") == 0:
            first, end = (int(address, 16) for address in fields[0].split("-"))
            yield first, end, sizes["Rss"]


_KILOBYTES = re.compile(r"^(\w+): +(\d+) kB$", re.MULTILINE)


@cache
def _trim() -> Callable[[int], int] | None:
    """Return glibc's function `malloc_trim`, which returns free pages to the system. Return None if
    the C library lacks it.
    """
    if sys.platform != "linux":
        return None
    try:
        found = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    found.argtypes, found.restype = [ctypes.c_size_t], ctypes.c_int
    return found
