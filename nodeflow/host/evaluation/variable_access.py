"""Methods of an evaluator that read and set variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from nodeflow.document.analysis.subgraphs.instance_paths import graphs
from nodeflow.document.analysis.training_settings import is_optimizer
from nodeflow.document.model.document import Document
from nodeflow.document.model.records import NodeRecord
from nodeflow.document.to_graph.live.live_build import LiveBuild
from nodeflow.document.to_graph.variable_ids import VariableId, slot_names, variable_ids
from nodeflow.engine.session import Session
from nodeflow.host.evaluation.variables_across_edits import HeldVariables, KeptValues
from nodeflow.host.protocol import CheckWeights, WeightsChecked
from nodeflow.train.saving.assignment import kinds, suggestions
from nodeflow.train.saving.weights import Match, Saved, match


class Learned(NamedTuple):
    """Values of variables by name, their ids, and the names of variables that optimizers keep."""

    values: dict[str, np.ndarray]
    ids: dict[str, VariableId]
    slots: set[str]


class VariableAccess:
    """The base class of `Evaluator` that reads and sets variables by id."""

    session: Session
    version: int
    _live: LiveBuild
    _document: Document
    _variables: HeldVariables
    _kept: KeptValues
    _named_ids: tuple[int, dict[str, VariableId]]

    def settle(self) -> None:
        """Update the derived nodes."""
        raise NotImplementedError

    def _initialise_large(self) -> None:
        raise NotImplementedError

    def initialize(self) -> int:
        """Reset every variable to its initial value, and return the number of variables."""
        self.settle()
        return self._variables.reset()

    def variables(self) -> dict[str, np.ndarray]:
        """Return copies of all values, including derived variables."""
        self.settle()
        self._initialise_large()
        return dict(self.session.variables.items())

    def ids(self) -> dict[str, VariableId]:
        """Return the id of each variable of the graph, by name."""
        if self._named_ids[0] != self.version:
            self._named_ids = self.version, variable_ids(self._live.build)
        return self._named_ids[1]

    def slots(self) -> set[str]:
        """Return the names of the variables that optimizers keep for their state."""
        return slot_names(self._live.build)

    def learned(self) -> Learned:
        """Return copies of all values, including variables whose nodes cannot run now.

        This is the content of a weights file.
        """
        values, ids, slots = self.variables(), dict(self.ids()), self.slots()
        nodes = self._nodes()
        for known, (name, value) in self._kept.of_nodes(nodes).items():
            if name not in values:
                values[name], ids[name] = value, known
                slots |= {name} if is_optimizer(nodes[known.id.partition(":")[0]].op) else set()
        return Learned(values, ids, slots)

    def load(self, saved: Saved) -> Match:
        """Load saved values into variables. Remember the values of variables that the graph lacks
        now, because their nodes cannot run.
        """
        fitting = self.match(saved)
        for name, there in fitting.found.items():
            self.session.variables[name] = saved.arrays[there]
        here = {*self.ids().values()}
        for name, known in saved.ids.items():
            if VariableId(*known) not in here and name in saved.arrays:
                self._kept.learn(VariableId(*known), name, saved.arrays[name])
        return fitting

    def match(self, saved: Saved) -> Match:
        """Match the tensors in a weights file to the variables of the graph."""
        return match(saved, self.variables(), self.ids(), self.slots())

    def checked(self, request: CheckWeights, saved: Saved) -> WeightsChecked:
        """Compare the tensors of a weights file with the variables of the graph. Return the message
        with the result.
        """
        variables, slots = self.variables(), self.slots()
        fitting = self.match(saved)
        tensors = {n: kind for n, kind in kinds(saved.arrays).items() if n not in saved.slots}
        mine = {n: kind for n, kind in kinds(variables).items() if n not in slots}
        known = {n: tensor for n, tensor in fitting.found.items() if n in mine}
        suggested = suggestions(tensors, mine, known)
        return WeightsChecked(request.request, request.path, fitting, tensors, mine, suggested)

    def take_variables(
        self, values: Mapping[str, np.ndarray], ids: Mapping[str, VariableId] | None = None
    ) -> None:
        """Set variables to trained values, matched by id, if shape and dtype agree.

        A variable whose node cannot run now gets its value once the node can run.

        Args:
            ids: the variable of each value, by name; by default the variable of that name.
        """
        self.settle()
        self._initialise_large()
        variables = self.session.variables
        names = {known: name for name, known in self.ids().items()}
        for name, value in values.items():
            here = name if ids is None else names.get(ids[name])
            if here is not None and here in variables:
                before = variables[here]
                if (before.shape, before.dtype) == (value.shape, value.dtype):
                    variables[here] = value
            elif here is None and ids is not None:
                self._kept.learn(ids[name], name, value)

    def _settle_kept(self) -> None:
        """Drop values kept for removed variables that are no longer needed. Called once after each
        edit.
        """
        if not self._kept.is_settled:
            self._variables.settle(self._nodes())

    def _nodes(self) -> dict[str, NodeRecord]:
        """Return a dict from id to node for all graphs of the document, including subgraphs."""
        return {i: node for graph in graphs(self._document) for i, node in graph.nodes.items()}
