"""The user's runs, read and written on one thread, in order."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from nodeflow.errors import NodeflowError
from nodeflow.paths import runs_folder
from nodeflow.run_store.database.connection import FILE
from nodeflow.run_store.run_records import Run
from nodeflow.run_store.store import RunStore

MOST_COMPARED = 6
"""The maximum number of runs that can be compared side by side."""
Job = Callable[[RunStore], Any]
"""A job for the thread; it must not touch widgets."""


class RunLibrary(QObject):
    """The list of kept runs; panels read and change runs through it.

    Attributes:
        runs: the runs at the last refresh, newest first.
        problem: the reason why runs cannot be read; empty if they can.
        compared: ids of the runs that are compared side by side.

    Signals (on the GUI thread):
        compared_changed(): runs were chosen for comparison, perhaps the same as before.
        changed(): the list of runs, or a run in it, changed.
        answered(key, result): the return value of a job of `ask`.
        failed(key, error): the NodeflowError that such a job raised.
        noticed(text): reading runs gave a notice, such as damage. Each text is sent once.
    """

    changed = Signal()
    compared_changed = Signal()
    answered = Signal(object, object)
    failed = Signal(object, object)
    noticed = Signal(str)
    _looked = Signal(object, str)
    _returned = Signal(object, object, object)
    _noted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.runs: list[Run] = []
        self.problem = ""
        self.compared: tuple[str, ...] = ()
        jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._jobs = jobs
        self.destroyed.connect(lambda: jobs.put(None))  # a bound method would be gone by then
        self._thread: threading.Thread | None = None
        self._is_looking = self._is_closed = False
        self._stamp: Any = None
        self._told: set[str] = set()
        self._noted.connect(self._on_noted, Qt.ConnectionType.QueuedConnection)
        self._looked.connect(self._on_looked, Qt.ConnectionType.QueuedConnection)
        self._returned.connect(self._on_returned, Qt.ConnectionType.QueuedConnection)

    def run(self, id: str) -> Run | None:
        """Return the run with an id, or None."""
        return next((run for run in self.runs if run.id == id), None)

    # ---- requests of panels -------------------------------------------------------------------

    @Slot()
    def look(self) -> None:
        """Check soon whether the stored runs changed. If so, `changed` is emitted."""
        if not self._is_looking:
            self._is_looking = True
            self._do(self._look)

    @property
    def switched_off(self) -> str:
        """Return the reason why runs are not kept; empty if they are."""
        return "" if runs_folder() is not None else "Runs are not kept: NODEFLOW_RUNS is off."

    def ask(self, key: Any, job: Job) -> None:
        """Run a job that reads. ``answered`` or ``failed`` carries the same key."""
        self._do(lambda: self._answer(key, job, write=False))

    def change(self, key: Any, job: Job, gone: Iterable[str] = ()) -> None:
        """Run a job that writes, then refresh the list.

        Args:
            gone: ids of the runs that the job deletes.
        """
        self._do(lambda: self._answer(key, job, write=True, gone=gone))
        self._is_looking = True
        self._do(lambda: self._look(again=True))

    def compare(self, ids: tuple[str, ...]) -> None:
        """Compare these runs side by side; an empty tuple ends the comparison."""
        self.compared = ids[:MOST_COMPARED]
        self.compared_changed.emit()

    @Slot()
    def close(self) -> None:
        """Drop all waiting jobs. The thread ends after the current one."""
        self._is_closed = True
        self._jobs.put(None)

    # ---- the thread ---------------------------------------------------------------------------

    def _do(self, job: Callable[[], None]) -> None:
        if self._is_closed:
            return
        self._jobs.put(job)
        if self._thread is None:
            self._thread = threading.Thread(
                target=_work, args=(self._jobs,), name="nodeflow-runs", daemon=True
            )
            self._thread.start()

    def _look(self, again: bool = False) -> None:
        folder, found, problem = runs_folder(), None, ""
        if folder is None:
            found, problem = [], self.switched_off
        else:
            stamp = _stamp(folder)
            if again or stamp != self._stamp or any(r.status == "running" for r in self.runs):
                self._stamp = stamp
                try:
                    with RunStore(folder, write=False) as store:
                        found = store.runs()
                        self._noted.emit(store.notices)
                except NodeflowError as error:
                    found, problem = [], error.text("window")
        if found is not None:  # compared here, because there may be thousands
            known = {run.id: run for run in self.runs}
            found = [old if (old := known.get(run.id)) == run else run for run in found]
            if problem == self.problem and found == self.runs:
                found = None
        self._looked.emit(found, problem)

    def _answer(self, key: Any, job: Job, write: bool, gone: Iterable[str] = ()) -> None:
        result = error = None
        try:
            with RunStore(write=write, gone=gone) as store:
                result = job(store)
                self._noted.emit(store.notices)
        except Exception as raised:
            error = raised
        self._returned.emit(key, result, error)

    # ---- the GUI thread -----------------------------------------------------------------------

    @Slot(object)
    def _on_noted(self, notices: list[str]) -> None:
        for notice in notices:
            if notice not in self._told:
                self._told.add(notice)
                self.noticed.emit(notice)

    @Slot(object, str)
    def _on_looked(self, found: list[Run] | None, problem: str) -> None:
        self._is_looking = False
        if found is None:
            return
        self.runs, self.problem = found, problem
        self.changed.emit()

    @Slot(object, object, object)
    def _on_returned(self, key: Any, result: Any, error: Exception | None) -> None:
        if error is None:
            self.answered.emit(key, result)
        elif isinstance(error, NodeflowError):
            self.failed.emit(key, error)
        else:
            raise error


def _work(jobs: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while (job := jobs.get()) is not None:
        with contextlib.suppress(RuntimeError):  # raised when the window is gone
            job()


def _stamp(folder: Path) -> tuple[Any, ...]:
    """Return a value that differs after every write to the run store."""
    found = []
    for name in (FILE, f"{FILE}-wal", f"{FILE}-journal"):
        try:
            status = (folder / name).stat()
            found.append((str(folder), status.st_mtime_ns, status.st_size))
        except OSError:
            found.append(None)
    return tuple(found)
