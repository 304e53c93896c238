"""Drawing a document: nodes in groups, each group laid out in a frame, the frames in rows.

Starters and ``tools/make_examples.py`` use it. It changes documents by the commands that the window
uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nodeflow.document.analysis.datasets.dataset_node import allow_source
from nodeflow.document.analysis.declarations import declaration
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.plain_declaration import plain_declaration
from nodeflow.document.edit import commands
from nodeflow.document.edit.set_flags import set_view
from nodeflow.document.edit.stage import PinnedControl, PinnedView, pin_control, pin_view
from nodeflow.document.edit.subgraphs import create_subgraph
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.layout.layered import layout
from nodeflow.document.layout.text_width import text_width
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import SUBGRAPH, Json

PAD, BAR, GAP = 40, 56, 48
NOTE, NOTE_WIDTH = "note", 560
FAR_SIZE, FAR_LINE = 21, 32  # notes of large graphs are larger, because they are seen from afar
NEAR_SIZE, NEAR_LINE = 13, 20


class Drawing:
    """A document that is made group by group, each group in a frame."""

    def __init__(self) -> None:
        self.doc = Document()
        self.ids: dict[str, str] = {}
        self.groups: dict[str, tuple[str, list[str]]] = {}

    def group(self, title: str, color: str) -> None:
        """Begin a frame with a title and a colour. Nodes that are added later belong to it."""
        self.groups[title] = (color, [])

    def add(self, op: str, name: str, *inputs: str, **attrs: Any) -> str:
        """Add a node and wire its inputs, in order, from `name` or `name:port`. Return its name."""
        plain = plain_declaration(op)
        allow_source(self.doc, attrs.get("source"))  # the user chose these data for this document
        first = attrs if plain is None else plain.first_attrs(attrs)
        node_id = commands.add_node(self.doc, op, (0, 0), name, first)
        self.ids[name] = node_id
        list(self.groups.values())[-1][1].append(node_id)
        declared = declaration(self.doc.nodes[node_id], self.doc)
        assert declared is not None, op
        for port, source in zip(declared.inputs, inputs, strict=False):
            self.wire(source, f"{name}:{port.name}")
        return name

    def become(self, definition: str) -> str:
        """Move the nodes of the last group of the drawing into a new subgraph, of which the drawing
        contains one instance. Return the instance's name.
        """
        color, ids = self.groups.popitem()[1]
        commands.move(self.doc, layout(self.doc, ids, analysis=Analysis(self.doc)))
        instance = create_subgraph.create(self.doc, ids, definition)
        name = self.doc.nodes[instance].name
        self.ids[name] = instance
        self.groups[definition] = (color, [instance])
        return name

    def repeat(self, definition: str, name: str, *inputs: str) -> str:
        """Add another instance of a subgraph; return its name."""
        return self.add(SUBGRAPH, name, *inputs, definition=definition)

    def wire(self, source: str, target: str) -> None:
        """Add a wire from `name` or `name:port` to `name:port`."""
        source_name, _, source_port = source.partition(":")
        target_name, _, target_port = target.partition(":")
        ends = (self.ids[source_name], source_port or "out", self.ids[target_name], target_port)
        commands.connect(self.doc, *ends)

    def training(self, optimizer: str, loss: str, metrics: list[dict], **fields: Any) -> None:
        """Set the training settings; nodes are given by name."""
        measured = [{**metric, "node": self.ids[metric["node"]]} for metric in metrics]
        commands.set_training(
            self.doc,
            optimizer=self.ids[optimizer],
            loss=self.ids[loss],
            metrics=measured,
            **fields,
        )

    def view(self, name: str, kind: str, **options: Json) -> None:
        """Let a node's card show a view, such as a plot, instead of the node's value."""
        set_view(self.doc, self.ids[name], {"kind": kind, **options})

    def stage(self, views: Sequence[tuple[str, str]], controls: Sequence[tuple[str, str]]) -> None:
        """Put views of nodes and controls of attributes on the document's stage, the panel that
        shows them together. Views are pairs (node name, kind), controls are pairs (node name,
        attribute).

        The node of a control may be ``training`` or ``data``. A view without a node shows the
        training.
        """
        for node, kind in views:
            pin_view(self.doc, PinnedView(self.ids[node] if node else "", kind))
        for node, attr in controls:
            pin_control(self.doc, PinnedControl(self.ids.get(node, node), attr))

    def arrange(self, rows: list[list[str]], note: str, title: str) -> None:
        """Place the groups of a starter graph and its note in rows.

        Later rows begin with an item below the first group (`NOTE`, or nothing: `""`), and continue
        below the second group of the first row. Items after `>` are aligned with the end of the
        first row; `<TITLE` places the next item right below that group.
        """
        self.analysis = Analysis(self.doc)
        second = right = y = 0.0
        placed: dict[str, tuple[float, float]] = {}  # left and bottom by title
        head = commands.add_frame(self.doc, (0, 0, 0, 0), title, note, "note")
        for row in rows:
            names = [name for name in row if name and name[0] not in "<>"]
            width = NOTE_WIDTH if rows[0][0] == NOTE else self._size(rows[0][0])[0]
            boxes = {name: self._size(name) for name in names if name != NOTE}
            boxes[NOTE] = (width, _note_height(note, width, rows[0][0] == NOTE))
            x, top = 0.0, y
            for place, name in enumerate(row):
                if place == 1:
                    second = second or x
                    x = second
                if name == ">":
                    rest = row[place + 1 :]
                    x = right - sum(boxes[n][0] for n in rest) - GAP * (len(rest) - 1)
                elif name.startswith("<"):
                    x, top = placed[name[1:]]
                    top += GAP
                elif name == NOTE:
                    commands.set_frame(self.doc, head, rect=(x, y, *boxes[NOTE]))
                elif name:
                    self._place(name, x, top)
                    placed[name] = x, top + boxes[name][1]
                x += boxes[name][0] + GAP if name in boxes else 0
            right = right or x - GAP
            y += max(boxes[name][1] for name in names) + GAP

    def _size(self, title: str) -> tuple[float, float]:
        """Return width and height of a group's frame."""
        places = layout(self.doc, self.groups[title][1], analysis=self.analysis)
        sizes = {i: node_size(self.doc, self.doc.nodes[i], self.analysis) for i in places}
        right = max(places[i][0] + sizes[i][0] for i in places)
        bottom = max(places[i][1] + sizes[i][1] for i in places)
        return right + 2 * PAD, bottom + BAR + PAD

    def _place(self, title: str, x: float, y: float) -> None:
        """Place the nodes of a group so that the group's frame has its top left corner at (x,
        y).
        """
        color, ids = self.groups[title]
        commands.move(
            self.doc, layout(self.doc, ids, analysis=self.analysis, origin=(x + PAD, y + BAR))
        )
        commands.add_frame(self.doc, (x, y, *self._size(title)), title, "", color)


def _note_height(note: str, width: float, near: bool) -> float:
    size, height = (NEAR_SIZE, NEAR_LINE) if near else (FAR_SIZE, FAR_LINE)
    return 58 + height * sum(_lines(text, size, width - 40) for text in note.split("\n"))


def _lines(paragraph: str, size: float, room: float) -> int:
    lines, line = 1, ""
    for word in paragraph.split():
        joined = f"{line} {word}" if line else word
        if text_width(joined, size) > room:
            lines, joined = lines + 1, word
        line = joined
    return lines
