"""Small documents that several tests start from."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord


@pytest.fixture
def inferences(monkeypatch: pytest.MonkeyPatch) -> Counter[Analysis]:
    """How many nodes each analysis infers from now on."""
    counts: Counter[Analysis] = Counter()
    infer = Analysis._infer

    def counting(analysis: Analysis, record: NodeRecord) -> Any:
        counts[analysis] += 1
        return infer(analysis, record)

    monkeypatch.setattr(Analysis, "_infer", counting)
    return counts


class Sketch:
    """A document written by names: `add(op, name, inputs..., attrs)`, with its analysis."""

    def __init__(self) -> None:
        self.doc = Document()
        self.analysis = Analysis(self.doc)
        self.changed: set[str] = set()
        self.doc.subscribe(self._follow)

    def _follow(self, change: Any) -> None:
        self.changed = self.analysis.update(change)

    def add(self, op: str, name: str, wires: dict[str, str] | None = None, **attrs: Any) -> str:
        node_id = commands.add_node(self.doc, op, (0, 0), name, attrs)
        for port, source in (wires or {}).items():
            self.wire(source, f"{name}:{port}")
        return node_id

    def wire(self, source: str, target: str) -> None:
        commands.connect(self.doc, *self.ends(source, target))

    def ends(self, source: str, target: str) -> tuple[str, str, str, str]:
        source_name, _, source_port = source.partition(":")
        target_name, _, target_port = target.partition(":")
        return self.id(source_name), source_port or "out", self.id(target_name), target_port

    def id(self, name: str) -> str:
        record = self.doc.node_named(name)
        assert record is not None, name
        return record.id

    def set(self, name: str, attr: str, value: Any) -> None:
        commands.set_attr(self.doc, self.id(name), attr, value)

    def problems(self, name: str) -> list[str]:
        return [str(problem) for problem in self.analysis.problems_of(self.id(name))]

    def type(self, place: str) -> str:
        name, _, port = place.partition(":")
        return str(self.analysis.type_of(self.id(name), port or "out"))


@pytest.fixture
def sketch() -> Sketch:
    return Sketch()


@pytest.fixture
def expression(sketch: Sketch) -> Sketch:
    """a = (b + c) * (c + 2)."""
    sketch.add("variable", "b", value=2.0)
    sketch.add("variable", "c", value=1.0)
    sketch.add("constant", "two", value=2.0)
    sketch.add("add", "d", {"x": "b", "y": "c"})
    sketch.add("add", "e", {"x": "c", "y": "two"})
    sketch.add("multiply", "a", {"x": "d", "y": "e"})
    return sketch
