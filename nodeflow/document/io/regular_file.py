"""Opening files that somebody else may have put there: a pipe or a device never blocks a window."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_PLAIN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}


class NotRegular(OSError):
    """What is there is a folder, a pipe, a socket or a device."""

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(errno.EINVAL, f"it is {kind}, not a file", str(path))


def kind_of(mode: int) -> str | None:
    """What is not a regular file is called so; None for a regular file."""
    return None if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "no regular file")


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; follows symbolic links.

    Raises:
        NotRegular: it is something else.
        OSError: it cannot be read.
        ValueError: no file can have this name.
    """
    handle = os.open(path, os.O_RDONLY | _NO_WAIT | _PLAIN)
    kind = kind_of(os.fstat(handle).st_mode)
    if kind is not None:
        os.close(handle)
        raise NotRegular(path, kind)
    return os.fdopen(handle, "rb")
