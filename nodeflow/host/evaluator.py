"""Values of every node on a small preview batch; one broken node does not hide the others."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nodeflow.data import Dataset
from nodeflow.document.build.task import Task
from nodeflow.document.model.document import Document
from nodeflow.engine.session import Session
from nodeflow.errors import MissingFeed, NodeflowError
from nodeflow.graph.graph import Node, Tensor, ancestors
from nodeflow.host.previews import make_preview
from nodeflow.host.protocol import Preview

ACTING = ("assign", "print")

MOST_FAILURES = 8
"""Nodes that may fail in one evaluation before the rest is given up."""


@dataclass
class Evaluation:
    """Previews by tensor name, placeholders without a feed, and what the user has to know."""

    values: dict[str, Preview] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


class Evaluator:
    """Evaluates a document for showing; keeps variables while the graph around them changes.

    Variables that are still declared the same keep their values over a rebuild; one whose initial
    value was edited starts afresh.
    """

    def __init__(
        self,
        document: Document,
        *,
        base_dir: str | os.PathLike | None = None,
        opened: dict[Any, Dataset] | None = None,
        threads: int | None = None,
    ) -> None:
        self._document = document
        self._base_dir = base_dir
        self._opened: dict[Any, Dataset] = {} if opened is None else opened
        self._threads = threads
        self._kept: dict[str, tuple[Any, np.ndarray]] = {}
        self.task: Task
        self.session: Session
        self.rebuild()

    def use(self, document: Document, base_dir: str | os.PathLike | None) -> None:
        """Evaluate another copy of the document from the next `rebuild` on."""
        self._document, self._base_dir = document, base_dir

    def use_threads(self, threads: int | None) -> None:
        """Compute with so many threads from the next `rebuild` on."""
        self._threads = threads

    def rebuild(self) -> None:
        """Build the graph of the document as it is now, leaving out what has problems."""
        if hasattr(self, "session"):
            self._keep_variables()
            self.session.close()
        self.task = Task(self._document, base_dir=self._base_dir, opened=self._opened)
        seed = self.task.build.settings.seed
        self.session = Session(self.task.graph, tier="reference", threads=self._threads, seed=seed)
        self.session.initialize()
        for name, (declared, value) in self._kept.items():
            if name in self.session.variables and self._declaration(name) == declared:
                self.session.variables[name] = value

    def _keep_variables(self) -> None:
        self._kept = {
            name: (self._declaration(name), value) for name, value in self.session.variables.items()
        }

    def _declaration(self, name: str) -> Any:
        """What decides a variable's initial value; derived ones go with their owner."""
        node = self.task.graph.node(name)
        kind = node.outputs[0].type
        initial = [t.node.name for t in node.inputs]
        sources = sorted(
            (n.name, n.op.id, repr(dict(n.attrs))) for n in ancestors([node]) if n is not node
        )
        return kind, repr(dict(node.attrs)), initial, sources

    def initialize(self) -> int:
        """Set every variable back to its initial value; returns how many there are."""
        self.session.initialize()
        return len(self.session.variables)

    def visible(self, effects: bool = False) -> list[Tensor]:
        """Every tensor of a node the user sees.

        Args:
            effects: with those that assign or print; an automatic refresh must not.
        """
        nodes = [n for n in self.task.graph.nodes if n.derived_from is None]
        shown = _existing(t for n in nodes for t in n.outputs)
        return shown if effects else self._without(shown, self._acting())

    def _acting(self) -> set[Node]:
        return {n for n in self.task.graph.nodes if n.op.id in ACTING}

    def _moving(self) -> set[Node]:
        """What has another value from step to step, though the batch stays the same."""
        return {n for n in self.task.graph.nodes if n.op.id == "variable" or n.op.random}

    def previews(
        self,
        names: Iterable[str] | None = None,
        *,
        step: int | None = None,
        effects: bool = False,
        still: bool = True,
    ) -> Evaluation:
        """Evaluate tensors by name, or all that can be.

        A node that fails gets a preview of kind ``error``; what depends on it has none. Without
        ``effects``, what assigns or prints, and what depends on it, has none either.

        Args:
            step: of the training that goes on; noted at what it changes.
            still: with what no training changes, such as constants and the preview batch.
        """
        if names is None:
            wanted = self.visible(effects)
        else:
            named = [self.task.tensor(n) for n in names]
            wanted = named if effects else self._without(_existing(named), self._acting())
        result = Evaluation()
        feeds, missing, broken = self._feeds(wanted, result)
        result.missing = tuple(sorted(n.name for n in missing))
        ready = self._without(wanted, missing | broken)
        unmoved = set(self._without(ready, self._moving())) if step is not None else set()
        if not still:
            ready = [t for t in ready if t not in unmoved]
        for _ in range(MOST_FAILURES):
            try:
                values = self.session.run(ready, self._needed(feeds, ready))
            except NodeflowError as error:
                failed = self._failed_node(error, result)
                if failed is None:
                    break
                ready = self._without(ready, {failed})
                continue
            for tensor, value in zip(ready, values, strict=True):
                shape = self.task.image_shape(tensor)
                at = None if tensor in unmoved else step
                result.values[tensor.name] = make_preview(value, shape, at)
            break
        result.notices = self.task.notices()
        self._add_instances(result)
        return result

    def _add_instances(self, result: Evaluation) -> None:
        """What leaves a subgraph under the instance's name, beside the node's that computes it."""
        built = self.task.build
        for name, ports in built.instances.items():
            for index, source in enumerate(ports.values()):
                tensor = built.tensors.get(source) if source is not None else None
                if tensor is not None and tensor.name in result.values:
                    key = f"{name}:{index}" if index else name
                    result.values[key] = result.values[tensor.name]

    def value(self, name: str) -> tuple[np.ndarray, tuple[int, int] | None]:
        """One tensor's full value, and (height, width) where its rows are pictures.

        It is only looked at: where an assign has to run for it, variables are put back.

        Raises:
            NodeflowError: the name, its feeds, or the run.
        """
        tensor = self.task.tensor(name)
        feeds = self.task.feeds([tensor])
        before = {}
        if not self._without([tensor], self._acting()):
            before = dict(self.session.variables.items())
        array = np.asarray(self.session.run(tensor, feeds))
        self.session.variables.update(before)
        return array, self.task.image_shape(tensor)

    def _feeds(
        self, wanted: list[Tensor], result: Evaluation
    ) -> tuple[Mapping[Tensor, Any], set[Node], set[Node]]:
        """Feeds by placeholder; placeholders without any; those whose data set fails."""
        feeds: dict[Tensor, Any] = {}
        missing: set[Node] = set()
        broken: set[Node] = set()
        for node in ancestors(t.node for t in wanted):
            if node.op.id != "placeholder":
                continue
            tensor = node.outputs[0]
            try:
                feeds.update(self.task.feeds([tensor]))
            except NodeflowError as error:
                result.values[tensor.name] = Preview("error", text=str(error))
                broken.add(node)
                continue
            if tensor not in feeds and node.attrs.get("sample") is None:
                missing.add(node)
        return feeds, missing, broken

    def _needed(self, feeds: Mapping[Tensor, Any], tensors: list[Tensor]) -> dict[Tensor, Any]:
        needed = ancestors(t.node for t in tensors)
        return {t: v for t, v in feeds.items() if t.node in needed}

    @staticmethod
    def _without(tensors: list[Tensor], excluded: set[Node]) -> list[Tensor]:
        """The tensors that depend on none of the excluded nodes."""
        blocked: set[Node] = set()
        if not excluded:
            return tensors
        graph = next(iter(excluded)).graph
        for node in graph.nodes:
            depends = [*(t.node for t in node.inputs), *node.control_inputs]
            depends += [t.node for t in node.alias if t is not None]
            if node in excluded or any(n in blocked for n in depends):
                blocked.add(node)
        return [t for t in tensors if t.node not in blocked]

    def _failed_node(self, error: NodeflowError, result: Evaluation) -> Node | None:
        """Note the error at its node; None when it names none."""
        if error.node is None or error.node not in self.task.graph:
            result.values[error.node or ""] = Preview("error", text=str(error))
            return None
        node = self.task.graph.node(error.node)
        if not isinstance(error, MissingFeed):
            result.values[node.name] = Preview("error", text=error.message)
        return node


def _existing(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Without gradients that do not exist."""
    return [t for t in tensors if not (t.node.alias and t.node.alias[t.index] is None)]
