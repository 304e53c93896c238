"""Differences between two runs: their last common step, the edits after it, and the facts at the
end.

The facts are settings, data, versions and graph.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nodeflow.document.diff.differences import Difference, compare
from nodeflow.document.model.document import Document
from nodeflow.run_store.run_history import History, RunEdit, history, last_document, settings_in
from nodeflow.run_store.run_records import Run
from nodeflow.run_store.store import RunStore


@dataclass(frozen=True)
class Change:
    """One difference between two runs. A value is None if a run lacks it.

    Attributes:
        section: ``settings``, ``data``, ``versions`` or ``machine``.
    """

    section: str
    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Changes:
    """The changes from one run to another.

    Attributes:
        facts: differences at the end: settings first, then data, versions and machine.
        graph: differences between the final graphs; also empty if a run has no graph.
        before, after: the final documents; None for a run without one.
        edits: for each run, the edits that the other run lacks, in the order of steps.
        parted: the run that made the last common step, and that step; None without common steps.
    """

    facts: tuple[Change, ...]
    graph: tuple[Difference, ...] = ()
    before: Document | None = None
    after: Document | None = None
    edits: tuple[tuple[RunEdit, ...], tuple[RunEdit, ...]] = ((), ())
    parted: tuple[Run, int] | None = None

    def __bool__(self) -> bool:
        return bool(self.facts or self.graph or any(self.edits))


def changes(store: RunStore, before: Run, after: Run) -> Changes:
    """Compare two runs."""
    facts = tuple(_facts(store, before, after))
    documents = last_document(store, before), last_document(store, after)
    histories = history(store, before), history(store, after)
    graph: tuple[Difference, ...] = ()
    if documents[0] is not None and documents[1] is not None:
        graph = tuple(compare(documents[0], documents[1]))
    first, second = (set(one.edits) for one in histories)
    edits = (
        tuple(edit for edit in histories[0].edits if edit not in second),
        tuple(edit for edit in histories[1].edits if edit not in first),
    )
    return Changes(facts, graph, *documents, edits, _parted(*histories))


def _parted(before: History, after: History) -> tuple[Run, int] | None:
    """Return the last step that two runs have in common, and the run that made it. Return None if
    the runs have no common ancestor.
    """
    found: tuple[Run, int] | None = None
    ends = [_ends(one) for one in (before, after)]
    for (run, end), (other, other_end) in zip(*ends, strict=False):
        if run.id != other.id:
            break
        found = run, min(end, other_end)
        if end != other_end:
            break
    return found


def _ends(found: History) -> list[tuple[Run, int]]:
    """Return each run of a history, from the first ancestor on, with the last of its steps that
    belongs to this history. After it, the next run branched off.
    """
    steps = [child.parent_step or 0 for child in found.runs[1:]]
    return list(zip(found.runs, [*steps, found.run.steps], strict=True))


def _facts(store: RunStore, before: Run, after: Run) -> Iterator[Change]:
    yield from _changed("settings", settings_in(store, before), settings_in(store, after))
    yield from _changed("data", _data(before), _data(after))
    yield from _changed("versions", before.versions, after.versions)
    yield from _changed("machine", before.machine, after.machine)


def _data(run: Run) -> dict[str, Any]:
    """Return source, number of rows and digest of the data that a run was trained with, by
    placeholder.
    """
    found = {}
    for name, said in run.data.items():
        found[name] = {key: said.get(key) for key in ("source", "rows", "digest")}
    return found


def _changed(section: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield Change(section, name, before.get(name), after.get(name))
