"""What an evaluator remembers of variables and random nodes while the graph changes under it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np

from nodeflow.document.build.variable_ids import VariableId
from nodeflow.graph.graph import Node, ancestors

Users = Mapping[Node, Iterable[Node]]


class KeptValues:
    """The values of variables that are gone, for when they are back, under whatever name."""

    def __init__(self) -> None:
        self._kept: dict[VariableId, tuple[str, Any, np.ndarray]] = {}

    def __bool__(self) -> bool:
        return bool(self._kept)

    def clear(self) -> None:
        self._kept.clear()

    def keep(self, known: VariableId, name: str, declared: Any, value: np.ndarray) -> None:
        """Keep the value of a variable with a `declaration`."""
        self._kept[known] = (name, declared, value)

    def find(
        self,
        nodes: Iterable[Node],
        ids: Mapping[Node, VariableId],
        declared: Mapping[Node, Any],
    ) -> dict[Node, np.ndarray]:
        """The kept values of variables: by what they are, else by name, if declared the same."""
        left, found = dict(self._kept), {}
        for node in nodes:
            kept = left.get(ids[node])
            if kept is not None and kept[1] == declared[node]:
                found[node] = kept[2]
                del left[ids[node]]
        named = {name: (known, value) for name, known, value in left.values()}
        for node in nodes:
            if node not in found and node.name in named:
                known, value = named[node.name]
                if known == declared[node]:
                    found[node] = value
        return found


def declaration(node: Node) -> Any:
    """What determines the initial value of a variable."""
    sources = sorted(_drawn_from(n) for n in ancestors([node]) if n is not node)
    initial = [_drawn_from(t.node) for t in node.inputs]
    return _drawn_from(node), node.outputs[0].type, initial, sources


def _drawn_from(node: Node) -> tuple[str, str, str]:
    """What a node's value depends on, besides its inputs."""
    return node.op.id, repr(dict(node.attrs)), node.stream if node.op.random else ""


class InitialDraws:
    """The random nodes of which nothing but initial values of variables is made.

    They show the numbers that their variable starts with, not those that a run would draw.
    """

    def __init__(self, nodes: Iterable[Node], users: Users) -> None:
        self._users = users
        self._random = {n for n in nodes if _is_random(n)}
        self._initial = {n for n in self._random if self._makes_initial_values(n)}

    def __contains__(self, node: Node) -> bool:
        return node in self._initial

    def follow(self, changed: Collection[Node], removed: Collection[Node]) -> set[Node]:
        """Take changes of the graph in; returns the nodes that show other numbers now."""
        self._random.difference_update(removed)
        self._random.update(n for n in changed if _is_random(n))
        before = self._initial
        self._initial = {n for n in self._random if self._makes_initial_values(n)}
        return before ^ self._initial

    def _makes_initial_values(self, node: Node) -> bool:
        seen, waiting = {node}, [node]
        while waiting:
            users = self._users.get(waiting.pop(), ())
            if not users:
                return False
            for user in users:
                if user.op.id != "variable" and user not in seen:
                    seen.add(user)
                    waiting.append(user)
        return True


def _is_random(node: Node) -> bool:
    return node.op.random and node.op.id != "variable"
