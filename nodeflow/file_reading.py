"""Safe reading of untrusted files: only regular files, and only up to a memory limit.

Code that reads a data file, a picture or weights opens it here, and declares how many bytes it will
allocate before doing so. ``fstat`` and the file system determine the kind of a file, never its
name. Bytes that are mapped into memory do not count, because they are read on demand.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from nodeflow.errors import NodeflowError, ReadRefused, SurfaceText
from nodeflow.number_text import bytes_text

LIMIT_VARIABLE = "NODEFLOW_READ_LIMIT"
"""The variable with the bytes that reading one file may allocate, such as ``4GB``."""
ANY_FILE_VARIABLE = "NODEFLOW_ANY_FILE"
"""The variable that, if set to 1, also allows reading pipes, devices and system files."""
PREVIEW_BYTES = 10**9
LEAST_BYTES = 10**6
UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
CHUNK = 1 << 20
_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)

_MADE_UP = frozenset(
    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts efivarfs fusectl mqueue nsfs "
    "proc pstore rpc_pipefs securityfs selinuxfs sysfs tracefs".split()
)
"""File systems whose files the kernel generates, so that their size is meaningless."""
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


@dataclass(frozen=True)
class ReadLimit:
    """The limit for reading one file.

    Attributes:
        bytes: memory to allocate.
        any_file: whether to read pipes, devices and system files as well, up to the limit.
        preview: whether the reader is a preview.
        run_reads: whether a run reads the same file, with a higher limit.
    """

    bytes: int
    any_file: bool = False
    preview: bool = False
    run_reads: bool = False

    def for_preview(self, most: int = PREVIEW_BYTES, run_reads: bool = False) -> ReadLimit:
        """Return the limit of previews."""
        return replace(self, bytes=min(most, self.bytes), preview=True, run_reads=run_reads)


def parse_bytes(text: str) -> int:
    """Return the number of bytes in a text such as ``800MB`` or ``4 GB``.

    Raises:
        ValueError: the text is not a size, or less than 1 MB.
    """
    written = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?b|)\s*", text.lower(), re.ASCII)
    if written is None:
        raise ValueError(f"{text!r} is not a size such as 800MB or 4GB")
    count = float(written[1]) * UNITS[written[2]]
    if not LEAST_BYTES <= count < 2**63:
        raise ValueError(f"{text!r} is not a size of at least 1 MB")
    return int(count)


def physical_memory() -> int:
    """Return the bytes of memory of this machine or container; 8 GB if unknown."""
    found = []
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not available on Windows
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with contextlib.suppress(OSError, ValueError):  # ValueError: "max"
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min((count for count in found if count > 0), default=8 * 10**9)


@lru_cache(maxsize=1)
def default_limit() -> ReadLimit:
    """Return the memory limit for reading files: the size in an environment variable, or else half
    of the physical memory.
    """
    count = physical_memory() // 2
    with contextlib.suppress(ValueError):
        count = parse_bytes(os.environ.get(LIMIT_VARIABLE, ""))
    return ReadLimit(count, os.environ.get(ANY_FILE_VARIABLE, "") not in ("", "0"))


_process: list[ReadLimit] = []
"""The last limit that `set_limit` set."""


def set_limit(limit: ReadLimit | None) -> None:
    """Set the memory limit for reading files in this process. None restores the default limit."""
    _process[:] = [] if limit is None else [limit]


def chosen_limit(count: int | None, any_file: bool | None = False) -> ReadLimit:
    """Return the memory limit for reading files that a user chose. If ``count`` is None or 0, the
    default size applies.
    """
    default = default_limit()
    return ReadLimit(count or default.bytes, any_file or default.any_file)


def current_limit() -> ReadLimit:
    """Return the limit of this process."""
    return _process[0] if _process else default_limit()


@contextmanager
def limited(limit: ReadLimit) -> Iterator[None]:
    """Replace the memory limit for reading files within the block, in all threads of this
    process.
    """
    before = list(_process)
    set_limit(limit)
    try:
        yield
    finally:
        _process[:] = before


# ---- refusals -----------------------------------------------------------------------------------


def allow(count: float, path: object) -> None:
    """Check that reading a file needs no more memory than the limit.

    Raises:
        ReadRefused: names the file, its need of memory, and the limit.
    """
    limit = current_limit()
    if count > limit.bytes:
        raise ReadRefused(
            f"{path} takes {bytes_text(int(min(count, 2**63)))} of memory, and "
            f"{'a preview' if limit.preview else 'reading a file'} may take "
            f"{bytes_text(limit.bytes)}",
            hint=SurfaceText(
                f"Set {LIMIT_VARIABLE}, for example to 16GB, if the file is the right one.",
                cli="Give --read-limit, for example 16GB, if the file is the right one.",
                window=("Press Run to read it, or raise" if limit.run_reads else "Raise")
                + " the limit in Run → Engine → Live values and data… if the file is the "
                "right one.",
            ),
        )


def check_regular(path: Path, most: int | None = None) -> Path:
    """Return the path of a regular file, or of a copy if the user allows any file.

    Args:
        most: bytes after which a copy ends; the caller refuses larger files by their size.

    Raises:
        ReadRefused: the path is a pipe, a device, or a file that the system generates.
        OSError: there is no such file.
    """
    return path if refuse_irregular(path) else _copy(path, most)


def refuse_irregular(path: Path) -> bool:
    """Return whether a file is regular. Refuse other files, unless the user allows any file.

    Raises:
        ReadRefused, OSError: as `check_regular`.
    """
    why = _irregular(os.stat(path))
    if why is None or current_limit().any_file:
        return why is None
    raise ReadRefused(
        f"{path} is {why}, not a regular file",
        hint=SurfaceText(
            f"Copy it into a file, or set {ANY_FILE_VARIABLE}=1.",
            cli="Copy it into a file, or give --any-file.",
            window="Copy it into a file, or allow any file in Run → Engine → Live values and data…",
        ),
    )


def is_irregular(path: Path) -> bool:
    """Return whether a path is neither a regular file nor a folder."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return False
    return not stat.S_ISDIR(status.st_mode) and _irregular(status) is not None


