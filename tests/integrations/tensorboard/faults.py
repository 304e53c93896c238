"""What the integration writes, for the tests with failing calls (`tests/faults`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nodeflow as nf
from tests.faults.writers import Writer
from tests.summary.wire import records


def write_events(folder: Path) -> None:
    with nf.summary.FileWriter(folder / "logs") as writer:
        writer.add_event(b"1234")
        writer.add_event(b"5678")


def event_files(folder: Path) -> Any:
    """The records of event files; raises where one is not whole."""
    return [[*records(path.read_bytes())][1:] for path in folder.rglob("events.*")]


WRITERS = [Writer("event files", write_events, state=event_files, halves=True)]
