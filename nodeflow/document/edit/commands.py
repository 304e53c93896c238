"""The basic edits of a document. Each function is one undo step.

They take the document first, identify nodes by id (ids never change), and refuse edits that would
leave the document inconsistent. `wire_check.check_wire` decides whether a wire makes sense.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from nodeflow.document.analysis.port_names import DONE, GROUP, NEW, free_control, is_control
from nodeflow.document.edit.lesson_references import forget_in_lesson, rename_in_lesson
from nodeflow.document.edit.references import rewrite_names, rewrite_settings
from nodeflow.document.edit.shared_weights import Heirs, hand_over
from nodeflow.document.edit.streams import renamed, with_free_stream
from nodeflow.document.edit.subgraphs.subgraph_ports import expose
from nodeflow.document.edit.wires import drop_wires, show_wires
from nodeflow.document.io.validation import read_weights
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import BadValue, DocumentError, NoSuchNode
from nodeflow.document.model.names import automatic_name, check_name
from nodeflow.document.model.records import (
    INPUTS,
    OUTPUTS,
    FrameRecord,
    NodeRecord,
    Wire,
    coordinate,
    plain,
    same,
)
from nodeflow.document.model.transaction import Transaction

Point = tuple[float, float]


def add_node(
    doc: Document,
    op: str,
    pos: Point,
    name: str | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> str:
    """Add a node and return its id; the default `name` is derived from its op."""
    with doc.transaction(f"Add {name or op}") as t:
        record = NodeRecord(
            id=t.new_id(),
            op=op,
            name=check_name(name) if name is not None else doc.fresh_name(automatic_name(op)),
            attrs=plain(attrs or {}, where="attributes"),
            pos=point(pos),
        )
        t.put_node(with_free_stream(doc, record))
    return record.id


def remove(
    doc: Document,
    node_ids: Iterable[str],
    wires: Iterable[tuple[str, str]] = (),
    heirs: Heirs | None = None,
) -> None:
    """Remove nodes with all their wires, and further wires given by (target id, port).

    The border nodes of a subgraph stay, because they are its ports.

    Args:
        heirs: who keeps the weights of removed nodes that other nodes share; see `hand_over`.
    """
    ids, keys = list(dict.fromkeys(node_ids)), list(wires)
    ids = [i for i in ids if i not in doc.borders.values()]
    with doc.transaction(_label("Delete", doc, ids, "wire" if keys and not ids else "node")) as t:
        for node_id in ids:
            keys += [wire.key for wire in doc.wires_out_of(doc.node(node_id).id)]
        gone = set(ids)
        drop_wires(doc, t, [key for key in keys if key[0] not in gone])
        hand_over(doc, t, ids, heirs or {})
        for node_id in ids:
            t.drop_node(node_id)
        _forget_in_settings(doc, t, gone)


def move(doc: Document, positions: Mapping[str, Point], merge: Any = None) -> None:
    """Move nodes to new positions of their top left corners."""
    with doc.transaction(_label("Move", doc, list(positions), "node"), merge=merge) as t:
        for node_id, pos in positions.items():
            record, pos = doc.node(node_id), point(pos)
            if record.pos != pos:
                t.put_node(replace(record, pos=pos))


def set_attr(doc: Document, node_id: str, attr: str, value: Any, merge: Any = None) -> None:
    """Set one attribute of a node; `merge` joins consecutive edits, such as those made by
    typing."""
    record = doc.node(node_id)
    value = plain(value, where=f"{record.name}.{attr}")
    if attr in record.attrs and same(record.attrs[attr], value):
        return
    with doc.transaction(f"Set {record.name}.{attr}", merge=merge) as t:
        t.put_node(replace(record, attrs={**record.attrs, attr: value}))


def reset_attr(doc: Document, node_id: str, attr: str) -> None:
    """Remove an attribute from a node, so that the default of its op applies."""
    record = doc.node(node_id)
    if attr in record.attrs:
        with doc.transaction(f"Reset {record.name}.{attr}") as t:
            attrs = {key: value for key, value in record.attrs.items() if key != attr}
            t.put_node(replace(record, attrs=attrs))


def rename(doc: Document, node_id: str, name: str) -> None:
    """Rename a node, which keeps its stream; raise BadName or NameTaken.

    Also update optimizers that refer by name to the node or to variables inside it, and the lesson.
    """
    record = doc.node(node_id)
    if name != record.name:
        with doc.transaction(f"Rename {record.name} to {name}") as t:
            rewrite_names(doc, t, {record.name: name})
            if doc.lesson and doc is doc.root:
                rename_in_lesson(doc, t, record.name, name)
            t.put_node(renamed(record, name))


def connect(doc: Document, source: str, source_port: str, target: str, target_port: str) -> None:
    """Draw a wire; it replaces a wire that already ends at that input port.

    A wire at the free slot of a subgraph's border node (`NEW`) adds a port, see `expose`. A wire
    from `done` to a group makes the group run that node, too.
    """
    if NEW in (source_port, target_port):
        ends = (
            (target, target_port, INPUTS) if source_port == NEW else (source, source_port, OUTPUTS)
        )
        expose(doc, *ends)
        return
    if source_port == DONE and doc.node(target).op == GROUP and not is_control(target_port):
        wires = doc.wires_into(target)
        if any(w.source == source and is_control(w.target_port) for w in wires):
            return
        target_port = free_control({wire.target_port for wire in wires})
    wire = Wire(source, source_port, target, target_port)
    label = f"Connect {doc.node(source).name} to {doc.node(target).name}"
    if doc.wires.get(wire.key) != wire:
        with doc.transaction(label) as t:
            show_wires(doc, t, [wire.key])
            t.put_wire(wire)


def disconnect(doc: Document, key: tuple[str, str]) -> None:
    """Remove the wire that ends at (target id, port); renumber later variadic ports."""
    if key in doc.wires:
        remove(doc, [], [key])


def set_training(doc: Document, **fields: Any) -> None:
    """Set fields of the training settings (see `nodeflow.train.settings`); None removes one."""
    settings = dict(doc.training)
    for name, value in fields.items():
        if value is None:
            settings.pop(name, None)
        else:
            settings[name] = plain(value, where=f"training.{name}")
    with doc.transaction("Change training settings") as t:
        t.set_training(settings)


def set_weights(doc: Document, weights: str | None) -> None:
    """Set the file of trained variables, relative to the document; None removes it."""
    with doc.transaction("Change weights file") as t:
        t.edit("weights", "", read_weights(weights))


def add_frame(
    doc: Document,
    rect: tuple[float, float, float, float],
    title: str = "",
    note: str = "",
    color: str = "",
) -> str:
    """Add a frame (x, y, width, height) and return its id."""
    with doc.transaction(f"Add frame {title}".rstrip()) as t:
        title, note, color = (plain(text, where="a frame") for text in (title, note, color))
        frame = FrameRecord(t.new_id("f"), title, note, color, _rect(rect))
        t.put_frame(frame)
    return frame.id


def set_frame(doc: Document, frame_id: str, merge: Any = None, **fields: Any) -> None:
    """Change a frame's `title`, `note`, `color` or `rect`."""
    frame = _frame(doc, frame_id)
    unknown = set(fields) - {"title", "note", "color", "rect"}
    if unknown:
        raise BadValue(f"a frame has no {', '.join(sorted(unknown))}")
    if "rect" in fields:
        fields["rect"] = _rect(fields["rect"])
    texts = {k: plain(v, where=f"a frame's {k}") for k, v in fields.items() if k != "rect"}
    fields = {**fields, **texts}
    with doc.transaction(f"Change frame {frame.title}".rstrip(), merge=merge) as t:
        t.put_frame(replace(frame, **fields))


