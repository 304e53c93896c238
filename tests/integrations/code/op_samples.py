"""The samples of ops as expressions of a library, with what the ops compute from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import nodeflow as nf
from nodeflow.errors import NodeflowError
from nodeflow.graph.graph import Graph, Node
from nodeflow.graph.registry import REGISTRY
from nodeflow.integrations.code.dialect import Call, Dialect
from nodeflow.integrations.code.layer_variables import layer_variables
from nodeflow.ops.layers.layer import Layer

KNOWN = {"float32", "float64", "int32", "int64", "bool"}


@dataclass(frozen=True)
class Case:
    """A sample of an op.

    Attributes:
        code: expression of ``a0``, ``a1``, ... and, for variables, of ``w_NAME``.
        values: arrays by these names.
        truth: the outputs by the op's reference.
    """

    op: str
    code: str
    values: Mapping[str, np.ndarray]
    truth: list[np.ndarray]


def is_drawn(op_id: str) -> bool:
    """Whether an op draws numbers, which no other library draws alike."""
    op = REGISTRY.lookup(op_id)
    return op.random and not isinstance(op, Layer)


def cases(dialect: Dialect, op_id: str) -> Iterator[Case]:
    """The samples that a dialect writes.

    Left out: empty arrays, which libraries reduce otherwise, and numbers that a cast cannot hold.
    """
    for sample in REGISTRY.lookup(op_id).samples():
        node = _node(op_id, sample)
        if node is None:
            continue
        values = {f"a{n}": np.asarray(value) for n, value in enumerate(sample.inputs)}
        weights = {name: f"w_{name}" for name in layer_variables(node)}
        call = Call(node, list(values), "x", weights, "False")
        code = dialect.expression(call)
        if code is None:
            continue
        with nf.Session(node.graph, tier="reference", seed=3) as session:
            session.initialize()
            for name, variable in layer_variables(node).items():
                values[f"w_{name}"] = np.asarray(session.variables[variable.name])
            feeds = {f"p{n}": value for n, value in enumerate(sample.inputs)}
            truth = session.run(list(node.outputs), feeds)
        yield Case(op_id, code, values, [np.asarray(value) for value in truth])


def _node(op_id: str, sample: Any) -> Node | None:
    """The op with placeholders for what a sample feeds; None where it is left out."""
    arrays = [np.asarray(value) for value in sample.inputs]
    if any(str(array.dtype) not in KNOWN or not array.size for array in arrays):
        return None
    if op_id == "cast" and not all(np.all(np.abs(array) < 100) for array in arrays):
        return None
    with Graph().as_default() as graph:
        inputs = [
            nf.placeholder(str(array.dtype), array.shape, name=f"p{n}")
            for n, array in enumerate(arrays)
        ]
        try:
            return graph.add_node(op_id, tuple(inputs), dict(sample.attrs), name="made")
        except NodeflowError:
            return None
