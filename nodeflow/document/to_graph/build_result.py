"""The result of a build: the graph that runs, with references to the document's nodes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from nodeflow.document.analysis.inference.incremental_inference import Analysis
from nodeflow.document.analysis.passthrough_nodes import MUTED, mode_of
from nodeflow.document.analysis.training_settings import training_settings
from nodeflow.document.analysis.traversal import upstream
from nodeflow.document.from_graph.foreign_names import called
from nodeflow.document.model.document import Document
from nodeflow.document.model.names import natural_key
from nodeflow.document.model.problems import Problem
from nodeflow.document.model.records import NodeRecord
from nodeflow.document.to_graph.flatten import Flat
from nodeflow.errors import GraphError, NameProblem, UnknownName, suggest, suggest_or_list
from nodeflow.graph.graph import Graph, Node, Tensor
from nodeflow.graph.node_names import lawful
from nodeflow.number_text import whole_number
from nodeflow.train.settings import TrainingSettings

_DATASET_HINT = "Fetch the placeholder that it feeds instead."
_ACTIONS = ("assign", "group")


@dataclass
class Build:
    """A graph with references to the nodes of its document.

    Attributes:
        source: the document that was built.
        flat: the document without subgraphs; all ids below belong to it.
        analysis: the analysis of the flat document.
        graph: the nodes that can run, with the names of the document.
        nodes: document id -> node of the graph.
        tensors: (document id, output port) -> tensor.
        ports: document id -> the output ports that have tensors.
        bindings: placeholder's name -> (dataset's document id, column).
        samples: placeholder's name -> its sample as an array.
        skipped: id of a node that cannot run -> the problems that building found, or None if the
            analysis has them (see `why_skipped`).
        muted: id of a node that is muted, or depends on a muted node -> a problem that says so, or
            None if it has not been looked up yet (see `why_muted`).
        found: id -> the problems and warnings that only building finds.
        passed: name of a dot or bypassed node -> output port -> the tensor it passes on.
        for_edits: whether attributes that a training can change are constants (`Op.for_edits`).
    """

    source: Document
    flat: Flat
    analysis: Analysis
    graph: Graph = field(default_factory=Graph)
    nodes: dict[str, Node] = field(default_factory=dict)
    tensors: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    ports: dict[str, list[str]] = field(default_factory=dict)
    bindings: dict[str, tuple[str, str]] = field(default_factory=dict)
    samples: dict[str, np.ndarray] = field(default_factory=dict)
    skipped: dict[str, list[Problem] | None] = field(default_factory=dict)
    muted: dict[str, Problem | None] = field(default_factory=dict)
    found: dict[str, list[Problem]] = field(default_factory=dict)
    passed: dict[str, dict[str, Tensor]] = field(default_factory=dict)
    for_edits: bool = False

    @property
    def document(self) -> Document:
        """The document after its subgraphs were expanded. The ids of this build refer to it."""
        return self.flat.document

    @property
    def instances(self) -> dict[str, dict[str, tuple[str, str] | None]]:
        """The source of every output port of each subgraph instance that was expanded.

        A source is (node id, port), or None if the port has no value.
        """
        return self.flat.instances

    def instance_outputs(self) -> dict[str, Tensor]:
        """Return the output tensors of all subgraph instances as name -> tensor. The first output
        has the instance's name, the others NAME:1, NAME:2 and so on.
        """
        found: dict[str, Tensor] = {}
        for name, ports in self.instances.items():
            for index, source in enumerate(ports.values()):
                tensor = self.tensors.get(source) if source is not None else None
                if tensor is not None:
                    found[f"{name}:{index}" if index else name] = tensor
        return found

    @cached_property
    def settings(self) -> TrainingSettings:
        """The training settings of the document."""
        return training_settings(self.source)

    @property
    def optimizers(self) -> list[Node]:
        """The graph nodes of the optimizers that the training settings name: one optimizer, those
        of a schedule, or none.
        """
        settings = self.settings
        ids = [settings.optimizer, *(phase["optimizer"] for phase in settings.schedule)]
        found = (self.nodes.get(chosen) for chosen in dict.fromkeys(ids) if chosen is not None)
        return [node for node in found if node is not None]

    @property
    def problems(self) -> list[Problem]:
        """All problems, including warnings and notes."""
        later = (problem for found in self.found.values() for problem in found)
        return [*self.analysis.all_problems(), *later]

    # ---- for building ------------------------------------------------------------------------

    def set_output(self, node_id: str, port: str, tensor: Tensor) -> None:
        """Record the tensor at an output port."""
        if (node_id, port) not in self.tensors:
            self.ports.setdefault(node_id, []).append(port)
        self.tensors[node_id, port] = tensor

    def forget(self, record: NodeRecord) -> None:
        """Forget how a document's node was built: its graph node, its tensors, and the problems
        found while building it.
        """
        self.nodes.pop(record.id, None)
        self.found.pop(record.id, None)
        for port in self.ports.pop(record.id, ()):
            del self.tensors[record.id, port]
        self.forget_name(record.name)

    def forget_name(self, name: str) -> None:
        """Forget what was built under a node's name: its data binding, its sample, and the tensors
        that it passed on.
        """
        self.passed.pop(name, None)
        self.bindings.pop(name, None)
        self.samples.pop(name, None)

    # ---- nodes that cannot run ---------------------------------------------------------------

    def why_skipped(self, node_id: str) -> list[Problem]:
        """Return the problems for which a node is skipped: the errors recorded for it, else its own
        errors, else the first errors found upstream.
        """
        found = self.skipped[node_id]
        if found is not None:
            return found
        for candidate in [node_id, *sorted(upstream(self.document, [node_id]))]:
            problems = self.analysis.problems_of(candidate)
            errors = [problem for problem in problems if problem.severity == "error"]
            if errors:
                return errors
        return []

    def why_muted(self, node_id: str) -> Problem:
        """Return a note about a node that does not run because of a muted node, which the note
        names.
        """
        found = self.muted[node_id]
        if found is not None:
            return found
        nodes = self.document.nodes
        before = sorted(upstream(self.document, [node_id]), key=natural_key)
        first = next(i for i in before if mode_of(nodes[i]) == MUTED)
        owner = self.flat.muted_by.get(first, nodes[first].name)
        is_owner = mode_of(nodes[node_id]) == MUTED
        if is_owner:
            owner = self.flat.muted_by.get(node_id, nodes[node_id].name)
        name = nodes[node_id].name
        said = "is muted" if is_owner else f"depends on `{owner}`, which is muted"
        hint = f"Unmute `{owner}` to run it."
        return Problem(name, None, f"`{name}` {said}", hint, "info", kind=GraphError.__name__)

    def require(self, ids: Iterable[str]) -> None:
        """If any of these nodes (by id) cannot run, raise the error that stops the first
        such node.
        """
        for node_id in ids:
            if node_id in self.skipped:
                raise self.why_skipped(node_id)[0].as_error()
            if node_id in self.muted:
                raise self.why_muted(node_id).as_error()

    # ---- names --------------------------------------------------------------------------------

    def fetch(self, name: str) -> Tensor | Node:
        """Return the tensor or node that a fetch's name means.

        A name is `add`, `split:1`, `split:PORT`, or the name of a node without outputs.

        Raises:
            UnknownName: nothing has this name; the hint lists similar names.
            NodeflowError: the node cannot run; the message says why.
        """
        name = self._own_name(name)
        node_name = name.partition(":")[0]
        record = self.document.node_named(node_name)
        if record is not None:
            self.require([record.id])
        if node_name in self.instances:
            return self.leaving(name)
        if self.passed.get(node_name):
            return self._passed(name)
        if name in self.graph and not self.graph.node(name).outputs:
            return self.graph.node(name)
        if node_name not in self.graph:
            if record is not None:
                raise UnknownName(f"{node_name} has no value to fetch", hint=_DATASET_HINT)
            known = [*self.document.names, *self.instances]
            raise UnknownName(
                f"there is no node {node_name!r}", hint=suggest_or_list(node_name, known)
            )
        return self.graph.tensor(name)

    def _own_name(self, name: str) -> str:
        """Translate a name that a user gives for a tensor to the name in the document.

        They differ for a name from before an import, such as `layer-1` for `layer_1`. An unknown
        name stays as it is.
        """
        node_name, colon, port = name.partition(":")
        if self._has(node_name):
            return name
        if (record := called(self.document, name)) is not None:
            return record.name
        try:
            written = lawful(node_name)  # `layer-1` is called `layer_1` here
        except NameProblem:
            return name
        return f"{written}{colon}{port}" if self._has(written) else name

    def _has(self, node_name: str) -> bool:
        """Return whether the document or the graph has a node of this name, or a subgraph
        instance.
        """
        known = self.document.node_named(node_name) is not None or node_name in self.graph
        return known or node_name in self.instances

    def _passed(self, name: str) -> Tensor:
        node_name, _, port = name.partition(":")
        found = self.passed[node_name]
        by_index = {str(index): tensor for index, tensor in enumerate(found.values())}.get(port)
        tensor = by_index or found.get(port or next(iter(found)))
        if tensor is None:
            raise UnknownName(f"{node_name} has no output {port!r}", hint=suggest(port, found))
        return tensor

    def leaving(self, name: str) -> Tensor:
        """Return the value at an output of a subgraph instance: `dense`, `dense:1` or `dense:PORT`.

        Raise the same errors as `fetch`.
        """
        node_name, _, port = name.partition(":")
        found = self.instances[node_name]
        if not found:
            scope = f"{node_name}/"
            inside = (n.name for n in self.document.nodes.values() if n.name.startswith(scope))
            first = next(inside, f"{scope}NAME")
            hint = f"Fetch a node inside it, such as {first}."
            raise UnknownName(f"{node_name} has no outputs", hint=hint)
        ports = list(found)
        index = whole_number(port)
        if index is not None and port not in found and 0 <= index < len(ports):
            port = ports[index]
        port = port or ports[0]
        if port not in found:
            hint = suggest(port, ports) or f"It has {', '.join(ports)}."
            raise UnknownName(f"{node_name} has no output {port!r}", hint=hint)
        source = found[port]
        if source is None:
            raise UnknownName(f"nothing is connected to the output {port!r} of {node_name}")
        self.require([source[0]])
        if source not in self.tensors:
            raise UnknownName(f"{node_name}:{port} has no value to fetch", hint=_DATASET_HINT)
        return self.tensors[source]

    def ends(self) -> list[str]:
        """Return the names of the default fetches: tensors without consumers.

        Optimizers, assigns, groups and datasets are left out.
        """
        nodes = [node for node in self.graph.nodes if node.derived_from is None]
        used = {t.node for node in nodes if node.outputs or not node.op.macro for t in node.inputs}
        return [
            tensor.name
            for node in nodes
            if node not in used and node.op.id not in _ACTIONS
            for tensor in node.outputs
        ]
