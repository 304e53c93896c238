"""Notes whatever a test's process looks at or opens below a folder, and what anyone opens there."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOKS = ("stat", "lstat", "readlink", "access", "scandir", "listdir")
_EVENTS = ("open", "os.listdir", "os.scandir", "os.stat")
_active: list[tuple[tuple[str, ...], list[str]]] = []
_hooked: list[bool] = []


@contextmanager
def touched(*folders: str | Path) -> Iterator[list[str]]:
    """What was touched at or below these paths, as ``what path``; nothing, if all is well.

    Python's own calls are noted by name. Opening by other code of any process, such as Qt's, is
    noted on Linux, where the kernel tells of it.
    """
    places, found = tuple(os.fspath(folder) for folder in folders), list[str]()
    if not _hooked:
        sys.addaudithook(_on_event)
        _hooked.append(True)
    originals = {name: getattr(os, name) for name in _LOOKS}
    for name, original in originals.items():
        setattr(os, name, _noting(name, original))
    _active.append((places, found))
    watch = _Inotify([place for place in places if os.path.isabs(place)])
    try:
        yield found
    finally:
        _active.remove((places, found))
        for name, original in originals.items():
            setattr(os, name, original)
        found += watch.opened()


def _noting(name: str, original):
    def look(path=".", *args, **kwargs):
        _note(name, path)
        return original(path, *args, **kwargs)

    return look


def _on_event(event: str, arguments: tuple) -> None:
    if _active and event in _EVENTS:
        _note(event, arguments[0])


def _note(what: str, path: object) -> None:
    if not isinstance(path, (str, bytes, os.PathLike)):
        return
    text = os.fsdecode(path)
    for places, found in _active:
        if any(text == place or text.startswith(f"{place}{os.sep}") for place in places):
            found.append(f"{what} {text}")


class _Inotify:
    """The kernel's notes of what is opened in folders."""

    OPEN, NONBLOCK = 0x20, 0x800

    def __init__(self, folders: list[str]) -> None:
        self._handle = -1
        if sys.platform != "linux":
            return
        libc = ctypes.CDLL(None, use_errno=True)
        self._handle = libc.inotify_init1(self.NONBLOCK)
        for folder in folders:
            libc.inotify_add_watch(self._handle, os.fsencode(folder), self.OPEN)

    def opened(self) -> list[str]:
        if self._handle < 0:
            return []
        try:
            return ["opened by someone"] if os.read(self._handle, 1 << 16) else []
        except BlockingIOError:
            return []
        finally:
            os.close(self._handle)
