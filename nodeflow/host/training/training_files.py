"""Files for other programs that the engine's training writes, in folders that the user chose."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from functools import partial

import numpy as np

from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.host import protocol as p
from nodeflow.train.events import Event
from nodeflow.train.training import Training
from nodeflow.train.training_files import begin


class WatchedTraining:
    """The writers of the files of one training at a time.

    If a file cannot be written, the reason is sent and the training continues.
    """

    def __init__(self, send: Callable[[p.Message], None]) -> None:
        self._send = send
        self._events: list[Generator[Event, None, None]] = []

    def watch(
        self,
        session: Session,
        training: Training,
        events: Iterator[Event],
        request: p.Train,
        variables: Callable[[], Mapping[str, np.ndarray]],
    ) -> Iterator[Event]:
        """Return the events of a training unchanged. Also write them to the files that the request
        asks for.
        """
        self._events = []
        for kind, folder in request.files:
            try:
                files = begin(kind, folder, request.title.removesuffix(".flow"))
            except (NodeflowError, OSError) as error:
                self._lose(kind, folder, error)
                continue
            own = str(files.folder)
            self._send(p.TrainingFilesWritten(kind, own))
            events = files.watch(
                session, training, events, variables=variables, lost=partial(self._lose, kind, own)
            )
            self._events.append(events)
        return events

    def end(self) -> None:
        """Close the files, however the training ended."""
        while self._events:
            self._events.pop().close()

    def _lose(self, kind: str, folder: str, error: Exception) -> None:
        problem = error.text("window") if isinstance(error, NodeflowError) else str(error)
        self._send(p.TrainingFilesWritten(kind, folder, problem))
