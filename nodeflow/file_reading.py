"""Reading files that nobody vouches for: regular ones alone, and no more than a limit allows.

Whoever reads a data file, a picture or weights opens it here, and says how many bytes it will have
to allocate before it does so. What a file is tells ``fstat`` and its file system, never its name.
Bytes that are mapped into memory do not count: they are read when they are needed.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from nodeflow.errors import NodeflowError, ReadRefused, SurfaceText
from nodeflow.number_text import bytes_text

LIMIT_VARIABLE = "NODEFLOW_READ_LIMIT"
"""Bytes that reading one file may allocate, such as ``4GB``."""
ANY_FILE_VARIABLE = "NODEFLOW_ANY_FILE"
"""Set to 1, pipes, devices and files of the system are read as well."""
PREVIEW_BYTES = 10**9
LEAST_BYTES = 10**6
UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
CHUNK = 1 << 20
_NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)

_MADE_UP = frozenset(
    "autofs binfmt_misc bpf cgroup cgroup2 configfs debugfs devpts efivarfs fusectl mqueue nsfs "
    "proc pstore rpc_pipefs securityfs selinuxfs sysfs tracefs".split()
)
"""File systems whose files are answers of the kernel: their size says nothing."""
_KINDS = (
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


@dataclass(frozen=True)
class ReadLimit:
    """What reading one file may take.

    Attributes:
        bytes: memory to allocate.
        any_file: read pipes, devices and files of the system too, up to the limit.
        preview: it is a preview that reads.
        run_reads: a run reads the same file, and may take more.
    """

    bytes: int
    any_file: bool = False
    preview: bool = False
    run_reads: bool = False

    def for_preview(self, most: int = PREVIEW_BYTES, run_reads: bool = False) -> ReadLimit:
        """The limit of previews."""
        return replace(self, bytes=min(most, self.bytes), preview=True, run_reads=run_reads)


def parse_bytes(text: str) -> int:
    """A number of bytes such as ``800MB`` or ``4 GB``.

    Raises:
        ValueError: it is none, or less than 1 MB.
    """
    written = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?b|)\s*", text.lower(), re.ASCII)
    if written is None:
        raise ValueError(f"{text!r} is no size such as 800MB or 4GB")
    count = float(written[1]) * UNITS[written[2]]
    if not LEAST_BYTES <= count < 2**63:
        raise ValueError(f"{text!r} is no size of at least 1 MB")
    return int(count)


def physical_memory() -> int:
    """Bytes of memory of this machine, or of this container; 8 GB where the system does not say."""
    found = []
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not on Windows
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with contextlib.suppress(OSError, ValueError):  # ValueError: "max"
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min((count for count in found if count > 0), default=8 * 10**9)


@lru_cache(maxsize=1)
def default_limit() -> ReadLimit:
    """Half of the memory, or what the environment says."""
    count = physical_memory() // 2
    with contextlib.suppress(ValueError):
        count = parse_bytes(os.environ.get(LIMIT_VARIABLE, ""))
    return ReadLimit(count, os.environ.get(ANY_FILE_VARIABLE, "") not in ("", "0"))


_process: list[ReadLimit] = []
"""What `set_limit` set last."""


def set_limit(limit: ReadLimit | None) -> None:
    """Set the limit of this process; None is the default again."""
    _process[:] = [] if limit is None else [limit]


def chosen_limit(count: int | None, any_file: bool | None = False) -> ReadLimit:
    """The limit that a user chose; the default where no number of bytes is given, or 0."""
    default = default_limit()
    return ReadLimit(count or default.bytes, any_file or default.any_file)


def current_limit() -> ReadLimit:
    """The limit of this process."""
    return _process[0] if _process else default_limit()


@contextmanager
def limited(limit: ReadLimit) -> Iterator[None]:
    """Within the block another limit is that of this process, for all its threads."""
    before = list(_process)
    set_limit(limit)
    try:
        yield
    finally:
        _process[:] = before


# ---- what is refused ----------------------------------------------------------------------------


def allow(count: float, path: object) -> None:
    """Refuse to allocate more than the limit for a file.

    Raises:
        ReadRefused: names the file, and says how much it takes and how much it may take.
    """
    limit = current_limit()
    if count > limit.bytes:
        raise ReadRefused(
            f"{path} takes {bytes_text(int(min(count, 2**63)))} of memory, and "
            f"{'a preview' if limit.preview else 'reading a file'} may take "
            f"{bytes_text(limit.bytes)}",
            hint=SurfaceText(
                f"Set {LIMIT_VARIABLE}, for example to 16GB, if the file is what it should be.",
                cli="Give --read-limit, for example 16GB, if the file is what it should be.",
                window=("Press Run to read it, or raise" if limit.run_reads else "Raise")
                + " the limit in Run > Engine > Live values and data… if the file is what it "
                "should be.",
            ),
        )


def check_regular(path: Path, most: int | None = None) -> Path:
    """Return the path of a regular file, or of a copy if the user allows any file.

    Args:
        most: bytes after which a copy ends; the caller refuses larger files by their size.

    Raises:
        ReadRefused: it is a pipe, a device, or a file that the system generates.
        OSError: there is no such file.
    """
    return path if refuse_irregular(path) else _copy(path, most)


def refuse_irregular(path: Path) -> bool:
    """Whether a file is a regular one; others are refused, unless the user allows any file.

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
            window="Copy it into a file, or allow any file in Run > Engine > Live values and data…",
        ),
    )


