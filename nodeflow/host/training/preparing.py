"""Compiles what a training will need while the user looks at its graph, so that Train begins fast.

The document is built and planned as for a training, in a thread of its own, and its kernels go to
the process that compiles. Nothing is initialised, and nothing runs. What cannot be trained is no
problem yet: Train will say so.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from nodeflow.document.build.task import Task
from nodeflow.engine.session import Session
from nodeflow.train.edits.variant import Variant

MOST_NODES = 2000
"""Of a document: planning more would take long beside the live values of the next edit."""


class Preparation:
    """Prepares one document at a time; of those that come meanwhile, the last one.

    Args:
        make_session: takes a graph and a seed.
    """

    def __init__(self, make_session: Callable[..., Session]) -> None:
        self._make_session = make_session
        self._lock = threading.Lock()
        self._wanted: Callable[[], Task] | None = None
        self._is_busy = False

    def begin(self, make_task: Callable[[], Task]) -> None:
        """Prepare a training, soon.

        Args:
            make_task: builds it; called in another thread.
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
            with contextlib.suppress(Exception):  # Train says what the matter is
                self._prepare(make_task())

    def _prepare(self, task: Task) -> None:
        if not task.trains:
            return
        training = task.training(breakpoints=True)
        session = self._make_session(task.graph, seed=training.seed)
        try:
            Variant(session, training).prepared().compile_soon()
        finally:
            session.close()
