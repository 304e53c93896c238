"""Documents written in Python, node by node: `nf.DocumentBuilder`.

The functions of `nf` define a computation, and `nf.save` lays it out. A builder defines the exact
content of the file: positions, frames, subgraphs, notes and settings, even for nodes that cannot
run. Its documents pass the same checks as files. `nodeflow export --to nodeflow` writes such code
for any document.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nodeflow.document.io import flow
from nodeflow.document.io.flow_parsing import FORMAT, VERSION
from nodeflow.document.io.validation import check_definition_name, read_frame, read_node
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import Json, compact_json, plain
from nodeflow.errors import ArgumentProblem, a_type
from nodeflow.public import public_methods


class BuilderOutput(NamedTuple):
    """A port of a node in a `DocumentBuilder`: the start or end of a wire."""

    node: BuilderNode
    port: str


@public_methods("fields", "__getitem__")
@dataclass(eq=False, repr=False)
class BuilderNode:
    """A node in a `DocumentBuilder`. `node["images"]` is one of its ports.

    Attributes:
        id: its id in the file.
        name: its name, unique in its graph.
    """

    id: str
    name: str
    _json: dict[str, Json]

    def fields(self, /, **fields: Any) -> BuilderNode:
        """Add fields of a node besides op, name, attributes and position, and return the node.

        Such fields are ``mode``, ``breakpoint`` or ``stream``.
        """
        self._json.update(_values(fields, self.name))
        return self

    def __getitem__(self, port: str) -> BuilderOutput:
        if not isinstance(port, str):
            raise ArgumentProblem(f"expected the name of a port of {self.name}, not {a_type(port)}")
        return BuilderOutput(self, port)

    def __repr__(self) -> str:
        return f"<node {self.name} ({self.id})>"


Source = BuilderNode | BuilderOutput
"""A node stands for its port ``out``."""


@dataclass
class _Ids:
    next: int = 1

    def take(self, letter: str) -> str:
        self.next += 1
        return f"{letter}{self.next - 1}"


@public_methods("node", "wire", "frame")
class GraphBuilder:
    """The nodes, wires and frames of a document, or of the definition of a subgraph."""

    def __init__(self, ids: _Ids, more: dict[str, Json]) -> None:
        self._ids, self._more = ids, more
        self._nodes: list[dict[str, Json]] = []
        self._wires: list[list[str]] = []
        self._frames: list[dict[str, Json]] = []
        self._own: set[BuilderNode] = set()

    def node(
        self,
        op: str,
        name: str,
        at: Sequence[float] = (0, 0),
        inputs: Mapping[str, Source] | None = None,
        /,
        **attrs: Any,
    ) -> BuilderNode:
        """Add a node and return it, for wires and settings.

        Args:
            op: id of its op, as in a file: ``matmul``, ``layers/dense``, ``dataset``, ``subgraph``.
            name: unique in its graph.
            at: position, in pixels.
            inputs: in-port -> source of its wire; ``feed`` of a placeholder takes a column.
            attrs: attributes of the op; others have their defaults.

        Raises:
            NodeflowError: a file cannot hold the node.
        """
        found: dict[str, Json] = {
            "id": self._ids.take("n"),
            "op": op,
            "name": name,
            "attrs": _values(attrs, name),
            "pos": plain(list(at), where=f"the position of {name}"),
        }
        read_node(found, f"node {name}")
        node = BuilderNode(found["id"], name, found)
        self._nodes.append(found)
        self._own.add(node)
        for port, source in (inputs or {}).items():
            self.wire(source, node[port])
        return node

    def wire(self, source: Source, target: BuilderOutput) -> None:
        """Add a wire that `inputs` cannot express, because its source is added after its target.

        Raises:
            ArgumentProblem: an end of the wire is no node of this graph.
        """
        start = source["out"] if isinstance(source, BuilderNode) else source
        for end in (start, target):
            if not isinstance(end, BuilderOutput) or end.node not in self._own:
                said = end.node if isinstance(end, BuilderOutput) else a_type(end)
                raise ArgumentProblem(
                    f"a wire connects nodes of one graph, and {said} is not in this graph"
                )
        self._wires.append([start.node.id, start.port, target.node.id, target.port])

    def frame(
        self,
        title: str = "",
        rect: Sequence[float] = (0, 0, 320, 200),
        note: str = "",
        color: str = "",
        /,
        **fields: Any,
    ) -> None:
        """Add a titled rectangle behind nodes.

        Args:
            rect: left, top, width and height in pixels.
            note: text inside.
            color: the role that determines the colour, such as ``data``, ``loss`` or ``note``.
            fields: further fields of the frame in the file.

        Raises:
            NodeflowError: a file cannot hold the frame.
        """
        found = {
            **_values(fields, f"frame {title}"),
            "id": self._ids.take("f"),
            "title": title,
            "note": note,
            "color": color,
            "rect": plain(list(rect), where=f"the rectangle of frame {title}"),
        }
        read_frame(found, f"frame {title}")
        self._frames.append(found)

    def _json(self) -> dict[str, Json]:
        lists = {"nodes": self._nodes, "wires": self._wires, "frames": self._frames}
        return {**self._more, **lists}


@public_methods("subgraph", "training", "stage", "lesson", "extra", "text", "save")
class DocumentBuilder(GraphBuilder):
    """A document that is built in Python, with the content of a ``.flow`` file.

    Attributes:
        next_id: the number for the id of the next node or frame; set it to skip numbers.
        weights: file of trained variables beside the document, or None.
    """

    def __init__(self) -> None:
        super().__init__(_Ids(), {})
        self.weights: str | None = None
        self._subgraphs: dict[str, GraphBuilder] = {}
        self._training: dict[str, Json] = {}
        self._stage: dict[str, Json] = {}
        self._lesson: dict[str, Json] = {}

    @property
    def next_id(self) -> int:
        return self._ids.next

    @next_id.setter
    def next_id(self, number: int) -> None:
        self._ids.next = number

    def subgraph(self, name: str, /, **fields: Any) -> GraphBuilder:
        """Add the definition of a subgraph and return its builder, to which nodes are added.

        Args:
            name: the name that instances have in their attribute ``definition``.
            fields: further fields of the definition in the file.

        Raises:
            ArgumentProblem: there is already a definition with this name.
            NodeflowError: the name is not allowed.
        """
        check_definition_name(name, f"subgraph {name!r}")
        if name in self._subgraphs:
            raise ArgumentProblem(f"there are two subgraphs {name!r}", hint="Rename one.")
        made = self._subgraphs[name] = GraphBuilder(self._ids, _values(fields, name))
        return made

    def training(self, /, **settings: Any) -> None:
        """Set training settings; to name a node, pass the node."""
        self._training.update(_values(settings, "training"))

    def stage(self, /, **lists: Any) -> None:
        """Set the pinned views and controls; to name a node, pass the node.

        Args:
            lists: ``views`` and ``controls``, as in a file.
        """
        self._stage.update(_values(lists, "stage"))

    def lesson(self, /, **fields: Any) -> None:
        """Set the fields of the lesson that the file belongs to."""
        self._lesson.update(_values(fields, "lesson"))

    def extra(self, /, **fields: Any) -> None:
        """Set further fields of the file."""
        self._more.update(_values(fields, "file"))

    def text(self) -> str:
        """Return the text of the file.

        Raises:
            NodeflowError: the document is not valid; names the place.
        """
        return flow.dumps(self._document())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the file.

        Raises:
            NodeflowError: the document is not valid, or the file cannot be written.
        """
        document = self._document()
        flow.save(document, os.fspath(path))

    def _document(self) -> Document:
        parts = {name: graph._json() for name, graph in self._subgraphs.items()}
        whole = {
            **self._json(),
            "format": FORMAT,
            "version": VERSION,
            "next_id": self.next_id,
            "subgraphs": parts,
            "training": self._training,
            "weights": self.weights,
            "stage": self._stage,
            "lesson": self._lesson,
        }
        return flow.loads(compact_json(plain(whole, where="the document")))


def _values(given: Mapping[str, Any], where: str) -> dict[str, Json]:
    """Return values as a file holds them; a node becomes its id."""
    return plain(_with_ids(given), where=where)


def _with_ids(value: Any) -> Any:
    if isinstance(value, BuilderNode):
        return value.id
    if isinstance(value, Mapping):
        return {_with_ids(key): _with_ids(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_ids(item) for item in value]
    return value


__all__ = ["BuilderNode", "BuilderOutput", "DocumentBuilder", "GraphBuilder"]
