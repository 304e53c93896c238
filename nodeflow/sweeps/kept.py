"""Sweeps in the store of runs: the plan, the order of events, and the results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from nodeflow.run_store.database.damaged_cells import moment, parsed
from nodeflow.run_store.run_records import dumps
from nodeflow.run_store.store import RunStore
from nodeflow.sweeps.results import Result, plain, result_of
from nodeflow.train.saving.plain_values import table, text, whole

MOST_KEPT = 200


@dataclass(frozen=True)
class KeptSweep:
    """A sweep as stored.

    Attributes:
        id: id of its table row.
        name: the tag of its runs.
        file: file of the graph.
        created: seconds since 1970.
        plan: the plan as in `Plan.plain`.
        results: results of the trials that began.
        order: events in order: ``("ask", 3)`` when trial 3 began, ``("tell", 3)`` when it ended.
        ended: whether the sweep has ended.
    """

    id: str
    name: str
    file: str = ""
    created: float = 0.0
    plan: dict[str, Any] = field(default_factory=dict)
    results: tuple[Result, ...] = ()
    order: tuple[tuple[str, int], ...] = ()
    ended: bool = False


def keep(store: RunStore, sweep: KeptSweep) -> None:
    """Write the current state of a sweep; delete the oldest sweeps over a limit."""
    data = {
        "plan": sweep.plan,
        "results": [plain(result) for result in sweep.results],
        "order": sweep.order,
        "ended": sweep.ended,
    }
    store.keep_sweep(sweep.id, (sweep.name, sweep.file, sweep.created, dumps(data)), MOST_KEPT)


def kept_sweeps(store: RunStore) -> list[KeptSweep]:
    """Return the sweeps, newest first."""
    return store.sweeps(_sweep_of)


def _sweep_of(row: Any) -> KeptSweep:
    data = parsed(row["data"])
    return KeptSweep(
        text(row["id"]),
        text(row["name"]),
        text(row["file"]),
        moment(row["created"]),
        dict(table(data["plan"])),
        tuple(map(result_of, data["results"])),
        tuple((text(kind), whole(number)) for kind, number in data["order"]),
        bool(data["ended"]),
    )


def free_name(store: RunStore, wanted: str) -> str:
    """Return a name that no sweep and no tag has, so that the sweep's runs can be found by it.

    Sweeps of one graph are numbered: ``sweep net``, ``sweep net 2``.
    """
    used = set(store.sweeps(lambda row: text(row["name"])))
    used.update(tag for run in store.runs() for tag in run.tags)
    name, number = wanted, 1
    while name in used:
        number += 1
        name = f"{wanted} {number}"
    return name
