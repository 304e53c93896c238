"""Compressed arrays, unpacked once into files of the cache folder, which are then mapped.

An unpacked file is identified by its origin, with size and time. The least recently used files are
deleted if all files exceed a limit. Unpacking reports its progress, and can be stopped.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

from nodeflow.atomic_write import replacing
from nodeflow.data.data_paths import file_stamp
from nodeflow.errors import DataError
from nodeflow.file_reading import allow, current_limit, parse_bytes
from nodeflow.graph.session_hooks.activity import note_progress
from nodeflow.graph.session_hooks.interrupt import check_interrupt
from nodeflow.number_text import bytes_text
from nodeflow.paths import cache_folder

LIMIT_VARIABLE = "NODEFLOW_UNPACKED_LIMIT"
"""The variable with the bytes that all unpacked files may take, such as ``50GB``."""
DEFAULT_LIMIT = 32 * 10**9
LEFT_FREE = 10**9
"""Bytes of the disk that stay free."""
PIECE = 1 << 24
LEFT_OVER_SECONDS = 86400


def unpacked(source: Path, part: str, size: int, read: Callable[[int], Any]) -> Path:
    """Return the file with the unpacked bytes of a part of a compressed file. Create it if needed.

    Args:
        part: the name of the part, such as an array's name.
        size: its number of bytes in the header; no more than that are written.
        read: returns at most so many of the next bytes, and none at the end.

    Raises:
        ReadRefused: the reader is a preview, and the part exceeds its limit.
        DataError: there is no room for it, or the cache cannot be written.
        ValueError: it has more or fewer bytes.
        Cancelled: the user stopped it.
    """
    if current_limit().preview:
        allow(size, source)
    folder = cache_folder() / "unpacked"
    digest = blake2b(repr((str(source.resolve()), file_stamp(source), part)).encode())
    target = folder / f"{digest.hexdigest()[:32]}.bin"
    if target.is_file() and target.stat().st_size == size:
        with contextlib.suppress(OSError):
            os.utime(target)  # marks it as used last
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _make_room(folder, size, source)
        with replacing(target) as file:
            _write(file, size, read, source)
    except OSError as error:
        raise DataError(
            f"{source} cannot be unpacked into {folder}: {error.strerror or error}",
            hint="Free some space, or save the data without packing.",
        ) from error
    return target


def _write(file: Any, size: int, read: Callable[[int], Any], source: Path) -> None:
    done, shown = 0, time.monotonic()
    while done <= size:
        check_interrupt()
        piece = read(min(PIECE, size - done + 1))
        if not piece:
            break
        file.write(piece)
        done += len(piece)
        if time.monotonic() - shown > 0.5:
            shown = time.monotonic()
            note_progress(f"unpacking {source.name}", done / size)
    note_progress("", 1.0)
    if done != size:
        raise ValueError(f"it has {'more' if done > size else 'fewer'} bytes than its header says")


def _make_room(folder: Path, size: int, source: Path) -> None:
    """Delete the least recently used files until a new file of this size fits the limit.

    Raises:
        DataError: the file is larger than the limit, or than the free space.
    """
    limit = DEFAULT_LIMIT
    with contextlib.suppress(ValueError):
        limit = parse_bytes(os.environ.get(LIMIT_VARIABLE, ""))
    if size > limit:
        raise _no_room(source, size, f"unpacked files may take {bytes_text(limit)}")
    for path in folder.glob(".*"):  # of a process that was killed
        if time.time() - path.stat().st_mtime > LEFT_OVER_SECONDS:
            path.unlink(missing_ok=True)
    files = [(path.stat(), path) for path in folder.glob("*.bin")]
    files.sort(key=lambda item: item[0].st_mtime, reverse=True)
    left = limit - size
    for status, path in files:
        left -= status.st_size
        if left < 0:
            with contextlib.suppress(OSError):  # another process may have it open
                path.unlink()
    free = shutil.disk_usage(folder).free
    if size > free - LEFT_FREE:
        raise _no_room(source, size, f"{bytes_text(free)} are free in {folder}")


def _no_room(source: Path, size: int, why: str) -> DataError:
    return DataError(
        f"{source} takes {bytes_text(size)} unpacked, and {why}",
        hint=f"Save the data without packing, free some space, or set {LIMIT_VARIABLE}.",
    )
