"""`nf.summary.FileWriter`: event files, which TensorBoard reads.

A file is a sequence of records (`records`), each an Event (``tensorflow/core/util/event.proto``).
The first Event has the version of the format.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import time
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from nodeflow.atomic_write import writing
from nodeflow.errors import FileProblem, GraphError, a_type
from nodeflow.graph.graph import Graph
from nodeflow.integrations.tensorboard.graph_def import graph_def
from nodeflow.integrations.tensorboard.records import framed
from nodeflow.ops.summaries import protobuf as pb

VERSION = "brain.Event:2"
_numbers = itertools.count()


class FileWriter:
    """The writer of summaries to a new event file in a folder.

    Args:
        logdir: the folder for ``tensorboard --logdir``; created if it is missing.
        graph: a graph to be drawn by TensorBoard.
        max_queue: maximum number of events that wait to be written.
        flush_secs: maximum number of seconds that they wait.
        filename_suffix: end of the file's name.

    Usable in a ``with`` statement, which closes it.

    Raises:
        FileProblem: the folder or file cannot be written.
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        graph: Graph | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        graph_def: bytes | None = None,
        filename_suffix: str | None = None,
    ) -> None:
        if not isinstance(logdir, (str, os.PathLike)):
            raise GraphError(
                f"logdir is {a_type(logdir)}, not a folder", hint="Write FileWriter('logs')."
            )
        self._folder = Path(logdir)
        self._suffix = filename_suffix or ""
        self._max_queue, self._flush_secs = max_queue, flush_secs
        self._waiting: list[bytes] = []
        self._flushed = time.monotonic()
        self._file: FileIO | None = None
        self.reopen()
        if graph is not None:
            self.add_graph(graph)
        elif graph_def is not None:
            self._add(pb.message(4, graph_def), None)

    def get_logdir(self) -> str:
        """Return the folder of the file."""
        return str(self._folder)

    @property
    def path(self) -> Path:
        """The path of the current file."""
        return self._path

    def add_summary(self, summary: Any, global_step: int | None = None) -> None:
        """Write a fetched summary.

        Args:
            summary: the bytes that ``session.run(merged)`` returned, or a protobuf message.
            global_step: its position on TensorBoard's axis.

        Raises:
            FileProblem: it is not a summary, or the file cannot be written.
        """
        if hasattr(summary, "SerializeToString"):
            summary = summary.SerializeToString()
        if not isinstance(summary, (bytes, bytearray, memoryview)):
            raise FileProblem(
                f"a summary is bytes, not {type(summary).__name__}",
                hint="Fetch it first: writer.add_summary(session.run(merged), step).",
            )
        self._add(pb.message(5, bytes(summary)), global_step)

    def add_graph(self, graph: Graph, global_step: int | None = None) -> None:
        """Write a graph, to be drawn by TensorBoard."""
        if not isinstance(graph, Graph):
            raise FileProblem(
                f"expected a Graph, not {type(graph).__name__}", hint="Give session.graph."
            )
        self._add(pb.message(4, graph_def(graph)), global_step)

    def add_event(self, event: bytes) -> None:
        """Write a serialized Event unchanged."""
        self._put(event)

    def add_summaries(self, summaries: Iterable[tuple[int, float, bytes]]) -> None:
        """Write many summaries at once: step, time in seconds since 1970, and serialized Summary.

        Raises:
            FileProblem: the file cannot be written.
        """
        if self._file is None:
            self.reopen()
        self._waiting.append(
            framed(
                *(
                    pb.double(1, time) + pb.integer(2, step) + pb.message(5, summary)
                    for step, time, summary in summaries
                )
            )
        )
        self._flush_if_due()

    def _add(self, content: bytes, global_step: int | None) -> None:
        step = 0 if global_step is None else int(np.asarray(global_step).reshape(()))
        self._put(pb.double(1, time.time()) + pb.integer(2, step) + content)

    def _put(self, event: bytes) -> None:
        if self._file is None:
            self.reopen()
        self._waiting.append(framed(event))
        self._flush_if_due()

    def _flush_if_due(self) -> None:
        late = time.monotonic() - self._flushed > self._flush_secs
        if len(self._waiting) >= self._max_queue or late:
            self.flush()

    def flush(self) -> None:
        """Write all waiting events to the disk."""
        if self._file is None:
            return
        data = b"".join(self._waiting)
        try:
            with writing(self._path):
                left = memoryview(data)
                while left:
                    left = left[self._file.write(left) :]
                os.fsync(self._file.fileno())
        except FileProblem:
            with contextlib.suppress(OSError):  # a reader stops at an incomplete record
                self._file.truncate(self._file.seek(self._whole))
            raise
        self._whole += len(data)
        self._waiting.clear()
        self._flushed = time.monotonic()

    def close(self) -> None:
        """Write all waiting events, and close the file, even if writing fails."""
        if self._file is None:
            return
        try:
            self.flush()
        finally:
            file, self._file = self._file, None
            with writing(self._path):
                file.close()

    def reopen(self) -> None:
        """Begin a new file in the same folder, unless one is open."""
        if self._file is not None:
            return
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}"
        self._path = self._folder / f"{name}.{os.getpid()}.{next(_numbers)}{self._suffix}"
        version = pb.double(1, time.time()) + pb.text(3, VERSION)
        self._waiting, self._whole = [framed(version)], 0
        with writing(f"event files to {self._folder}"):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = open(self._path, "wb", buffering=0)  # noqa: SIM115  closed by close()
        try:
            self.flush()
        except FileProblem:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):
                file.close()
            with contextlib.suppress(OSError):
                self._path.unlink()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            with contextlib.suppress(FileProblem):
                self.close()
