"""A cache of kept runs whose steps are shown, shared by all threads of the engine process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from nodeflow.data.data_splits import DataSplits
from nodeflow.document.diff.differences import compare
from nodeflow.document.io import flow
from nodeflow.run_store.past_steps import RunPast, open_past
from nodeflow.run_store.store import RunStore

MOST = 6
"""The number of runs that stay open. Of other runs, only the recorded curve is shown."""
COMPARED = frozenset({"node", "wire", "subgraph"})


class OpenedRuns:
    """A cache of the runs opened last.

    Attributes:
        threads: the number of threads that compute their steps; None for all.
    """

    def __init__(self) -> None:
        self.threads: int | None = None
        self._lock = threading.Lock()
        self._found: OrderedDict[str, RunPast] = OrderedDict()
        self._data: dict[Any, DataSplits] = {}

    def get(self, run: str) -> RunPast:
        """Return a recorded training run by its id. Open it unless it is already open.

        Raises:
            UnknownRun, RunStoreProblem, FileProblem, DataError: see `open_past`.
        """
        with self._lock:
            if run not in self._found:
                with RunStore(write=False) as store:
                    one = store.find(run)
                    found = open_past(store, one, opened=self._data, threads=self.threads)
                self._found[run] = found
                while len(self._found) > MOST:
                    _, oldest = self._found.popitem(last=False)
                    oldest.close()
            self._found.move_to_end(run)
            return self._found[run]

    def open(self, run: str) -> RunPast:
        """Read a recorded training run again from its files, and return it. It raises the same
        errors as `get`.
        """
        with self._lock:
            self._found.pop(run, None)
            if not self._found:
                self._data.clear()
        return self.get(run)


def differences(found: RunPast, text: str) -> int:
    """Return the number of differences between a run's graph and a .flow text, except positions."""
    _, task = found.at(found.last)
    if task is None:
        return 0
    return sum(one.kind in COMPARED for one in compare(task.document, flow.loads(text)))
