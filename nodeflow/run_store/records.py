"""A run as it is read from the store: plain data."""

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

from nodeflow.number_text import is_date

RUNNING, DONE, STOPPED = "running", "done", "stopped"
DIVERGED, FAILED, INTERRUPTED = "diverged", "failed", "interrupted"
"""What became of a run; one is interrupted whose process has ended without a word."""
EVENT_FILES = "event files"
"""The surface of a run that another program trained, and whose event files were read."""
SILENT_SECONDS = 30.0
"""A run that goes on is written more often than this, paused or not."""
LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class Run:
    """What is known of a run without its curves.

    Attributes:
        id: ``r`` and eight letters or digits; never another run's.
        name: the user's, or the file and the time.
        file: the .flow file, or the program that trained; empty where there is none.
        surface: ``window``, ``cli``, ``python``, or ``event files`` of another program.
        graph_digest: of the graph, which runs of one graph share.
        status: ``running``, ``done``, ``stopped``, ``diverged``, ``failed`` or ``interrupted``.
        ending: how it ended, in words.
        created, updated: seconds since 1970.
        seconds, steps, epochs: of training so far; ``steps`` is the number of the last one.
        loss: of the last epoch, or else of the last step; None before the first step.
        metrics: the latest value of each, by key.
        settings: of the training and its optimizer, by name.
        seed: of the training.
        data: what is fed -> its source, digest, and whether that is ``weak``.
        versions: of nodeflow and what it computes with.
        machine: what decides how numbers are rounded.
        shares: the metrics that lie between 0 and 1.
        steps_per_epoch: 0 where the data decide.
        best: epoch whose weights are kept as the best, and by which value.
        parent, parent_step: the run that this one branched from, and after which step.
        checkpoint: folder with its states, to go on from.
        star, colour, note, tags: the user's.
        bytes: what its files take.
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

    @property
    def date(self) -> str:
        """When it began, local time: ``2026-11-26 14:05:09``."""
        return date_text(self.created)


@dataclass(frozen=True)
class RunEvent:
    """Something that happened in a run: an edit, a pause, a breakpoint, a branch."""

    step: int
    time: float
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


FACTS = (
    "metrics", "settings", "seed", "data", "versions", "machine", "shares", "steps_per_epoch",
    "best",
)  # fmt: skip
"""The fields of a run that are kept together, as JSON."""


def run_of(row: sqlite3.Row) -> Run:
    """The run of a row; one whose process is gone is interrupted."""
    facts = loads(row["facts"])
    known = {name: facts[name] for name in FACTS if name in facts}
    if "shares" in known:
        known["shares"] = tuple(known["shares"])
    plain = (
        *("id", "name", "file", "surface", "status", "ending", "created", "updated"),
        *("seconds", "steps", "epochs", "parent", "parent_step", "checkpoint"),
        *("colour", "note", "bytes"),
    )
    values = {name: row[name] for name in plain}
    if row["status"] == RUNNING and not is_alive(row["process"], row["updated"]):
        values["status"] = INTERRUPTED
    return Run(
        **values,
        **known,
        graph_digest=row["graph"],
        loss=None if row["loss"] is None else float(row["loss"]),
        star=bool(row["star"]),
        tags=tuple(json.loads(row["tags"])),
    )


def new_id() -> str:
    """An id that no other run has: 40 random bits."""
    return "r" + "".join(secrets.choice(LETTERS) for _ in range(8))


def is_id(text: str) -> bool:
    return len(text) == 9 and text[0] == "r" and set(text[1:]) <= set(LETTERS)


def date_text(seconds: float) -> str:
    """A time, in seconds since 1970, as date and time; that of a damaged row may be no date."""
    if not is_date(seconds):
        return "at an unknown time"
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M:%S")


# ---- processes ----------------------------------------------------------------------------------


def this_process() -> str:
    """What tells whether a run's process is still there: machine and number."""
    return f"{platform.node()} {os.getpid()}"


def is_alive(process: str, updated: float) -> bool:
    """Whether the process of a run still trains, as far as can be known."""
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
        pass  # somebody else's
    return True


# ---- JSON ---------------------------------------------------------------------------------------

_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def dumps(value: Any) -> str:
    """Canonical JSON; numbers that are not finite are the strings of the .flow format."""
    return json.dumps(plain(value), sort_keys=True, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """A value as JSON knows it; what it does not know becomes text."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):  # numpy's
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def loads(text: str) -> dict[str, Any]:
    """What `dumps` wrote, with metrics as numbers again."""
    found = json.loads(text)
    if "metrics" in found:
        found["metrics"] = numbers(found["metrics"])
    return found


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    return {
        key: float(_NOT_FINITE[value] if isinstance(value, str) else value)
        for key, value in values.items()
    }
