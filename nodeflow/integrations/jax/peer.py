"""JAX as a peer: it computes the same graph through this integration's backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.exchange.comparison import Arrays, Fed, Lacks, Taken
from nodeflow.graph.graph import Tensor, ancestors
from nodeflow.integrations.jax.errors import NotOnJax, jax_package
from nodeflow.ops.training_mode import is_flag


class JaxPeer:
    """The peer that computes a graph with JAX, with the same random numbers as nodeflow."""

    title = "JAX"
    _session: Session | None = None

    def take(self, task: Task, session: Session, tensors: Sequence[Tensor]) -> Taken:
        jax_package()
        variables, runs = dict(session.variables.items()), session.runs
        needed = ancestors({t.node for t in tensors})
        found = [n.outputs[0] for n in task.graph.nodes if n in needed and n.op.id == "placeholder"]

        def values(fed: Arrays) -> Sequence[np.ndarray]:
            self._session = Session(task.graph, backend="jax", seed=session.seed)
            self._session.variables.update(variables)
            self._session.runs = runs
            try:
                return self._session.run(list(tensors), dict(fed))
            except NotOnJax as error:
                nodes = {error.node: error.message} if error.node else {}
                raise Lacks(nodes, error.message) from None

        return Taken([t for t in found if not is_flag(t)], values)

    def alone(self, task: Task, session: Session, tensor: Tensor, fed: Fed) -> np.ndarray | None:
        return None if self._session is None else np.asarray(self._session.run(tensor, dict(fed)))

    def ends(self, task: Task) -> Mapping[str, Tensor]:
        found = {name: task.fetchable(name) for name in task.build.ends()}
        return {name: t for name, t in found.items() if isinstance(t, Tensor)}
