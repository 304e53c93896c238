"""Splits a program into two parts: predicting, and measuring the loss and metrics.

A placeholder is an *input* if a node that reads a variable depends on it; otherwise it is a
*label*. The *answers* are the predictions, computed from the inputs. The loss and the metrics
are computed from the answers, the labels, and inputs that an answer is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from nodeflow.exchange.answers import SHARES
from nodeflow.graph.graph import Node, Tensor
from nodeflow.integrations.code.dialect import Dialect
from nodeflow.ops.training_mode import is_flag

BEYOND = frozenset(
    "clip clip_by_value log log1p subtract add multiply divide maximum minimum negative square abs "
    "argmax argmin cast round greater greater_equal less less_equal identity one_hot reshape "
    "squeeze expand_dims".split()
)
"""Ops, such as `log`, that a handwritten loss or metric may apply to an answer."""
COMPARING = frozenset(("subtract", "squared_difference"))


@dataclass(frozen=True)
class Parts:
    """The two parts of a program.

    Attributes:
        inputs, labels: placeholders.
        measuring: nodes from the answers and placeholders to the loss and metrics, in order.
        answers: predicted tensors that `measuring` reads.
        later: nodes that predicting does not run.
    """

    inputs: tuple[Node, ...]
    labels: tuple[Node, ...]
    measuring: tuple[Node, ...]
    answers: tuple[Tensor, ...]
    later: frozenset[Node]


@dataclass(frozen=True)
class Splitting:
    """The nodes of a program, in order, and the tensors that each node reads.

    Attributes:
        source: for a tensor, the tensor that the code computes in its place.
    """

    nodes: list[Node]
    source: Callable[[Tensor], Tensor]
    dialect: Dialect

    def read(self, node: Node) -> list[Tensor]:
        """Return the tensors that the generated code of a node reads, as the program's own tensors:
        an output of a macro node is replaced by the inner tensor.
        """
        return [self.source(t) for t in self.dialect.reads(node)]

    def sources(self, node: Node) -> list[Node]:
        return [t.node for t in self.read(node)]

    def needed(self, nodes: Iterable[Node]) -> set[Node]:
        """Return the given nodes and all nodes that they depend on."""
        found: set[Node] = set()
        stack = list(nodes)
        while stack:
            node = stack.pop()
            if node not in found:
                found.add(node)
                stack.extend(self.sources(node))
        return found

    def parts(self, measured: Collection[Tensor]) -> Parts:
        """Divide the nodes of a graph into those that compute predictions and those that compute
        the loss and metrics from predictions and labels.

        Args:
            measured: the loss and the metrics of a training.
        """
        placeholders = [
            n for n in self.nodes if n.op.id == "placeholder" and not is_flag(n.outputs[0])
        ]
        depends = self._depends(placeholders)
        losses = {n for n in self.nodes if n.op.category == "Loss"}
        has_loss = bool(measured or losses)
        labels = self._labels(placeholders, depends) if has_loss else set()
        begins = {n for n in self.nodes if depends[n] & labels} - labels
        begins |= {n for n in losses if depends[n]}
        results = self.needed(self.source(t).node for t in measured)
        if not begins:
            begins = {n for n in results if self._compares(n, depends)}
        later = self._following(begins)
        first = [t for n in self.nodes if n in later for t in self.read(n)]
        first = [t for t in dict.fromkeys(first) if t.node not in later and depends[t.node]]
        first = [t for t in first if t.node.op.id != "placeholder"]
        direct = {t for n in losses for t in self.read(n)}
        answers = dict.fromkeys(self._answer(t, direct, set(first)) for t in first)
        made = self.needed(t.node for t in answers)
        beyond = self.needed(t.node for t in first) - made
        later |= {n for n in beyond if depends[n]} - set(placeholders)
        needed = self.needed(later)
        measuring = [n for n in self.nodes if n in later or (n in needed and not depends[n])]
        return Parts(
            tuple(p for p in placeholders if p not in labels),
            tuple(p for p in placeholders if p in labels),
            tuple(n for n in measuring if n.op.id not in ("placeholder", "variable")),
            tuple(answers),
            frozenset(later),
        )

    def _depends(self, placeholders: Collection[Node]) -> dict[Node, frozenset[Node]]:
        """Return for each node the nodes that it depends on, as far as these are random or among
        the given placeholders.
        """
        given = set(placeholders)
        found: dict[Node, frozenset[Node]] = {}
        for node in self.nodes:
            changes = node in given or (node.op.random and not node.op.id.startswith("layers/"))
            own = {node} if changes else set()
            found[node] = frozenset(own.union(*(found[n] for n in self.sources(node))))
        return found

    def _labels(
        self, placeholders: Collection[Node], depends: dict[Node, frozenset[Node]]
    ) -> set[Node]:
        """Return the placeholders that receive labels: those that influence no node with variables.
        Return an empty set if no node has variables.
        """
        meets: set[Node] = set()
        has_variables = False
        for node in self.nodes:
            is_module = node.op.id in self.dialect.modules
            if is_module or any(n.op.id == "variable" for n in self.sources(node)):
                meets |= depends[node]
                has_variables = True
        return {p for p in placeholders if p not in meets} if has_variables else set()

    def _compares(self, node: Node, depends: dict[Node, frozenset[Node]]) -> bool:
        """Return whether a node is a comparison of a prediction with a placeholder, such as
        labels.
        """
        if node.op.id not in COMPARING:
            return False
        fed = [n.op.id == "placeholder" for n in self.sources(node)]
        return any(fed) and not all(fed) and all(depends[n] for n in self.sources(node))

    def _following(self, begins: set[Node]) -> set[Node]:
        """Return the given nodes and all nodes that depend on them."""
        found = set(begins)
        for node in self.nodes:
            if node not in found and any(n in found for n in self.sources(node)):
                found.add(node)
        return found

    def _answer(self, tensor: Tensor, direct: set[Tensor], first: set[Tensor]) -> Tensor:
        """Return the prediction that a tensor was computed from, where a loss or metric reads the
        tensor.

        Follow ops such as logarithms and clipping (`BEYOND`) back to probabilities or to the input
        of a loss op. Return the tensor itself if none are reached.
        """
        if tensor in direct:
            return tensor
        place = tensor
        while place.node.op.id in BEYOND:
            read = [t for t in self.read(place.node) if t.node.op.id != "constant"]
            if len(read) != 1 or read[0].node.op.id in ("placeholder", "variable"):
                return tensor
            place = read[0]
            if place in direct or place.node.op.id in SHARES:
                return place
            if place in first:
                return self._answer(place, direct, first)
        return tensor
