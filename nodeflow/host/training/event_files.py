"""TensorBoard event files of the training in the engine, in the folder that the user chose."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path

import numpy as np

from nodeflow.engine.session import Session
from nodeflow.errors import FileProblem
from nodeflow.host import protocol as p
from nodeflow.train.event_files import EventFiles, folder_for, watched
from nodeflow.train.events import Event
from nodeflow.train.training import Training


class TrainingEventFiles:
    """The writer of the event files of one training at a time.

    If a file cannot be written, the reason is sent and the training continues.
    """

    def __init__(self, send: Callable[[p.Message], None]) -> None:
        self._send = send
        self._events: Generator[Event, None, None] | None = None

    def watch(
        self,
        session: Session,
        training: Training,
        events: Iterator[Event],
        request: p.Train,
        variables: Callable[[], Mapping[str, np.ndarray]],
    ) -> Iterator[Event]:
        """Return the events of a training, also written to files if the request names a folder."""
        if not request.event_folder:
            return events
        folder = Path(request.event_folder)
        try:
            folder = folder_for(folder, request.title.removesuffix(".flow"))
            files = EventFiles(folder)
        except (FileProblem, OSError) as error:
            self._lose(folder, error)
            return events
        self._send(p.EventFilesWritten(str(folder)))
        self._events = watched(
            session, training, events, files,
            variables=variables, lost=lambda error: self._lose(folder, error),
        )  # fmt: skip
        return self._events

    def end(self) -> None:
        """Close the file, because the training has ended in some way."""
        if self._events is not None:
            self._events.close()
            self._events = None

    def _lose(self, folder: Path, error: Exception) -> None:
        self._send(p.EventFilesWritten(str(folder), getattr(error, "message", str(error))))
