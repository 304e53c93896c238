"""Readers for the rows of the store's tables; each raises an error for a damaged row."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from nodeflow.run_store.curves import Curve, Piece, array_of, checksum, piece_of
from nodeflow.run_store.database.damaged_cells import (
    duration,
    integer,
    numbers_by_name,
    optional,
    parsed,
    texts,
)
from nodeflow.run_store.run_records import RunEvent, loads
from nodeflow.train.events import Epoch
from nodeflow.train.saving.plain_values import listed, real, table, text


def graph_digest(graph: str) -> str:
    """Return the digest of a graph's text, by which the text is stored; "" for an empty text."""
    data = graph.encode(errors="surrogatepass")
    return blake2b(data, digest_size=16).hexdigest() if graph else ""


def graph_of_row(row: Mapping[str, Any]) -> str:
    """Return the text of a graph."""
    found = zlib.decompress(row["text"]).decode(errors="surrogatepass")
    if graph_digest(found) != row["hash"]:
        raise ValueError("its digest does not match")
    return found


def piece_of_row(run: str) -> Callable[[Mapping[str, Any]], Piece]:
    """Return a function that reads a piece of the loss curve from a database row of this run. It
    raises ValueError if the checksum does not match.
    """

    def read(row: Mapping[str, Any]) -> Piece:
        first, data, marks = integer(row["first"]), row["data"], row["marks"]
        if row["sum"] not in (None, checksum(run, first, data, marks)):
            raise ValueError("its checksum does not match")
        return piece_of(first, integer(row["count"]), data, marks)

    return read


def table_of_row(run: str) -> Callable[[Mapping[str, Any]], tuple[str, int, np.ndarray]]:
    """Return a function that reads a metric's table from a database row of this run: its name,
    epoch and values. It raises ValueError if the checksum does not match.
    """

    def read(row: Mapping[str, Any]) -> tuple[str, int, np.ndarray]:
        epoch, name, data = integer(row["epoch"]), text(row["name"]), row["data"]
        if row["sum"] not in (None, checksum(run, epoch, name.encode(), data)):
            raise ValueError("its checksum does not match")
        return name, epoch, array_of(data)

    return read


def event_of_row(row: Mapping[str, Any]) -> RunEvent:
    """Return the event in a row."""
    kind, data = text(row["kind"]), loads(row["data"])
    for name, read in EVENT_DATA.get(kind, {}).items():
        if name in data or name in NEEDED:
            read(data[name])
    return RunEvent(integer(row["step"]), duration(row["time"]), kind, data)


def _changes(value: Any) -> None:
    """Raise an error unless a value maps names of settings to pairs of old and new values."""
    for sides in table(value).values():
        _, _ = listed(sides)


EVENT_DATA: Mapping[str, Mapping[str, Callable[[Any], Any]]] = {
    "changed": {"node": text, "attr": text, "value": real, "before": optional(real)},
    "variable": {"node": text},
    "edited": {"what": texts, "notices": texts, "changes": _changes},
    "settings": {"changes": _changes},
}
"""The reader of each field, by kind of event."""
NEEDED = frozenset({"node", "attr", "value"})


def tier_of_row(row: Mapping[str, Any]) -> tuple[int, str]:
    """Return from a database row the number of a step, and the name of the execution tier (such as
    compiled or reference) that runs the steps from it on.
    """
    return integer(row["first"]), text(row["tier"])


def epoch_of_row(row: Mapping[str, Any]) -> Epoch:
    """Create the event of a finished epoch from its row in the database. The event lacks tables,
    such as confusion matrices, because the row has only numbers.
    """
    loss = optional(real)(row["loss"])
    return Epoch(
        integer(row["epoch"]),
        float("nan") if loss is None else loss,
        numbers_by_name(parsed(row["metrics"])),
        integer(row["step"]),
        duration(row["seconds"]),
    )


def curve_of_epochs(name: str, epochs: Sequence[Epoch], values: Sequence[float]) -> Curve:
    """Create a curve that has one value for each epoch, at the epoch's last step."""
    return Curve(
        name,
        np.array([epoch.steps for epoch in epochs], np.int64),
        np.array([epoch.epoch for epoch in epochs], np.float64),
        np.array([epoch.seconds for epoch in epochs], np.float64),
        np.array(values, np.float64),
    )
