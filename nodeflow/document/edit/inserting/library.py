"""The user's library: reusable subgraphs, and templates, which are inserted as plain nodes.

Both are ordinary `.flow` files in a folder of the user. A subgraph's file contains one instance,
and a template's file contains the nodes. So they can be opened, mailed and versioned like any
graph, and are inserted by pasting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nodeflow.document.analysis.subgraphs.subgraph_interface import DEFINITION
from nodeflow.document.edit.commands import Point
from nodeflow.document.edit.data.locate import reanchor
from nodeflow.document.edit.inserting.clipboard import excerpt, paste
from nodeflow.document.edit.inserting.import_definitions import import_definitions
from nodeflow.document.edit.subgraphs.create_subgraph import check_definition
from nodeflow.document.io import flow
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import FlowWrite, UnknownSubgraph
from nodeflow.document.model.names import check_name
from nodeflow.document.model.records import SUBGRAPH, NodeRecord
from nodeflow.paths import library_folder

SUBGRAPHS, TEMPLATES = "subgraphs", "templates"
SUFFIX = ".flow"


@dataclass(frozen=True)
class Item:
    """One item of the library: its name, its kind, and its file."""

    name: str
    kind: str
    path: Path


def items(folder: Path | None = None) -> list[Item]:
    """Return the items of the library, sorted by kind and name."""
    folder = folder or library_folder()
    found = []
    for kind in (SUBGRAPHS, TEMPLATES):
        paths = sorted((folder / kind).glob(f"*{SUFFIX}"), key=lambda path: path.name.lower())
        found += [Item(path.stem, kind, path) for path in paths]
    return found


def save_subgraph(
    doc: Document, definition: str, folder: Path | None = None, *, name: str = ""
) -> Item:
    """Write a definition of a document, with all definitions that it uses, into the library.

    Args:
        definition: the name of the definition in the document.
        folder: the folder of the library; None for the user's library.
        name: the name in the library; by default the same name.

    Raises:
        UnknownSubgraph: the document has no such definition.
        FlowWrite: the file cannot be written.
    """
    if doc.definition(definition) is None:
        raise UnknownSubgraph(f"the file has no subgraph {definition!r}")
    saved = Document()
    saved.use_file_of(doc.root)
    record = NodeRecord("n1", SUBGRAPH, definition, {DEFINITION: definition})
    saved.fill("node", "n1", record)
    with saved.transaction("Fill") as t:
        import_definitions(saved, t, doc.root, [record])
    return _write(saved, check_definition(name or definition), SUBGRAPHS, folder)


def save_template(doc: Document, ids: Iterable[str], name: str, folder: Path | None = None) -> Item:
    """Write some nodes and frames, with the wires between them, into the library."""
    return _write(excerpt(doc, ids), check_name(name).replace("/", "_"), TEMPLATES, folder)


def insert(doc: Document, item: Item, pos: Point) -> list[str]:
    """Add a subgraph's instance, or a template's nodes, to a graph; return their ids.

    Raises:
        FileProblem: the file is missing or damaged.
        RecursiveSubgraph: the subgraph would contain itself.
    """
    with doc.transaction(f"Insert {item.name}"):
        return paste(doc, flow.dumps(flow.load(item.path)), pos)


def remove(item: Item) -> None:
    """Remove an item from the library; documents that use it keep their copies."""
    item.path.unlink(missing_ok=True)


def _write(saved: Document, name: str, kind: str, folder: Path | None) -> Item:
    path = (folder or library_folder()) / kind / f"{name}{SUFFIX}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise FlowWrite(f"cannot write into the library {path.parent}: {reason}") from error
    reanchor(saved, path.parent, path)
    flow.save(saved, path)
    return Item(name, kind, path)
