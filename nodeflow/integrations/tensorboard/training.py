"""Trainings as event files for TensorBoard.

The loss of every step and the metrics of every epoch are scalars, variables are histograms, tables
such as a confusion matrix are pictures, settings are hyperparameters, and the graph is drawn.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.engine.session import Session
from nodeflow.errors import FileProblem
from nodeflow.graph.graph import Graph
from nodeflow.integrations.tensorboard import hparams
from nodeflow.integrations.tensorboard.writer import FileWriter
from nodeflow.ops.summaries import messages
from nodeflow.train.events import Diverged, Done, Epoch, Event, Resumed, Started, Steps
from nodeflow.train.schedule import Schedule
from nodeflow.train.training import Training
from nodeflow.train.training_facts import settings_of

LOSS, EPOCH_LOSS = "loss", "loss_of_epoch"
"""Tags of the loss of each step and of each epoch. The tag of a metric is its key."""
FLUSH_SECONDS = 2.0
"""Seconds until the data of a running training are on disk."""
MOST_WAITING = 1 << 16
LARGEST_HISTOGRAM = 1 << 22
"""The largest number of elements of a variable with a histogram. Larger histograms take too
long.
"""


class EventFiles:
    """The writer of one training's event file.

    Args:
        folder: the training's own folder, created if it is missing.

    Raises:
        FileProblem: the file cannot be written. All methods raise it as well.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._writer = FileWriter(folder, max_queue=MOST_WAITING, flush_secs=FLUSH_SECONDS)

    def begin(
        self, name: str, began: float, settings: Mapping[str, Any], metrics: Iterable[str]
    ) -> None:
        """Write the hyperparameters of a training and its start, and declare the names of the
        metrics that it will write.

        Args:
            began: seconds since 1970.
        """
        plain = hparams.plain_settings(settings)
        said = hparams.experiment(plain, [LOSS, EPOCH_LOSS, *metrics]) + hparams.session_start(
            plain, name, began
        )
        self._writer.add_summaries([(0, began, said)])

    def graph(self, graph: Graph) -> None:
        self._writer.add_graph(graph)

    def scalars(self, tag: str, values: Iterable[tuple[int, float, float]]) -> None:
        """Write the points (step, time, value) of a curve."""
        self._writer.add_summaries((s, t, messages.scalar(tag, v)) for s, t, v in values)

    def variables(self, step: int, when: float, variables: Mapping[str, np.ndarray]) -> None:
        """Write histograms of numeric variables."""
        self._writer.add_summaries(
            (step, when, messages.histogram(f"variables/{name}", array))
            for name, array in variables.items()
            if array.dtype.kind in "fiu" and 1 < array.size <= LARGEST_HISTOGRAM
            and np.isfinite(array).all()
        )  # fmt: skip

    def tables(self, step: int, when: float, tables: Mapping[str, np.ndarray]) -> None:
        """Write tables of numbers as grey pictures."""
        self._writer.add_summaries(
            (step, when, messages.images(name, np.asarray(table, np.float32)[None, ..., None], 1))
            for name, table in tables.items()
            if np.ndim(table) == 2 and np.asarray(table).dtype.kind in "fiub" and np.size(table)
        )

    def end(self, status: int, ended: float) -> None:
        """Write how the training ended, as a status code of `hparams`, and close the file."""
        self._writer.add_summaries([(0, ended, hparams.session_end(status, ended))])
        self._writer.close()

    def watch(
        self,
        session: Session,
        training: Training,
        events: Iterator[Event],
        *,
        variables: Callable[[], Mapping[str, np.ndarray]] | None = None,
        lost: Callable[[FileProblem], None] | None = None,
    ) -> Generator[Event, None, None]:
        """Pass on the events of a training, and write them to TensorBoard's files.

        Args:
            variables: returns the values of the variables; None reads them from the session.
            lost: called with the error if writing fails; the training then continues without files.

        Raises:
            FileProblem: writing fails and ``lost`` is None.
        """
        read = variables or (lambda: session.variables)
        writing = _Writing(session, training, self, read, lost)
        try:
            for event in events:
                writing.write(lambda event=event: writing.take(event))
                yield event
        finally:
            close = getattr(events, "close", None)
            if close is not None:
                close()
            writing.write(writing.end)


