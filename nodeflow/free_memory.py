"""Memory that was freed goes back to the system.

glibc keeps the pages of small objects that were freed, as long as one above them is in use, and
raises its thresholds as larger ones are freed: after hours of graphs opened and closed a process
holds much more than it uses. That happens less in a process that is started with `LEAN`, and
`give_back` gives back what is free.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache

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
