"""ONNX's own evaluator as a peer: numpy code that knows nothing of ours.

The graph is written as ONNX with each of its nodes as an output, and `onnx.reference` computes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nodeflow.document.build.task import Task
from nodeflow.engine.session import Session
from nodeflow.exchange.comparison import Arrays, Lacks, Taken
from nodeflow.exchange.onnx.emit import NotInOnnx
from nodeflow.exchange.onnx.equations import recurrent_ops
from nodeflow.exchange.onnx.errors import onnx_package
from nodeflow.exchange.onnx.export import answers, definitions
from nodeflow.exchange.onnx.writing import model_of
from nodeflow.graph.graph import Tensor
from nodeflow.graph.types import COMPLEX


class OnnxPeer:
    """Computes a graph with `onnx.reference`."""

    title = "ONNX"

    def take(self, task: Task, session: Session, tensors: Sequence[Tensor]) -> Taken:
        onnx = onnx_package()
        from onnx.reference import ReferenceEvaluator

        chosen = {t.name: t for t in tensors}
        variables = dict(session.variables.items())
        try:
            model = model_of(task.graph, chosen, variables, definitions(task.document))
        except NotInOnnx as error:
            missing = error.missing or ({error.node: error.message} if error.node else {})
            raise Lacks(missing, error.message) from None

        def values(fed: Arrays) -> Sequence[np.ndarray]:
            flat = onnx.inliner.inline_local_functions(model)
            evaluator = ReferenceEvaluator(flat, new_ops=recurrent_ops())
            found = map(np.asarray, evaluator.run(None, dict(fed)))
            return [_as_numbers(tensor, one) for tensor, one in zip(tensors, found, strict=True)]

        return Taken([task.graph.tensor(value.name) for value in model.graph.input], values)

    def ends(self, task: Task) -> Mapping[str, Tensor]:
        return answers(task)


def _as_numbers(tensor: Tensor, found: np.ndarray) -> np.ndarray:
    """Complex numbers, which a file has as pairs."""
    if tensor.type.dtype not in COMPLEX:
        return found
    return (found[..., 0] + 1j * found[..., 1]).astype(tensor.type.dtype)
