"""Nodes of an ONNX file that have no counterpart. They are kept, but compute nothing.

Documents contain them as nodes of the unregistered op ``onnx/OPTYPE``. As with any unknown op,
runs leave out their dependents, and the node says what is missing. While a graph is written as
ONNX, `known` registers the op, so that the node is written back unchanged.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from nodeflow.document.model.records import NodeRecord
from nodeflow.graph.declaration import Attr, Port
from nodeflow.graph.op import Op
from nodeflow.graph.registry import REGISTRY
from nodeflow.graph.shapes import UNKNOWN
from nodeflow.graph.types import TensorType
from nodeflow.integrations.onnx.own import FOREIGN


class Opaque(Op):
    """The op of all kept nodes of one type."""

    category = "Internal"
    hidden = True
    stateful = True
    doc = "A node of an ONNX file that nodeflow keeps and cannot compute."
    inputs = (Port("inputs", "What the node reads.", variadic=True),)
    outputs = (Port("outs", variadic=True),)
    attrs = (
        Attr("missing", "string", "", "Why it cannot be computed."),
        Attr("types", "json", [], "Dtype and shape of each output.", hidden=True),
        Attr(
            "narrow", "json", [], "Index and element type of inputs of 4 bits or less.", hidden=True
        ),
        Attr("node", "string", "", "The node as the file has it.", hidden=True),
        Attr("opset", "int", 1, "The opset of its domain.", hidden=True),
    )

    def __init__(self, op_id: str) -> None:
        self.id = op_id

    def infer(self, *types: TensorType, **attrs: Any) -> Sequence[TensorType]:
        return [
            TensorType(dtype, UNKNOWN if shape is None else tuple(shape))
            for dtype, shape in attrs["types"]
        ]


def op_id(domain: str, op_type: str) -> str:
    """Return the op id of a placeholder op that keeps an ONNX node in a document. Such nodes have a
    type that nodeflow cannot compute.
    """
    return f"{FOREIGN}{domain}/{op_type}" if domain else f"{FOREIGN}{op_type}"


def encoded(node: Any) -> str:
    """Return a node of an ONNX file as text, for storage in a document."""
    return base64.b64encode(node.SerializeToString(deterministic=True)).decode("ascii")


def decoded(text: str) -> bytes:
    """Decode the base64 text that a document stores for a node of ONNX. Return its serialized
    bytes.
    """
    return base64.b64decode(text, validate=True)


def read_inside(node: Any) -> list[str]:
    """Return the names of outer values that the subgraphs in an ONNX node's attributes read, in the
    order of their first use.
    """
    found: dict[str, None] = {}
    for a in node.attribute:
        for graph in (*([a.g] if a.HasField("g") else []), *a.graphs):
            own = {v.name for v in graph.input} | {t.name for t in graph.initializer}
            for inner in graph.node:
                for name in (*inner.input, *read_inside(inner)):
                    if name and name not in own:
                        found.setdefault(name)
                own.update(inner.output)
            for output in graph.output:
                if output.name not in own:
                    found.setdefault(output.name)
    return list(found)


def rename_inside(node: Any, names: Mapping[str, str]) -> None:
    """Rename values of the outer graph where the subgraphs in a node's attributes read them. Names
    that a subgraph defines itself stay.

    Args:
        names: old name -> new name.
    """
    for a in node.attribute:
        for graph in (*([a.g] if a.HasField("g") else []), *a.graphs):
            own = {v.name for v in graph.input} | {t.name for t in graph.initializer}
            own.update(output for inner in graph.node for output in inner.output)
            outer = {name: new for name, new in names.items() if name not in own}
            for inner in graph.node:
                for index, name in enumerate(inner.input):
                    inner.input[index] = outer.get(name, name)
                rename_inside(inner, outer)
            for output in graph.output:
                output.name = outer.get(output.name, output.name)


@contextmanager
def known(records: Iterable[NodeRecord]) -> Iterator[None]:
    """Return a context manager. Inside it, placeholder ops are registered for nodes that were read
    from ONNX files and that nodeflow cannot compute.
    """
    ids = {r.op for r in records if r.op.startswith(FOREIGN) and r.op not in REGISTRY}
    for one in ids:
        REGISTRY.put(Opaque(one))
    try:
        yield
    finally:
        for one in ids:
            REGISTRY.remove(one)
