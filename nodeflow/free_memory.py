"""Memory that was freed goes back to the system.

glibc keeps the pages of small objects that were freed, as long as one above them is in use, and
raises its thresholds as larger ones are freed: after hours of graphs opened and closed a process
holds much more than it uses. That happens less in a process that is started with `LEAN`, and
`give_back` gives back what is free. `give_back_code` does so with the code of a library.
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
"""Variables of the environment with which glibc keeps less: all threads share one heap, so what one
has freed is there for the others. (Limits from which arrays have pages of their own would save as
much again, but double the time of a step by reference.)"""


def give_back() -> bool:
    """Gives free pages back, which takes milliseconds; False where the system does so itself."""
    trim = _trim()
    if trim is None:
        return False
    trim(0)
    return True


def give_back_code(library: str) -> int:
    """Give back the pages of a library that only its file has written.

    They come from the file again when the code runs, 30 MB of them in about 10 ms, and other
    threads may run it meanwhile.

    Args:
        library: the beginning of the file's name.

    Returns:
        The bytes that were given back; 0 where the system does not say what a process maps.
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
    """Address, end and resident bytes of the mappings of a file that have its bytes, and keep them.

    One that can be written, or was before it became read-only, has pages of its own.
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
    """glibc's function; None with another library, such as musl, or on another system."""
    if sys.platform != "linux":
        return None
    try:
        found = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    found.argtypes, found.restype = [ctypes.c_size_t], ctypes.c_int
    return found
