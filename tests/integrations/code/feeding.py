"""What graphs are fed with where their code is tried."""

from __future__ import annotations

import numpy as np

from nodeflow.document.to_graph.task import Task
from nodeflow.graph.types import numpy_dtype
from nodeflow.ops.training_mode import is_flag

ROWS = 8


def fed(task: Task) -> dict[str, np.ndarray]:
    """The first rows of what is fed."""
    found = {
        n.name: np.asarray(n.attrs["sample"], numpy_dtype(n.outputs[0].dtype))
        for n in task.graph.nodes
        if n.op.id == "placeholder" and n.attrs["sample"] is not None and not is_flag(n.outputs[0])
    }
    for tensor, binding in task.bindings(task.graph.nodes).items():
        split = next(iter(binding.dataset.splits))
        found[tensor.node.name] = binding.dataset.split(split)[binding.column].rows(slice(ROWS))
    return found
