"""Traversal of a document's nodes along its wires: upstream, downstream, topological order, loops.

Everything is iterative, so that a chain of ten thousand nodes does not overflow the stack. Feeds
count as wires.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

from nodeflow.document.model.document import Document
from nodeflow.document.model.names import natural_key
from nodeflow.document.model.records import Wire


def downstream(doc: Document, ids: Iterable[str]) -> set[str]:
    """Return these nodes and all nodes that depend on them."""
    outgoing, seen = doc.outgoing, set(ids)
    stack = list(seen)
    while stack:
        for wire in outgoing.at(stack.pop()):
            if wire.target not in seen:
                seen.add(wire.target)
                stack.append(wire.target)
    return seen


def upstream(doc: Document, ids: Iterable[str]) -> set[str]:
    """Return these nodes and all nodes that they depend on."""
    incoming, seen = doc.incoming, set(ids)
    stack = list(seen)
    while stack:
        for wire in incoming.at(stack.pop()):
            if wire.source not in seen:
                seen.add(wire.source)
                stack.append(wire.source)
    return seen


def closes_loop(doc: Document, wire: Wire) -> bool:
    """Return whether a wire of a document is part of a loop.

    The search proceeds from both ends in turn, so its time depends on the smaller side.
    """
    ahead, behind = {wire.target}, {wire.source}
    forward, backward = [wire.target], [wire.source]
    if wire.target == wire.source:
        return True
    while forward and backward:
        for onward in doc.outgoing.at(forward.pop()):
            if onward.target in behind:
                return True
            if onward.target not in ahead:
                ahead.add(onward.target)
                forward.append(onward.target)
        for before in doc.incoming.at(backward.pop()):
            if before.source in ahead:
                return True
            if before.source not in behind:
                behind.add(before.source)
                backward.append(before.source)
    return False


def topological(doc: Document, among: set[str]) -> tuple[list[str], dict[str, str]]:
    """Return the nodes `among` in order, sources before targets, and the nodes that are on loops.

    The second result maps each node on a loop to a representative of its strongly connected
    component. Nodes on loops, in no particular order, follow the nodes that do not depend on a
    loop.
    """
    order, rest = _kahn(doc, among, set())
    if not rest:
        return order, {}
    looping = _loops(doc, rest)
    order += sorted(looping, key=natural_key)
    tail, _ = _kahn(doc, rest - set(looping), set(looping))
    return order + tail, looping


def _kahn(doc: Document, among: set[str], ignored: set[str]) -> tuple[list[str], set[str]]:
    """Return the nodes in order, and the nodes without an order: nodes on loops or after loops."""
    incoming, outgoing = doc.incoming, doc.outgoing
    waiting = {
        node: len([w for w in incoming.at(node) if w.source in among])
        for node in among
        if node not in ignored
    }
    ready = [node for node, count in waiting.items() if not count]
    order: list[str] = []
    while ready:
        node = ready.pop()
        order.append(node)
        for wire in outgoing.at(node):
            target = wire.target
            if target in waiting:
                waiting[target] -= 1
                if not waiting[target]:
                    ready.append(target)
    return order, among.difference(order) if len(order) < len(among) else set()


def _loops(doc: Document, among: set[str]) -> dict[str, str]:
    """Return the nodes on loops, each with a representative of its strongly connected component.

    Tarjan, "Depth-first search and linear graph algorithms" (1972), without recursion.
    """
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    path: list[str] = []
    on_path: set[str] = set()
    looping: dict[str, str] = {}
    for root in among:
        if root in index:
            continue
        work = [(root, iter(doc.wires_out_of(root)))]
        index[root] = low[root] = len(index)
        path.append(root)
        on_path.add(root)
        while work:
            node, wires = work[-1]
            for wire in wires:
                target = wire.target
                if target not in among:
                    continue
                if target == node:
                    looping[node] = node
                if target not in index:
                    index[target] = low[target] = len(index)
                    path.append(target)
                    on_path.add(target)
                    work.append((target, iter(doc.wires_out_of(target))))
                    break
                if target in on_path:
                    low[node] = min(low[node], index[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    members = []
                    while not members or members[-1] != node:
                        members.append(path.pop())
                        on_path.discard(members[-1])
                    if len(members) > 1:
                        looping.update(dict.fromkeys(members, node))
    return looping


def in_order(
    doc: Document, among: Iterable[str], late: Callable[[str], bool] = lambda _: False
) -> list[str]:
    """Return nodes (without loops) with sources first; order ties by id, with `late` nodes last.

    The result depends only on wires and ids, not on the history of the document.
    """
    chosen = set(among)
    waiting = {i: sum(w.source in chosen for w in doc.wires_into(i)) for i in chosen}
    ready = [(late(i), natural_key(i), i) for i, count in waiting.items() if not count]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        node = heapq.heappop(ready)[2]
        order.append(node)
        for wire in doc.wires_out_of(node):
            if wire.target in chosen:
                waiting[wire.target] -= 1
                if not waiting[wire.target]:
                    heapq.heappush(
                        ready, (late(wire.target), natural_key(wire.target), wire.target)
                    )
    return order


def levels(doc: Document, among: Iterable[str] | None = None) -> dict[str, int]:
    """Return the earliest step in which each node can run; nodes of one level run in parallel.

    Nodes without inputs, and placeholders, have level 0. Nodes on a loop are left out.
    """
    chosen = set(doc.nodes if among is None else among)
    order, looping = topological(doc, chosen)
    level: dict[str, int] = {}
    for node in order:
        if node in looping:
            continue
        before = [level[w.source] + 1 for w in doc.wires_into(node) if w.source in level]
        feeds = all(w.target_port == "feed" for w in doc.wires_into(node))
        level[node] = 0 if feeds else max(before, default=0)
    return level
