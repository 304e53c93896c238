"""The formula of a node as text that the formula bar takes, in this graph.

A formula refers to other nodes by name. Nodes inside an instance of a subgraph have no name that a
formula could use, so statements before it add them: ``net_first = layers.dense(x, units=4)``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from nodeflow.document.analysis.subgraphs.subgraph_interface import port_names
from nodeflow.document.formula.render import term_text
from nodeflow.document.formula.tree import Applied, Named, Term, applied, formula_tree
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import INPUTS
from nodeflow.document.to_graph.inline_passthrough import inlined


def formula_statements(doc: Document, node_id: str) -> str:
    """Return a formula that adds the computation of a node once more, one statement a line."""
    flat, _ = inlined(doc, node_id)
    root = formula_tree(doc, node_id)
    needed: dict[str, Term] = {}
    waiting = [root]
    while waiting:
        for name in _names(waiting.pop()):
            record = flat.node_named(name)
            if name in needed or record is None or _is_known(doc, name):
                continue
            found = formula_tree(flat, record.id)
            needed[name] = found if found != Named(name) else applied(flat, record)
            waiting.append(needed[name])
    given = _given_names(doc, needed)
    lines = [
        f"{given[name]} = {term_text(_renamed(needed[name], given))}" for name in _order(needed)
    ]
    return "\n".join([*lines, term_text(_renamed(root, given))])


def _is_known(doc: Document, name: str) -> bool:
    return doc.node_named(name) is not None or name in port_names(doc, INPUTS)


def _names(term: Term) -> Iterator[str]:
    """Yield the names that a term uses."""
    if isinstance(term, Named):
        yield term.name
    elif isinstance(term, Applied):
        if term.owner is not None:
            yield term.owner
        for arg in term.args:
            yield from _names(arg)


def _given_names(doc: Document, needed: Mapping[str, Term]) -> dict[str, str]:
    """Return for each given name one without slashes that no node of the document has."""
    given: dict[str, str] = {}
    for name in needed:
        base = name.replace("/", "_")
        number, free = 1, base
        while doc.node_named(free) is not None or free in given.values():
            number += 1
            free = f"{base}_{number}"
        given[name] = free
    return given


def _order(needed: Mapping[str, Term]) -> list[str]:
    """Return the names so that each comes after the names that it uses."""
    done: dict[str, None] = {}
    seen: set[str] = set()
    stack = [(name, False) for name in reversed([*needed])]
    while stack:
        name, is_finished = stack.pop()
        if is_finished:
            done[name] = None
        elif name not in seen:
            seen.add(name)
            stack.append((name, True))
            stack += [(n, False) for n in _names(needed[name]) if n in needed and n not in seen]
    return list(done)


def _renamed(term: Term, given: Mapping[str, str]) -> Term:
    if isinstance(term, Named):
        return replace(term, name=given.get(term.name, term.name))
    if not isinstance(term, Applied):
        return term
    owner = None if term.owner is None else given.get(term.owner, term.owner)
    return replace(term, args=tuple(_renamed(arg, given) for arg in term.args), owner=owner)
