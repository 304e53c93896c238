"""Locks on files, by which the windows of one user detect each other; a lock ends with its
process.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import IO, Any

# far beyond the content, because on Windows others cannot read a locked range
_LOCKED_BYTE = 1 << 40


def lock(file: IO[Any]) -> None:
    """Lock a file until it is closed, if the file system supports it."""
    with contextlib.suppress(OSError):
        _lock_or_raise(file)


def try_lock(file: IO[Any]) -> bool:
    """Lock a file until it is closed; return False if another process has locked it."""
    try:
        _lock_or_raise(file)
    except OSError:
        return False
    return True


def _lock_or_raise(file: IO[Any]) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file.fileno(), _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(file.fileno(), 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
