"""Checks the feed of a placeholder: whether there is one, and whether its type fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.port_names import FEED
from nodeflow.document.model.document import Document
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import NodeRecord, Wire
from nodeflow.engine.feeds import feed_hint
from nodeflow.errors import DtypeError, FeedError, MissingFeed, NodeflowError, ShapeError, suggest
from nodeflow.graph.types import TensorType, compatible

Outputs = Mapping[str, TensorType]
COLUMN = "column"


def check_feed(
    doc: Document,
    record: NodeRecord,
    bound: Mapping[str, Any],
    declared: TensorType,
    wire: Wire | None,
    kind: str,
    outputs_of: Callable[[str], Outputs | None],
    problems: list[Problem],
) -> None:
    if wire is not None:
        problem = feed_problem(doc, record, declared, wire, kind, outputs_of(wire.source))
        if problem is not None:
            problems.append(problem)
    elif bound.get("sample") is None:
        problems.append(
            Problem(
                record.name,
                FEED,
                f"nothing feeds `{record.name}` ({declared})",
                feed_hint(record.name, declared),
                severity="info",
                kind=MissingFeed.__name__,
            )
        )


def feed_problem(
    doc: Document,
    record: NodeRecord,
    declared: TensorType,
    wire: Wire,
    kind: str,
    found: Outputs | None,
) -> Problem | None:
    """Return the problem of a wire into a placeholder's `feed`, or None.

    `kind` is the kind of the wire (`COLUMN` or other); `found` has the types of the wire's source.
    """
    source = doc.nodes[wire.source]

    def problem(text: str, hint: str, kind: type[NodeflowError]) -> Problem:
        return Problem(record.name, FEED, text, hint, kind=kind.__name__)

    if kind != COLUMN:
        return problem(
            f"`{source.name}` is not a dataset; only dataset columns can feed a placeholder",
            f"Connect `{source.name}` to the nodes that use `{record.name}` instead.",
            FeedError,
        )
    if found is None:
        return None  # the dataset has a problem of its own
    if wire.source_port not in found:
        if source.op != DATASET:
            return None  # the data set behind the dot has the problem
        return problem(
            f"`{source.name}` has no column {wire.source_port!r}",
            suggest(wire.source_port, found) or f"It has {', '.join(found)}.",
            FeedError,
        )
    column = found[wire.source_port]
    what = f"the column `{wire.source_port}` is {column}, and `{record.name}` takes {declared}"
    if column.dtype != declared.dtype:
        return problem(what, f"Set its dtype to {column.dtype}.", DtypeError)
    if not compatible(column.shape, declared.shape):
        sizes = ", ".join("null" if d is None else str(d) for d in column.shape)
        return problem(what, f"Set its shape to [{sizes}].", ShapeError)
    return None
