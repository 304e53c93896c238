"""Paths through the graphs of a file, its instances, and limits of nesting.

A node inside an instance has a *path*: the ids of the enclosing instances and its own, joined by
`/` (`n9/n4`). Fetches, feeds and problems use the names instead (`dense/W`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from nodeflow.document.analysis.subgraphs.shared_weights import sharing_problem
from nodeflow.document.analysis.subgraphs.subgraph_interface import (
    BORDER,
    DEFINITION,
    border_problems,
    definition_of,
    leaving_wire,
)
from nodeflow.document.model.document import Document
from nodeflow.document.model.errors import (
    NameTaken,
    RecursiveSubgraph,
    SubgraphTooLarge,
    UnknownSubgraph,
)
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import INPUTS, SUBGRAPH, NodeRecord
from nodeflow.errors import NodeflowError, suggest
from nodeflow.graph.declaration import NodeDeclaration
from nodeflow.ops import REGISTRY

ALONE = "@"
"""The first step of a path of ids through a definition that is not part of an instance: `@NAME`.

Such paths are only for views; nothing there runs, and no setting contains one.
"""
LARGEST = 200_000
"""The maximum number of nodes that one instance expands to, including nested instances."""
DEEPEST = 40


def graphs(doc: Document) -> Iterator[Document]:
    """Yield the file's own graph, then the definitions of its subgraphs."""
    yield doc.root
    yield from doc.root.definitions()


def instances_of(doc: Document, name: str) -> list[tuple[Document, NodeRecord]]:
    """Return every instance of a definition, with the graph that contains it."""
    return [
        (graph, record)
        for graph in graphs(doc)
        for record in graph.nodes.values()
        if record.op == SUBGRAPH and record.attrs.get(DEFINITION) == name
    ]


def instances_in(doc: Document) -> list[NodeRecord]:
    """Return the instances in one graph."""
    if not doc.subgraphs:
        return []
    return [record for record in doc.nodes.values() if record.op == SUBGRAPH]


def uses(doc: Document, name: str) -> set[str]:
    """Return the names of a definition and all definitions that it uses, including unknown ones."""
    found, waiting = {name}, [name]
    while waiting:
        inside = doc.definition(waiting.pop())
        for record in instances_in(inside) if inside is not None else ():
            used = record.attrs.get(DEFINITION)
            if isinstance(used, str) and used not in found:
                found.add(used)
                waiting.append(used)
    return found


def check_recursion(doc: Document, name: str) -> None:
    """Raise RecursiveSubgraph if an instance of `name` in this graph would contain itself."""
    if doc.scope and doc.scope in uses(doc, name):
        what = "itself" if doc.scope == name else f"`{name}`, which contains `{doc.scope}`"
        raise RecursiveSubgraph(
            f"the subgraph `{doc.scope}` cannot contain {what}",
            hint="A subgraph that contains itself would never end. Use a scan to repeat a graph.",
        )


def at_path(doc: Document, path: str) -> tuple[Document, NodeRecord] | None:
    """Return the graph and the node at a path of ids; None if there is no such node."""
    if path in doc.nodes:  # in a flat document ids are paths
        return doc, doc.nodes[path]
    *steps, last = path.split("/")
    graph: Document | None = doc
    for step in steps:
        record = graph.nodes.get(step) if graph is not None else None
        graph = definition_of(graph, record) if graph and record and record.op == SUBGRAPH else None
    record = graph.nodes.get(last) if graph is not None else None
    return None if graph is None or record is None else (graph, record)


def graph_at(doc: Document, steps: Iterable[str]) -> tuple[Document, list[str]] | None:
    """Follow a path of instances from the root graph. Return the graph inside the last one, and
    the names of all.

    Return None if an instance is missing. The first step may name a definition (`ALONE`).
    """
    graph, names = doc, []
    for step in steps:
        record = graph.nodes.get(step)
        if step.startswith(ALONE) and graph is doc:
            name, found = step.removeprefix(ALONE), doc.definition(step.removeprefix(ALONE))
        elif record is not None and record.op == SUBGRAPH:
            name, found = record.name, definition_of(graph, record)
        else:
            return None
        if found is None:
            return None
        graph = found
        names.append(name)
    return graph, names


