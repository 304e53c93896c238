"""Replacing the data of a dataset node by other data, with similar columns or different ones."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from typing import Any

from nodeflow.data.catalog import known_options, parse_source, pinned_options, row_texts
from nodeflow.document.analysis.datasets.dataset_node import (
    DATASET,
    document_folder,
    options_of,
    source_of,
)
from nodeflow.document.analysis.subgraphs.instance_paths import find_name
from nodeflow.document.edit import commands
from nodeflow.document.model.document import Document
from nodeflow.errors import DataError

IMAGES = "images"
"""The name of the column with pictures in picture sources."""


def use_dataset(
    document: Document, choice: str, *, base_dir: str | os.PathLike | None = None
) -> None:
    """Replace a dataset node's source: ``SOURCE``, or ``NODE=SOURCE`` if there are several.

    Data of the same kind keep the encoding: options that were guessed from the former file are
    written into the node, if that file is still there.

    Args:
        base_dir: the start of the document's relative paths.

    Raises:
        DataError: there is no dataset node, or there are several and none is named.
    """
    name, equals, source = choice.partition("=")
    graphs_ = [document, *document.definitions()]
    nodes = [(graph, r) for graph in graphs_ for r in graph.nodes.values() if r.op == DATASET]
    named = find_name(document, name) if equals else None
    if named is not None:
        record = named[-1]
        graph = next((g for g in graphs_ if record.id in g.nodes), document)
    elif len(nodes) == 1:
        (graph, record), source = nodes[0], choice
    else:
        names = ", ".join(r.name for _, r in nodes)
        raise DataError(
            f"the graph has several data sets: {names}" if nodes else "the graph has no data set",
            hint="Write NODE=SOURCE." if nodes else "Feed its placeholders instead.",
        )
    parse_source(source)
    replace_source(document, graph, record.id, source, base_dir=base_dir)


def replace_source(
    document: Document,
    graph: Document,
    node: str,
    source: str,
    *,
    base_dir: str | os.PathLike | None = None,
) -> None:
    """Replace the source of a dataset node of ``graph``, and keep options that still make sense."""
    base_dir = document_folder(document, base_dir)
    record = graph.nodes[node]
    old, options = source_of(record.attrs), options_of(record.attrs)
    if parse_source(source)[0] is parse_source(old)[0]:
        known = pinned(old, options, base_dir)
        options = known if is_alike(source, known, base_dir) else options
    column = _colour_pictures(graph, node) if source.startswith("pictures:") else None
    if column is not None and not old.startswith("pictures:"):
        named = options.get("class_names") or {}
        classes = [named.get(str(number), str(number)) for number in range(len(named))]
        options = {**options, "size": list(column[1]), "color": "rgb", "classes": classes or None}
    kept = known_options(source, options)
    with document.transaction(f"Use {source}"):
        for attr in record.attrs:
            if attr not in {"source", *kept}:
                commands.reset_attr(graph, node, attr)
        commands.set_attr(graph, node, "source", source)
        for attr, value in kept.items():
            if value != record.attrs.get(attr):
                commands.set_attr(graph, node, attr, value)
        if column is not None:
            for wire in graph.wires_out_of(node):
                if wire.source_port == column[0] != IMAGES:
                    commands.connect(graph, node, IMAGES, wire.target, wire.target_port)


def _colour_pictures(graph: Document, node: str) -> tuple[str, tuple[int, int]] | None:
    """Return the column that feeds colour pictures to a placeholder, and their height and width."""
    for wire in graph.wires_out_of(node):
        shape = graph.nodes[wire.target].attrs.get("shape")
        if isinstance(shape, list) and len(shape) == 4 and shape[3] == 3:
            height, width = shape[1:3]
            if isinstance(height, int) and isinstance(width, int):
                return wire.source_port, (height, width)
    return None


def pinned(
    source: str, options: dict[str, Any], base_dir: str | os.PathLike | None
) -> dict[str, Any]:
    """Return the options of a data source, completed by guesses from its file if readable."""
    with contextlib.suppress(DataError):
        return pinned_options(source, options, base_dir=base_dir)
    return options


def is_alike(source: str, known: Mapping[str, Any], base_dir: str | os.PathLike | None) -> bool:
    """Return whether new data have most of the columns that the features come from.

    If not, the data are of another kind, and their columns are chosen anew. If only few columns are
    missing, an error that names them is more useful than a new choice.
    """
    features = known.get("features") or ()
    with contextlib.suppress(DataError):
        names = row_texts(source, base_dir=base_dir)[0]
        return not names or 2 * len({*features} & {*names}) >= len(features)
    return True