def _irregular(status: os.stat_result) -> str | None:
    """Return a text for the kind of an irregular file, such as a pipe. Return None for regular
    files and folders.
    """
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        return None
    if stat.S_ISREG(mode):
        kind = _file_system(status.st_dev)
        return f"generated by the system ({kind})" if kind in _MADE_UP else None
    return next((name for test, name in _KINDS if test(mode)), "no file with content")


@lru_cache(maxsize=64)
def _file_system(device: int) -> str:
    """Return the type of the mounted file system with this device number, such as ``ext4``. Return
    "" if unknown.
    """
    try:
        number = f"{os.major(device)}:{os.minor(device)}"
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as table:
            for line in table:
                left, _, right = line.partition(" - ")
                if left.split()[2] == number:
                    return right.split()[0]
    except (OSError, AttributeError, IndexError):  # not on Linux
        pass
    return ""


_copies: dict[tuple[int, int, str], Path] = {}


def _copy(path: Path, most: int | None) -> Path:
    """Copy the output of a pipe or device to a temporary file, and return its path. Repeated calls
    return the same copy, because most such output can be read only once.
    """
    status = os.stat(path)
    key = status.st_dev, status.st_ino, str(path)
    if key not in _copies:
        import tempfile

        folder = tempfile.mkdtemp(prefix="nodeflow-read-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        target = Path(folder) / path.name
        count = 0
        with open(path, "rb", buffering=0) as source, open(target, "wb") as file:
            while chunk := source.read(CHUNK):
                count += len(chunk)
                allow(count, path)
                file.write(chunk)
                if most is not None and count > most:
                    return target
        _copies[key] = target
    return _copies[key]


# ---- reading --------------------------------------------------------------------------------


@contextmanager
def opened(path: Path, most: int | None = None) -> Iterator[BinaryIO]:
    """Open a regular file to read bytes; never wait for a pipe.

    Args:
        most: as in `check_regular`.

    Raises:
        ReadRefused: it is not a regular file.
        OSError: it cannot be opened.
    """
    path = check_regular(path, most)
    with open(path, "rb", opener=without_waiting) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):  # it was replaced since the check
            raise ReadRefused(f"{path} is not a regular file any more")
        yield file


