"""Nodes of another program's file that have no counterpart: kept, shown, and never computed.

Their op is ``onnx/TYPE``. They know the types of their outputs, so that what reads them has types,
and say what is missing; what depends on them is left out of a run.
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
    """Returns whether a node is one of another program's."""
    return record.op.startswith(FOREIGN)


def foreign_problem(record: NodeRecord) -> Problem:
    """Returns what is wrong with such a node."""
    missing = record.attrs.get("missing")
    why = f": {missing}" if isinstance(missing, str) and missing else ""
    text = f"nodeflow cannot compute ONNX's {record.op.removeprefix(FOREIGN)}{why}"
    hint = "What does not depend on it runs; put other nodes in its place, or export it as it is"
    return Problem(record.name, None, text, hint, kind="UnknownOp")


def foreign_outputs(record: NodeRecord) -> dict[str, TensorType]:
    """Returns the types of its outputs by port, as far as the file has them in good order."""
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
