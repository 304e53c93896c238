"""Saving a loaded graph as a document, with the nodes that Python added to it.

The loaded part stays byte for byte the same. The added nodes become nodes of the file's own graph,
even if their names are in the scope of a subgraph, because its definition may serve other
instances. If they use values inside a subgraph, the definition gets an output for each, so every
instance has it. Added nodes are placed right of the nodes that they read, clear of all nodes and
frames; their scopes become frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.node_flags import with_field
from nodeflow.document.analysis.subgraphs.instance_paths import at_path
from nodeflow.document.analysis.subgraphs.subgraph_interface import OUTPUTS, definition_of
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.edit import commands
from nodeflow.document.edit.arrange import Rect, clear_step
from nodeflow.document.edit.subgraphs.subgraph_ports import expose
from nodeflow.document.from_graph.convert import arrange_scopes, put_drawing
from nodeflow.document.from_graph.data_of_graph import keep_data
from nodeflow.document.from_graph.flow_records import Defined
from nodeflow.document.from_graph.inner_variables import inner_record, inner_variables, inner_wire
from nodeflow.document.from_graph.kept_collections import (
    FIELD,
    PLACES,
    SEED,
    Kept,
    kept_fields,
    seed_of,
)
from nodeflow.document.from_graph.node_records import End, owner_beside, record_of, wires_into
from nodeflow.document.io import flow
from nodeflow.document.layout.card_size import node_size
from nodeflow.document.layout.layered import COLUMN_GAP
from nodeflow.document.layout.scopes import layout_scopes
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import FreeNames
from nodeflow.document.model.transaction import Transaction
from nodeflow.document.to_graph.python_graphs.loaded_document import Origin
from nodeflow.graph.graph import Graph, Node


def with_additions(origin: Origin, graph: Graph, folder: Path | None = None) -> Document:
    """Convert a graph back to the document that it was loaded from, with the nodes added since.

    If the only optimizer was added, the training settings use it. A data set that was bound to
    placeholders, and comes from a data source, becomes a dataset node.

    Args:
        folder: the folder of the new file; paths of added data are relative to it.

    Raises:
        NotInFile: an added node uses a derived node, which a document cannot express.
    """
    doc = flow.loads(flow.dumps(origin.document))
    doc.use_file_of(origin.document)
    _keep_shapes(doc, origin)
    kept = kept_fields(graph)
    _keep_collections(doc, origin, kept)
    if graph.seed != seed_of(doc.extra):
        others = {k: v for k, v in doc.extra.items() if k != SEED}
        doc.extra = others if graph.seed is None else {**others, SEED: graph.seed}
    later = graph.nodes[origin.count :]
    added = [n for n in later if n.derived_from is None and n not in graph.streams]
    if not added and not graph.streams:
        return doc
    ids: dict[Node, str] = {}
    beside = {node: path for node, path in origin.paths.items() if "/" not in path}

    def end(node: Node, port: str) -> End:
        return (ids[node], port) if node in ids else leaving(doc, origin.paths[node], port)

    known = {*origin.paths, *added}
    with doc.transaction("Add what Python added") as t:
        for node in added:
            ids[node] = t.new_id()
            owner = owner_beside(node, beside)
            fields = kept.get(node)
            t.put_node(record_of(node, ids[node], "", _Adder(doc, t), fields, owner))
            beside[node] = ids[node]
        for variable in inner_variables(added, known):
            ids[variable] = t.new_id()
            t.put_node(inner_record(variable, ids[variable], doc.names))
            t.put_wire(inner_wire(variable, ids[variable], end))
            known.add(variable)
        for node in added:
            for wire in wires_into(node, ids[node], known, end, owner_beside(node, beside)):
                t.put_wire(wire)
        trained = [node for node in graph.nodes if is_optimizer(node.op.id)]
        if len(trained) == 1 and trained[0] in ids and "optimizer" not in doc.training:
            t.set_training({**doc.training, "optimizer": ids[trained[0]]})
        data = keep_data(doc, graph, {**beside, **ids}, folder, t.edit)
    _place(doc, [*ids.values(), *data])
    for name in sorted(doc.subgraphs.keys() - origin.document.subgraphs.keys()):
        arrange_scopes(doc.graph(name))
    return doc


def _keep_shapes(doc: Document, origin: Origin) -> None:
    """Write placeholder shapes that have changed since the graph was loaded, by `set_shape`, into
    the records of a document.
    """
    for node, shape in origin.shapes.items():
        found = at_path(doc, origin.paths[node]) if node.attrs["shape"] != shape else None
        if found is not None:
            graph, record = found
            commands.set_attr(graph, record.id, "shape", node.attrs["shape"])


def _keep_collections(doc: Document, origin: Origin, kept: Mapping[Node, Kept]) -> None:
    """Update the records of the file's nodes whose membership in graph collections, such as the
    trainable variables, has changed.
    """
    for node, path in origin.paths.items():
        now, before = kept.get(node, {}), origin.kept.get(node, {})
        found = at_path(doc, path) if now != before else None
        if found is None:
            continue
        graph, record = found
        with graph.transaction("Change collections") as t:
            for name in (FIELD, PLACES):
                record = with_field(record, name, now.get(name))
            t.put_node(record)


class _Adder:
    """A writer that adds definitions to a document, within a transaction."""

    def __init__(self, doc: Document, t: Transaction) -> None:
        self._doc, self._t = doc, t
        self.new_id = t.new_id

    def define(self, wanted: str) -> Defined:
        """Add a subgraph definition for the body of a loop or branch. Name it as wanted, with a
        suffix if the name is taken.
        """
        name = FreeNames().fresh(wanted, self._doc.subgraphs)
        self._t.edit("subgraph", name, {})
        graph = self._doc.definition(name)
        assert graph is not None
        inside = self._t.within(graph)
        return Defined(name, inside.put_node, inside.put_wire)


def leaving(doc: Document, path: str, port: str) -> End:
    """Return an output in the file's own graph that has the same value as an output of a node
    inside nested subgraph instances.

    It is an output of the outermost instance on the path, added if there is none. For a node of the
    file's own graph, it is the node's own output.
    """
    *steps, node_id = path.split("/")
    graphs = [doc]
    for step in steps:
        inside = definition_of(graphs[-1], graphs[-1].node(step))
        assert inside is not None, "the node was built from there"
        graphs.append(inside)
    name = graphs[-1].node(node_id).name.rpartition("/")[2]
    for instance, inside in reversed(list(zip(steps, graphs[1:], strict=True))):
        border = inside.borders.get(OUTPUTS)
        wired = [w.target_port for w in inside.wires_out_of(node_id)
                 if w.target == border and w.source_port == port]  # fmt: skip
        port = wired[0] if wired else expose(inside, node_id, port, OUTPUTS, name)
        node_id = instance
    return node_id, port


def _place(doc: Document, ids: list[str]) -> None:
    """Set the positions of new nodes, one group of connected nodes after the other, in free space.
    No other node moves.
    """
    analysis = Analysis(doc)
    sizes = {i: node_size(doc, record, analysis) for i, record in doc.nodes.items()}
    taken: list[Rect] = [frame.rect for frame in doc.frames.values()]
    taken += [(*record.pos, *sizes[i]) for i, record in doc.nodes.items() if i not in set(ids)]
    for group in _groups(doc, ids):
        drawing = layout_scopes(doc, group, analysis)
        left, top = _corner(doc, group, sizes, taken)
        block = [(left + x, top + y, *sizes[i]) for i, (x, y) in drawing.places.items()]
        block += [(left + x, top + y, w, h) for _, (x, y, w, h) in drawing.frames]
        dx, dy = clear_step(block, taken)
        put_drawing(doc, drawing, left + dx, top + dy)
        taken += [(x + dx, y + dy, width, height) for x, y, width, height in block]


def _corner(
    doc: Document, group: list[str], sizes: dict[str, tuple[float, float]], taken: list[Rect]
) -> tuple[float, float]:
    """Return the top left corner of the place where a group of new nodes is put.

    It is right of all nodes that the group reads, level with the last of them; below all other
    nodes if the group reads none.
    """
    inside = set(group)
    read = {w.source for i in group for w in doc.wires_into(i) if w.source not in inside}
    if not read:
        return (
            min((x for x, *_ in taken), default=0.0),
            max((y + height for _, y, _, height in taken), default=0.0) + COLUMN_GAP,
        )
    right = {i: doc.nodes[i].pos[0] + sizes[i][0] for i in read}
    last = max(sorted(read), key=lambda i: right[i])
    return right[last] + COLUMN_GAP, doc.nodes[last].pos[1]


def _groups(doc: Document, ids: Iterable[str]) -> list[list[str]]:
    """Divide nodes into connected groups, in the order of their first nodes."""
    waiting, groups = dict.fromkeys(ids), []
    while waiting:
        first = next(iter(waiting))
        del waiting[first]
        group = [first]
        for node_id in group:
            wires = [*doc.wires_into(node_id), *doc.wires_out_of(node_id)]
            for other in [end for wire in wires for end in (wire.source, wire.target)]:
                if other in waiting:
                    del waiting[other]
                    group.append(other)
        groups.append(group)
    return groups
