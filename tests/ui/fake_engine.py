"""An engine without a process: it records requests, and tests say what it answers.

``answers`` decides whether it computes previews by itself, with the numpy interpreter's results for
the few ops that tests use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from nodeflow.document.analysis.traversal import topological
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Change
from nodeflow.host import protocol as p
from nodeflow.train import events

TABLE = {"add": np.add, "multiply": np.multiply, "subtract": np.subtract}


class FakePulse:
    """Counts up whenever it is looked at, unless a test sets ``stopped``."""

    def __init__(self) -> None:
        self.stopped = False
        self.doing = ""
        self._beats = 0

    @property
    def beats(self) -> int:
        self._beats += not self.stopped
        return self._beats


class FakeClient:
    """Stands for ``EngineClient``; messages come back through ``on_message`` at once."""

    made: list[FakeClient] = []

    def __init__(self, on_message: Callable[[p.Message], None]) -> None:
        self.on_message = on_message
        self.sent: list[p.Request] = []
        self.document = Document()
        self.started = self.closed = False
        self.computes = True
        self.shows: p.ShownData | None = None  # what it says of the data
        self.rows = p.ShownRows("test", 0, 100)
        self.pulse = FakePulse()
        FakeClient.made.append(self)

    def start(self) -> None:
        self.started = True
        self.on_message(p.Ready(1, 2))

    def close(self, *, at_once: bool = False) -> None:
        self.closed = True

    def send(self, request: p.Request) -> None:
        self.sent.append(request)
        if isinstance(request, p.SyncDocument):
            self.document = flow.loads(request.text)
            self.document.revision = request.revision
        elif isinstance(request, p.SyncChange):
            self.document.apply_change(Change.from_text(request.change))
        elif isinstance(request, p.ShowData) and self.shows is not None:
            self.rows = p.ShownRows(request.split, request.first, request.count or 100)
            self.shows = replace(self.shows, rows=self.rows)
        elif isinstance(request, p.Override) and self.shows is not None:
            own = next(iter(request.rows.values()), None)
            rows = self.rows if own is None else p.ShownRows("", called=own)
            self.shows = replace(self.shows, rows=rows)
        elif isinstance(request, p.SaveWeights):
            self.on_message(p.WeightsSaved(request.request, request.path))
        elif isinstance(request, p.Evaluate) and self.computes:
            self.on_message(self.evaluate(request))
        elif isinstance(request, p.FetchTensor) and self.computes:
            array = self.values().get(request.name)
            if array is not None:
                self.on_message(p.TensorValue(request.request, request.name, array))

    def requests(self, kind: type) -> list:
        return [request for request in self.sent if isinstance(request, kind)]

    # ---- numbers ----------------------------------------------------------------------------

    def values(self) -> dict[str, np.ndarray]:
        """Every node's value that this fake can compute, by name."""
        with np.errstate(over="ignore"):
            return self._values()

    def _values(self) -> dict[str, np.ndarray]:
        document = self.document
        order, _ = topological(document, set(document.nodes))
        found: dict[str, np.ndarray] = {}
        for node_id in order:
            record = document.nodes[node_id]
            inputs = {
                w.target_port: document.nodes[w.source].name for w in document.wires_into(node_id)
            }
            if record.op in ("constant", "variable"):
                found[record.name] = _float(record.attrs.get("value", 0.0))
            elif record.op == "placeholder" and record.attrs.get("sample") is not None:
                found[record.name] = _float(record.attrs["sample"])
            elif (
                record.op in TABLE
                and len(set(inputs.values()) & set(found)) == len(set(inputs.values()))
                and set(inputs) == {"x", "y"}
            ):
                found[record.name] = TABLE[record.op](found[inputs["x"]], found[inputs["y"]])
        return {name: np.asarray(value) for name, value in found.items()}

    def evaluate(self, request: p.Evaluate) -> p.Previews:
        values = self.values()
        if request.names is not None:
            values = {name: values[name] for name in request.names if name in values}
        missing = tuple(
            r.name
            for r in self.document.nodes.values()
            if r.op == "placeholder" and r.attrs.get("sample") is None
        )
        previews = {
            name: p.Preview("scalar", "float32", (), f"{value.item():g}", value)
            for name, value in values.items()
            if value.ndim == 0
        }
        return p.Previews(
            request.revision,
            request.request,
            previews,
            missing,
            watch=request.watch,
            names=request.names,
            data=self.shows,
        )

    # ---- a training -------------------------------------------------------------------------

    def begin_training(self, epochs: int = 2, steps: int = 10, **how: Any) -> None:
        assert self.requests(p.Train)
        self.on_message(p.State("training", "reference"))
        self.on_message(events.Started(epochs, steps, **how))

    def train_steps(self, first: int, losses: list[float]) -> None:
        self.on_message(events.Steps(first, np.array(losses), 0.1, "compiled"))

    def end_epoch(self, epoch: int, loss: float, **metrics: float) -> None:
        self.on_message(events.Epoch(epoch, loss, metrics, 10 * epoch, 0.1 * epoch))

    def end_training(self, epochs: int = 2, stopped: bool = False, **how: Any) -> None:
        metrics = {"accuracy": 0.9}
        self.on_message(events.Done(epochs, metrics, 10 * epochs, 200.0, 1.5, stopped, **how))
        self.on_message(p.State("idle"))


def _float(value) -> np.float32:
    """A number; 0 where a spoilt file has something else."""
    try:
        return np.float32(value)
    except (TypeError, ValueError, OverflowError):
        return np.float32(0)
