"""Predictions for every row of another file, with the trained variables, sent or written to a
file.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from nodeflow.atomic_write import replacing, writing
from nodeflow.data.document_folder import DocumentFolder
from nodeflow.document.analysis.datasets.dataset_node import document_folder, place_of
from nodeflow.document.edit.data.replace_source import use_dataset
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.predictions.predict_rows import Cells, Predictions
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.host import protocol as p

ROWS_A_MESSAGE = 500
PREDICTION = "prediction"
"""The name of the node to predict. Without such a node, predict the outputs without a consumer."""


class Cancelled(Exception):
    """The error that the user cancelled the predictions."""


def predict(
    document: Document,
    request: p.Predict,
    variables: Mapping[str, np.ndarray],
    send: Callable[[p.Message], None],
    *,
    folder: DocumentFolder | None = None,
    threads: int | None = None,
    memory: int | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> None:
    """Compute predictions and send them in parts; the last message reports the end.

    Raises:
        DataError: the file cannot be read, or lacks a column. The message names it.
        GraphError, FetchError: the graph predicts nothing.
        FileProblem: the file of predictions cannot be written. No part of it is left.
    """
    copy = flow.loads(flow.dumps(document))
    folder = document_folder(document, folder)
    place = place_of(copy, request.source, folder)
    folder = folder if place is None else folder.allowing(place)  # the user chose this file
    use_dataset(copy, request.source, base_dir=folder)
    task = Task(copy, base_dir=folder, whole=True)
    names = [PREDICTION] if document.node_named(PREDICTION) is not None else []
    predictions = Predictions(task, names)
    with Session(
        task.graph, tier="auto", threads=threads, memory=memory, seed=task.build.settings.seed
    ) as session:
        session.initialize()
        for name, value in variables.items():
            if name in session.variables:
                session.variables[name] = value
        columns, rows = predictions.table(session)
        rows = _until(rows, cancelled)
        report = _Report(request, columns, predictions, send)
        try:
            if request.path is None:
                report.rows(rows)
            else:
                _write(request.path, columns, rows, report)
        except Cancelled:
            send(p.Predicted(request.request, report.done, cancelled=True))
            return
    send(
        p.Predicted(request.request, report.done, notices=predictions.notices(), path=request.path)
    )


def _until(rows: Iterator[Cells], cancelled: Callable[[], bool]) -> Iterator[Cells]:
    for row in rows:
        if cancelled():
            raise Cancelled
        yield row


class _Report:
    """The sender of rows and progress messages."""

    def __init__(
        self,
        request: p.Predict,
        columns: Cells,
        predictions: Predictions,
        send: Callable[[p.Message], None],
    ) -> None:
        self._request, self._send = request, send
        self._columns = columns
        self._added = tuple(n for predicted in predictions.predicted for n in predicted.numeric)
        self._total = predictions.count
        self.done = 0

    def rows(self, rows: Iterator[Cells]) -> None:
        """Send rows of predictions in messages. Stop after the number of rows that the user
        requested.
        """
        waiting: list[Cells] = []
        for row in rows:
            waiting.append(row)
            self.done += 1
            if len(waiting) == ROWS_A_MESSAGE:
                self._say(tuple(waiting))
                waiting = []
            if self.done >= self._request.most:
                break
        self._say(tuple(waiting))

    def advance(self) -> None:
        """Count one more written row."""
        self.done += 1
        if self.done % ROWS_A_MESSAGE == 0:
            self._say(())

    def _say(self, rows: tuple[Cells, ...]) -> None:
        message = p.PredictedRows(
            self._request.request, self._columns, self._added, rows, self.done, self._total
        )
        self._send(message)


def _write(path: str, columns: Cells, rows: Iterator[Cells], report: _Report) -> None:
    """Write a CSV file, which replaces the old one when it is complete."""
    target = Path(path)
    with writing(target), replacing(target, "text") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow(row)
            report.advance()
