"""Writes files atomically: a crash, a full disk or a power failure leaves the old or new file."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

from nodeflow.errors import FileProblem

KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}
_SHORT = 32
"""Characters of a file's name to use in the name of the temporary file, which must stay short."""


def write_atomically(path: Path, content: bytes) -> None:
    """Replace the content of ``path`` atomically, keeping its mode. Follow symbolic links.

    Raise OSError and leave the file unchanged if anything fails, or if ``path`` is a folder, a
    pipe, a socket or a device.
    """
    with replacing(path) as file:
        file.write(content)


@contextlib.contextmanager
def replacing(path: Path, kind: Literal["bytes", "text"] = "bytes") -> Iterator[IO[Any]]:
    """Yield a file for bytes or UTF-8 text that replaces ``path`` at the end of the block.

    If anything fails, here or in the block, ``path`` stays unchanged, see `write_atomically`.
    """
    target = Path(os.path.realpath(path))
    mode = _mode(target)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:_SHORT]}.", dir=target.parent)
    try:
        with opened(handle, kind) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(target.parent)


def kind_of(mode: int) -> str | None:
    """Return the kind of an irregular file, such as ``a pipe``, from its mode. None if regular."""
    return None if stat.S_ISREG(mode) else KINDS.get(stat.S_IFMT(mode), "something else")


@contextlib.contextmanager
def writing(what: Path | str) -> Iterator[None]:
    """Convert an OSError in the block to a `FileProblem` that names the file to write."""
    try:
        yield
    except FileNotFoundError as error:
        raise FileProblem(
            f"cannot write {what}: its folder does not exist",
            hint="Make the folder, or choose another one.",
        ) from error
    except OSError as error:
        raise FileProblem(
            f"cannot write {what}: {error.strerror or error}",
            hint="Free some space, or choose a place that you may write to.",
        ) from error


def opened(handle: int, kind: Literal["bytes", "text"] = "bytes") -> IO[Any]:
    """Return a file object for writing to a handle. Close the handle if that fails."""
    try:
        if kind == "text":
            return os.fdopen(handle, "w", encoding="utf-8", newline="")
        return os.fdopen(handle, "wb")
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(handle)
        raise


def _mode(target: Path) -> int:
    """Return the permission bits of an existing file, or the umask's default for a new file.

    Raises:
        OSError: the path is not a regular file.
    """
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o666 & ~mask
    kind = kind_of(mode)
    if kind is not None:
        raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(target))
    return stat.S_IMODE(mode)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder durable, on the systems where a folder can be synced.

    Some file systems refuse this, and so do folders that cannot be listed. The content is then
    already on the disk, and the name follows later.
    """
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