def place_of_use(doc: Document, name: str) -> str | None:
    """Return the path of an instance of a definition; prefer an instance that the root graph
    uses.
    """
    for path, _, record in walk(doc):
        if record.op == SUBGRAPH and record.attrs.get(DEFINITION) == name:
            return path
    held = instances_of(doc, name)
    return f"{ALONE}{held[0][0].scope}/{held[0][1].id}" if held and held[0][0].scope else None


def unused(doc: Document) -> list[Document]:
    """Return the definitions that the root graph uses neither directly nor inside another
    definition.
    """
    used: set[str] = set()
    for record in instances_in(doc.root):
        name = record.attrs.get(DEFINITION)
        if isinstance(name, str) and name not in used:
            used |= uses(doc, name)
    return [definition for definition in doc.definitions() if definition.scope not in used]


def walk(doc: Document) -> Iterator[tuple[str, Document, NodeRecord]]:
    """Yield the nodes of a document and those inside its instances: path, graph, record."""
    waiting = [("", doc)]
    for prefix, graph in waiting:
        for record in graph.nodes.values():
            yield prefix + record.id, graph, record
            if record.op == SUBGRAPH and instance_problem(graph, record) is None:
                inside = definition_of(graph, record)
                if inside is not None:
                    waiting.append((f"{prefix}{record.id}/", inside))


def scoped_name(doc: Document, path: str) -> str | None:
    """Return the name, with scopes, of the node at a path of ids; None if there is none."""
    steps = path.split("/")
    found = [at_path(doc, "/".join(steps[: i + 1])) for i in range(len(steps))]
    if any(at is None for at in found):
        return None
    return "/".join(at[1].name for at in found if at is not None)


def source_of(doc: Document, path: str, port: str) -> tuple[str, str] | None:
    """Return (path, port) of the value wired into a node, followed through the borders of
    subgraphs.
    """
    found, into, seen = at_path(doc, path), True, set()
    while found is not None and (path, port, into) not in seen:
        seen.add((path, port, into))
        graph, record = found
        scope = path.rpartition("/")[0]
        if into:
            wire = graph.wires.get((record.id, port))
        elif record.op == SUBGRAPH and (inside := definition_of(graph, record)) is not None:
            wire, scope = leaving_wire(inside, port), path
        elif record.op == INPUTS and scope:
            path, into = scope, True
            found = at_path(doc, path)
            continue
        else:
            return path, port
        if wire is None:
            return None
        path, port, into = (
            f"{scope}/{wire.source}" if scope else wire.source,
            wire.source_port,
            False,
        )
        found = at_path(doc, path)
    return None


def find_name(doc: Document, name: str) -> list[NodeRecord] | None:
    """Return the instances around the node with a scoped name, and the node; None if none matches.

    A node's own name may also contain `/`. If a name is ambiguous, it means the graph's own node.
    """
    own = doc.node_named(name)
    if own is not None:
        return [own]
    parts = name.split("/")
    for count in range(1, min(len(parts), DEEPEST)):
        record = doc.node_named("/".join(parts[:count]))
        inside = definition_of(doc, record) if record and record.op == SUBGRAPH else None
        if record is None or inside is None:
            continue
        rest = find_name(inside, "/".join(parts[count:]))
        if rest is not None:
            return [record, *rest]
    return None


def find_variable(doc: Document, name: str) -> list[NodeRecord] | None:
    """Return the path of records to a variable by its scoped name, as `find_name` does.

    For a variable that a layer derives (`dense/kernel`), return the path to the layer (`dense`).
    Return None if there is no such variable.
    """
    found = find_name(doc, name)
    if found is not None:
        return found if found[-1].op == "variable" else None
    owner, _, own = name.rpartition("/")
    found = find_name(doc, owner) if owner else None
    return found if found is not None and own in variables_of(found[-1]) else None


