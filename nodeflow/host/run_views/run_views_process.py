"""The process that computes views of kept runs side by side.

The window starts it with ``python -m nodeflow.host.run_views.run_views_process``.

Each run has a separate graph, weights and session here. The document, its training and its values
stay untouched, and nothing in the window waits. Requests and answers are pickles, each preceded by
its length. The process ends when its input ends.
"""

from __future__ import annotations

import os
import pickle
import queue
import struct
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from nodeflow.document.analysis.datasets.dataset_node import DATASET, SOURCE, source_of
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit.data.locate import reanchor
from nodeflow.document.io import flow
from nodeflow.document.io.consents import remembered
from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.saved_weights import use_weights
from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Node
from nodeflow.host.protocol import ViewValue
from nodeflow.host.run_views.run_view_messages import AskRunViews, RunView
from nodeflow.host.views.value_source import ViewSource
from nodeflow.host.views.watched_views import view_value
from nodeflow.ops.user import load_plugins
from nodeflow.run_store.errors import UnknownRun
from nodeflow.run_store.store import BEST, FINAL, RunStore

LENGTH = struct.Struct(">Q")
NICENESS = 5
OTHER_DATA = "on the data of the first run"


class ComparedRuns:
    """The runs being compared, each with a separate session."""

    def __init__(self) -> None:
        self._opened: dict[Any, Any] = {}
        self._known: dict[tuple[str, str, bool], tuple[Session, ViewSource, str]] = {}

    def views(self, request: AskRunViews) -> Iterator[RunView]:
        """Yield the same view for each of several recorded runs, in order. If a run fails, its view
        contains the error.
        """
        first = request.runs[0] if request.runs else ""
        self._forget_others(request)
        for run in request.runs:
            note = ""
            try:
                source, note = self._source(run, first, request.best)
                value = view_value(lambda found=source: found, request.spec)
            except NodeflowError as error:
                value = ViewValue(0, request.spec, error=error.text("window"))
            yield RunView(request.number, run, value, note)

    def _source(self, run: str, first: str, best: bool) -> tuple[ViewSource, str]:
        key = run, first, best
        if key not in self._known:
            self._known[key] = self._open(run, first, best)
        _, source, note = self._known[key]
        return source, note

    def _open(self, id: str, first: str, best: bool) -> tuple[Session, ViewSource, str]:
        with RunStore(write=False) as store:
            document, path = _read(store, id, best)
            note = ""
            if id != first and same_data(document, _read(store, first, best)[0]):
                note = OTHER_DATA
        task = Task(document, opened=self._opened)
        session = Session(task.graph, tier="reference", seed=task.build.settings.seed)
        session.initialize()
        use_weights(session, task.build, path)
        users: dict[Node, list[Node]] = {}
        for node in task.graph.nodes:
            for tensor in node.inputs:
                users.setdefault(tensor.node, []).append(node)
        read = session.variables.__getitem__
        stream_of = session.stream_of("run", 0)
        source = ViewSource(task, task.tensor, lambda node: read(node.name), stream_of, users)
        return session, source, note

    def _forget_others(self, request: AskRunViews) -> None:
        first = request.runs[:1]
        for key in list(self._known):
            if key[0] not in request.runs or (key[1],) != first or key[2] != request.best:
                self._known.pop(key)[0].close()


def _read(store: RunStore, id: str, best: bool) -> tuple[Document, Path]:
    """Return the graph of a run, with absolute paths of its data, and the file of its weights.

    Raises:
        RunStoreProblem: the run has no graph or no weights, or is gone.
    """
    run = store.get(id)
    if run is None:
        raise UnknownRun(f"the run {id} is gone")
    document = flow.loads(store.graph_text(run))
    if run.file:
        document.path = Path(run.file)
        document.allowed = remembered(document.path)
        reanchor(document, store.folder)
    return document, store.weights(run, BEST if best else FINAL)


def same_data(document: Document, first: Document) -> bool:
    """Make the datasets of a document read the data of another document.

    A dataset node takes the data of the node with the same name, or of the only node. If the other
    node prepares columns so that the types of the outputs would change, the node keeps its own
    preparation.

    Returns:
        Whether the document changed.
    """
    theirs = {node.name: node for node in first.nodes.values() if node.op == DATASET}
    ours = [node for node in document.nodes.values() if node.op == DATASET]
    changed = False
    for node in ours:
        other = theirs.get(node.name)
        if other is None and len(ours) == len(theirs) == 1:
            other = next(iter(theirs.values()))
        if other is None or other.attrs == node.attrs:
            continue
        types = Analysis(document).out_types(node.id)
        _set(document, node.id, other.attrs)
        if Analysis(document).out_types(node.id) != types:
            _set(document, node.id, {**node.attrs, SOURCE.name: source_of(other.attrs)})
        changed = changed or document.nodes[node.id].attrs != node.attrs
    document.allow(*first.allowed)
    return changed


def _set(document: Document, node: str, attrs: Mapping[str, Any]) -> None:
    with document.transaction("Use other data") as t:
        t.put_node(replace(document.nodes[node], attrs=dict(attrs)))


# ---- the process --------------------------------------------------------------------------------


def write(stream: BinaryIO, message: object) -> None:
    """Write a message."""
    data = pickle.dumps(message)
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


def read(stream: BinaryIO) -> Any:
    """Return the next message, or None at the end of the stream."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    return pickle.loads(stream.read(LENGTH.unpack(head)[0]))


def main() -> int:
    """Compute views of kept runs, as requested on standard input, in a separate process.

    Return the exit status when the input ends.
    """
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # keep the output of print ops out of the answers
    sys.stdout = sys.stderr
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    load_plugins(sys.argv[1] if len(sys.argv) > 1 else None)
    requests: queue.SimpleQueue[AskRunViews | None] = queue.SimpleQueue()
    threading.Thread(target=_take, args=(requests,), daemon=True).start()
    runs = ComparedRuns()
    while (request := requests.get()) is not None:
        for answer in runs.views(request):
            write(out, answer)
            if not requests.empty():
                break  # a newer request is waiting
    return 0


def _take(requests: queue.SimpleQueue[AskRunViews | None]) -> None:
    while (request := read(sys.stdin.buffer)) is not None:
        requests.put(request)
    requests.put(None)


if __name__ == "__main__":
    sys.exit(main())
