"""Values of variables, and random streams, that an evaluator keeps across changes of its graph."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nodeflow.document.to_graph.variable_ids import VariableId
from nodeflow.engine.memory import Budget, size_of
from nodeflow.engine.session import Session
from nodeflow.errors import NodeflowError, OverBudget
from nodeflow.graph.graph import Node, ancestors
from nodeflow.graph.types import numpy_dtype
from nodeflow.number_text import bytes_text

Users = Mapping[Node, Iterable[Node]]
MOST_BYTES = 2**28
"""The maximum size of the values of removed variables; the oldest are dropped first."""
_NODE_ID = re.compile(r"n[1-9][0-9]*")


@dataclass
class _Kept:
    """The kept value of a variable that is missing in the graph.

    Attributes:
        name: its last name in the graph.
        declared: its last `declaration`; None if only its value is known.
        is_fresh: whether another variable may take the value by name, because the edit that removed
            the variable is still being followed.
    """

    name: str
    declared: Any
    value: np.ndarray
    is_fresh: bool = True

    def fits(self, node: Node, declared: Any) -> bool:
        """Return whether the kept value can be given to a variable node with this declaration: same
        dtype, shape and initial value, as far as known.
        """
        if self.declared is not None:
            return self.declared == declared
        kind = node.outputs[0].type
        return kind.shape == self.value.shape and numpy_dtype(kind.dtype) == self.value.dtype


class KeptValues:
    """Values of variables that are missing in the graph, kept until the variables return.

    A variable is missing while its node cannot run, such as a layer whose data are not found. Its
    value stays as long as the document has the node. The values of removed nodes stay for Undo, up
    to `MOST_BYTES`.
    """

    def __init__(self) -> None:
        self._kept: dict[VariableId, _Kept] = {}
        self.is_settled = True
        """Whether nothing was kept since `settle`."""

    def clear(self) -> None:
        self._kept.clear()
        self.is_settled = True

    def keep(self, known: VariableId, name: str, declared: Any, value: np.ndarray) -> None:
        """Keep the value of a variable that is removed from the graph. Also keep its declaration,
        which describes its initial value and type.
        """
        self._kept.pop(known, None)  # keeps the newest values last
        self._kept[known] = _Kept(name, declared, value)
        self.is_settled = False

    def learn(self, known: VariableId, name: str, value: np.ndarray) -> None:
        """Keep a trained value for a variable that is missing in the graph."""
        kept = self._kept.get(known)
        if kept is not None and kept.value.shape == value.shape:
            kept.value = value
        elif kept is None:
            self._kept[known] = _Kept(name, None, value, is_fresh=False)

    def of_nodes(self, ids: Collection[str]) -> dict[VariableId, tuple[str, np.ndarray]]:
        """Return the kept values of variables that belong to these document nodes only, with their
        names, by variable id.
        """
        return {
            known: (kept.name, kept.value)
            for known, kept in self._kept.items()
            if _nodes_of(known) <= set(ids)
        }

    def find(
        self,
        nodes: Iterable[Node],
        ids: Mapping[Node, VariableId],
        declared: Mapping[Node, Any],
    ) -> dict[Node, np.ndarray]:
        """Return the kept values for the given variables, and remove them from the kept values.

        Match variables by id, else by random stream (weights that an edit handed over), else by
        name, and only if the value fits.
        """
        found = {}
        for node in nodes:
            kept = self._kept.get(ids[node])
            if kept is not None and kept.fits(node, declared[node]):
                found[node] = self._kept.pop(ids[node]).value
        streams = {known.stream: known for known, kept in self._kept.items() if kept.is_fresh}
        for node in nodes:
            known = None if node in found else streams.get(ids[node].stream)
            if known is None or known not in self._kept:
                continue
            if self._kept[known].fits(node, declared[node]):
                found[node] = self._kept.pop(known).value
        named = {kept.name: known for known, kept in self._kept.items() if kept.is_fresh}
        for node in nodes:
            known = None if node in found else named.get(node.name)
            if known is not None and self._kept[known].fits(node, declared[node]):
                found[node] = self._kept.pop(known).value
        return found

    def settle(self, there: Iterable[VariableId], ids: Collection[str]) -> None:
        """Drop values that are no longer needed, after an edit has been followed completely.

        Args:
            there: variables in the graph, whose kept values are dropped.
            ids: ids of the document's nodes.
        """
        for known in there:
            self._kept.pop(known, None)
        for kept in self._kept.values():
            kept.is_fresh = False
        here = set(ids)
        removed = [known for known in self._kept if not _nodes_of(known) <= here]
        excess = sum(self._kept[known].value.nbytes for known in removed) - MOST_BYTES
        for known in removed:
            if excess <= 0:
                break
            excess -= self._kept.pop(known).value.nbytes
        self.is_settled = True


def _nodes_of(known: VariableId) -> set[str]:
    """Return the ids of the document nodes that a variable belongs to: its own node, or the layer
    or optimizer that creates it.
    """
    return {part for part in known.id.split(":") if _NODE_ID.fullmatch(part)}


class HeldVariables:
    """The variables of a session whose graph changes.

    Each variable keeps its value as long as its declaration stays the same. If a variable cannot be
    initialized, reading it raises the reason.

    Args:
        kept: stores the values of removed variables, and returns them when variables come back.
        budget: the limit for a variable that no run needs yet. None for no limit.
    """

    def __init__(self, session: Session, kept: KeptValues, budget: Budget | None = None) -> None:
        self._session, self._kept, self._budget = session, kept, budget
        self._declared: dict[Node, Any] = {}
        self._ids: dict[Node, VariableId] = {}
        self._wired: dict[Node, None] = {}
        self._unread: dict[Node, NodeflowError] = {}
        self._seen_version = -1

    def keep(self, node: Node) -> None:
        """Keep the value of a removed variable until it returns, even under another name."""
        declared = self._declared.pop(node, None)
        known = self._ids.pop(node, None)
        self._wired.pop(node, None)
        self._unread.pop(node, None)
        value = self._session.variables.drop(node)
        if declared is not None and known is not None and value is not None:
            self._kept.keep(known, node.name, declared, value)

    def keep_all(self) -> None:
        """Store the values of all variables, so that the next session can take them over."""
        for node in list(self._declared):
            self.keep(node)

    def settle(self, ids: Collection[str]) -> None:
        """Drop kept values that are no longer needed. ``ids`` are the ids of the nodes in the
        document.
        """
        self._kept.settle(self._ids.values(), ids)

    def declared_anew(self, changed: Collection[Node]) -> list[Node]:
        """Return the variables that must be initialized again, because a change of some nodes
        changed their shape, dtype or initial value.
        """
        fresh = [n for n in changed if n.op.id == "variable"]
        again = [n for n in self._wired if n not in changed]
        return [n for n in (*fresh, *again) if self._declared.get(n) != declaration(n)]

    def initialise(self, nodes: Collection[Node], ids: Mapping[str, VariableId]) -> None:
        """Set variables to their kept values, or else to their initial values.

        A variable whose initial value depends on other variables is set after them.

        Args:
            ids: the id of each variable, by name.
        """
        for node in nodes:
            self._declared[node], self._ids[node] = declaration(node), ids[node.name]
        kept = self._kept.find(nodes, self._ids, self._declared)
        for node in sorted(nodes, key=lambda n: (bool(n.inputs), n.index)):
            self._unread.pop(node, None)
            if node.inputs:
                self._wired[node] = None
            if node in kept:
                self._session.variables.put(node, kept[node])
                continue
            size = size_of(tensor.type for tensor in node.outputs)
            if self._budget is not None and size > self._budget.bytes:
                text = f"{bytes_text(size)}: press Run to compute"
                self._unread[node] = OverBudget(text, node=node.name)
            else:
                self._initialise(node)

    def _initialise(self, node: Node) -> None:
        try:
            self._session.initialize([node])
        except NodeflowError as error:
            self._session.variables.drop(node)
            self._unread[node] = error

    def initialise_large(self) -> list[Node]:
        """Initialize the variables that were skipped because of their size, and return them."""
        left = [n for n, error in self._unread.items() if isinstance(error, OverBudget)]
        for node in left:
            del self._unread[node]
            self._initialise(node)
        return left

    def reset(self) -> int:
        """Set every variable to its initial value, and return the number of variables."""
        self._session.initialize()
        self._kept.clear()
        self._unread.clear()
        return len(self._session.variables)

    def read(self, node: Node) -> np.ndarray:
        """Return the value of a variable, or raise the reason why it has none."""
        if node in self._unread:
            raise self._unread[node]
        return self._session.variables.read(node)

    def assigned(self, outcomes: Mapping[Node, object]) -> list[Node]:
        """Return the variables that a run has assigned since the last call, so that their displayed
        values in ``outcomes`` are outdated.
        """
        variables = self._session.variables
        if variables.version == self._seen_version:
            return []
        self._seen_version = variables.version
        return [
            node
            for node in self._declared
            if type(outcome := outcomes.get(node)) is tuple
            and outcome[0] is not variables.held(node)
        ]


def declaration(node: Node) -> Any:
    """Return a key of everything that determines a variable's initial value, including the nodes
    that compute it.
    """
    sources = sorted(_drawn_from(n) for n in ancestors([node]) if n is not node)
    initial = [_drawn_from(t.node) for t in node.inputs]
    return _drawn_from(node), node.outputs[0].type, initial, sources


def _drawn_from(node: Node) -> tuple[str, str, str]:
    """Return a key of everything that determines a node's value besides its inputs: op, attributes,
    and the stream of a random node.
    """
    return node.op.id, repr(dict(node.attrs)), node.stream if node.op.random else ""


class InitialDraws:
    """The random nodes that are used only for initial values of variables.

    They show the numbers with which their variable starts, not the numbers that a run would draw.
    """

    def __init__(self, nodes: Iterable[Node], users: Users) -> None:
        self._users = users
        self._random = {n for n in nodes if _is_random(n)}
        self._initial = {n for n in self._random if self._makes_initial_values(n)}

    def __contains__(self, node: Node) -> bool:
        return node in self._initial

    def follow(self, changed: Collection[Node], removed: Collection[Node]) -> set[Node]:
        """Update the sets of random nodes after a change of the graph. Return the nodes that now
        draw from another stream, because they started or ceased to serve only as initial values.
        """
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