def variables_of(record: NodeRecord) -> tuple[str, ...]:
    """Return the names of the variables that a node derives (`kernel`), without its own name."""
    if record.op not in REGISTRY:
        return ()
    op = REGISTRY.lookup(record.op)
    if type(op).variables is NodeDeclaration.variables:  # most ops have none
        return ()
    try:
        return op.variables(op.bind_attrs(record.attrs))
    except NodeflowError:  # the analysis reports the problem of the attributes
        return ()


def path_of(records: list[NodeRecord]) -> str:
    """Return the path of ids of a result of `find_name`."""
    return "/".join(record.id for record in records)


def expanded_size(doc: Document, name: str, sizes: dict[str, int] | None = None) -> int:
    """Return the number of nodes in an expanded instance; the definition must not be recursive."""
    sizes = {} if sizes is None else sizes
    if name not in sizes:
        inside = doc.definition(name)
        sizes[name] = 0 if inside is None else len(inside.nodes)
        for record in instances_in(inside) if inside is not None else ():
            used = record.attrs.get(DEFINITION)
            sizes[name] += expanded_size(doc, used, sizes) if isinstance(used, str) else 0
    return sizes[name]


def instance_problem(doc: Document, record: NodeRecord) -> Problem | None:
    """Return the reason why an instance cannot be expanded, or None."""
    name = record.attrs.get(DEFINITION)
    inside = definition_of(doc, record)
    if inside is None:
        text = f"the file has no subgraph {name!r}" if name else "it names no subgraph"
        hint = (
            suggest(str(name), doc.subgraphs) or "It is kept as it is; remove it to run the rest."
        )
        return Problem(record.name, DEFINITION, text, hint, kind=UnknownSubgraph.__name__)
    if record.extra and (problem := sharing_problem(doc, record)) is not None:
        return problem
    for op in BORDER:
        for found in border_problems(inside, op):
            return replace(found, node=record.name, port=DEFINITION)
    if not instances_in(inside) and not doc.slashed:
        return None
    loop = _loop(doc, inside.scope)
    if loop is not None:
        text = f"the subgraph `{loop}` contains itself"
        hint = f"Remove the instance of `{loop}` from it."
        return Problem(record.name, DEFINITION, text, hint, kind=RecursiveSubgraph.__name__)
    if _depth(doc, inside.scope) > DEEPEST or expanded_size(doc, inside.scope) > LARGEST:
        text = f"it stands for more than {LARGEST} nodes, or is nested deeper than {DEEPEST} levels"
        return Problem(record.name, DEFINITION, text, kind=SubgraphTooLarge.__name__)
    return _clash(doc, record, inside)


def _loop(doc: Document, name: str) -> str | None:
    """Return a definition that contains itself, reachable from `name`; None if there is none."""
    open_, done = [(name, iter(_used(doc, name)))], set()
    path = {name}
    while open_:
        at, rest = open_[-1]
        step = next(rest, None)
        if step is None:
            open_.pop()
            path.discard(at)
            done.add(at)
        elif step in path:
            return step
        elif step not in done:
            path.add(step)
            open_.append((step, iter(_used(doc, step))))
    return None


def _depth(doc: Document, name: str) -> int:
    """Return the number of nested levels below a definition that is not recursive."""
    level, depth = {name}, 0
    while level and depth <= DEEPEST:
        level = {step for at in level for step in _used(doc, at)}
        depth += 1
    return depth


def _used(doc: Document, name: str) -> list[str]:
    inside = doc.definition(name)
    found = [r.attrs.get(DEFINITION) for r in instances_in(inside)] if inside is not None else []
    return sorted({used for used in found if isinstance(used, str)})


def _clash(doc: Document, record: NodeRecord, inside: Document) -> Problem | None:
    """Return the problem that a node beside an instance has the scoped name of a node inside it."""
    scope = f"{record.name}/"
    for name in sorted(name for name in doc.slashed if name.startswith(scope)):
        found = find_name(inside, name[len(scope) :])
        if found is not None and found[-1].op not in BORDER:
            text = f"`{name}` is the name of a node inside `{record.name}` and of one beside it"
            hint = "Rename one of them."
            return Problem(record.name, None, text, hint, kind=NameTaken.__name__)
    return None
