"""ONNX's own evaluator and onnxruntime as peers.

The graph is written as ONNX, with each of its nodes as an output, and the peer computes it. The
evaluator, `onnx.reference`, is independent numpy code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from nodeflow.document.to_graph.task import Task
from nodeflow.engine.session import Session
from nodeflow.exchange.comparison import Arrays, Fed, Lacks, Taken
from nodeflow.graph.graph import Graph, Tensor
from nodeflow.graph.types import COMPLEX
from nodeflow.integrations.onnx.checking.programs import Evaluator, OnnxRuntime, Program
from nodeflow.integrations.onnx.emit import NotInOnnx
from nodeflow.integrations.onnx.errors import onnx_package
from nodeflow.integrations.onnx.export import answers, definitions
from nodeflow.integrations.onnx.writing import model_of


class OnnxPeer:
    """The evaluator `onnx.reference` as a peer."""

    title = "ONNX"

    def program(self) -> Program:
        """Return a program that computes models."""
        return Evaluator()

    def take(self, task: Task, session: Session, tensors: Sequence[Tensor]) -> Taken:
        program = self.program()
        chosen = {t.name: t for t in tensors}
        variables = dict(session.variables.items())
        try:
            model = model_of(task.graph, chosen, variables, definitions(task.document))
        except NotInOnnx as error:
            missing = error.missing or ({error.node: error.message} if error.node else {})
            raise Lacks(missing, error.message) from None
        inputs = [task.graph.tensor(value.name) for value in model.graph.input]
        return Taken(inputs, lambda fed: _computed(program, model, tensors, fed))

    def alone(self, task: Task, session: Session, tensor: Tensor, fed: Fed) -> np.ndarray | None:
        """Export a single node to an ONNX model, and compute one of its output tensors from the fed
        inputs, by a program for ONNX models.
        """
        node = tensor.node
        with Graph() as graph:
            places = {
                t: graph.add_node("placeholder", (), {"dtype": t.type.dtype, "shape": a.shape})
                for t, a in fed.items()
            }
            inputs = [places[t].outputs[0] for t in node.inputs]
            made = graph.add_node(node.op, inputs, dict(node.attrs)).outputs[tensor.index]
        model = model_of(graph, {made.name: made}, {})
        arrays = {places[t].name: array for t, array in fed.items()}
        needed = {value.name: arrays[value.name] for value in model.graph.input}
        return _computed(self.program(), model, [made], needed)[0]

    def ends(self, task: Task) -> Mapping[str, Tensor]:
        return answers(task)


class OnnxRuntimePeer(OnnxPeer):
    """The package onnxruntime as a peer."""

    title = "onnxruntime"

    def program(self) -> Program:
        return OnnxRuntime()


def _computed(
    program: Program, model: Any, tensors: Sequence[Tensor], fed: Arrays
) -> list[np.ndarray]:
    """Compute an ONNX model with a program. Return the values of its outputs, in the order of
    ``tensors``.
    """
    program.load(onnx_package().inliner.inline_local_functions(model))
    found = program.run(fed)
    names = [value.name for value in model.graph.output]
    return [_as_numbers(t, found[name]) for t, name in zip(tensors, names, strict=True)]


def _as_numbers(tensor: Tensor, found: np.ndarray) -> np.ndarray:
    """Return a file's array, for a complex tensor as complex numbers.

    The file stores a complex number as a pair (real part, imaginary part).
    """
    if tensor.type.dtype not in COMPLEX:
        return found
    return (found[..., 0] + 1j * found[..., 1]).astype(tensor.type.dtype)
