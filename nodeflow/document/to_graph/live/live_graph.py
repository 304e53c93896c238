"""A graph whose nodes can change in place, for a build that follows its document.

The public graph is append-only (see the decision records): users may hold its tensors, so its nodes
never change. This graph has a single owner, which tracks all changes of its nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.op import Op
from nodeflow.graph.types import TensorType


class Interrupted(BaseException):
    """A request to stop deriving nodes, raised between two nodes.

    It does not derive from Exception, so that an ``except Exception`` does not turn it into a
    problem of a node.
    """


@dataclass
class Patch:
    """The changes of the graph's nodes.

    Attributes:
        changed: nodes that are new, or compute a different value now.
        removed: nodes that were removed.
        rebuilt: whether the graph is another object.
    """

    changed: set[Node] = field(default_factory=set)
    removed: set[Node] = field(default_factory=set)
    rebuilt: bool = False


class LiveGraph(Graph):
    """A graph that also knows the consumers of each node.

    After a change, `nodes` and the nodes' indexes are out of order until `arrange` is called.

    Attributes:
        users: node -> the nodes that use its outputs, wait for it, or stand for it.
        interrupted: called every 64 nodes; when it returns true, adding a node raises
            `Interrupted`, and the owner of the graph cleans up.
    """

    def __init__(self) -> None:
        super().__init__()
        self.users: dict[Node, dict[Node, None]] = {}
        self.interrupted: Callable[[], bool] | None = None

    def _append(
        self,
        op: Op,
        name: str,
        inputs: tuple[Tensor, ...],
        attrs: dict[str, Any],
        types: Sequence[TensorType],
        control_inputs: tuple[Node, ...],
        stream: str,
    ) -> Node:
        late = self.interrupted is not None and len(self.nodes) % 64 == 0
        if late and self.interrupted is not None and self.interrupted():
            raise Interrupted
        node = super()._append(op, name, inputs, attrs, types, control_inputs, stream)
        self._link(node)
        return node

    def discard_since(self, mark: int, keep: Iterable[Node]) -> None:
        before = self.nodes[mark:]
        super().discard_since(mark, keep)
        kept = set(self.nodes[mark:])
        for node in before:
            if node not in kept:
                self._unlink(node)

    def take_out(self, nodes: Iterable[Node]) -> None:
        """Remove nodes from the graph; the caller has to change their consumers."""
        for node in nodes:
            self._unlink(node)
            del self._by_name[node.name]
            self._taken.pop(node.name, None)

    def give_up(self, mark: int, name: str) -> None:
        """Undo a failed attempt to add the node `name`: drop all nodes added since the graph had
        `mark` nodes.
        """
        self.discard_since(mark, keep=())
        self._taken.pop(name, None)

    def put_back(self, node: Node) -> None:
        """Add a node that was removed before to the graph again, at the end of its nodes."""
        self._by_name[node.name] = node
        self._taken.setdefault(node.name, 1)
        node.index = len(self.nodes)
        self.nodes.append(node)
        self._link(node)

    def change(
        self,
        node: Node,
        attrs: Mapping[str, Any],
        inputs: tuple[Tensor, ...],
        control_inputs: tuple[Node, ...],
        types: Sequence[TensorType],
    ) -> None:
        """Set a graph node's attributes, inputs and output types. Its output tensors stay the same
        objects.
        """
        self._unlink(node)
        node.attrs = MappingProxyType(dict(attrs))
        node.inputs = inputs
        node.control_inputs = control_inputs
        for tensor, type_ in zip(node.outputs, types, strict=True):
            tensor.type = type_
        self._link(node)

    def become(self, node: Node, new: Node) -> None:
        """Replace a node's inputs, attributes and types by those of `new`, which was added last,
        and remove `new`. So a rebuilt macro node stays the same object.
        """
        assert self.nodes[-1] is new
        self.nodes.pop()
        self._unlink(new)
        self._unlink(node)
        for slot in ("attrs", "inputs", "control_inputs", "alias", "stream"):
            setattr(node, slot, getattr(new, slot))
        for tensor, other in zip(node.outputs, new.outputs, strict=True):
            tensor.type = other.type
        self.put_back(node)

    def rename(self, node: Node, name: str, stream: str) -> None:
        """Rename a graph node, and set its random stream."""
        del self._by_name[node.name]
        self._taken.pop(node.name, None)
        node.name, node.stream = name, stream
        self._by_name[name] = node
        self._taken.setdefault(name, 1)
        self._reserved.discard(name)

    def arrange(self, nodes: Iterable[Node]) -> None:
        """Put the nodes into this order."""
        self.nodes[:] = nodes
        for index, node in enumerate(self.nodes):
            node.index = index

    def _link(self, node: Node) -> None:
        for source in sources(node):
            self.users.setdefault(source, {})[node] = None

    def _unlink(self, node: Node) -> None:
        for source in sources(node):
            users = self.users.get(source)
            if users is not None:
                users.pop(node, None)
                if not users:
                    del self.users[source]


def sources(node: Node) -> set[Node]:
    """Return the nodes that a node depends on: it reads their outputs, waits for them, or forwards
    their values.
    """
    found = {tensor.node for tensor in node.inputs}
    found.update(node.control_inputs)
    found.update(tensor.node for tensor in node.alias if tensor is not None)
    return found


def after_sources(nodes: Iterable[Node]) -> list[Node]:
    """Sort nodes so that each follows its sources among them, and otherwise keep their order.

    In a cycle, one node precedes a source.
    """
    nodes = list(nodes)
    found: dict[Node, None] = {}
    known, entered = set(nodes), set[Node]()
    for first in nodes:
        stack = [first]
        while stack:
            node = stack[-1]
            left = [] if node in entered else [s for s in sources(node) if s in known]
            entered.add(node)
            left = [s for s in left if s not in entered]
            if left:
                stack += sorted(left, key=lambda s: -s.index)
                continue
            stack.pop()
            found[node] = None
    return list(found)
