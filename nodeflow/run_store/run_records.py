"""A run as read from the store, as plain data."""

from __future__ import annotations

import json
import math
import os
import platform
import secrets
import sqlite3
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from nodeflow.errors import GraphError
from nodeflow.number_text import is_date
from nodeflow.run_store.database.damaged_cells import COLUMNS, FACTS, Cells, numbers_by_name, parsed
from nodeflow.train.saving.plain_values import text
from nodeflow.train.schedule import Schedule
from nodeflow.visible_text import with_halves

RUNNING, DONE, STOPPED = "running", "done", "stopped"
DIVERGED, FAILED, INTERRUPTED = "diverged", "failed", "interrupted"
DAMAGED = "damaged"
"""Statuses of a run. It is interrupted if its process ended without storing a status, and damaged
if parts of its row in the store cannot be read."""
STATUSES = frozenset({RUNNING, DONE, STOPPED, DIVERGED, FAILED, INTERRUPTED})
EVENT_FILES = "event files"
"""The surface of a run that another program trained and whose event files were imported."""
SILENT_SECONDS = 30.0
"""A running training is written at least this often, in seconds, even while paused."""
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class Run:
    """The facts about a run, without its curves.

    Attributes:
        id: ``r`` and eight letters or digits, unique.
        name: the user's name, or the file and the time.
        file: the .flow file, or the program that trained; empty where there is none.
        surface: ``window``, ``cli``, ``python``, or ``event files`` of another program.
        graph_digest: the digest of the graph; runs of the same graph share it.
        status: ``running``, ``done``, ``stopped``, ``diverged``, ``failed``, ``interrupted`` or
            ``damaged``.
        ending: how it ended, in words.
        created, updated: seconds since 1970.
        seconds, steps, epochs: training so far; ``steps`` is the number of the last one.
        loss: the loss of the last epoch, or else of the last step; None before the first step.
        metrics: the latest value of each metric, by key.
        settings: settings of the training and its optimizer, by name.
        seed: the seed of the training.
        data: source and digest of the data of each placeholder, and whether the digest is ``weak``.
        versions: versions of nodeflow and its packages.
        machine: the facts that decide how numbers are rounded.
        shares: the metrics that lie between 0 and 1.
        steps_per_epoch: 0 where the data decide.
        best: the epoch whose weights are kept as the best, the deciding key, and its value.
        parent, parent_step: the run that this one branched from, and after which step.
        checkpoint: folder with its checkpoints, for resuming.
        star, colour, note, tags: set by the user.
        bytes: the size of its files.
        damaged: names of unreadable fields, which have their defaults here.
    """

    id: str
    name: str
    file: str = ""
    surface: str = ""
    graph_digest: str = ""
    status: str = RUNNING
    ending: str = ""
    created: float = 0.0
    updated: float = 0.0
    seconds: float = 0.0
    steps: int = 0
    epochs: int = 0
    loss: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    data: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)
    shares: tuple[str, ...] = ()
    steps_per_epoch: int = 0
    best: Mapping[str, Any] = field(default_factory=dict)
    parent: str = ""
    parent_step: int | None = None
    checkpoint: str = ""
    star: bool = False
    colour: str = ""
    note: str = ""
    tags: tuple[str, ...] = ()
    bytes: int = 0
    damaged: tuple[str, ...] = ()

    @property
    def date(self) -> str:
        """The local time when it began: ``2026-11-26 14:05:09``."""
        return date_text(self.created)

    @property
    def schedule(self) -> Schedule | None:
        """The schedule of the run's optimizers. None for a single optimizer, or if the stored
        schedule cannot be read.
        """
        said = self.settings.get("schedule")
        try:
            return Schedule.parse(said) if isinstance(said, str) else None
        except GraphError:  # a damaged row; its curves stay readable
            return None


@dataclass(frozen=True)
class RunEvent:
    """An event in a run: an edit, a pause, a breakpoint, a branch."""

    step: int
    time: float
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


def run_of(row: sqlite3.Row) -> Run:
    """Return the run in a row, as far as it is readable; interrupted if its process has ended."""
    cells = Cells(row)
    values: dict[str, Any] = {name: cells.get(name, *how) for name, how in COLUMNS.items()}
    values["id"] = cells.get("id", _id, shown_id(row["id"]))
    values["name"] = with_halves(cells.get("name", text, values["id"]))
    values["file"] = with_halves(values["file"])  # its name may hold bytes that are not UTF-8
    facts = cells.get("facts", parsed, {})
    inside = Cells(facts, cells.damaged)
    known = {name: inside.get(name, *how) for name, how in FACTS.items() if name in facts}
    process, digest = values.pop("process"), values.pop("graph")
    if values["status"] not in STATUSES and "status" not in cells.damaged:
        cells.damaged.append("status")
    if values["status"] == RUNNING and not is_alive(process, values["updated"]):
        values["status"] = INTERRUPTED
    if cells.damaged:
        values["status"] = DAMAGED
        values["ending"] = f"its row is damaged: {', '.join(cells.damaged)} cannot be read"
    return Run(**values, **known, graph_digest=digest, damaged=tuple(cells.damaged))


def _id(value: Any) -> str:
    if not isinstance(value, str) or not is_id(value):
        raise ValueError("it is no id")
    return value


def shown_id(value: Any) -> str:
    """Return the id to show for a row. A user can delete a row by it, even if the row is
    damaged.
    """
    data = value if isinstance(value, bytes) else str(value).encode(errors="backslashreplace")
    shown = data.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in shown) or "damaged"


def new_id() -> str:
    """Return a new unique id: 40 random bits."""
    return "r" + "".join(secrets.choice(LETTERS) for _ in range(8))


def is_id(text: str) -> bool:
    return len(text) == 9 and text[0] == "r" and set(text[1:]) <= set(LETTERS)


def date_text(seconds: float) -> str:
    """Return the date and time for seconds since 1970; a damaged row may hold any number."""
    if not is_date(seconds):
        return "at an unknown time"
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


# ---- processes ----------------------------------------------------------------------------------


def this_process() -> str:
    """Return a text that identifies this process in stored runs: machine and process id."""
    return f"{platform.node()} {os.getpid()}"


def is_alive(process: str, updated: float) -> bool:
    """Return whether the process of a run still trains, as far as can be known."""
    if time.time() - updated > SILENT_SECONDS:
        return False
    machine, _, number = process.rpartition(" ")
    if machine != platform.node() or not number.isdigit() or os.name != "posix":
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's process
    return True


# ---- JSON ---------------------------------------------------------------------------------------


def dumps(value: Any) -> str:
    """Return canonical JSON. Numbers that are not finite become the strings of the .flow format."""
    return json.dumps(plain(value), sort_keys=True, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """Return a value in JSON's types; values of other types become text."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):  # a numpy value
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def loads(said: str) -> dict[str, Any]:
    """Return the value that `dumps` wrote; raise an error such as ValueError if it is damaged."""
    found = dict(parsed(said))
    if "metrics" in found:
        found["metrics"] = numbers_by_name(found["metrics"])
    return found
