"""Missing data files of a document, and edits that point to their new paths."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from nodeflow.data.catalog import parse_source, source_at
from nodeflow.data.data_paths import RESOURCE
from nodeflow.data.document_folder import DocumentFolder, local_path
from nodeflow.data.errors import DataNotFound, OutsideData
from nodeflow.data.source import Location
from nodeflow.document.analysis.datasets.dataset_node import DATASET, document_folder, source_of
from nodeflow.document.analysis.datasets.outside_data import INITIAL_VALUES, initial_values
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import ONLY, NodeRecord
from nodeflow.errors import NodeflowError
from nodeflow.resources import resource


def missing_path(doc: Document, record: NodeRecord) -> Path | None:
    """Return the path of a dataset node's data if there is nothing at that path; else None."""
    if record.op != DATASET:
        return None
    try:
        kind, path = parse_source(source_of(record.attrs))
    except NodeflowError:
        return None
    if not kind.takes_path or path.startswith(RESOURCE):
        return None
    location = Location(path, document_folder(doc.root))
    try:
        location.place() if kind.folder else location.file()
    except DataNotFound:
        return Path(path)
    except NodeflowError:  # the data exist but cannot be read
        return None
    return None


def missing(doc: Document) -> list[tuple[Document, NodeRecord, Path]]:
    """Return the dataset nodes of a file whose data are missing, each with its graph and path."""
    graphs = [doc.root, *doc.root.definitions()]
    return [
        (graph, record, path)
        for graph in graphs
        for record in graph.nodes.values()
        if record.op == DATASET and (path := missing_path(graph, record)) is not None
    ]


def relocate(doc: Document, node_id: str, found: Path) -> list[str]:
    """Point a dataset node to the new path of its data, as one undo step.

    Allow the document to read the new path. If other missing data were in the same old folder,
    point their nodes to files of the same names in the new folder, where the document may read
    them.

    Args:
        found: the new path.

    Returns:
        The names of the nodes that changed.
    """
    graph = next(g for g in [doc, doc.root, *doc.root.definitions()] if node_id in g.nodes)
    record = graph.nodes[node_id]
    old = missing_path(graph, record)
    changed = [record.name]
    if not document_folder(doc.root).may_read(str(found)):
        doc.root.allow(found)
    folder = document_folder(doc.root)
    with doc.transaction(f"Locate {found.name}"):
        for other_graph, other, path in missing(doc):
            beside = found.parent / path.name
            if other.id == node_id or old is None or path.parent != old.parent:
                continue
            if folder.may_read(str(beside)) and beside.exists():
                _point(other_graph, other, beside)
                changed.append(other.name)
        _point(graph, record, found)
    return changed


def reanchor(doc: Document, new: Path | None, file: Path | None = None) -> bool:
    """Adapt data paths to the new folder of a document, as one undo step.

    Data in or below the new folder get a relative path, so that both can move together. Other data
    with a relative path get an absolute path. The document keeps its permissions to read.

    Args:
        new: the new folder; None if the document no longer has a folder, so that all data get
            an absolute path.
        file: the document's new file. It is set in the same step, so that listeners never see
            data paths that are wrong for the document's folder.

    Returns:
        Whether a path changed.
    """
    folder = document_folder(doc.root)
    with doc.root.transaction("Keep the paths of data") as t:
        for graph in (doc.root, *doc.root.definitions()):
            for record in list(graph.nodes.values()):
                place = _place(record, folder)
                if place is None:
                    continue
                kind, path = source_of(record.attrs).split(":", 1)
                inside = new is not None and place.is_relative_to(new)
                if folder.may_read(str(place)) and not inside:
                    doc.root.allow(place)
                if not inside and os.path.isabs(local_path(path)):
                    continue
                now = os.path.relpath(place, new) if new and inside else str(place)
                if now != path:
                    commands.set_attr(graph, record.id, "source", f"{kind}:{now}")
        values = _anchored_initial_values(doc.root, folder, new)
        if values is not None:
            t.edit("extra", ONLY, {**doc.root.extra, INITIAL_VALUES: values})
        if file is not None:
            doc.root.path = file
    return bool(t.edits)


def _anchored_initial_values(doc: Document, folder: DocumentFolder, new: Path | None) -> str | None:
    """Return the new path of the file of initial values; None if it need not change."""
    written = initial_values(doc)
    place = Path(os.path.normpath(folder.place(written))) if written else None
    if place is None or not folder.may_read(str(place)):
        return None
    inside = new is not None and place.is_relative_to(new)
    if not inside:
        doc.allow(place)
    now = os.path.relpath(place, new) if new and inside else str(place)
    return None if now == written else now


def data_places(doc: Document, records: Iterable[NodeRecord]) -> dict[str, str]:
    """Return the paths of data files by source, so that another document finds them.

    Leave out data bundled with nodeflow and missing data.
    """
    folder = document_folder(doc.root)
    found = {source_of(r.attrs): place for r in records if (place := _place(r, folder)) is not None}
    return {source: str(place) for source, place in found.items()}


def placed(record: NodeRecord, places: Mapping[str, str], folder: DocumentFolder) -> NodeRecord:
    """Return a dataset node of another document with a path to its data that is valid from a
    folder.

    Do not access any file, because the paths may come from an untrusted document.

    Args:
        places: the result of `data_places` for the document that the node comes from.
        folder: the folder of the document that the node goes to.
    """
    source = record.attrs.get("source")
    if record.op != DATASET or not isinstance(source, str) or source not in places:
        return record
    kind, _, path = source.partition(":")
    place = Path(places[source])
    if folder.path and Path(os.path.normpath(folder.place(path))) == place:
        return record
    inside = folder.path and place.is_relative_to(folder.path)
    now = os.path.relpath(place, folder.path) if inside else str(place)
    return replace(record, attrs={**record.attrs, "source": f"{kind}:{now}"})


def _place(record: NodeRecord, folder: DocumentFolder) -> Path | None:
    """Return the path of a dataset node's data; None if there is no such file, or nodeflow bundles
    it.

    If the document may not read the data, return the path without accessing it.
    """
    if record.op != DATASET:
        return None
    try:
        kind, path = parse_source(source_of(record.attrs))
        if not kind.takes_path or path.startswith(RESOURCE):
            return None
        location = Location(path, folder)
        found = location.place() if kind.folder else location.file()
    except OutsideData:
        return Path(os.path.normpath(folder.place(path)))
    except NodeflowError:
        return None
    return None if found.is_relative_to(resource("data")) else found.absolute()


def source_text(doc: Document, kind: str, path: Path) -> str:
    """Return the source attribute of a dataset node, such as ``csv:PATH``, for a data file.

    The path is relative if the file is beside or below the document.
    """
    folder = document_folder(doc.root)
    if folder.path and path.is_relative_to(folder):
        return f"{kind}:{os.path.relpath(path, folder)}"
    return f"{kind}:{path}"


def _point(graph: Document, record: NodeRecord, path: Path) -> None:
    kind = source_of(record.attrs).partition(":")[0]
    with contextlib.suppress(NodeflowError):  # a file of another kind gets that kind's source
        kind = source_at(str(path)).partition(":")[0]
    commands.set_attr(graph, record.id, "source", source_text(graph, kind, path))
