"""What changed between two runs: settings, data, versions, and the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nodeflow.document.diff.compare import Difference, compare
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.run_store.records import Run
from nodeflow.run_store.store import RunStore


@dataclass(frozen=True)
class Change:
    """One thing that two runs do not have in common; None where a run lacks it.

    Attributes:
        section: ``settings``, ``data``, ``versions`` or ``machine``.
    """

    section: str
    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Changes:
    """What changed from one run to another.

    Attributes:
        facts: settings first, then data, versions and machine.
        graph: the differences of the two graphs; empty also where a run has none.
        before, after: the two documents; None where a run has none.
    """

    facts: tuple[Change, ...]
    graph: tuple[Difference, ...] = ()
    before: Document | None = None
    after: Document | None = None

    def __bool__(self) -> bool:
        return bool(self.facts or self.graph)


def changes(store: RunStore, before: Run, after: Run) -> Changes:
    """Compare two runs."""
    facts = tuple(_facts(before, after))
    if before.graph_digest == after.graph_digest:
        document = _document(store, before)
        return Changes(facts, (), document, document)
    documents = _document(store, before), _document(store, after)
    if documents[0] is None or documents[1] is None:
        return Changes(facts, (), *documents)
    return Changes(facts, tuple(compare(documents[0], documents[1])), *documents)


def _document(store: RunStore, run: Run) -> Document | None:
    try:
        return flow.loads(store.graph_text(run))
    except NodeflowError:
        return None


def _facts(before: Run, after: Run) -> Iterator[Change]:
    yield from _changed("settings", _settings(before), _settings(after))
    yield from _changed("data", _data(before), _data(after))
    yield from _changed("versions", before.versions, after.versions)
    yield from _changed("machine", before.machine, after.machine)


def _settings(run: Run) -> dict[str, Any]:
    return {**run.settings, "seed": run.seed}


def _data(run: Run) -> dict[str, Any]:
    """What tells the data apart, by placeholder."""
    found = {}
    for name, said in run.data.items():
        found[name] = {key: said.get(key) for key in ("source", "rows", "digest")}
    return found


def _changed(section: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield Change(section, name, before.get(name), after.get(name))
