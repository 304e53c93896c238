"""Copying parts of a document as text, and pasting such text with new ids and free names.

The text also lists the wires from outside by the names of their sources, so a paste can restore
them in any document with such nodes. It lists the paths of the data files, so that a document in
another folder finds them. Copies of instances include the definitions of their subgraphs. If the
document has an equal definition, a paste uses it, see `import_definitions`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from nodeflow.document.analysis.datasets.dataset_node import document_folder
from nodeflow.document.analysis.subgraphs.subgraph_interface import BORDER
from nodeflow.document.edit.data.locate import data_places, placed
from nodeflow.document.edit.inserting.import_definitions import (
    definitions_used,
    import_definitions,
    with_definition,
)
from nodeflow.document.edit.shared_weights import with_copied_owner, without_lost_owner
from nodeflow.document.edit.streams import with_free_stream
from nodeflow.document.io.flow import definition_json, read_definition, wire_order
from nodeflow.document.io.validation import check_tree, expect, read_frame, read_node, read_wire
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowError, FlowSyntax, NotNodeflow
from nodeflow.document.model.names import base_name, natural_key
from nodeflow.document.model.records import (
    FrameRecord,
    Json,
    NodeRecord,
    Wire,
    compact_json,
    coordinate,
    share_of,
)
from nodeflow.graph.name_patterns import scope_of

CLIP = "nodeflow-clip"


def copy_json(doc: Document, ids: Iterable[str]) -> str:
    """Return nodes and frames, with all wires into the nodes, as text.

    Border nodes of a subgraph are left out; definitions of copied instances are included.
    """
    ids = sorted(dict.fromkeys(ids), key=natural_key)
    nodes = [doc.nodes[i] for i in ids if i in doc.nodes and doc.nodes[i].op not in BORDER]
    kept = {node.id for node in nodes}
    into = sorted((w for n in nodes for w in doc.wires_into(n.id)), key=wire_order)
    wires = [list(wire) for wire in into if wire.source in kept]
    outside = [[doc.nodes[wire.source].name, *wire[1:]] for wire in into if wire.source not in kept]
    clip: dict[str, Json] = {
        "format": CLIP,
        "version": 1,
        "nodes": [node.to_json() for node in nodes],
        "wires": wires,
        "frames": [doc.frames[i].to_json() for i in ids if i in doc.frames],
    }
    if outside:
        clip["outside"] = outside
    owners = {i: doc.nodes[i] for n in nodes if (i := share_of(n)) in doc.nodes and i not in kept}
    if owners:
        clip["owners"] = [owners[i].to_json() for i in sorted(owners, key=natural_key)]
    used = definitions_used(doc, nodes)
    if used:
        clip["subgraphs"] = {inside.scope: definition_json(inside) for inside in used}
    places = data_places(doc, [*nodes, *(n for inside in used for n in inside.nodes.values())])
    if places:
        clip["data"] = dict(places)
    return compact_json(clip)


def places_of(content: str) -> list[str]:
    """Return the paths of the data files that a text of `copy_json` lists."""
    return list(_read(content).places.values())


class Clip(NamedTuple):
    """The content of a copied text.

    Attributes:
        source: a document with the included definitions.
        outside: wires from nodes that were not copied; their sources are names.
        places: paths of the files of data sets, by source.
        owners: owners that were not copied, by id; copied nodes share their weights.
    """

    nodes: list[NodeRecord]
    wires: list[Wire]
    frames: list[FrameRecord]
    source: Document
    outside: list[Wire]
    places: dict[str, str]
    owners: dict[str, NodeRecord]


def paste(
    doc: Document,
    content: str | Mapping[str, Json],
    pos: tuple[float, float],
    admits: Callable[[Wire], bool] | None = None,
) -> list[str]:
    """Add the content of a text from `copy_json` or of a .flow file, its top left corner at `pos`.

    Args:
        admits: called for each wire from outside whose source exists here by name; returns
            whether to restore the wire. By default none is restored.

    Return the ids of the new nodes, in the order of `content`. Change nothing on these errors:

        FlowError: `content` is not such a text.
        RecursiveSubgraph: a subgraph would contain itself.
    """
    clip = _read(content)
    corners = [node.pos for node in clip.nodes] + [frame.rect[:2] for frame in clip.frames]
    if not corners:
        return []
    dx = pos[0] - min(corner[0] for corner in corners)
    dy = pos[1] - min(corner[1] for corner in corners)
    return _add(doc, clip, (dx, dy), "Paste", admits)


def excerpt(doc: Document, ids: Iterable[str]) -> Document:
    """Return a document of some nodes and frames, with the wires between them."""
    text, result = copy_json(doc, ids), Document()
    result.use_file_of(doc)
    corners = [n.pos for i in ids if (n := doc.nodes.get(i))]
    corners += [f.rect[:2] for i in ids if (f := doc.frames.get(i))]
    if corners:
        paste(result, text, (min(x for x, _ in corners), min(y for _, y in corners)))
    return result


def duplicate(
    doc: Document,
    ids: Iterable[str],
    offset: tuple[float, float] = (40, 40),
    admits: Callable[[Wire], bool] | None = None,
) -> list[str]:
    """Add copies of nodes and frames, moved by `offset`; return the new nodes' ids.

    `admits` is the same as for `paste`.
    """
    return _add(doc, _read(copy_json(doc, ids)), offset, "Duplicate", admits)


def _add(
    doc: Document,
    clip: Clip,
    offset: tuple[float, float],
    verb: str,
    admits: Callable[[Wire], bool] | None,
) -> list[str]:
    dx, dy = offset
    new: dict[str, str] = {}
    names: dict[str, str] = {}
    heirs: dict[str, str] = {}  # owner that was not copied -> copy that has weights for the others
    folder = document_folder(doc.root)
    nodes = [placed(node, clip.places, folder) for node in clip.nodes]
    for inside in clip.source.definitions():
        for record in list(inside.nodes.values()):
            inside.fill("node", record.id, placed(record, clip.places, folder))
    outer = [(wire, doc.node_named(wire.source)) for wire in clip.outside]
    what = nodes[0].name if len(nodes) == 1 else f"{len(nodes)} nodes"
    with doc.transaction(f"{verb} {what}") as t:
        definitions = import_definitions(doc, t, clip.source, nodes)
        new.update({node.id: t.new_id() for node in nodes})
        for node in nodes:
            node = with_definition(node, definitions)
            if (owner := share_of(node)) and owner not in new and owner not in heirs:
                known = clip.owners.get(owner)
                known = known and with_definition(known, definitions)
                node = without_lost_owner(doc, node, known)
                if not share_of(node):
                    heirs[owner] = new[node.id]
            name = node.name
            if doc.node_named(name):
                name = doc.fresh_name(base_name(name))
            names[node.name] = name
            moved = (coordinate(node.pos[0] + dx), coordinate(node.pos[1] + dy))
            copied = with_copied_owner(node, {**new, **heirs})
            copy = replace(copied, id=new[node.id], name=name, pos=moved)
            t.put_node(with_free_stream(doc, copy))
        for wire in clip.wires:
            t.put_wire(wire._replace(source=new[wire.source], target=new[wire.target]))
        for wire, source in outer:
            if source is not None and admits is not None:
                wire = wire._replace(source=source.id, target=new[wire.target])
                if wire.key not in doc.wires and admits(wire):
                    t.put_wire(wire)
        for frame in clip.frames:
            x, y, width, height = frame.rect
            rect = (coordinate(x + dx), coordinate(y + dy), width, height)
            t.put_frame(replace(frame, id=t.new_id("f"), rect=rect))
        for node_id in new.values():
            record = doc.nodes[node_id]
            attrs = _renamed(record.attrs, names)
            if attrs is not record.attrs:
                t.put_node(replace(record, attrs=attrs))
    return list(new.values())


def _renamed(attrs: dict[str, Json], names: dict[str, str]) -> dict[str, Json]:
    """Replace the names of copied variables in an optimizer's `variables` by the copies' names."""
    variables = attrs.get("variables")
    if not isinstance(variables, list):
        return attrs
    renamed = [_renamed_one(v, names) if isinstance(v, str) else v for v in variables]
    return attrs if renamed == variables else {**attrs, "variables": renamed}


def _renamed_one(name: str, names: dict[str, str]) -> str:
    scope = scope_of(name)
    return f"{names[scope]}/*" if scope in names else names.get(name, name)


def _read(content: str | Mapping[str, Json]) -> Clip:
    data: Any = _parse(content) if isinstance(content, str) else dict(content)
    if not isinstance(data, dict) or data.get("format") not in (CLIP, "nodeflow"):
        raise NotNodeflow("the clipboard holds no nodeflow nodes")
    nodes = [
        read_node(item, f"nodes[{i}]")
        for i, item in enumerate(expect(data.get("nodes", []), list, "nodes"))
    ]
    nodes = [node for node in nodes if node.op not in BORDER]
    ids = {node.id for node in nodes}
    if len(ids) != len(nodes):
        raise FlowError("two of the nodes to paste have the same id")
    wires, outside = (
        [
            read_wire(item, f"{key}[{i}]")
            for i, item in enumerate(expect(data.get(key, []), list, key))
        ]
        for key in ("wires", "outside")
    )
    frames = [
        read_frame(item, f"frames[{i}]")
        for i, item in enumerate(expect(data.get("frames", []), list, "frames"))
    ]
    source, used = Document(), {*ids, *(frame.id for frame in frames)}
    for name, body in expect(data.get("subgraphs", {}), dict, "subgraphs").items():
        read_definition(source, name, body, used)
    inner = [w for w in wires if w.source in ids and w.target in ids]
    places = expect(data.get("data", {}), dict, "data")
    for place in places.values():
        expect(place, str, "data")
    listed = expect(data.get("owners", []), list, "owners")
    owners = [read_node(item, f"owners[{i}]") for i, item in enumerate(listed)]
    outside = [w for w in outside if w.target in ids]
    return Clip(nodes, inner, frames, source, outside, places, {o.id: o for o in owners})


def _parse(text: str) -> Json:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise NotNodeflow("the clipboard holds no nodeflow nodes") from None
    try:
        check_tree(data)
        compact_json(data)
    except ValueError:
        raise FlowSyntax("a number in the clipboard is not finite") from None
    return data
