"""Compilation of a training's kernels while the user looks at its graph, so that Train starts fast.

The document is built and planned as for a training, in a separate thread, and its kernels go to the
compiler process. Nothing is initialised, and nothing runs. Errors are ignored, because Train will
report them.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.train.edits.variant import Variant

MOST_NODES = 2000
"""The largest document to prepare. Planning more nodes would delay the next live values."""


class Preparation:
    """The preparation of one document at a time. If several documents wait, only the last is
    prepared.

    Args:
        make_session: takes a graph and a seed.

    Attributes:
        is_current: whether there is nothing new to prepare.
    """

    def __init__(self, make_session: Callable[..., Session]) -> None:
        self.is_current = True
        self._make_session = make_session
        self._lock = threading.Lock()
        self._wanted: Callable[[], Task] | None = None
        self._is_busy = False

    def begin(self, make_task: Callable[[], Task]) -> None:
        """Start to prepare the training of a document in another thread, for example to compile its
        kernels.

        Args:
            make_task: builds the document; called in another thread.
        """
        with self._lock:
            self._wanted = make_task
            if not self._is_busy:
                self._is_busy = True
                threading.Thread(target=self._work, name="nodeflow-preparing", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._lock:
                make_task, self._wanted = self._wanted, None
                if make_task is None:
                    self._is_busy = False
                    return
            with contextlib.suppress(Exception):  # Train reports the error
                self._prepare(make_task())

    def _prepare(self, task: Task) -> None:
        if not task.trains:
            return
        training = task.training(attended=True)
        session = self._make_session(task.graph, seed=training.seed)
        try:
            Variant(session, training).prepared().compile_soon()
        finally:
            session.close()
