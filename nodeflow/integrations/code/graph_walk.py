"""The walk from the wanted tensors back to the ops to write. It finds ops that a library lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from nodeflow.graph.graph import Node, Tensor
from nodeflow.integrations.code.dialect import Dialect
from nodeflow.integrations.code.layer_variables import layer_variables
from nodeflow.ops.training_mode import step_assigns


@dataclass
class Walk:
    """A walk from the wanted tensors back to the nodes to write.

    Attributes:
        dialect: decides which ops can be written.
        apart: layers that are written as the ops they consist of.
        missing: names of the nodes that the dialect cannot write, by op.
        stands: for a tensor, the tensor that the code computes in its place.
        found: the nodes to write, each after its inputs.
    """

    dialect: Dialect
    apart: frozenset[Node] = frozenset()
    missing: dict[str, list[str]] = field(default_factory=dict)
    stands: dict[Tensor, Tensor] = field(default_factory=dict)
    found: dict[Node, None] = field(default_factory=dict)
    _written: dict[Node, bool] = field(default_factory=dict)

    def want(self, tensors: Iterable[Tensor]) -> None:
        """Collect the nodes that some tensors depend on, each after its inputs, for code
        generation.

        The search does not recurse, because deep graphs would exceed Python's recursion limit.
        """
        stack: list[tuple[Tensor, bool]] = [(t, False) for t in reversed(list(tensors))]
        while stack:
            tensor, is_done = stack.pop()
            node = self._stand_in(tensor).node
            if node in self.found:
                continue
            read = list(self.dialect.reads(node)) if self._writes(node) else list(node.inputs)
            if is_done or not read:
                self.found[node] = None
                self._check_order(node)
                continue
            stack.append((tensor, True))
            stack.extend((source, False) for source in reversed(read))

    def check_moving(self) -> None:
        """Record assign nodes of a training step, such as updates of moving averages, as missing in
        the generated code, if no layer in that code performs them.
        """
        own = {node.name for node in self.found if layer_variables(node)}
        for assign in step_assigns_of(self.found):
            if assign.made_by not in own:
                self._lack(assign)

    def _check_order(self, node: Node) -> None:
        """Report the assigns that must run before a node as missing in the generated code, because
        an expression cannot wait for them.
        """
        for before in node.control_inputs:
            if before.op.id == "assign":
                self._lack(before)

    def _stand_in(self, tensor: Tensor) -> Tensor:
        """Return the tensor that generated code computes in place of the given tensor. An output of
        a macro node, such as a layer, may be replaced by a tensor inside the macro node.
        """
        first = tensor
        while True:
            if self._writes(tensor.node):
                if tensor.node.op.id != "identity" or tensor.node.derived_from is None:
                    break
                tensor = tensor.node.inputs[0]
                continue
            alias = tensor.node.alias
            inner = alias[tensor.index] if tensor.index < len(alias) else None
            if inner is None:
                self._lack(tensor.node)
                break
            tensor = inner
        if tensor is not first:
            self.stands[first] = tensor
        return tensor

    def _writes(self, node: Node) -> bool:
        if node not in self._written:
            self._written[node] = node not in self.apart and self.dialect.writes(node)
        return self._written[node]

    def _lack(self, node: Node) -> None:
        """Record a node that cannot be written as code, under the name that the user sees."""
        op = node.op.id
        names = self.missing.setdefault(op, [])
        name = node.name if node.derived_from is None else node.derived_from
        if name not in names:
            names.append(name)


def step_assigns_of(nodes: Mapping[Node, None]) -> list[Node]:
    """Return the assign nodes that a training step runs in addition, if it computes these nodes;
    for example updates of moving averages.
    """
    graph = next(iter(nodes)).graph if nodes else None
    return [] if graph is None else step_assigns(graph, nodes)


def walked(dialect: Dialect, wanted: Iterable[Tensor]) -> Walk:
    """Collect all nodes that the wanted tensors depend on, for code generation.

    A layer becomes a module object of the library if no other node reads its variables. Otherwise
    it is written as its single ops.
    """
    tensors = list(wanted)
    apart: frozenset[Node] = frozenset()
    while True:
        walk = Walk(dialect, apart)
        walk.want(tensors)
        read = {node for node in walk.found if node.op.id == "variable"}
        modules = [node for node in walk.found if node.op.id in dialect.modules]
        more = {n for n in modules if read.intersection(layer_variables(n).values())}
        if not more:
            walk.check_moving()
            return walk
        apart |= more
