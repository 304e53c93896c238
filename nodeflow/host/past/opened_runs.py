"""Kept runs whose steps are shown: opened once, then used by every thread of the engine process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from nodeflow.data.data_splits import DataSplits
from nodeflow.document.diff.compare import compare
from nodeflow.document.io import flow
from nodeflow.run_store.past import RunPast, open_past
from nodeflow.run_store.store import RunStore

MOST = 6
"""Runs that stay open; of others only the recorded curve is seen."""
COMPARED = frozenset({"node", "wire", "subgraph"})


class OpenedRuns:
    """Opens runs, and remembers the last ones.

    Attributes:
        threads: with which their steps are computed; None for all.
    """

    def __init__(self) -> None:
        self.threads: int | None = None
        self._lock = threading.Lock()
        self._found: OrderedDict[str, RunPast] = OrderedDict()
        self._data: dict[Any, DataSplits] = {}

    def get(self, run: str) -> RunPast:
        """A run by its id.

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
        """The same, with its data read anew; raises as `get`."""
        with self._lock:
            self._found.pop(run, None)
            if not self._found:
                self._data.clear()
        return self.get(run)


def differences(found: RunPast, text: str) -> int:
    """In how much the graph of a run and that of a .flow text differ, leaving out where nodes
    stand."""
    _, task = found.at(found.last)
    if task is None:
        return 0
    return sum(one.kind in COMPARED for one in compare(task.document, flow.loads(text)))
