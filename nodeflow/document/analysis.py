"""Types at every port and problems of every node, kept up to date edit by edit.

After an edit only what it can have changed is inferred again: the edited nodes, and what is
downstream of them as far as types really change.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from nodeflow.document.dataset_op import DATASET
from nodeflow.document.declarations import op_of
from nodeflow.document.inference import Inferred, Outputs, infer_node
from nodeflow.document.model import Document
from nodeflow.document.order import downstream, topological, upstream
from nodeflow.document.passing import REROUTE
from nodeflow.document.ports import port_order
from nodeflow.document.problems import Problem
from nodeflow.document.records import Change, NodeRecord
from nodeflow.document.training import training_problems
from nodeflow.errors import CycleError
from nodeflow.graph.types import TensorType

TRAINING = ""
"""The key of `Analysis.problems` under which the training settings' problems stand."""

_UNKNOWN = Inferred(None)


class Analysis:
    """What inference knows of a document.

    `base_dir` is where relative data paths start; by default the document's folder. `known` has
    the output types of nodes that need no inference.
    Call `update(change)` for each of the document's changes. `inferred` counts nodes inferred so
    far, for tests that nothing is inferred in vain.
    """

    def __init__(
        self,
        doc: Document,
        *,
        base_dir: str | os.PathLike | None = None,
        known: Mapping[str, Outputs] | None = None,
    ) -> None:
        self.doc = doc
        self._known = known or {}
        self._base_dir = base_dir
        self.problems: dict[str, list[Problem]] = {}
        self.inferred = 0
        self._results: dict[str, Inferred] = {}
        self._answers: dict[str, tuple[tuple[tuple, Inferred], ...]] = {}
        self._watchers: set[str] = set()
        self._looping: set[str] = set()
        self._ancestors: tuple[int, str, set[str]] | None = None
        self._propagate(set(doc.nodes))
        self._update_training()

    # ---- reading ----------------------------------------------------------------------------

    def type_of(self, node_id: str, port: str) -> TensorType | None:
        """Returns the type at an output port, or what is wired into an input port; else None."""
        out = self.out_types(node_id)
        if out is not None and port in out:
            return out[port]
        wire = self.doc.wires.get((node_id, port))
        if wire is None:
            return None
        return (self.out_types(wire.source) or {}).get(wire.source_port)

    def out_types(self, node_id: str) -> Outputs | None:
        """Returns output port -> type of a node, or None while unknown."""
        return self._results.get(node_id, _UNKNOWN).out

    def passes(self, node_id: str) -> Mapping[str, str] | None:
        """Returns output port -> input port of a node that passes values on (a dot, a bypassed
        node), or None for one that computes them."""
        return self._results.get(node_id, _UNKNOWN).passes

    def problems_of(self, node_id: str) -> list[Problem]:
        """Returns a node's problems, the worst first."""
        return self.problems.get(node_id, [])

    def all_problems(self) -> list[Problem]:
        """Returns every problem, in the order of the nodes' names; the training's come last."""
        nodes = [key for key in self.problems if key != TRAINING]
        nodes.sort(key=lambda key: self.doc.nodes[key].name)
        keys = [*nodes, *([TRAINING] if TRAINING in self.problems else [])]
        return [problem for key in keys for problem in self.problems[key]]

    def broken(self) -> set[str]:
        """Returns the nodes that an error keeps from running, themselves or upstream."""
        return downstream(self.doc, [i for i, r in self._results.items() if r.broken])

    def ancestors(self, node_id: str) -> set[str]:
        """Returns a node and all upstream of it; quick to ask again until the next edit."""
        cached = self._ancestors
        if cached is None or cached[:2] != (self.doc.revision, node_id):
            found = upstream(self.doc, [node_id])
            cached = self._ancestors = (self.doc.revision, node_id, found)
        return cached[2]

    # ---- keeping up -------------------------------------------------------------------------

    def update(self, change: Change) -> set[str]:
        """Takes a change of the document in; returns the nodes whose types or problems changed.

        Nodes that are gone count. "" among them stands for the training settings.
        """
        if change.only_moves:
            return set()
        changed: set[str] = set()
        dirty: set[str] = set()
        for record in change.nodes_removed:
            self._results.pop(record.id, None)
            self.problems.pop(record.id, None)
            self._watchers.discard(record.id)
            changed.add(record.id)
        names = bool(change.nodes_added or changed)
        dirty.update(record.id for record in change.nodes_added)
        for before, after in change.nodes_changed:
            dirty.add(after.id)
            names = names or before.name != after.name or before.op != after.op
            if before.name != after.name:
                dirty.update(w.target for w in self.doc.wires_out_of(after.id))
        dirty.update(wire.target for wire in change.wires_added)
        dirty.update(wire.target for wire in change.wires_removed)
        if names:
            dirty |= self._watchers
        changed |= self._propagate(dirty)
        if self._update_training():
            changed.add(TRAINING)
        return changed

    def refresh_datasets(self) -> set[str]:
        """Looks at the data sets' files again (they, or the document's folder, changed)."""
        return self._propagate({i for i, n in self.doc.nodes.items() if n.op == DATASET})

    def _propagate(self, dirty: Iterable[str]) -> set[str]:
        """Infers the dirty nodes, and what follows them as far as types change."""
        nodes = self.doc.nodes
        waiting = {node for node in dirty if node in nodes}
        affected = downstream(self.doc, waiting)
        order, looping = topological(self.doc, affected)
        waiting |= self._looping & affected  # a loop that was opened
        self._looping = (self._looping - affected) | set(looping)
        changed: set[str] = set()
        for node_id in order:
            was = self._results.get(node_id)
            if node_id in looping:
                now = Inferred(None, (self._loop_problem(nodes[node_id], looping),))
            elif node_id in waiting:
                self.inferred += 1
                now = self._infer(nodes[node_id])
                self._watch(nodes[node_id])
            else:
                continue
            if was == now:
                continue
            changed.add(node_id)
            self._results[node_id] = now
            self._note(node_id, now.problems)
            if was is None or was.out != now.out or was.passes != now.passes:
                waiting.update(wire.target for wire in self.doc.wires_out_of(node_id))
        return changed

    def _infer(self, record: NodeRecord) -> Inferred:
        if record.id in self._known:
            return Inferred(self._known[record.id])
        question = self._question(record)
        for asked, answer in self._answers.get(record.id, ()) if question else ():
            if asked == question:
                return answer
        answer = infer_node(self.doc, record, self.out_types, self._base_dir)
        if question and not answer.problems:
            self._answers[record.id] = ((question, answer), *self._answers.get(record.id, ())[:1])
        return answer

    def _question(self, record: NodeRecord) -> tuple | None:
        """All that the answer for a node without problems depends on; None for the few nodes that
        look further than their wires. The last two answers are kept: undo asks again."""
        op, wires = op_of(record), self.doc.wires_into(record.id)
        sources = {self.doc.nodes[wire.source].op for wire in wires}
        if op is None or sources & {DATASET, REROUTE} or any(a.kind == "names" for a in op.attrs):
            return None
        return record, op, [(w.target_port, self.type_of(*w[:2])) for w in wires]

    def _note(self, key: str, problems: Iterable[Problem]) -> None:
        found = sorted(problems, key=lambda problem: _SEVERITIES.index(problem.severity))
        if found:
            self.problems[key] = found
        else:
            self.problems.pop(key, None)

    def _watch(self, record: NodeRecord) -> None:
        """Nodes that name others in an attribute depend on names as well as wires."""
        op = op_of(record)
        if op is not None and any(a.kind == "names" and record.attrs.get(a.name) for a in op.attrs):
            self._watchers.add(record.id)
        else:
            self._watchers.discard(record.id)

    def _loop_problem(self, record: NodeRecord, looping: Mapping[str, str]) -> Problem:
        loop = looping[record.id]
        wires = self.doc.wires_into(record.id)
        inside = [w.target_port for w in wires if looping.get(w.source) == loop]
        port = min(inside, key=port_order, default=None)
        return Problem(
            record.name,
            port,
            f"`{record.name}` is part of a loop: it depends on itself",
            "Remove one of the wires of the loop.",
            kind=CycleError.__name__,
        )

    def _update_training(self) -> bool:
        was = self.problems.get(TRAINING, [])
        self._note(TRAINING, training_problems(self.doc, self._output_types()))
        return self.problems.get(TRAINING, []) != was

    def _output_types(self) -> Mapping[str, Outputs | None]:
        wanted = [self.doc.training.get("loss")]
        metrics = [*(self.doc.training.get("metrics") or [])]
        metrics += [m for m in [self.doc.training.get("monitor")] if m]
        wanted += [metric["node"] for metric in metrics]
        return {key: self.out_types(key) for key in wanted if isinstance(key, str)}


_SEVERITIES = ("error", "warning", "info")
