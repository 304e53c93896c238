"""The settings and graph of a run at each step, and the edits that led to them.

The history of a branch consists of the parent's history up to the step where it branched, the
changes made before the branch continued, and its own edits. Comparison, details, plots and the
command line all read it here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nodeflow.document.diff.text import described
from nodeflow.document.edit import commands
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.errors import NodeflowError
from nodeflow.number_text import number, plain
from nodeflow.run_store.run_records import Run, RunEvent
from nodeflow.run_store.store import RunStore
from nodeflow.train.edits.marks import mark_of_edit, mark_of_number, mark_of_variable

NUMBER, GRAPH, SETTINGS, VALUE, FORK = "changed", "edited", "settings", "variable", "branched"
"""Kinds of edits: event kinds of the store, and ``branched``.

``branched`` stands for the changes between a parent and the start of its branch.
"""
EDITS = (NUMBER, GRAPH, SETTINGS, VALUE)
"""Kinds of events that are edits."""
MOST_PARENTS = 1000
"""The longest followed chain of branches."""


@dataclass(frozen=True)
class RunEdit:
    """A change made while a run trained, or before a branch continued.

    Attributes:
        step: the last step before the change took effect.
        run: id of the run that was changed.
        kind: ``changed`` (a number), ``edited`` (the graph), ``settings``, ``variable`` (a value),
            or ``branched``.
        what: the changes in words, such as ``act: relu -> sigmoid``; never empty.
        mark: a shorter text, for plots.
    """

    step: int
    run: str
    kind: str
    what: tuple[str, ...]
    mark: str

    @property
    def words(self) -> str:
        return "; ".join(self.what)


@dataclass(frozen=True)
class History:
    """A run's lineage, with all edits that led to it.

    Attributes:
        runs: the runs that it branched from, oldest first, and the run itself. A parent that was
            deleted is missing.
        edits: edits of all these runs in the order of steps, without edits of a parent after its
            branch left.
    """

    runs: tuple[Run, ...]
    edits: tuple[RunEdit, ...]

    @property
    def run(self) -> Run:
        return self.runs[-1]


def history(store: RunStore, run: Run) -> History:
    """Return the edits of a run and of the runs that it branched from."""
    runs, found = lineage(store, run), list[RunEdit]()
    for parent, child in zip([None, *runs], runs, strict=False):
        if parent is not None and child.parent_step is not None:
            found = [edit for edit in found if edit.step <= child.parent_step]
            if what := _changed_at_fork(store, parent, child):
                found.append(RunEdit(child.parent_step, child.id, FORK, what, mark_of_edit(what)))
        found += edits_of(child.id, _edits(store, child))
    return History(runs, tuple(found))


def lineage(store: RunStore, run: Run) -> tuple[Run, ...]:
    """Return the runs that a run descends from, oldest first, and the run itself."""
    found = [run]
    while found[0].parent and len(found) < MOST_PARENTS:
        parent = store.get(found[0].parent)
        if parent is None or parent in found:
            break
        found.insert(0, parent)
    return tuple(found)


def edits_of(run: str, events: Iterable[RunEvent]) -> Iterator[RunEdit]:
    """Yield the edits of one run from its events."""
    for event in events:
        what = _words(event)
        yield RunEdit(event.step, run, event.kind, what, _mark(event, what))


def _edits(store: RunStore, run: Run) -> list[RunEvent]:
    """Return the events that are edits. Leave out damaged events, which lack some fields."""
    return [event for event in store.events(run) if _is_whole(event)]


def _is_whole(event: RunEvent) -> bool:
    data = event.data
    if event.kind == NUMBER:
        known = isinstance(data.get("node"), str) and isinstance(data.get("attr"), str)
        return known and isinstance(data.get("value"), (int, float))
    if event.kind == VALUE:
        return isinstance(data.get("node"), str)
    if event.kind == GRAPH:
        what = data.get("what")
        is_told = isinstance(what, list) and what and all(isinstance(one, str) for one in what)
        return bool(is_told) and _are_changes(data.get("changes", {}))
    return event.kind == SETTINGS and bool(data.get("changes")) and _are_changes(data["changes"])


def _are_changes(found: Any) -> bool:
    """Return whether a value maps names of settings to pairs of old and new values."""
    return isinstance(found, dict) and all(
        isinstance(sides, (list, tuple)) and len(sides) == 2 for sides in found.values()
    )


def _words(event: RunEvent) -> tuple[str, ...]:
    data = event.data
    if event.kind == NUMBER:
        return (_setting(_name(event), data.get("before"), data["value"]),)
    if event.kind == VALUE:
        return (mark_of_variable(data["node"]),)
    if event.kind == GRAPH:
        return tuple(data["what"])
    return tuple(_setting(name, *sides) for name, sides in data["changes"].items())


def _mark(event: RunEvent, what: tuple[str, ...]) -> str:
    if event.kind == NUMBER:
        return mark_of_number(event.data["node"], event.data["attr"], event.data["value"])
    return mark_of_edit(what)


def _figure(value: Any) -> str:
    return plain(number(value)) if isinstance(value, (int, float)) else str(value)


def _setting(name: str, before: Any, after: Any) -> str:
    return f"{name} {'not set' if before is None else _figure(before)} -> {_figure(after)}"


def _changed_at_fork(store: RunStore, parent: Run, child: Run) -> tuple[str, ...]:
    """Return in words how the document or the settings of a branched run differ at its start from
    its parent run at the same step.
    """
    assert child.parent_step is not None
    first = child.parent_step + 1
    before, after = document_in(store, parent, first), document_in(store, child)
    if before is not None and after is not None:
        return described(before, after)
    old, new = settings_in(store, parent, first), settings_in(store, child, first=True)
    names = dict.fromkeys([*old, *new])
    return tuple(_setting(n, old.get(n), new.get(n)) for n in names if old.get(n) != new.get(n))


# ---- settings -----------------------------------------------------------------------------------


def settings_in(
    store: RunStore, run: Run, step: int | None = None, *, first: bool = False
) -> dict[str, Any]:
    """Return the settings that a step was made with, including the optimizers' settings.

    Args:
        step: counted from 1; for a branch, also a step of its parent; None for the last step.
        first: return the settings that the run, or branch, began with instead.
    """
    run = _owner(store, run, step)
    events, found = _edits(store, run), {**run.settings, "seed": run.seed}
    for event in events:  # runs of version 0.1 store the initial numbers
        if event.kind == NUMBER:
            found[_name(event)] = event.data["value"]
    later = events if first else [e for e in events if step is not None and e.step >= step]
    for event in reversed(later):
        _undo(found, event)
    return found


def _owner(store: RunStore, run: Run, step: int | None) -> Run:
    """Return the run that made a step: the run itself or an ancestor."""
    if step is None:
        return run
    runs = lineage(store, run)
    own = (one for one in reversed(runs) if one.parent_step is None or step > one.parent_step)
    return next(own, runs[0])


def _name(event: RunEvent) -> str:
    return f"{event.data['node']}.{event.data['attr']}"


def _undo(settings: dict[str, Any], event: RunEvent) -> None:
    """Undo a recorded edit: restore the settings to their values from before it.

    Args:
        settings: the settings by name, which are changed in place.
    """
    if event.kind == NUMBER:
        settings[_name(event)] = event.data.get("before")
        return
    changed: Mapping[str, Sequence[Any]] = {}
    if event.kind in (GRAPH, SETTINGS):
        changed = event.data.get("changes", {})
    for name, (before, _) in changed.items():
        if before is None:
            settings.pop(name, None)
        else:
            settings[name] = before


# ---- the graph ----------------------------------------------------------------------------------


def document_in(store: RunStore, run: Run, step: int | None = None) -> Document | None:
    """Return the document that a step was made with, including the optimizers' numbers.

    Args:
        step: counted from 1; for a branch, also a step of its parent; None for the run's own first
            step.

    Returns:
        The document; None if the run has no graph, or it cannot be read.
    """
    run = _owner(store, run, step)
    events = [e for e in _edits(store, run) if step is not None and e.step < step]
    return _own_document(store, run, 0 if step is None else step - 1, events)


def last_document(store: RunStore, run: Run) -> Document | None:
    """Return the document that a run ended with."""
    events = _edits(store, run)
    last = max([run.steps, *(event.step for event in events)])
    return _own_document(store, run, last, events)


def _own_document(
    store: RunStore, run: Run, last: int, events: Iterable[RunEvent]
) -> Document | None:
    """Return the document that a run trained after a step, including later changes of numbers such
    as the learning rate. Return None if the document cannot be read.

    Args:
        last: the number of the step.
        events: the events of the run up to this step.
    """
    try:
        document = flow.loads(store.graph_text(run, last))
    except NodeflowError:
        return None
    _set_numbers(document, events)
    return document


def _set_numbers(document: Document, events: Iterable[RunEvent]) -> None:
    """Apply the recorded changes of numbers, such as the learning rate, to a stored document. Only
    changes after the document was last stored count.

    Args:
        events: the events of the run up to the wanted step.
    """
    since: dict[tuple[str, str], float] = {}
    for event in events:
        if event.kind == NUMBER:
            since[event.data["node"], event.data["attr"]] = event.data["value"]
        elif event.kind in (GRAPH, SETTINGS):  # the graph was stored with all numbers
            since.clear()
    for (node, attr), value in since.items():
        record = document.node_named(node)
        if record is not None:
            commands.set_attr(document, record.id, attr, value)
