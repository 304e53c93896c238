"""Data sets of a graph made in Python, saved as dataset nodes where the file format allows it.

A dataset node holds a data source with its options. So a data set can be saved if its elements are
the rows of a source's train split, with or without batches, in order or shuffled as a whole.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nodeflow.data.catalog import parse_source
from nodeflow.data.data_paths import RESOURCE
from nodeflow.data.pipeline.iterators import Connection, connections
from nodeflow.data.pipeline.plain import Plain, plain
from nodeflow.data.pipeline.sources import SourceRows
from nodeflow.document.analysis.datasets.dataset_node import DATASET
from nodeflow.document.analysis.port_names import FEED
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import ONLY, NodeRecord, Wire
from nodeflow.graph.graph import Graph, Node
from nodeflow.train.settings import PlainSettings


class DataNotKept(UserWarning):
    """A data set of a graph cannot be kept in its file."""


Put = Callable[[str, Any, Any], None]
"""A function that changes one entry of a document, given its table, its key and the new value."""


def keep_data(
    doc: Document,
    graph: Graph,
    ids: Mapping[Node, str],
    folder: Path | None = None,
    put: Put | None = None,
) -> list[str]:
    """Add dataset nodes and training settings for a graph's data sets to the graph's document.

    A data set replaces the former feeds of its placeholders.

    Args:
        ids: nodes of the graph -> their ids; only nodes in the document itself, not in subgraphs.
        put: the function that changes the document; by default it writes without undo, for a
            document being made.

    Returns:
        The ids of the dataset nodes.
    """
    put, made = put or doc.fill, []
    for connection in connections(graph):
        found = plain(connection.stages[0]) if len(connection.stages) == 1 else None
        reason = _why_not(found, connection)
        if not reason and not all(place.node in ids for place in connection.places.values()):
            reason = "its placeholders are in a scope that is a subgraph"
        if reason:
            names = ", ".join(place.name for place in connection.places.values())
            warnings.warn(
                f"the file does not keep the data set that feeds {names}: {reason}. Its "
                "placeholders are kept; feed them, or wire a dataset node to them.",
                DataNotKept,
                stacklevel=4,
            )
        elif found is not None and isinstance(found.source, SourceRows):
            made.append(_add_node(doc, found.source, connection, ids, folder, put))
            put("training", ONLY, {**doc.training, **_settings(found)})
    return made


def _why_not(found: Plain | None, connection: Connection) -> str:
    if len(connection.stages) != 1:
        return "several data sets take turns"
    if found is None:
        return "its elements are computed in Python"
    if not isinstance(found.source, SourceRows):
        return "its rows are arrays in memory (write them with np.savez and use nf.data.npz)"
    if found.source.split != "train":
        return f"it has the rows of the {found.source.split} split, and a file trains on `train`"
    return ""


def _add_node(
    doc: Document,
    rows: SourceRows,
    connection: Connection,
    ids: Mapping[Node, str],
    folder: Path | None,
    put: Put,
) -> str:
    node_id = f"n{doc.next_id}"
    doc.next_id += 1
    attrs: dict[str, Any] = {"source": _source(rows.source, folder), **rows.options}
    put("node", node_id, NodeRecord(node_id, DATASET, _free_name(doc), attrs))
    columns = list(rows.columns)
    before = {w.source for p in connection.places.values() for w in doc.wires_into(ids[p.node])}
    for index, place in connection.places.items():
        wire = Wire(node_id, columns[index], ids[place.node], FEED)
        put("wire", wire.key, wire)
    for other in sorted(before):
        if doc.nodes[other].op == DATASET and not doc.wires_out_of(other):
            put("node", other, None)  # it only fed these placeholders
    return node_id


def _source(source: str, folder: Path | None) -> str:
    """Return the source with a path relative to the file's folder, if both are on one drive."""
    kind, path = parse_source(source)
    if not kind.takes_path or path.startswith(RESOURCE) or folder is None:
        return source
    place = os.path.abspath(os.path.expanduser(path))
    with contextlib.suppress(ValueError):
        place = os.path.relpath(place, folder)
    return f"{kind.id}:{Path(place).as_posix()}"


def _free_name(doc: Document) -> str:
    name, count = "data", 1
    while name in doc.names:
        name, count = f"data_{count}", count + 1
    return name


def _settings(found: Plain) -> dict[str, Any]:
    settings: dict[str, Any] = {"shuffle": found.seed is not None}
    if found.batch_size is not None:
        settings["batch_size"] = found.batch_size
    if found.seed not in (None, PlainSettings.seed):
        settings["seed"] = found.seed
    return settings
