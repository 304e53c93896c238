"""Signs of life of the engine process, in a page of memory that the window shares.

The engine increments a count twice a second and writes the name of the node that it computes. The
window can read both even if the process is stopped, holds Python's lock or has crashed, or if the
connection is full.
"""

from __future__ import annotations

import mmap
import sys
import tempfile
import threading
import time
import uuid
from typing import IO

SIZE = 4096
BEAT_SECONDS = 0.5
_COUNT, _TEXT = 8, 512
"""Bytes of the count, and of the zero-terminated text after it."""


class Pulse:
    """A view of the shared page. The window creates the page, and the engine opens it by its name.

    Attributes:
        name: the name of the page: a descriptor that the engine inherits, or on Windows a tag.
    """

    def __init__(self, name: str | None = None) -> None:
        self._file: IO[bytes] | None = None
        if sys.platform == "win32":
            self.name = name or f"nodeflow-{uuid.uuid4().hex}"
            self._page = mmap.mmap(-1, SIZE, tagname=self.name)
            return
        if name is None:
            self._file = tempfile.TemporaryFile(prefix="nodeflow-pulse-")  # noqa: SIM115
            self._file.truncate(SIZE)
            name = str(self._file.fileno())
        self.name = name
        self._page = mmap.mmap(int(name), SIZE)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """The descriptors that the engine process has to inherit."""
        return () if self._file is None else (self._file.fileno(),)

    # ---- the engine's end -------------------------------------------------------------------

    def beat(self) -> None:
        """Start a thread that counts up in shared memory, as a sign of life for the window. It
        pauses while another thread holds Python's lock (the GIL).
        """
        threading.Thread(target=self._count, name="nodeflow-pulse", daemon=True).start()

    def _count(self) -> None:
        count = 0
        while True:
            count += 1
            self._page[:_COUNT] = count.to_bytes(_COUNT, "little")
            time.sleep(BEAT_SECONDS)

    def note(self, what: str) -> None:
        """Write the name of the current computation into the memory that the window reads.

        The window names it if the engine stops answering. An empty text stands for none.
        """
        text = what.encode("utf-8", "replace")[: _TEXT - 1] + b"\0"
        self._page[_COUNT : _COUNT + len(text)] = text

    # ---- the window's end -------------------------------------------------------------------

    @property
    def beats(self) -> int:
        """The engine's count; 0 before the engine starts counting."""
        return int.from_bytes(self._page[:_COUNT], "little")

    @property
    def doing(self) -> str:
        """The engine's current computation, or its last one before it ended; "" if unknown."""
        text = bytes(self._page[_COUNT : _COUNT + _TEXT])
        return text.partition(b"\0")[0].decode("utf-8", "replace")

    def inherited(self) -> None:
        """Close the file of the shared memory page in the window, once the engine process has
        inherited it. The page stays mapped.
        """
        if self._file is not None:
            self._file.close()
