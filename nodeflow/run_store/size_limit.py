"""The size limit of the store: runs with a star stay, and the newest of the other runs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from nodeflow.run_store.errors import RunStoreProblem
from nodeflow.run_store.run_records import DAMAGED, RUNNING, Run
from nodeflow.run_store.store import RunStore

SETTING, USUAL_BYTES = "limit", 2 * 10**9
SHORT_SECONDS, SHORT_KEPT = 2.0, 20
"""Trainings below so many seconds are short. So many of each file stay, besides tagged ones."""
SHARE_OF_ONE = 4
"""Weights larger than the limit divided by this number are not kept."""
_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def limit(store: RunStore) -> int:
    """Return how many bytes all runs together may take."""
    said = store.setting(SETTING)
    return int(said) if said and said.isdigit() else USUAL_BYTES


def set_limit(store: RunStore, bytes: int) -> None:
    """Set how many bytes all runs together may take, and delete runs over the limit."""
    store.set_setting(SETTING, str(bytes))
    tidy(store)


def bytes_of(text: str) -> int:
    """Return the bytes of a size that a user wrote.

    Raises:
        RunStoreProblem: the text is not a size.

    >>> bytes_of("2 GB"), bytes_of("500mb")
    (2000000000, 500000000)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?b?)\s*", text, re.IGNORECASE)
    unit = found[2].upper() if found else "?"
    unit = unit if unit in _UNITS else f"{unit}B"
    if found is None or unit not in _UNITS:
        raise RunStoreProblem(f"{text!r} is not a size", hint="Write it such as 2GB or 500MB.")
    return int(float(found[1]) * _UNITS[unit])


def used_bytes(store: RunStore, runs: Sequence[Run]) -> int:
    """Return the bytes of the runs on disk."""
    return store.used_bytes() + sum(run.bytes for run in runs)


def tidy(store: RunStore, keep: str = "") -> list[Run]:
    """Delete runs over the limits, short trainings and the oldest first; return the deleted runs.

    Args:
        keep: id of a run that is not deleted for its size.
    """
    gone = too_short(runs := store.runs())
    if gone:
        store.delete(run.id for run in gone)
    most = limit(store)
    left = [run for run in runs if run not in gone]
    while used_bytes(store, left) > most:
        oldest = next((r for r in reversed(left) if not stays(r) and r.id != keep), None)
        if oldest is None:
            break
        store.delete([oldest.id])
        left.remove(oldest)
        gone.append(oldest)
    return gone


def stays(run: Run) -> bool:
    """Return whether a run must not be deleted automatically: it has a star, still trains, or is
    damaged, so that its age is unknown.
    """
    return run.star or run.status in (RUNNING, DAMAGED)


def too_short(runs: Sequence[Run]) -> list[Run]:
    """Return the short trainings to delete: for each file, only the newest few are kept. Starred,
    tagged, running and damaged runs are never among them.
    """
    by_file: dict[str, list[Run]] = defaultdict(list)
    for run in runs:  # the newest runs come first
        if run.seconds < SHORT_SECONDS and not stays(run) and not run.tags:
            by_file[run.file].append(run)
    return [run for short in by_file.values() for run in short[SHORT_KEPT:]]