def without_waiting(name: str, flags: int) -> int:
    """Open a file without waiting for a pipe; for the ``opener`` argument of `open`."""
    return os.open(name, flags | _NO_WAIT, 0o666)


class NotRegular(OSError):
    """A folder, pipe or device has replaced one of the program's own files."""

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(errno.EINVAL, f"it is {kind}, not a file", str(path))


def open_own(path: Path) -> BinaryIO:
    """Open a file that the program wrote. No setting allows anything but a regular file.

    Raises:
        NotRegular: the path is not a regular file.
        OSError: the file cannot be read.
        ValueError: no file can have this name.
    """
    file = open(path, "rb", opener=without_waiting)  # noqa: SIM115 the caller closes it
    status = os.fstat(file.fileno())
    if (kind := _irregular(status)) is not None:
        file.close()
        raise NotRegular(path, kind)
    return file


def read_own_text(path: Path) -> str:
    """Return the UTF-8 text of a file that the program wrote.

    Raises:
        OSError, ValueError: as in `open_own`, or it is not UTF-8 text.
    """
    with open_own(path) as file:
        return file.read().decode()


def read_up_to(path: Path, most: int) -> bytes | None:
    """Return the content of a regular file; None if it has more than ``most`` bytes.

    Raises:
        ReadRefused: the path is not a regular file.
        OSError: the file cannot be read.
        ValueError: no file can have this name.
    """
    with opened(path, most) as file:
        size = size_of(file)
        content = file.read(size + 1) if size <= most else b""
    return content if size <= most and len(content) <= most else None


def read_text(path: Path, copies: float = 2) -> str:
    """Return the UTF-8 text of a regular file.

    Raises:
        ReadRefused: the path is not a regular file, or takes more than the limit.
        OSError, UnicodeDecodeError: the file cannot be read, or is not UTF-8 text.
    """
    return read_bytes(path, copies).decode("utf-8-sig")


def size_of(file: BinaryIO) -> int:
    """Return the bytes of an open file."""
    return os.fstat(file.fileno()).st_size


def read_bytes(path: Path, copies: float = 1) -> bytes:
    """Return the content of a regular file, up to its size at the time of opening.

    Args:
        copies: the total number of copies of the content in memory.

    Raises:
        ReadRefused: the path is not a regular file, or takes more than the limit.
        OSError: the file cannot be read.
    """
    with opened(path) as file:
        size = size_of(file)
        allow(size * copies, path)
        return file.read(size)


@contextmanager
def within_memory(what: object) -> Iterator[None]:
    """Convert a MemoryError in the block to a `ReadRefused` that names the file."""
    try:
        yield
    except MemoryError as error:
        raise ReadRefused(
            f"{what} takes more memory than there is", hint="End other programs, or read less."
        ) from error


@contextmanager
def damaged_as(
    kind: Callable[..., NodeflowError], path: object, what: str, hint: str | None = None
) -> Iterator[None]:
    """Convert any parser error for damaged content to one typed error that names the file.

    Errors of nodeflow pass unchanged. A MemoryError becomes a `ReadRefused`.

    Args:
        kind: class of the error.
        what: the expected format for the message, such as ``.npz``; empty for "is damaged".
    """
    try:
        with within_memory(path):
            yield
    except NodeflowError:
        raise
    except Exception as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if isinstance(error, RecursionError):
            why = "it is nested too deeply"
        said = f"cannot be read as {what}" if what else "is damaged"
        raise kind(f"{path} {said}: {_short(why)}", hint=hint) from error


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:197]}..."
