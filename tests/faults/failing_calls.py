"""A disk that fails: the N-th call of the system in a folder gives an error, or ends the process.

Counted are the calls that change something or open a file: of `os`, of files that are open, and
`open` itself, as far as they concern the folder. Code in C that writes on its own (Qt, SQLite) is
not seen.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

BY_PATH = ("open", "mkdir", "rmdir", "unlink", "remove", "replace", "rename", "link", "chmod")
BY_HANDLE = ("write", "fsync", "close", "ftruncate")
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EINTR)
DIED = 77
"""Exit status of a process that ended at a call."""


class FailingCalls:
    """Counts calls while it is entered, and lets one of them fail.

    Args:
        number: of the call, from 1; 0 is none.
        error: its errno; None ends the process there, as a crash does.
        lasting: whether all later ones that need space fail as well, as on a disk that stays full.

    Attributes:
        calls: what was called, in order.
        is_paused: whether calls are let through, for a look at the folder.
    """

    def __init__(
        self, folder: Path, number: int = 0, error: int | None = errno.ENOSPC, lasting: bool = False
    ) -> None:
        self._folder = os.path.realpath(folder)
        self._number, self._error, self._lasting = number, error, lasting
        self._handles: set[int] = set()
        self._patches: list[Any] = []
        self.calls: list[str] = []
        self.is_paused = False

    @property
    def has_failed(self) -> bool:
        return 0 < self._number <= len(self.calls)

    def __enter__(self) -> FailingCalls:
        opened = self._opening(io.open)
        self._replace(builtins, "open", opened)
        self._replace(io, "open", opened)
        for name in BY_PATH:
            self._replace(os, name, self._of_path(name, getattr(os, name)))
        self._replace(os, "dup", self._duplicating(os.dup))
        for name in BY_HANDLE:
            self._replace(os, name, self._of_handle(name, getattr(os, name)))
        return self

    def __exit__(self, *_: object) -> None:
        while self._patches:
            self._patches.pop().stop()

    def _replace(self, module: Any, name: str, function: Callable) -> None:
        patch = mock.patch.object(module, name, function)
        patch.start()
        self._patches.append(patch)

    # ---- what is called instead ----------------------------------------------------------------

    def count(
        self, name: str, half: Callable[[], object] = lambda: None, *, makes: bool = False
    ) -> None:
        """Note a call; where it is its turn, do half of it and fail.

        Args:
            makes: whether it needs space on the disk.
        """
        if self.is_paused or not self._patches:  # a file may still be open afterwards
            return
        self.calls.append(name)
        number = len(self.calls)
        again = self._lasting and makes and number > self._number
        if self._number and (number == self._number or again):
            half()
            if self._error is None:
                os._exit(DIED)
            raise OSError(self._error, os.strerror(self._error))

    def _is_inside(self, path: Any, dir_fd: int | None = None) -> bool:
        if isinstance(path, int):
            return path in self._handles
        if dir_fd is not None:
            return dir_fd in self._handles
        try:
            return os.path.realpath(os.fspath(path)).startswith(self._folder)
        except (TypeError, ValueError):
            return False

    def _of_path(self, name: str, real: Callable) -> Callable:
        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            dir_fd = kwargs.get("dir_fd", kwargs.get("src_dir_fd"))
            inside = self._is_inside(path, dir_fd)
            if inside:
                creates = name == "open" and bool(args and args[0] & os.O_CREAT)
                self.count(name, makes=creates or name in ("mkdir", "link"))
            result = real(path, *args, **kwargs)
            if inside and name == "open":
                self._handles.add(result)
            return result

        return call

    def _of_handle(self, name: str, real: Callable) -> Callable:
        def call(handle: Any, *args: Any) -> Any:
            number = handle if isinstance(handle, int) else handle.fileno()
            if number not in self._handles:
                return real(handle, *args)
            if name == "close":
                self._handles.discard(number)
            halves = {
                "close": lambda: real(handle),
                "write": lambda: real(handle, args[0][: len(args[0]) // 2]),
            }
            self.count(name, halves.get(name, lambda: None), makes=name == "write")
            return real(handle, *args)

        return call

    def _opening(self, real: Callable) -> Callable:
        def call(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            if not self._is_inside(file):
                return real(file, mode, *args, **kwargs)
            self.count("open", makes=not isinstance(file, int) and mode[0] in "wxa")
            opened = real(file, mode, *args, **kwargs)
            self._handles.add(opened.fileno())
            return FailingFile(opened, self)

        return call

    def _duplicating(self, real: Callable) -> Callable:
        def call(handle: int) -> int:
            new = real(handle)
            if handle in self._handles:
                self._handles.add(new)
            return new

        return call

    def forget(self, handle: int) -> None:
        self._handles.discard(handle)


class FailingFile:
    """An open file whose calls are counted."""

    def __init__(self, file: Any, calls: FailingCalls) -> None:
        self._file, self._calls = file, calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> FailingFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Any:
        return iter(self._file)

    def write(self, data: Any) -> int:
        def half() -> None:
            self._file.write(data[: len(data) // 2])
            self._file.flush()

        self._calls.count("write", half, makes=True)
        return self._file.write(data)

    def flush(self) -> None:
        if self._file.writable():
            self._calls.count("flush", makes=True)
        self._file.flush()

    def close(self) -> None:
        if self._file.closed:
            return
        self._calls.forget(self._file.fileno())
        if self._file.writable():
            self._calls.count("close", self._file.close)
        self._file.close()
