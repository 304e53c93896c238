"""The variables that an optimizer may change, and the shortest names for a choice of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build import build
from nodeflow.graph.graph import ancestors


def trainable_sizes(doc: Document, optimizer: str) -> dict[str, int]:
    """Return the number of elements of each trainable variable that an optimizer's loss depends on.

    The keys are the names of the variables, in the order of the graph. A variable of unknown size
    counts as 0.

    Args:
        optimizer: the id of an optimizer of the document's own graph.

    Raises:
        NodeflowError: the loss cannot be built.
    """
    made = build(doc.root, partial=True)
    wire = doc.root.wires.get((optimizer, "loss"))
    if wire is None:
        return {}
    made.require([wire.source])
    before = ancestors([made.tensors[wire.source, wire.source_port].node])
    known = (v for v in made.graph.trainable_variables if v.node in before and v.type.is_float)
    return {v.node.name: v.type.size or 0 for v in known}


def shortest_names(chosen: Collection[str], known: Sequence[str], scope: str = "") -> list[str]:
    """Return names and patterns that stand for the chosen ones among the known variables.

    >>> known = ["enc/a/kernel", "enc/a/bias", "enc/b/kernel", "dec/kernel"]
    >>> shortest_names(known[:3], known), shortest_names([known[1], known[3]], known)
    (['enc/*'], ['enc/a/bias', 'dec/*'])
    """
    heads: dict[str, list[str]] = {}
    for name in known:
        heads.setdefault(name.removeprefix(scope).partition("/")[0], []).append(name)
    found: list[str] = []
    for head, names in heads.items():
        own = f"{scope}{head}"
        if own in names and own in chosen:
            found.append(own)
        inside = [name for name in names if name != own]
        if inside and all(name in chosen for name in inside):
            found.append(f"{own}/*")
        elif inside:
            found += shortest_names(chosen, inside, f"{own}/")
    return found


def total(sizes: Mapping[str, int], chosen: Collection[str]) -> int:
    """Return the number of elements of the chosen variables."""
    return sum(size for name, size in sizes.items() if name in chosen)
