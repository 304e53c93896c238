"""A document and its engine without a process or thread: requests are handled as they are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.engine.session import Session
from nodeflow.graph.graph import Graph
from nodeflow.host import protocol as p
from nodeflow.host.request_handler import Engine
from nodeflow.train.events import Done, Steps


def reference(graph: Graph, seed: int) -> Session:
    """Trains by one tier from the first step on, so that equal trainings have equal bits."""
    return Session(graph, tier="reference", seed=seed)


class Desk:
    """An engine whose requests are handled in the test's thread, one by one, and its document."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.messages: list[p.Message] = []
        self.engine = Engine(self.take, threads=1)
        self.engine._make_session = reference  # type: ignore[method-assign]
        document.subscribe(lambda change: self.edit(change))
        self.edit = lambda change: self.do(p.SyncChange(change.text, change.revision))
        self.sync(keep=False)

    def take(self, message: p.Message) -> None:
        """A message of the engine; a test may answer it at once."""
        self.messages.append(message)

    def do(self, request: p.Request) -> None:
        self.engine._handle(request)
        failed = [m for m in self.messages if isinstance(m, p.Failed)]
        assert not failed, failed

    def sync(self, keep: bool = True) -> None:
        document = self.document
        folder = str(document.path.parent) if document.path else None
        text, revision = flow.dumps(document), document.revision
        self.do(p.SyncDocument(text, revision, folder, keep, document.allowed))

    def train(self, *meanwhile: p.Request, resume: bool = False) -> None:
        """Train to the end; requests are handled after the first steps."""
        for request in meanwhile:
            self.engine.receive(request)
        self.do(p.Train(1, resume))
        assert isinstance(self.messages[-1], Done)

    @property
    def losses(self) -> list[float]:
        """Of all steps so far."""
        batches = [m.events if isinstance(m, p.EventBatch) else (m,) for m in self.messages]
        steps = [event for events in batches for event in events if isinstance(event, Steps)]
        return [float(loss) for each in steps for loss in each.losses]

    @property
    def values(self) -> dict[str, np.ndarray]:
        """All variables, once everything that edits left to do is done."""
        return self.engine._current().variables()

    def change(self, **source: str) -> p.SyncChange:
        """The message of an edit of the data set, which is made here already."""
        made = []
        self.edit = made.append
        commands.set_attr(self.document, self.data, "source", source["to"])
        self.edit = lambda change: self.do(p.SyncChange(change.text, change.revision))
        return p.SyncChange(made[0].text, made[0].revision)

    @property
    def data(self) -> str:
        found = self.document.node_named("data")
        assert found is not None
        return found.id


def write_rows(path: Path) -> None:
    """A table that a layer learns: y = x1 + 2 x2 + 3 x3."""
    rows = np.random.default_rng(3).normal(size=(40, 3)).astype(np.float32)
    np.savez(path, x=rows, y=rows @ np.array([[1], [2], [3]], np.float32))


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[n], other[n]) for n in one)
