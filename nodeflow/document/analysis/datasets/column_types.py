"""A cache of the column types of data sets. In a window, another thread reads them.

Finding the columns of a large table may require reading it whole. The thread that paints asks for
them, so it waits at most `PATIENCE_SECONDS`, in which most files are read. A callback announces
types that arrive later.
"""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from nodeflow.errors import DataError, NodeflowError
from nodeflow.file_reading import current_limit
from nodeflow.graph.types import TensorType

Types = dict[str, TensorType]
PATIENCE_SECONDS = 0.1
KEPT = 64


class StillReading(DataError):
    """Columns of a data set that are not known yet, because the data set is still being read.

    Remedy: Wait a moment.
    """


class ColumnTypes:
    """A cache of column types by data set. For an unreadable file it keeps the error instead."""

    def __init__(self) -> None:
        self._found: OrderedDict[Hashable, Types | Exception] = OrderedDict()
        self._begun: dict[Hashable, threading.Event] = {}
        self._late: set[Hashable] = set()
        self._lock = threading.Lock()
        self._came: Callable[[], None] | None = None
        self._thread: int | None = None

    def read_apart(self, came: Callable[[], None] | None) -> None:
        """Limit how long the calling thread waits for a file; other threads still wait.

        Args:
            came: called on another thread when types arrive that the caller did not wait for; None
                removes the limit.
        """
        self._came = came
        self._thread = None if came is None else threading.get_ident()

    def get(self, key: Hashable, read: Callable[[], Types]) -> Types:
        """Return the cached types of a key, or read them with ``read``.

        Raises:
            StillReading: the calling thread has a limit (`read_apart`), and reading takes longer.
            Exception: the error that reading raised.
        """
        key = (key, current_limit())
        with self._lock:
            found = self._found.get(key)
        if found is None and threading.get_ident() == self._thread:
            found = self._read_apart(key, read)
        elif found is None:
            found = self._read(key, read)
        if isinstance(found, Exception):
            raise copy.copy(found) if isinstance(found, NodeflowError) else found
        return found

    def _read(self, key: Hashable, read: Callable[[], Types]) -> Types | Exception:
        found: Types | Exception
        try:
            found = read()
        except Exception as error:
            found = error
            if self._thread is None:  # a caller that waits may try again, so the error is not kept
                return found
        with self._lock:
            self._found[key] = found
            while len(self._found) > KEPT:
                self._found.popitem(last=False)
        return found

    def _read_apart(self, key: Hashable, read: Callable[[], Types]) -> Types | Exception:
        with self._lock:
            if key in self._found:
                return self._found[key]
            ended = self._begun.get(key)
            if ended is None:
                ended = self._begun[key] = threading.Event()
                work = (key, read, ended)
                threading.Thread(
                    target=self._work, args=work, name="nodeflow-columns", daemon=True
                ).start()
        ended.wait(0 if key in self._late else PATIENCE_SECONDS)
        with self._lock:
            found = self._found.get(key)
            if found is None:
                self._late.add(key)
        return found or StillReading("its columns are being read; this takes a moment")

    def _work(self, key: Hashable, read: Callable[[], Types], ended: threading.Event) -> None:
        self._read(key, read)
        with self._lock:
            self._begun.pop(key, None)
            is_late = key in self._late
            self._late.discard(key)
            ended.set()
            came = self._came
        if is_late and came is not None:
            came()


COLUMN_TYPES = ColumnTypes()
