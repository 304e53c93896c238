"""Finds repeated blocks in a model whose nodes have no scopes, and gives each block a scope.

Programs that flatten a network leave a plain list of nodes. If a section of the list repeats,
with equal ops, attributes and inner wires, each copy gets a scope with the same names inside.
The writer of documents then folds the copies into one subgraph.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from nodeflow.integrations.onnx import names
from nodeflow.integrations.onnx.values import FEW

FEWEST_NODES = 24
"""Minimum number of nodes of a list. In shorter lists, no blocks are searched."""
SHORTEST, LONGEST = 3, 120
"""Minimum and maximum number of nodes in a block."""
EFFORT = 100_000
"""Maximum product of the number of nodes of a list and the number of nodes of the longest block."""
OUTSIDE = 1 << 30
"""The distance that stands for a node outside a section."""

Mark = tuple[int, tuple[int, ...]]
"""The kind of a node, and the distances of the nodes that it reads."""


def names_in_blocks(graph: Any) -> dict[str, str]:
    """Invent scoped names for the nodes of repeated blocks in an ONNX graph, such as equal layers.
    Return a dict from a node's first output to its name.

    Return an empty dict if most nodes have scopes already.
    """
    nodes = [n for n in graph.node if n.op_type != "Constant" and n.output]
    flat = sum("/" in (names.scoped(n) or n.name.strip("/")) for n in nodes) * 2 < len(nodes)
    if len(nodes) < FEWEST_NODES or not flat:
        return {}
    arrays = {t.name: _array_mark(t) for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.output and len(node.attribute) == 1:
            tensor = node.attribute[0].t
            whole = node.attribute[0].SerializeToString(deterministic=True)
            arrays[node.output[0]] = _array_mark(tensor) if tensor.dims else (whole,)
    return _names(nodes, _marks(nodes, arrays))


def _array_mark(tensor: Any) -> tuple[Any, ...]:
    """Return a hashable key for comparing weight arrays: dtype, shape and, for small arrays, the
    elements.
    """
    kind = (tensor.data_type, *tensor.dims)
    few = math.prod(tensor.dims) <= FEW
    if not few:
        return kind
    copy = type(tensor)()
    copy.CopyFrom(tensor)
    copy.name = ""
    return (*kind, copy.SerializeToString(deterministic=True))


def _names(nodes: Sequence[Any], marks: Sequence[Mark]) -> dict[str, str]:
    given: dict[str, str] = {}
    for kind, (length, places) in enumerate(_repeats(marks), 1):
        for number, start in enumerate(places):
            counts: dict[str, int] = {}
            for node in nodes[start : start + length]:
                own = names.lawful(node.op_type.lower())
                counts[own] = counts.get(own, 0) + 1
                own = own if counts[own] == 1 else f"{own}_{counts[own]}"
                given[node.output[0]] = f"block_{kind}_{number + 1}/{own}"
    return given


def _marks(nodes: Sequence[Any], arrays: Mapping[str, Any]) -> list[Mark]:
    """Return a comparable key for each node, to find repeated blocks. Equal keys mean the same op,
    attributes, number of outputs and weights, and inputs from nodes at the same distances before.
    """
    maker: dict[str, int] = {}
    numbers: dict[Any, int] = {}
    marks = []
    for index, node in enumerate(nodes):
        made = [n for n in node.input if n not in arrays]
        back = tuple(index - maker[n] if n in maker else OUTSIDE for n in made)
        own = sorted(a.SerializeToString(deterministic=True) for a in node.attribute)
        read = tuple(arrays.get(n, bool(n)) for n in node.input)
        kind = (node.domain, node.op_type, *own, len(node.output), read)
        marks.append((numbers.setdefault(kind, len(numbers)), back))
        maker.update(dict.fromkeys(node.output, index))
    return marks


def _repeats(marks: Sequence[Mark]) -> list[tuple[int, list[int]]]:
    """Find sections of nodes with equal keys that occur at least twice without overlap, longest
    first. Return pairs of a section's length and the indices where it starts.

    Args:
        marks: a comparable key for each node.
    """
    count = len(marks)
    taken = [False] * count
    found: list[tuple[int, list[int]]] = []
    longest = min(LONGEST, count // 2, EFFORT // count)
    keys = _keys(marks, longest)
    for length in range(longest, SHORTEST - 1, -1):
        places: dict[int, list[int]] = {}
        for start in range(count - length + 1):
            if not any(taken[start : start + length]):
                starts = places.setdefault(keys[length][start], [])
                if not starts or start >= starts[-1] + length:
                    starts.append(start)
        for starts in sorted(places.values(), key=len, reverse=True):
            free = [s for s in starts if not any(taken[s : s + length])]
            if len(free) < 2 or _has_better(marks, taken, free, length):
                continue
            for start in free:
                taken[start : start + length] = [True] * length
            found.append((length, free))
    return found


def _keys(marks: Sequence[Mark], longest: int) -> list[list[int]]:
    """Return integer keys of all contiguous sections of nodes, as ``keys[length][start]``, for
    lengths 0 to ``longest``.

    Two sections get the same key if their nodes are equal. Which nodes outside the section they
    read does not matter. The key of a section is derived from the key of the section without its
    last node.
    """
    keys = [[0] * (len(marks) + 1)]
    known: dict[Any, int] = {}
    for offset in range(longest):
        longer = []
        for start in range(len(marks) - offset):
            kind, back = marks[start + offset]
            if back and max(back) > offset:
                back = tuple(d if d <= offset else OUTSIDE for d in back)
            longer.append(known.setdefault((offset, keys[-1][start], kind, back), len(known)))
        keys.append(longer)
    return keys


def _has_better(marks: Sequence[Mark], taken: list[bool], free: list[int], length: int) -> bool:
    """Return whether a block consists of repetitions of a shorter block that covers about as
    many nodes.
    """
    kinds = [kind for kind, _ in marks]
    block = kinds[free[0] : free[0] + length]
    for part in range(SHORTEST, length):
        if any(block[i] != block[i - part] for i in range(part, length)):
            continue
        copies, start = 0, 0
        while start <= len(kinds) - part:
            fits = kinds[start : start + part] == block[:part]
            if fits and not any(taken[start : start + part]):
                copies, start = copies + 1, start + part
            else:
                start += 1
        if copies * part * 5 >= len(free) * length * 4:
            return True
    return False