def is_irregular(path: Path) -> bool:
    """Whether a path is that of something that is neither a regular file nor a folder."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return False
    return not stat.S_ISDIR(status.st_mode) and _irregular(status) is not None


def _irregular(status: os.stat_result) -> str | None:
    """What a file is instead of a regular one; None for those and for folders."""
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        return None
    if stat.S_ISREG(mode):
        kind = _file_system(status.st_dev)
        return f"made up by the system ({kind})" if kind in _MADE_UP else None
    return next((name for test, name in _KINDS if test(mode)), "no file with content")


@lru_cache(maxsize=64)
def _file_system(device: int) -> str:
    """The kind of a mounted file system; empty where the system does not say."""
    try:
        number = f"{os.major(device)}:{os.minor(device)}"
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as table:
            for line in table:
                left, _, right = line.partition(" - ")
                if left.split()[2] == number:
                    return right.split()[0]
    except (OSError, AttributeError, IndexError):  # no Linux
        pass
    return ""


_copies: dict[tuple[int, int, str], Path] = {}


def _copy(path: Path, most: int | None) -> Path:
    """A copy of what a pipe or device yields, made once: most can be read once alone."""
    status = os.stat(path)
    key = status.st_dev, status.st_ino, str(path)
    if key not in _copies:
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
            raise ReadRefused(f"{path} is no regular file any more")
        yield file


def without_waiting(name: str, flags: int) -> int:
    """Open a file without waiting for a pipe; for the ``opener`` argument of `open`."""
    return os.open(name, flags | _NO_WAIT, 0o666)


class NotRegular(OSError):
    """A folder, pipe or device lies in the place of one of the program's own files."""

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(errno.EINVAL, f"it is {kind}, not a file", str(path))


def open_own(path: Path) -> BinaryIO:
    """Open a file that the program wrote; no setting allows anything but a regular file.

    Raises:
        NotRegular: it is something else.
        OSError: it cannot be read.
        ValueError: no file can have this name.
    """
    file = open(path, "rb", opener=without_waiting)  # noqa: SIM115  the caller closes it
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
        ReadRefused: it is no regular file.
        OSError: it cannot be read.
        ValueError: no file can have this name.
    """
    with opened(path, most) as file:
        size = size_of(file)
        content = file.read(size + 1) if size <= most else b""
    return content if size <= most and len(content) <= most else None


def read_text(path: Path, copies: float = 2) -> str:
    """Return the UTF-8 text of a regular file.

    Raises:
        ReadRefused: it is no regular file, or takes more than the limit.
        OSError, UnicodeDecodeError: it cannot be read, or is no UTF-8 text.
    """
    return read_bytes(path, copies).decode("utf-8-sig")


def size_of(file: BinaryIO) -> int:
    """Bytes of an open file."""
    return os.fstat(file.fileno()).st_size


def read_bytes(path: Path, copies: float = 1) -> bytes:
    """The content of a regular file, as long as its size says.

    Args:
        copies: how often the content will lie in memory, in all.

    Raises:
        ReadRefused: it is no regular file, or takes more than the limit.
        OSError: it cannot be read.
    """
    with opened(path) as file:
        size = size_of(file)
        allow(size * copies, path)
        return file.read(size)


@contextmanager
def within_memory(what: object) -> Iterator[None]:
    """In the block, too little memory is a `ReadRefused` that says what was read."""
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
    """Turn any error of a parser at damaged content into one typed error that names the file.

    Errors of nodeflow pass unchanged; too little memory becomes a `ReadRefused`.

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
