"""Nodes of another program's file without a counterpart here: kept, shown, and never computed.

Their op is ``onnx/TYPE``. They have the types of their outputs, so that consumers have types, and a
text about the missing op. A run leaves out all nodes that depend on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import Json, NodeRecord
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import DTYPES, TensorType

FOREIGN = "onnx/"


def is_foreign(record: NodeRecord) -> bool:
    """Return whether a node comes from another program and has no counterpart here."""
    return record.op.startswith(FOREIGN)


def foreign_problem(record: NodeRecord) -> Problem:
    """Return the problem of a foreign node."""
    missing = record.attrs.get("missing")
    why = f": {missing}" if isinstance(missing, str) and missing else ""
    text = f"nodeflow cannot compute ONNX's {record.op.removeprefix(FOREIGN)}{why}"
    hint = "The nodes that do not depend on it run; replace it, or export the graph as it is"
    return Problem(record.name, None, text, hint, kind="UnknownOp")


def foreign_outputs(record: NodeRecord) -> dict[str, TensorType]:
    """Return the types of a foreign node's outputs by port, as far as the file has valid ones."""
    return dict(_types(record.attrs.get("types")))


def _types(given: Json) -> Iterator[tuple[str, TensorType]]:
    for index, one in enumerate(given if isinstance(given, list) else ()):
        if not isinstance(one, list) or len(one) != 2 or one[0] not in DTYPES:
            continue
        sizes: Any = one[1]
        good = isinstance(sizes, list) and all(
            d is None or (type(d) is int and 0 <= d < 2**31) for d in sizes
        )
        yield f"outs.{index}", TensorType(one[0], tuple(sizes) if good else UNKNOWN)