def held_by(doc: Document, frame_id: str) -> tuple[list[str], list[str]]:
    """Return the nodes whose top left corner is in a frame, and the frames that lie entirely in
    it.
    """
    x, y, width, height = _frame(doc, frame_id).rect
    nodes = [
        record.id
        for record in doc.nodes.values()
        if x <= record.pos[0] < x + width and y <= record.pos[1] < y + height
    ]
    frames = [
        other.id
        for other in doc.frames.values()
        for left, top, wide, high in (other.rect,)
        if other.id != frame_id
        and (wide, high) != (width, height)
        and x <= left <= left + wide <= x + width
        and y <= top <= top + high <= y + height
    ]
    return nodes, frames


def move_frame(doc: Document, frame_id: str, pos: Point, merge: Any = None) -> None:
    """Move a frame with the nodes and frames inside it."""
    frame = _frame(doc, frame_id)
    dx, dy = pos[0] - frame.rect[0], pos[1] - frame.rect[1]
    nodes, frames = held_by(doc, frame_id)
    with doc.transaction(f"Move frame {frame.title}".rstrip(), merge=merge) as t:
        for record in map(doc.nodes.__getitem__, nodes):
            t.put_node(replace(record, pos=point((record.pos[0] + dx, record.pos[1] + dy))))
        for moved in (frame, *map(doc.frames.__getitem__, frames)):
            x, y, width, height = moved.rect
            t.put_frame(replace(moved, rect=_rect((x + dx, y + dy, width, height))))


def move_along(
    doc: Document,
    positions: Mapping[str, Point],
    frames: Iterable[str],
    by: Point,
    merge: Any = None,
) -> None:
    """Move nodes to new positions, and frames by a distance without their content."""
    with doc.transaction(_label("Move", doc, list(positions), "node"), merge=merge) as t:
        move(doc, positions)
        for frame in [_frame(doc, i) for i in frames]:
            x, y, width, height = frame.rect
            t.put_frame(replace(frame, rect=_rect((x + by[0], y + by[1], width, height))))


def remove_frame(doc: Document, frame_id: str) -> None:
    """Remove a frame; the nodes on it stay."""
    frame = _frame(doc, frame_id)
    with doc.transaction(f"Delete frame {frame.title}".rstrip()) as t:
        t.edit("frame", frame_id, None)
        if doc.lesson:
            forget_in_lesson(doc, t, {frame_id})


def point(pos: Point) -> Point:
    """Return a position as a file stores it, so that undo and redo give equal bytes."""
    x, y = pos
    return (coordinate(x), coordinate(y))


def _rect(rect: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    x, y, width, height = (coordinate(value) for value in rect)
    if width < 0 or height < 0:
        raise DocumentError(f"a frame cannot be {width} x {height} large")
    return (x, y, width, height)


def _frame(doc: Document, frame_id: str) -> FrameRecord:
    if frame_id not in doc.frames:
        raise NoSuchNode(f"no frame has the id {frame_id!r}")
    return doc.frames[frame_id]


def _label(verb: str, doc: Document, ids: list[str], noun: str) -> str:
    if len(ids) == 1:
        return f"{verb} {doc.node(ids[0]).name}"
    return f"{verb} {len(ids)} {noun}s" if ids else f"{verb} {noun}"


def _forget_in_settings(doc: Document, t: Transaction, gone: set[str]) -> None:
    """Remove references to deleted nodes, and to nodes inside them, from the training settings, the
    stage and the lesson.
    """
    if doc.training or doc.stage:
        rewrite_settings(doc, t, lambda steps: None if gone.intersection(steps) else steps)
    if doc.lesson:
        forget_in_lesson(doc, t, gone)
