"""Graphs that TensorFlow wrote, as graphs of nodeflow: ``tensorflow/core/framework/graph.proto``.

Such a graph has no variables: its weights are constants. `frozen_ops` has its ops.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nodeflow.errors import FileProblem
from nodeflow.file_reading import allow
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.graph.types import numpy_dtype
from nodeflow.integrations.tensorflow1.graph_files.frozen_ops import OPS
from nodeflow.integrations.tensorflow1.texts import STRING, mark, placeholder
from nodeflow.ops import graph_building
from nodeflow.ops.summaries import protobuf as pb

DTYPES = {
    1: "float32", 2: "float64", 3: "int32", 4: "uint8", 5: "int16", 6: "int8", 7: "string",
    8: "complex64", 9: "int64", 10: "bool", 14: "bfloat16", 17: "uint16", 18: "complex128",
    19: "float16", 22: "uint32", 23: "uint64",
}  # fmt: skip
"""Dtype by its number in ``types.proto``."""

_REPEATED = {5: "<f4", 6: "<f8"}
"""Field of a tensor with fixed-size numbers -> their type."""


@dataclass
class Stored:
    """A node as TensorFlow stores it.

    Attributes:
        inputs: names of tensors: ``a``, ``a:1``, and ``^a`` for a node to wait for.
        attrs: its attributes.
    """

    name: str = ""
    op: str = ""
    inputs: list[str] = field(default_factory=list)
    attrs: dict[str, Any] = field(default_factory=dict)


def read_frozen(serialized: bytes) -> Graph:
    """Return the graph in a serialized GraphDef; its tensors have their names as aliases.

    Raises:
        FileProblem: the bytes are damaged, or an op has no counterpart; the message names all.
    """
    try:
        nodes = [_node(part) for part in _messages(serialized, 1)]
    except (pb.Malformed, UnicodeDecodeError, struct.error, TypeError, ValueError, KeyError):
        raise FileProblem("it is no graph of TensorFlow, or damaged") from None
    missing = sorted({n.op for n in nodes} - {*OPS, "Const", "Placeholder", "NoOp"})
    if missing:
        raise FileProblem(
            f"the graph has ops without a counterpart: {', '.join(missing)}",
            hint="Convert it to ONNX, and open it by nodeflow import.",
        )
    graph = Graph()
    with graph:
        _Building(graph, {node.name: node for node in nodes}).build(nodes)
    return graph


class _Building:
    """A graph that is made of stored nodes."""

    def __init__(self, graph: Graph, stored: Mapping[str, Stored]) -> None:
        self.graph, self.stored = graph, stored
        self.found: dict[str, Sequence[Tensor]] = {}

    def build(self, nodes: Sequence[Stored]) -> None:
        """Add all nodes of a stored graph in topological order. In the file, a node may precede its
        inputs.

        Raises:
            FileProblem: the graph has a cycle.
        """
        for node in nodes:
            stack = [node]
            while stack:
                waiting = [n for n in self._inputs(stack[-1]) if n.name not in self.found]
                if waiting and len(stack) <= len(nodes):
                    stack += waiting
                    continue
                if waiting:
                    raise FileProblem("the graph has a loop")
                self._add(stack.pop())

    def _inputs(self, node: Stored) -> list[Stored]:
        names = [each.partition(":")[0] for each in node.inputs if not each.startswith("^")]
        if any(name not in self.stored for name in names):
            raise FileProblem(f"{node.name} reads a node that is not in the graph")
        return [self.stored[name] for name in names]

    def _add(self, node: Stored) -> None:
        if node.name in self.found:
            return
        inputs = []
        for each in node.inputs:
            if not each.startswith("^"):
                name, _, index = each.partition(":")
                inputs.append(self.found[name][int(index or 0)])
        try:
            made = self._made(node, inputs)
        except (AttributeError, LookupError, TypeError, ValueError):  # an attribute is missing
            raise FileProblem(f"{node.name} is no valid {node.op}") from None
        outputs = [made] if isinstance(made, Tensor) else list(made)
        self.found[node.name] = outputs
        for index, tensor in enumerate(outputs):
            self.graph.aliases[f"{node.name}:{index}"] = tensor
        if outputs:
            self.graph.aliases[node.name] = outputs[0]

    def _made(self, node: Stored, inputs: list[Tensor]) -> Any:
        if node.op == "NoOp":
            return ()
        if node.op == "Const":
            value = node.attrs["value"]
            if isinstance(value, bytes):  # a program may feed a longer one
                sample = np.frombuffer(value, np.uint8)
                return mark(
                    graph_building.placeholder("uint8", [None], name=node.name, sample=sample)
                )
            return graph_building.constant(value, name=node.name)
        if node.op == "Placeholder":
            shape = None if node.attrs["dtype"] == STRING else node.attrs.get("shape")
            return placeholder(node.attrs["dtype"], shape, node.name)
        write: Callable[..., Any] = OPS[node.op]
        return write(inputs, node.attrs, node.name)


# ---- messages -----------------------------------------------------------------------------------


def _messages(data: bytes | memoryview, number: int) -> list[memoryview]:
    return [v for n, v in pb.fields(data) if n == number and not isinstance(v, int)]


def _node(data: memoryview) -> Stored:
    node = Stored()
    for number, value in pb.fields(data):
        if isinstance(value, int):
            continue
        if number == 1:
            node.name = bytes(value).decode()
        elif number == 2:
            node.op = bytes(value).decode()
        elif number == 3:
            node.inputs.append(bytes(value).decode())
        elif number == 5:
            parts = dict(pb.fields(value))
            node.attrs[bytes(parts[1]).decode()] = _attribute(parts[2])  # type: ignore[arg-type]
    return node


def _attribute(data: memoryview) -> Any:
    """Decode an AttrValue message of a GraphDef: bytes, a number, a dtype, a shape, an array or a
    list. Return None if it is none of these.
    """
    for number, value in pb.fields(data):
        if number in (3, 5, 6) and isinstance(value, int):
            return {3: _signed(value), 5: bool(value)}.get(number, DTYPES.get(value, "other"))
        if isinstance(value, int):
            continue
        if number == 2:
            return bytes(value)
        if number == 4:
            return struct.unpack("<f", value)[0]
        if number == 7:
            return _shape(value)
        if number == 8:
            return _tensor(value)
        if number == 1:
            return _list(value)
    return None


def _list(data: memoryview) -> list[Any]:
    found: list[Any] = []
    for number, value in pb.fields(data):
        if number == 3:
            numbers = [value] if isinstance(value, int) else list(pb.varints(value))
            found += map(_signed, numbers)
        elif number == 4 and not isinstance(value, int):
            found += np.frombuffer(value, "<f4").tolist()
        elif number == 2 and not isinstance(value, int):
            found.append(bytes(value))
    return found


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _shape(data: memoryview) -> tuple[int | None, ...] | None:
    """Return a shape; None for an unknown rank."""
    if any(number == 3 and value for number, value in pb.fields(data)):
        return None
    sizes = [dict(pb.fields(part)).get(1, 0) for part in _messages(data, 2)]
    signed = [_signed(size) for size in sizes if isinstance(size, int)]
    return tuple(None if size < 0 else size for size in signed)


def _tensor(data: memoryview) -> Any:
    """Return the array, or the text, in a tensor."""
    dtype, shape, content = "float32", (), b""
    numbers: list[Any] = []
    texts: list[bytes] = []
    for number, value in pb.fields(data):
        if number == 1 and isinstance(value, int):
            dtype = DTYPES[value]
        elif number == 2 and not isinstance(value, int):
            shape = tuple(size or 0 for size in _shape(value) or ())
        elif number == 4 and not isinstance(value, int):
            content = bytes(value)
        elif number == 8 and not isinstance(value, int):
            texts.append(bytes(value))
        elif number in _REPEATED and not isinstance(value, int):
            numbers += np.frombuffer(value, _REPEATED[number]).tolist()
        elif number in (7, 10, 11, 13):
            given = [value] if isinstance(value, int) else list(pb.varints(value))
            numbers += map(_signed, given)
    if dtype == "string":
        return b"".join(texts)
    kind = numpy_dtype(dtype)
    if content:
        return np.frombuffer(content, kind).reshape(shape)
    if dtype in ("float16", "bfloat16"):
        array = np.array(numbers, np.uint16).view(kind)
    else:
        array = np.array(numbers, kind)
    if array.size == 0:
        return np.zeros(shape, kind)
    count = math.prod(shape)
    allow(count * kind.itemsize, Path("the graph"))
    filled = np.concatenate([array, np.repeat(array[-1:], max(count - array.size, 0))])
    return filled[:count].reshape(shape)
