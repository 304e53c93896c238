"""The variables that an optimizer may change, and the shortest list of variables and scopes that
selects some of them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from nodeflow.document.model.document import Document
from nodeflow.document.to_graph.build import build
from nodeflow.graph.graph import ancestors


class VariableSizes(NamedTuple):
    """The number of elements of variables by name, in the order of the graph; 0 if unknown.

    Attributes:
        trainable: the variables that an optimizer may change.
        frozen: the variables of frozen layers, instances and variables.
    """

    trainable: dict[str, int]
    frozen: dict[str, int]


def variable_sizes(doc: Document, optimizer: str) -> VariableSizes:
    """Return the sizes of the variables that an optimizer's loss depends on.

    Moving averages of layers, which no optimizer changes, are left out.

    Args:
        optimizer: the id of an optimizer of the document's own graph.

    Raises:
        NodeflowError: the loss cannot be built.
    """
    made = build(doc.root, partial=True)
    wire = doc.root.wires.get((optimizer, "loss"))
    if wire is None:
        return VariableSizes({}, {})
    made.require([wire.source])
    before = ancestors([made.tensors[wire.source, wire.source_port].node])
    known = [v for v in made.graph.variables if v.node in before and v.type.is_float]
    averages = {assign.node.inputs[0].node for assign in made.graph.update_ops}
    found = VariableSizes({}, {})
    for v in known:
        sizes = found.trainable if v.node.attrs["trainable"] else found.frozen
        if sizes is found.trainable or v.node not in averages:
            sizes[v.node.name] = v.type.size or 0
    return found


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
