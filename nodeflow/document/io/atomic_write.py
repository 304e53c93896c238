"""Writing files atomically: a crash, a full disk or a power failure leaves the old or new file."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

from nodeflow.document.model.errors import FlowWrite


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces the content of `path` atomically, keeping its mode; follows symbolic links.

    Raises FlowWrite and leaves the file unchanged if anything fails.
    """
    target = Path(os.path.realpath(path))
    temporary = None
    try:
        mode = _mode(target)
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, mode)
        os.replace(temporary, target)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise FlowWrite(
            f"cannot save {path}: {error.strerror or error}",
            hint="The file on disk is unchanged; save under another name",
        ) from error
    _sync_folder(target.parent)


def _mode(target: Path) -> int:
    """The mode of the existing file, else that of a new one under the user's umask."""
    try:
        return stat.S_IMODE(target.stat().st_mode)
    except FileNotFoundError:
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o666 & ~mask


def _sync_folder(folder: Path) -> None:
    """Makes the new name itself durable, on the systems where a folder can be synced."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError:  # some file systems refuse; the content is already on disk
        pass
    finally:
        os.close(handle)