# ---- a running training -------------------------------------------------------------------------


def begin(folder: str | os.PathLike[str], name: str) -> EventFiles:
    """Return the writer of one training, in a new subfolder of `folder`.

    Raises:
        FileProblem: it cannot be written.
    """
    return EventFiles(folder_for(folder, name))


def folder_for(folder: str | os.PathLike[str], name: str) -> Path:
    """Return the path of a new subfolder for one training in TensorBoard's folder."""
    root = Path(folder)
    stem = f"{name or 'training'}-{time.strftime('%Y%m%d-%H%M%S')}"
    number = 1
    while (found := root / (stem if number == 1 else f"{stem}-{number}")).exists():
        number += 1
    return found


@dataclass
class _Writing:
    """The state of writing one training's event file."""

    session: Session
    training: Training
    files: EventFiles
    variables: Callable[[], Mapping[str, np.ndarray]]
    lost: Callable[[FileProblem], None] | None
    began: float = field(default_factory=time.time)
    status: int = hparams.SUCCESS
    is_lost: bool = False

    def write(self, action: Callable[[], None]) -> None:
        """Call a function that writes to a file. Do nothing if an earlier call failed.

        If the call fails, pass the error to the callback `lost`; without a callback, raise it.
        """
        if self.is_lost:
            return
        try:
            action()
        except FileProblem as error:
            if self.lost is None:
                raise
            self.is_lost = True
            self.lost(error)

    def take(self, event: Event) -> None:
        """Write the data of a training event."""
        files = self.files
        if isinstance(event, Started):
            metrics = [m.key for m in self.training.measured()]
            settings = settings_of(self.session, self.training)
            files.begin(files.folder.name, self.began, settings, metrics)
            files.graph(self.session.graph)
        elif isinstance(event, Resumed):
            self.began -= event.seconds
        elif isinstance(event, Steps):
            for name, values in _steps(event, self.began, self.training.turns).items():
                files.scalars(name, values)
        elif isinstance(event, Epoch):
            when = self.began + event.seconds
            _write_epoch(files, event, when)
            files.variables(event.steps, when, dict(self.variables().items()))
        elif isinstance(event, Done):
            when = self.began + event.seconds
            for metric in self.training.measured_once():
                if metric.key in event.metrics:
                    files.scalars(metric.key, [(event.steps, when, event.metrics[metric.key])])
        elif isinstance(event, Diverged):
            self.status = hparams.FAILURE

    def end(self) -> None:
        self.files.end(self.status, time.time())


def _steps(
    event: Steps, began: float, turns: Schedule | None
) -> dict[str, list[tuple[int, float, float]]]:
    """Return a dict from the tag of each loss to a list of (step, time, value), one per step."""
    when = began + event.seconds
    steps = np.arange(event.first, event.last + 1)
    parts = {LOSS: (steps, event.losses)}
    if turns is not None:
        parts = turns.split(event.first, event.losses)
    return {
        phase_tag(name): [(int(i), when, float(v)) for i, v in zip(*part, strict=True)]
        for name, part in parts.items()
    }


def phase_tag(name: str) -> str:
    """Return TensorBoard's tag for the per-step loss of a training phase, from the tag of its loss:
    ``loss_of_step/d`` for ``loss/d``.

    >>> phase_tag("loss/d"), phase_tag("loss")
    ('loss_of_step/d', 'loss')
    """
    return name.replace(f"{LOSS}/", "loss_of_step/", 1)


def _write_epoch(files: EventFiles, epoch: Epoch, when: float) -> None:
    files.scalars(EPOCH_LOSS, [(epoch.steps, when, epoch.loss)])
    for key, value in epoch.metrics.items():
        files.scalars(key, [(epoch.steps, when, value)])
    files.tables(epoch.steps, when, epoch.tables)
