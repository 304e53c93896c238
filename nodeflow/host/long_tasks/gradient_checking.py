"""Gradient checks in the engine process, on a thread beside its other work."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from nodeflow.data.data_splits import DataSplits
from nodeflow.data.document_folder import DocumentFolder
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.gradient_checks import GradientChecks
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import Cancelled, NodeflowError
from nodeflow.host import protocol as p


class GradientChecking:
    """The runner of gradient checks, one request at a time. A new request ends the previous checks.

    Args:
        send: takes the messages. Any thread may call it.
    """

    def __init__(self, send: Callable[[p.Message], None]) -> None:
        self._send = send
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(
        self,
        request: p.CheckGradients,
        document: Document,
        folder: DocumentFolder,
        variables: Mapping[str, np.ndarray],
        opened: Mapping[Any, DataSplits],
    ) -> None:
        """Start to check the gradients of a document numerically in another thread, with copies of
        the given values of variables. The message GradientsChecked or Failed reports the end.
        """
        self.cancel()
        self._stop = threading.Event()
        ready = {key: data for key, data in opened.items() if not _reads_files(data)}
        task = Task(flow.loads(flow.dumps(document)), base_dir=folder, opened=ready)
        values = {name: array.copy() for name, array in variables.items()}
        arguments = (request, task, values, self._stop)
        self._thread = threading.Thread(
            target=self._check, args=arguments, name="nodeflow-gradients", daemon=True
        )
        self._thread.start()

    def cancel(self) -> None:
        """Tell the running checks to end soon."""
        self._stop.set()

    def _check(
        self,
        request: p.CheckGradients,
        task: Task,
        values: Mapping[str, np.ndarray],
        stop: threading.Event,
    ) -> None:
        done = 0
        try:
            with Session(task.graph, tier="reference", seed=task.settings.seed) as session:
                session.initialize()
                known = {n: v for n, v in values.items() if n in session.variables}
                session.variables.update(known)
                checks = GradientChecks(task, session.run)
                names = checks.names() if request.names is None else request.names
                for checked in checks.every(names, stop.is_set):
                    done += 1
                    self._send(p.GradientChecked(request.request, checked, done, len(names)))
        except Cancelled:
            pass
        except Exception as error:  # the window waits for an answer
            details = "" if isinstance(error, NodeflowError) else traceback.format_exc()
            data = p.ErrorData.of(error, details)
            self._send(p.Failed(request.request, "CheckGradients", data))
            return
        self._send(p.GradientsChecked(request.request, done, stop.is_set()))


def _reads_files(data: DataSplits) -> bool:
    """Return whether rows of the data are read from files. If they are, only one thread may read at
    a time.
    """
    return any(column.lazy for split in data.splits.values() for column in split.values())
