"""Memory that was freed goes back to the system.

glibc keeps the pages of small objects that were freed, as long as one above them is in use, and
raises its thresholds as larger ones are freed: after hours of graphs opened and closed a process
holds much more than it uses.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache


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
