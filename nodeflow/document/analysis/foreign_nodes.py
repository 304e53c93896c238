"""Nodes imported from another program's file whose type nodeflow lacks: shown, never computed.

Their op is ``PROGRAM/TYPE``, such as ``onnx/Loop``; the program is an ``importer`` of an
integration. The file states the types of their outputs, so that their consumers have types, and a
text about the missing op. A run leaves out all nodes that depend on them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import Json, NodeRecord
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import DTYPES, TensorType
from nodeflow.manifests import offers

TYPES = "types"
"""The attribute with the types of the outputs, which every such node has."""


def is_foreign(record: NodeRecord) -> bool:
    """Return whether a node whose op is unknown comes from another program's file."""
    return "/" in record.op and TYPES in record.attrs


def foreign_problem(record: NodeRecord) -> Problem:
    """Return the problem of a foreign node."""
    missing = record.attrs.get("missing")
    why = f": {missing}" if isinstance(missing, str) and missing else ""
    program, _, kind = record.op.partition("/")
    known = {each.name: each.label for each in offers("importer")}
    text = f"nodeflow cannot compute {known.get(program, program)}'s {kind}{why}"
    hint = "The nodes that do not depend on it run; replace it"
    hint += ", or export the graph as it is" if program in known else ""
    return Problem(record.name, None, text, hint, kind="UnknownOp")


def foreign_outputs(record: NodeRecord) -> dict[str, TensorType]:
    """Return the types of a foreign node's outputs by port, as far as the file has valid ones."""
    return dict(_types(record.attrs.get(TYPES)))


def _types(given: Json) -> Iterator[tuple[str, TensorType]]:
    for index, one in enumerate(given if isinstance(given, list) else ()):
        if not isinstance(one, list) or len(one) != 2 or one[0] not in DTYPES:
            continue
        sizes: Any = one[1]
        good = isinstance(sizes, list) and all(
            d is None or (type(d) is int and 0 <= d < 2**31) for d in sizes
        )
        yield f"outs.{index}", TensorType(one[0], tuple(sizes) if good else UNKNOWN)
