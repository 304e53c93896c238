"""Loops and branches to insert: each has a small working body to start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nodeflow.document.analysis.subgraphs.loops_and_branches import (
    COND,
    FLOW,
    FLOW_DOCS,
    SCAN,
    WHILE,
)
from nodeflow.document.analysis.subgraphs.subgraph_interface import DEFINITION
from nodeflow.document.edit.commands import Point, point
from nodeflow.document.edit.streams import with_free_stream
from nodeflow.document.edit.subgraphs.create_subgraph import define, instance_name, place_borders
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import FreeNames
from nodeflow.document.model.records import INPUTS, OUTPUTS, SUBGRAPH, NodeRecord, Wire

COLUMN, ROW = 240.0, 120.0

Source = tuple[str, str]
"""A node of a template (or ``in`` for its inputs), and its output."""


@dataclass(frozen=True)
class Template:
    """A template of a loop or branch: its body and ports.

    Attributes:
        nodes: name -> (op, attributes, in-port -> source).
        outputs: port -> source.
        starts: input -> attributes of a constant that is added beside the node and wired to it.
    """

    title: str
    kind: str
    keywords: tuple[str, ...]
    inputs: tuple[str, ...]
    nodes: Mapping[str, tuple[str, dict[str, Any], Mapping[str, Source]]]
    outputs: Mapping[str, Source]
    starts: Mapping[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def doc(self) -> str:
        """The description, for users, of this kind of loop or branch."""
        return FLOW_DOCS[self.kind]


def _inside(port: str) -> Source:
    return "in", port


TEMPLATES = {
    "branch": Template(
        "Branch",
        COND,
        ("cond", "tf.cond", "if", "else", "case", "switch", "lax.cond", "choose", "where"),
        ("pred", "x"),
        {
            "then": ("identity", {}, {"x": _inside("x")}),
            "otherwise": ("negative", {}, {"x": _inside("x")}),
        },
        {"y": ("then", "out"), "y_else": ("otherwise", "out")},
    ),
    "while_loop": Template(
        "While loop",
        WHILE,
        ("while", "for", "loop", "repeat", "iterate", "tf.while_loop", "lax.fori_loop"),
        ("i", "x"),
        {
            "count": ("constant", {"dtype": "int32", "value": 10}, {}),
            "goes_on": ("less", {}, {"x": _inside("i"), "y": ("count", "out")}),
            "one": ("constant", {"dtype": "int32", "value": 1}, {}),
            "next": ("add", {}, {"x": _inside("i"), "y": ("one", "out")}),
            "step": ("tanh", {}, {"x": _inside("x")}),
        },
        {"again": ("goes_on", "out"), "i": ("next", "out"), "x": ("step", "out")},
        {"i": {"dtype": "int32", "value": 0}},
    ),
    "map": Template(
        "Map",
        SCAN,
        ("map_fn", "tf.map_fn", "for each", "vmap", "vectorize", "loop", "lax.map"),
        ("x",),
        {"each": ("square", {}, {"x": _inside("x")})},
        {"y": ("each", "out")},
    ),
    "scan": Template(
        "Scan",
        SCAN,
        ("tf.scan", "foldl", "foldr", "reduce", "accumulate", "cumulative", "recurrent", "loop",
         "lax.scan"),
        ("total", "x"),
        {"step": ("add", {}, {"x": _inside("total"), "y": _inside("x")})},
        {"total": ("step", "out"), "all_totals": ("step", "out")},
        {"total": {"dtype": "float32", "value": 0.0}},
    ),
}  # fmt: skip
PREFIX = "flow"
CATEGORY = "Control flow"


def insert(doc: Document, name: str, pos: Point) -> list[str]:
    """Add a loop or branch with its own definition; return the ids of the new nodes."""
    template = TEMPLATES[name]
    with doc.transaction(f"Add {template.title}") as t:
        called = instance_name(doc, name)
        scope = FreeNames().fresh(called.rpartition("/")[2], doc.subgraphs)
        ports = {("", port): port for port in template.inputs}
        ends = {(port, ""): port for port in template.outputs}
        inside, within = define(doc, t, scope, ports, ends)
        ids = {"in": inside.borders[INPUTS]}
        level = {"in": -1}
        rows: dict[int, int] = {}
        for key, (op, attrs, sources) in template.nodes.items():
            ids[key] = t.new_id()
            level[key] = max((level[node] + 1 for node, _ in sources.values()), default=0)
            row = rows[level[key]] = rows.get(level[key], -1) + 1
            place = point((level[key] * COLUMN, row * ROW))
            within.put_node(NodeRecord(ids[key], op, key, dict(attrs), place))
        for key, (_, _, sources) in template.nodes.items():
            for port, (node, out) in sources.items():
                within.put_wire(Wire(ids[node], out, ids[key], port))
        for port, (node, out) in template.outputs.items():
            within.put_wire(Wire(ids[node], out, inside.borders[OUTPUTS], port))
        place_borders(inside, within)
        attrs: dict[str, Any] = {DEFINITION: scope, FLOW: template.kind}
        record = NodeRecord(t.new_id(), SUBGRAPH, called, attrs, point(pos))
        t.put_node(with_free_stream(doc, record))
        found = [record.id]
        for port, constant in template.starts.items():
            start = NodeRecord(
                t.new_id(),
                "constant",
                doc.fresh_name(port),
                dict(constant),
                point((pos[0] - COLUMN, pos[1])),
            )
            t.put_node(start)
            t.put_wire(Wire(start.id, "out", record.id, port))
            found.append(start.id)
    return found
