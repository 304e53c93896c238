"""Opening files that somebody else may have put there: a pipe or a device never blocks a window."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO

from nodeflow.atomic_write import kind_of

_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_PLAIN = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


_PIECE = 1 << 20


class NotRegular(OSError):
    """What is there is a folder, a pipe, a socket or a device."""

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(errno.EINVAL, f"it is {kind}, not a file", str(path))


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


def read_up_to(path: Path, most: int) -> bytes | None:
    """The content of a file; None if it is more than ``most`` bytes, whatever its size says.

    Of a pipe, such as a shell's ``<(...)``, it reads what somebody writes into it.

    Raises:
        OSError: it cannot be read.
        ValueError: no file can have this name.
    """
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            return None
        pieces = [file.read(size + 1)]  # all of a regular file, without memory for more
        count = len(pieces[0])
        while count <= most and (piece := file.read(_PIECE)):
            pieces.append(piece)
            count += len(piece)
    return b"".join(pieces) if count <= most else None
