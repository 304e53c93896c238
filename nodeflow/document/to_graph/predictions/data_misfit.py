"""Messages about data that do not fit the placeholders of a graph made for different data."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from nodeflow.data.catalog import parse_source, row_texts
from nodeflow.document.analysis.datasets.dataset_node import DATASET, options_of, source_of
from nodeflow.document.analysis.port_names import FEED
from nodeflow.document.analysis.traversal import upstream
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.document.to_graph.task import Task
from nodeflow.errors import DataError
from nodeflow.graph.types import TensorType, compatible
from nodeflow.number_text import counted

HINT = "Use data like the training data."


def misfits(task: Task) -> Mapping[str, DataError]:
    """Return the errors of placeholders that do not fit their column of the dataset, by node id."""
    document, found = task.build.document, {}
    for record in document.nodes.values():
        for wire in document.wires_out_of(record.id) if record.op == DATASET else ():
            declared = task.build.analysis.type_of(wire.target, "out")
            cannot_run = wire.target in task.build.skipped and wire.target_port == FEED
            if cannot_run and declared is not None and declared.has_rank:
                error = _misfit(task, record, wire, declared)
                if error is not None:
                    found[wire.target] = error
    return found


def check_fit(task: Task, name: str) -> None:
    """Raise DataError if a fetch depends on a placeholder that the data do not fit."""
    document = task.build.document
    record = document.node_named(name.partition(":")[0])
    needed = upstream(document, [record.id]) if record is not None else set()
    for placeholder, error in misfits(task).items():
        if placeholder in needed:
            raise error


def _misfit(task: Task, record: NodeRecord, wire: Wire, declared: TensorType) -> DataError | None:
    columns = task.dataset(record.id).columns
    column = columns.get(wire.source_port)
    fits = column is not None and compatible(column.shape, declared.shape)
    if column is not None and fits and column.dtype == declared.dtype:
        return None
    taker = task.build.document.nodes[wire.target].name
    source = source_of(record.attrs)
    name = Path(parse_source(source)[1] or source).name
    listed = " and ".join(columns)
    like = column or next(iter(columns.values()))
    if column is not None and fits:
        text = f"{wire.source_port} is {column.dtype}, and {taker} takes {declared.dtype}"
    elif compatible(like.shape, declared.shape):
        text = f"it has no column {wire.source_port!r}; it has {listed}"
    else:
        count = _columns(task, record)
        told = count and (None, count) != declared.shape
        has = counted(count, "column") if told else f"{_row(like)} a row"
        text = f"it has {has}, and {taker} takes {_row(declared)} a row"
    return DataError(f"{name} does not fit {taker}: {text}", node=record.name, hint=HINT)


def _columns(task: Task, record: NodeRecord) -> int:
    """Return the number of columns of a CSV table, including the labels; 0 for other data."""
    names: tuple[str, ...] = ()
    with contextlib.suppress(DataError):
        source = source_of(record.attrs)
        if parse_source(source)[0].id == "csv":
            names, _ = row_texts(source, options_of(record.attrs), base_dir=task.base_dir)
    return len(names)


def _row(type_: TensorType) -> str:
    """Return the size of a row in words: ``784 numbers``, ``8 × 10 × 3 numbers``."""
    return " × ".join(_sizes(type_)) + (" number" if type_.ndims == 1 else " numbers")


def _sizes(type_: TensorType) -> Iterator[str]:
    yield from ("?" if size is None else str(size) for size in type_.shape[1:])
    if type_.ndims == 1:
        yield "1"
