"""Building the graph that runs from a document.

Subgraphs are replaced by their contents first (`flatten`).

A broken node does not affect others: it is left out with all its dependents, and `Build.require`
raises its problem when one of them is needed.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from nodeflow.document.analysis.datasets.dataset_node import document_folder
from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.passthrough_nodes import MUTED, mode_of
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.analysis.traversal import downstream, in_order, upstream
from nodeflow.document.from_graph.foreign_names import restore_names
from nodeflow.document.from_graph.kept_collections import seed_of
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import natural_key
from nodeflow.document.model.records import NodeRecord
from nodeflow.document.to_graph.build_result import Build
from nodeflow.document.to_graph.flatten import Flat, flatten
from nodeflow.document.to_graph.node_placement import place
from nodeflow.document.to_graph.stored_values import StoredValues
from nodeflow.errors import UnknownName, suggest_or_list


def build(
    doc: Document,
    *,
    only: Collection[str] | None = None,
    partial: bool = False,
    base_dir: str | os.PathLike | None = None,
    analysis: Analysis | None = None,
    for_edits: bool = False,
) -> Build:
    """Return the graph of a document.

    Args:
        only: ids or names of nodes; the result has these and their inputs. Default: all nodes.
        partial: leave out nodes with problems; otherwise raise the first error.
        base_dir: the start of relative data paths; default: the document's folder.
        analysis: an existing analysis of this document, up to date.
        for_edits: prepare for a training that can be edited while it runs; the bits are the same.

    Raises:
        UnknownName: `only` names a node that does not exist.
        NodeflowError: a node has an error and `partial` is false; it names node and port.
    """
    flat = flatten(doc)
    if flat.document is not doc or analysis is None:
        analysis = Analysis(flat.document, base_dir=base_dir)
    result = Build(doc, flat, analysis, for_edits=for_edits)
    fill(result, only=only, partial=partial)
    return result


def fill(result: Build, *, only: Collection[str] | None = None, partial: bool = True) -> None:
    """Build the nodes of a document into its empty graph. The arguments are those of `build`."""
    doc = result.document
    result.graph.seed = seed_of(result.source.root.extra)
    folder = document_folder(result.source.root, result.analysis.base_dir)
    result.graph.stored = StoredValues(result.source.root, folder)
    named = set(doc.nodes) if only is None else _named(result.flat, only)
    wanted = upstream(doc, named)
    muted = downstream(doc, [i for i in wanted if mode_of(doc.nodes[i]) == MUTED])
    result.muted.update(dict.fromkeys(muted))
    if only is not None and not partial:
        result.require(named)
    wanted -= muted
    broken = result.analysis.broken() & wanted
    bodies = {i: [problem] for i, problem in result.flat.problems.items() if i in wanted}
    broken = downstream(doc, bodies) | broken
    result.skipped.update(dict.fromkeys(sorted(broken & wanted, key=natural_key)))
    result.skipped.update(bodies)
    _raise_first(result, partial)
    wanted -= broken
    result.graph.reserve(doc.nodes[node_id].name for node_id in wanted)
    for node_id in in_order(doc, wanted, late=lambda i: is_optimizer(doc.nodes[i].op)):
        place(result, doc.nodes[node_id])
    restore_names(result.graph, {node: doc.nodes[i] for i, node in result.nodes.items()})
    _raise_first(result, partial)


def _raise_first(result: Build, partial: bool) -> None:
    if not partial:
        for node_id in result.skipped:
            raise result.why_skipped(node_id)[0].as_error()


def _named(flat: Flat, only: Collection[str]) -> set[str]:
    """Return the ids of the nodes that ``only`` lists by id or name.

    For a subgraph instance, return the ids of all nodes inside it.

    Raises:
        UnknownName: there is no such node.
    """
    doc, ids = flat.document, set()
    for key in only:
        if key in flat.instances or key in flat.instance_names:
            scope = f"{key}/"
            inside = (n for n in doc.nodes.values() if _lies_in(n, scope))
            ids.update(node.id for node in inside)
            ids.update(node.id for node in doc.nodes.values() if key in (node.id, node.name))
            continue
        record = doc.nodes.get(key) or doc.node_named(key)
        if record is None:
            raise UnknownName(f"there is no node {key!r}", hint=suggest_or_list(key, doc.names))
        ids.add(record.id)
    return ids


def _lies_in(node: NodeRecord, scope: str) -> bool:
    return node.id.startswith(scope) or node.name.startswith(scope)
